// Hears from the kernel (rtnetlink) when the member's interface goes down or comes up, or has
// another MTU.
//
// Threads: one at a time. Source: rtnetlink(7).
#ifndef COHORT_RUNTIME_LINK_MONITOR_H_
#define COHORT_RUNTIME_LINK_MONITOR_H_

#include <cstdint>
#include <optional>

#include "runtime/file_descriptor.h"

namespace cohort::runtime {

class LinkMonitor {
 public:
  // Not open (fd() is -1) where the kernel does not allow it; then link changes go unnoticed.
  explicit LinkMonitor(uint32_t interface_index);
  int fd() const { return fd_.get(); }
  struct Change {
    std::optional<bool> up;       // Whether the link is up now, if that has changed.
    std::optional<uint32_t> mtu;  // Bytes, likewise.
  };
  // Reads what is there.
  Change Poll();

 private:
  FileDescriptor fd_;
  uint32_t interface_index_;
  bool up_ = true;
  uint32_t mtu_ = 0;  // Not known yet.
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_LINK_MONITOR_H_

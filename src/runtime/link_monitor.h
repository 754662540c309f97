// Hears from the kernel (rtnetlink) when the member's interface goes down or comes up, or loses its
// address.
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
  // Reads what is there. Whether the link is up now, if that has changed.
  std::optional<bool> Poll();

 private:
  FileDescriptor fd_;
  uint32_t interface_index_;
  bool up_ = true;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_LINK_MONITOR_H_

// Notices that this process is a child made by fork(). Such a child has its parent's keys and
// packet numbers: sealing anything with them would use a nonce twice, which breaks AES-GCM for
// both.
//
// Spec 10.10. fork() and whatever calls its handlers is noticed; a bare clone() is not. Threads:
// any.
#ifndef COHORT_RUNTIME_FORK_GUARD_H_
#define COHORT_RUNTIME_FORK_GUARD_H_

#include <cstdint>

#include "absl/status/status.h"

namespace cohort::runtime {

class ForkGuard {
 public:
  ForkGuard();
  // Whether the process has forked since this was made, and we are the child.
  bool InChild() const;
  // kFailedPrecondition in a child, and what to do.
  absl::Status Check() const;

 private:
  uint32_t forks_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_FORK_GUARD_H_

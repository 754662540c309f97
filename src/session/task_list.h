// A store's tasks: the last of them, and who waits for their end.
//
// Threads: any; a leaf lock of its own.
#ifndef COHORT_SESSION_TASK_LIST_H_
#define COHORT_SESSION_TASK_LIST_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/session.h"
#include "runtime/mutex.h"

namespace cohort::session {

class TaskList {
 public:
  SessionTask Begin(SessionTaskKind kind, absl::Time now);
  void Update(const SessionTask& task);
  absl::Status Await(uint64_t id, absl::Duration timeout);
  std::vector<SessionTask> All() const;

 private:
  mutable runtime::Mutex mutex_;
  std::deque<SessionTask> tasks_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_TASK_LIST_H_

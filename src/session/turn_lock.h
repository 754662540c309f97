// Who may write a session. A lock that its taker need not give back itself: of a save that nobody
// waits for, the thread does that which is told of the acknowledgement.
//
// Threads: any. Not recursive.
#ifndef COHORT_SESSION_TURN_LOCK_H_
#define COHORT_SESSION_TURN_LOCK_H_

#include <utility>

#include "absl/base/thread_annotations.h"
#include "runtime/mutex.h"

namespace cohort::session {

class TurnLock {
 public:
  void Lock() {
    const runtime::MutexLock lock(&mutex_);
    mutex_.Await([this] { return !taken_; });
    taken_ = true;
  }
  bool TryLock() {
    const runtime::MutexLock lock(&mutex_);
    return !std::exchange(taken_, true);
  }
  void Unlock() {
    const runtime::MutexLock lock(&mutex_);
    taken_ = false;
  }

 private:
  runtime::Mutex mutex_;
  bool taken_ = false;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_TURN_LOCK_H_

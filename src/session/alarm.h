// What the worker of a store sleeps by. Who writes sessions does not wake it, unless there is
// something to do before it would look anyway.
//
// Threads: one waits, any wake; a leaf lock of its own.
#ifndef COHORT_SESSION_ALARM_H_
#define COHORT_SESSION_ALARM_H_

#include <algorithm>
#include <atomic>

#include "absl/time/time.h"
#include "runtime/mutex.h"
#include "session/environment.h"

namespace cohort::session {

class Alarm {
 public:
  explicit Alarm(Environment& environment) : environment_(environment) {}
  void Wake() {
    const runtime::MutexLock lock(&mutex_);
    woken_ = true;
  }
  // Something is to be done at `due`.
  void WakeAt(absl::Time due) {
    if (absl::ToUnixNanos(due) < planned_) Wake();
  }
  void Stop() {
    const runtime::MutexLock lock(&mutex_);
    stopped_ = woken_ = true;
  }
  bool stopped() const { return stopped_; }

  // From here on WakeAt() judges by it; what was planned before is looked at after this.
  void Plan(absl::Time next) { planned_ = absl::ToUnixNanos(next); }
  // Until the time that was planned, or until it is woken.
  void Wait() {
    const runtime::MutexLock lock(&mutex_);
    const auto is_woken = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return woken_; };
    const absl::Duration left = absl::FromUnixNanos(planned_) - environment_.Now();
    environment_.Await(mutex_, is_woken, std::max(absl::ZeroDuration(), left));
    woken_ = false;
  }

 private:
  Environment& environment_;
  runtime::Mutex mutex_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> stopped_{false};
  std::atomic<int64_t> planned_{INT64_MIN};
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_ALARM_H_

// The runtime's lock: std::mutex with a condition that waits for a predicate. Own, because Abseil's
// mutex comes from the distribution without ThreadSanitizer's instrumentation, so every run of the
// sanitizer would report races that are not.
//
// A thread in Await is woken by every Unlock while it waits and looks at its predicate again, so
// nobody has to remember to notify. Not recursive.
#ifndef COHORT_RUNTIME_MUTEX_H_
#define COHORT_RUNTIME_MUTEX_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace cohort::runtime {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mutex_.try_lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    const bool awaited = waiting_ > 0;
    mutex_.unlock();
    if (awaited) changed_.notify_all();
  }

  // The caller holds the lock, and holds it again afterwards.
  template <class Predicate>
  void Await(Predicate predicate) {
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    ++waiting_;
    changed_.wait(lock, predicate);
    --waiting_;
    lock.release();
  }
  // As Await, for at most `timeout`; whether the predicate came true.
  template <class Predicate>
  bool AwaitWithTimeout(Predicate predicate, absl::Duration timeout) {
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    ++waiting_;
    const bool done = changed_.wait_for(
        lock, absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24 * 365))), predicate);
    --waiting_;
    lock.release();
    return done;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;  // Threads in Await; guarded by mutex_.
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(*mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Happens once; whoever waits sees what was done before Notify.
class Notification {
 public:
  void Notify() {
    const std::lock_guard<std::mutex> lock(mutex_);
    happened_ = true;
    // With the lock held: afterwards a waiter may destroy this object.
    changed_.notify_all();
  }
  bool HasBeenNotified() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return happened_;
  }
  void WaitForNotification() const {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return happened_; });
  }
  // Whether it happened within `timeout`.
  bool WaitForNotificationWithTimeout(absl::Duration timeout) const {
    std::unique_lock<std::mutex> lock(mutex_);
    const absl::Duration longest = std::min(timeout, absl::Hours(24 * 365));
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(longest),
                             [this] { return happened_; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool happened_ = false;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MUTEX_H_

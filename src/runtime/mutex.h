// The runtime's lock: std::mutex with a condition that waits for a predicate. Own, because Abseil's
// mutex comes from the distribution without ThreadSanitizer's instrumentation, so every run of the
// sanitizer would report races that are not.
//
// A thread in Await is woken by every Unlock while it waits and looks at its predicate again, so
// nobody has to remember to notify. Not recursive.
#ifndef COHORT_RUNTIME_MUTEX_H_
#define COHORT_RUNTIME_MUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <limits>
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

// Happens once; whoever waits sees what was done before Notify. A futex, since who is woken by a
// condition variable may wait once more, for its mutex.
class Notification {
 public:
  void Notify() {
    happened_.store(1, std::memory_order_release);
    // A waiter may have destroyed this object by now: the kernel looks at the address alone.
    syscall(SYS_futex, &happened_, FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max());
  }
  bool HasBeenNotified() const { return happened_.load(std::memory_order_acquire) != 0; }
  void WaitForNotification() const { WaitForNotificationWithTimeout(absl::InfiniteDuration()); }
  // Whether it happened within `timeout`.
  bool WaitForNotificationWithTimeout(absl::Duration timeout) const {
    timespec until{};
    const bool ends = timeout < absl::Hours(24 * 365);
    if (ends) {
      clock_gettime(CLOCK_MONOTONIC, &until);
      until = absl::ToTimespec(absl::DurationFromTimespec(until) +
                               std::max(timeout, absl::ZeroDuration()));
    }
    while (!HasBeenNotified()) {
      // Returns at once if it has happened meanwhile.
      const auto result = syscall(SYS_futex, &happened_, FUTEX_WAIT_BITSET_PRIVATE, 0,
                                  ends ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
      if (result != 0 && errno == ETIMEDOUT) return HasBeenNotified();
    }
    return true;
  }

 private:
  std::atomic<uint32_t> happened_{0};
  static_assert(sizeof(std::atomic<uint32_t>) == 4);
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MUTEX_H_

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

// Happens once; whoever waits sees what was done before Notify. A word that the kernel waits on, as
// who is woken from a condition would have to get its lock next, often in vain.
class Notification {
 public:
  // Afterwards a waiter may destroy this object: of its memory only the address is used then.
  void Notify() {
    if (state_.exchange(kHappened, std::memory_order_acq_rel) == kAwaited)
      Futex(FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max(), nullptr);
  }
  bool HasBeenNotified() const { return state_.load(std::memory_order_acquire) == kHappened; }
  void WaitForNotification() const { WaitForNotificationWithTimeout(absl::InfiniteDuration()); }
  // Whether it happened within `timeout`.
  bool WaitForNotificationWithTimeout(absl::Duration timeout) const {
    const auto start = std::chrono::steady_clock::now();
    const auto longest = absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24 * 365)));
    while (!HasBeenNotified()) {
      uint32_t nothing = kNothing;
      state_.compare_exchange_strong(nothing, kAwaited, std::memory_order_acq_rel);
      const auto left = longest - (std::chrono::steady_clock::now() - start);
      if (timeout == absl::InfiniteDuration()) {
        Futex(FUTEX_WAIT_PRIVATE, kAwaited, nullptr);
      } else if (left > left.zero()) {
        const timespec relative = absl::ToTimespec(absl::FromChrono(left));
        Futex(FUTEX_WAIT_PRIVATE, kAwaited, &relative);
      } else {
        return HasBeenNotified();
      }
    }
    return true;
  }

 private:
  static constexpr uint32_t kNothing = 0;
  static constexpr uint32_t kAwaited = 1;
  static constexpr uint32_t kHappened = 2;
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
  // Returns also for no reason.
  void Futex(int operation, uint32_t value, const timespec* relative) const {
    syscall(SYS_futex, &state_, operation, value, relative, nullptr, 0);
  }

  mutable std::atomic<uint32_t> state_{kNothing};
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MUTEX_H_

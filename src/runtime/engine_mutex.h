// The lock of an engine: that of many callers and of one I/O thread, which several groups share.
//
// Idea: the lock underneath is not fair. Threads that call without a pause take it again before a
// thread that was woken for it gets there, and while the I/O thread waits, no packet of any group
// of its endpoint is read. So callers may pass it a few times, for each handover costs two changes
// of thread, and then they wait until it has had its turn.
//
// Threads: LockFirst by the I/O thread only, the rest by any. Not recursive.
#ifndef COHORT_RUNTIME_ENGINE_MUTEX_H_
#define COHORT_RUNTIME_ENGINE_MUTEX_H_

#include <atomic>

#include "runtime/mutex.h"

namespace cohort::runtime {

class ABSL_LOCKABLE EngineMutex {
 public:
  static constexpr int kPassesMax = 2;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_.Lock();
    if (!first_waits() || ++passes_ <= kPassesMax) return;
    mutex_.Await([this] { return passes_ <= kPassesMax; });
  }
  // Before all callers but kPassesMax.
  void LockFirst() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    first_waits_.store(true, std::memory_order_relaxed);
    mutex_.Lock();
    first_waits_.store(false, std::memory_order_relaxed);
    passes_ = 0;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

  // Whether the I/O thread waits for it, or is about to.
  bool first_waits() const { return first_waits_.load(std::memory_order_relaxed); }
  // As Mutex::AwaitWithTimeout.
  template <class Predicate>
  bool AwaitWithTimeout(Predicate predicate, absl::Duration timeout) {
    return mutex_.AwaitWithTimeout(predicate, timeout);
  }

 private:
  Mutex mutex_;
  std::atomic<bool> first_waits_{false};
  int passes_ = 0;  // Since the I/O thread had the lock last, while it waited; guarded by mutex_.
};

class ABSL_SCOPED_LOCKABLE EngineLock {
 public:
  explicit EngineLock(EngineMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(*mutex) {
    mutex_.Lock();
  }
  ~EngineLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  EngineLock(const EngineLock&) = delete;
  EngineLock& operator=(const EngineLock&) = delete;

 private:
  EngineMutex& mutex_;
};

// The I/O thread's.
class ABSL_SCOPED_LOCKABLE FirstEngineLock {
 public:
  explicit FirstEngineLock(EngineMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(*mutex) {
    mutex_.LockFirst();
  }
  ~FirstEngineLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  FirstEngineLock(const FirstEngineLock&) = delete;
  FirstEngineLock& operator=(const FirstEngineLock&) = delete;

 private:
  EngineMutex& mutex_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_ENGINE_MUTEX_H_

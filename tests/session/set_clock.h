// What a store asks for the time, where a test sets the clock, does something in between, or lets
// time go by.
#ifndef COHORT_TESTS_SESSION_SET_CLOCK_H_
#define COHORT_TESTS_SESSION_SET_CLOCK_H_

#include <atomic>
#include <deque>
#include <functional>
#include <utility>

#include "session/environment.h"

namespace cohort::session {

class SetClock final : public Environment {
 public:
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  // Done once, when the time is asked for the next time after a turn was taken.
  std::function<void()> in_turn;

  absl::Time Now() const override {
    if (is_turn_.exchange(false)) std::exchange(due_, {})();
    return now;
  }
  void Lock(TurnLock& order) override {
    order.Lock();
    if (in_turn == nullptr) return;
    due_ = std::exchange(in_turn, {});
    is_turn_ = true;
  }
  bool Await(runtime::Mutex& mutex, const std::function<bool()>& is_so,
             absl::Duration timeout) override {
    return mutex.AwaitWithTimeout(is_so, timeout);
  }

 private:
  mutable std::atomic<bool> is_turn_{false};
  mutable std::function<void()> due_;
};

// Time goes by while the worker waits, until it is stopped. All on the worker's thread.
class PassingClock final : public Environment {
 public:
  explicit PassingClock(absl::Duration for_so_long) : until_(now_ + for_so_long) {}
  std::function<void()> stop;  // Or GoOn().
  void GoOn(absl::Duration for_so_long) { until_ = now_ + for_so_long; }
  std::deque<std::function<void()>> steps;  // One before each of the first pauses.

  absl::Time Now() const override { return now_; }
  void Lock(TurnLock& order) override { order.Lock(); }
  bool Await(runtime::Mutex& mutex, const std::function<bool()>& is_so,
             absl::Duration timeout) override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (is_so()) return true;
    if (!steps.empty()) {
      mutex.Unlock();
      steps.front()();
      mutex.Lock();
      steps.pop_front();
      return is_so();
    }
    now_ += timeout;
    if (now_ >= until_) {
      mutex.Unlock();
      stop();
      mutex.Lock();
    }
    return is_so();
  }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  absl::Time until_;
};

}  // namespace cohort::session

#endif  // COHORT_TESTS_SESSION_SET_CLOCK_H_

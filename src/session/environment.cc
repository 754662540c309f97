#include "session/environment.h"

#include <chrono>

#include "absl/time/clock.h"

namespace cohort::session {
namespace {

absl::Duration Steady() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

class RealEnvironment final : public Environment {
 public:
  absl::Time Now() const override { return origin_ + Steady(); }
  void Lock(TurnLock& order) override { order.Lock(); }
  bool Await(runtime::Mutex& mutex, const std::function<bool()>& is_so,
             absl::Duration timeout) override {
    return mutex.AwaitWithTimeout(is_so, timeout);
  }

 private:
  const absl::Time origin_ = absl::Now() - Steady();  // Set when this process first asks.
};

}  // namespace

Environment& Environment::Real() {
  static auto* const real = new RealEnvironment;  // Threads may outlive static objects.
  return *real;
}

}  // namespace cohort::session

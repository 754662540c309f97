// Time as sessions count it: looks like the wall clock, but never jumps. Set by the wall clock when
// this process first asks.
#ifndef COHORT_SESSION_CLOCK_H_
#define COHORT_SESSION_CLOCK_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace cohort::session {

inline absl::Time Now() {
  const auto steady = [] {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  };
  static const absl::Time origin = absl::Now() - steady();
  return origin + steady();
}

}  // namespace cohort::session

#endif  // COHORT_SESSION_CLOCK_H_

// How long what comes and goes again and again is held back: members (Spec 4.76), multicast paths
// (Spec 7.7).
//
// Idea: two times within a minute are bad luck; from the third on the wait doubles, and only a long
// quiet ends it, since the waits themselves make the times rare.
#ifndef COHORT_BASE_FLAP_DAMPER_H_
#define COHORT_BASE_FLAP_DAMPER_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/instant.h"

namespace cohort {

class FlapDamper {
 public:
  static constexpr size_t kTimes = 3;
  static constexpr Duration kWithin = seconds(60);
  static constexpr Duration kWaitMin = seconds(1);
  static constexpr Duration kWaitMax = seconds(60);
  static constexpr Duration kForgottenAfter = seconds(600);

  // Once more. The wait it earns; zero for the first times.
  Duration Note(Instant now) {
    if (last_ && now - *last_ > kForgottenAfter) *this = {};
    last_ = now;
    ++times_;
    if (doublings_ == 0) {
      std::erase_if(recent_, [&](Instant at) { return now - at > kWithin; });
      recent_.push_back(now);
      if (recent_.size() < kTimes) return Duration::zero();
    }
    const Duration wait = kWaitMin * (size_t{1} << std::min<size_t>(doublings_, 6));
    ++doublings_;
    return std::min<Duration>(wait, kWaitMax);
  }
  // Since it began to count.
  size_t times() const { return times_; }

 private:
  std::vector<Instant> recent_;  // At most kTimes.
  std::optional<Instant> last_;
  size_t doublings_ = 0;
  size_t times_ = 0;
};

}  // namespace cohort

#endif  // COHORT_BASE_FLAP_DAMPER_H_

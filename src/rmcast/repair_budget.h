// A token bucket for repairs: a quarter of what a member can send, so that requests for old chunks
// never starve new ones, and a flood of requests costs the group no more than that.
#ifndef COHORT_RMCAST_REPAIR_BUDGET_H_
#define COHORT_RMCAST_REPAIR_BUDGET_H_

#include <algorithm>
#include <cstdint>

#include "base/instant.h"

namespace cohort::rmcast {

class RepairBudget {
 public:
  RepairBudget(uint32_t per_second, uint32_t burst)
      : interval_(std::max<int64_t>(1, 1'000'000'000 / std::max<uint32_t>(1, per_second))),
        burst_(burst) {}

  // True when one more repair may leave at `now`, which is `packets` packets.
  bool TryTake(Instant now, int64_t packets = 1) {
    // The bucket as a time: `empty_until_` is when it would be full again.
    const Instant earliest = now - interval_ * burst_;
    empty_until_ = std::max(empty_until_, earliest);
    if (empty_until_ + interval_ * packets > now) return false;
    empty_until_ = empty_until_ + interval_ * packets;
    return true;
  }

 private:
  Duration interval_;
  int64_t burst_;
  Instant empty_until_ = Instant::FromNanos(-(int64_t{1} << 60));
};

}  // namespace cohort::rmcast

#endif  // COHORT_RMCAST_REPAIR_BUDGET_H_

// The group's clock: Unix milliseconds as its first member knew them, carried on by each member's
// steady clock. No member's wall clock is read after its start, so setting a clock moves nothing.
// Feeds the hybrid logical clock (Kulkarni et al., Logical Physical Clocks, OPODIS 2014) that
// stamps writes.
#ifndef COHORT_ENGINE_GROUP_CLOCK_H_
#define COHORT_ENGINE_GROUP_CLOCK_H_

#include <algorithm>
#include <cstdint>

#include "base/instant.h"

namespace cohort::engine {

class GroupClock {
 public:
  // `unix_ms` is the time of day at `now`.
  void Set(Instant now, int64_t unix_ms) {
    origin_ = now;
    // Never back: what was stamped stays in the past.
    origin_ms_ = std::max(unix_ms, highest_ms_);
  }
  int64_t NowMs(Instant now) const {
    return origin_ms_ + std::chrono::duration_cast<milliseconds>(now - origin_).count();
  }
  // When it is that late. What is further from the start than centuries allow is as far as that.
  Instant At(int64_t unix_ms) const {
    constexpr int64_t kFarMs = int64_t{100 * 365} * 86'400'000;
    // In two steps: a time from elsewhere may be anything.
    const int64_t from = std::clamp(unix_ms, -kFarMs, kFarMs + origin_ms_);
    return origin_ + milliseconds(std::clamp(from - origin_ms_, -kFarMs, kFarMs));
  }
  // A hybrid logical time greater than every one given or observed before: milliseconds << 16 |
  // counter.
  uint64_t NextHlc(Instant now) {
    const int64_t ms = NowMs(now);
    highest_ms_ = std::max(highest_ms_, ms);
    hlc_ = std::max(hlc_ + 1, static_cast<uint64_t>(ms) << 16);
    return hlc_;
  }
  // Keeps ours above `hlc`, unless it lies more than 10 s ahead of the group's clock: a broken
  // clock must not drag all others along (the entry it stamped still orders after it, by the rule
  // of the map).
  void Observe(Instant now, uint64_t hlc) {
    if (static_cast<int64_t>(hlc >> 16) > NowMs(now) + 10'000) return;
    hlc_ = std::max(hlc_, hlc);
  }

 private:
  Instant origin_;
  int64_t origin_ms_ = 0;
  int64_t highest_ms_ = 0;
  uint64_t hlc_ = 0;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_GROUP_CLOCK_H_

// Deterministic random numbers: xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64. Own
// code, because a library's stream may change from release to release and seeds of the simulator
// must replay next year. Not for keys: those come from the driver.
#ifndef COHORT_BASE_RANDOM_H_
#define COHORT_BASE_RANDOM_H_

#include <bit>
#include <cstdint>

#include "base/instant.h"

namespace cohort {

__extension__ using Uint128 = unsigned __int128;

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15u;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      word = z ^ (z >> 31);
    }
  }
  uint64_t Next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound); 0 when bound is 0.
  uint64_t Below(uint64_t bound) {
    return bound == 0 ? 0 : static_cast<uint64_t>((static_cast<Uint128>(Next()) * bound) >> 64);
  }
  // Uniform in [low, high], both included.
  uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }
  Duration Between(Duration low, Duration high) {
    return Duration(static_cast<int64_t>(
        Between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
  }
  bool Chance(double probability) {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability;
  }

 private:
  uint64_t state_[4];
};

}  // namespace cohort

#endif  // COHORT_BASE_RANDOM_H_

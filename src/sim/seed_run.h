// One seed from beginning to end, and what is left of it.
#ifndef COHORT_SIM_SEED_RUN_H_
#define COHORT_SIM_SEED_RUN_H_

#include <cstdint>
#include <string>

#include "sim/campaign.h"
#include "sim/sometimes.h"

namespace cohort::sim {

// Counts of the mix `patience`.
inline constexpr const char* kMemberSeconds = "member-seconds watched";
inline constexpr const char* kFalseExclusions = "false exclusions";

struct SeedReport {
  uint64_t seed = 0;
  uint64_t violations = 0;
  double simulated_seconds = 0;
  uint64_t events = 0;
  uint64_t hash = 0;
  Sometimes::Counts counts;
  std::string text;  // Configuration, violations, timeline, replay line; empty if all went well.

  // One line, to be sent through a pipe, and back. The text is not part of it.
  std::string ToLine() const;
  static bool FromLine(const std::string& line, SeedReport& report);
};

// `with_timeline`: always describe the run. A violation is replayed to be described. For one seed
// in a hundred the run is repeated to see whether it is the same (I25).
SeedReport RunSeed(uint64_t seed, const SimCommandOptions& options, bool with_timeline);

// "./run sim --seed S ...": replays `seed`.
std::string ReplayLine(uint64_t seed, const SimCommandOptions& options);

}  // namespace cohort::sim

#endif  // COHORT_SIM_SEED_RUN_H_

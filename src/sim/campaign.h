// Runs many seeds: in several processes, so that a seed that dies takes nobody along, and reports
// what they found. This is `cohort sim`.
#ifndef COHORT_SIM_CAMPAIGN_H_
#define COHORT_SIM_CAMPAIGN_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "cohort/view.h"
#include "sim/tenants.h"

namespace cohort::sim {

struct SimCommandOptions {
  uint64_t seed_first = 1;
  uint64_t seed_last = 64;
  size_t members_min = 3;  // Each seed draws a number of members from this range.
  size_t members_max = 7;
  double minutes = 1;  // Of simulated time, each seed. At least 20 s.
  Policy policy = Policy::kAvailable;
  bool both_policies = false;  // Odd seeds kPrimary, even ones kAvailable.
  std::string mix = "mixed";
  size_t jobs = 1;
  bool timeline = false;  // Print the timeline of every seed, not only of those that fail.
  bool chunks = false;    // With every chunk and every applied operation in it.
  size_t timeline_events = 120;
  uint64_t failures_max = 10;  // Stop after so many seeds that failed.
  bool help = false;           // Was asked for, and is printed.
  TenantFactory tenants;       // For the mix `sessions`: this program's.
};

// Reads "--seed S", "--seeds A..B", "--members N" or "N..M", "--minutes M", "--policy
// available|primary|both", "--mix NAME",
// "--jobs J", "--timeline", "--chunks", "--events N", "--failures N". False, with the reason on
// stderr, if it cannot.
bool ParseSimCommand(int argc, char** argv, SimCommandOptions& options);

// Prints progress, failures with their timelines and the line that replays each, and at last
//   N seeds, V violations, S simulated seconds, R x real time, events E
// Returns the exit status of the program: 0 if nothing was found. A campaign of 200 seeds and more
// of the mix "mixed" also fails if it never saw one of the events it is there for.
int RunSimCommand(const SimCommandOptions& options);

}  // namespace cohort::sim

#endif  // COHORT_SIM_CAMPAIGN_H_

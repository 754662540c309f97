// What one exploration is allowed to do: its members, its faults, its bounds.
#ifndef COHORT_TESTS_EXPLORER_CONFIG_H_
#define COHORT_TESTS_EXPLORER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"

namespace cohort::explorer {

inline constexpr int kMembersMax = 4;

struct Config {
  std::string name;
  Policy policy = Policy::kPrimary;
  int members = 3;
  Rank sender = 2;           // Who multicast a chunk that nobody else has yet.
  int crashes = 1;           // Members that may die, at any moment.
  int false_suspicions = 0;  // Convictions of living members.
  int stalls = 0;            // Times somebody loses patience without cause.
  uint32_t rounds_max = 3;   // Ballots go no further.
  Rank tie_breaker = 0;
  bool joiner = true;          // Somebody new asks rank 0 to join: a view change without any fault.
  int leaver = -1;             // Asks rank 0, only, to leave.
  int newcomer = -1;           // This rank does not hold the state yet, and so has no vote.
  int returning = -1;          // A new instance of this rank asks rank 0 to join.
  bool small_installs = true;  // INSTALL carries the proposal.
  uint64_t states_max = 6'000'000;
  // 0: breadth first. Otherwise: a seeded random walk of that many steps at most, again and again.
  uint64_t walk_seed = 0;
  int walk_steps = 60;
  // How states are tested for being stuck: every `heal_every`-th, and all without a successor; 0:
  // none.
  uint64_t heal_every = 16;
  // Healing must end within this, virtual, time. Below one T_vc: nobody may have to be rescued by
  // lost patience.
  int heal_within_ms = 8000;
};

struct Finding {
  std::string what;                // Empty: nothing.
  std::vector<std::string> trace;  // From the first state.
  bool found() const { return !what.empty(); }
};

struct Report {
  Finding finding;
  uint64_t states = 0;
  uint64_t local_states = 0;
  uint64_t healed = 0;
  uint64_t lost =
      0;  // Healed states in which the last primary had no living member left: nothing can be done.
  int depth = 0;
  double seconds = 0;
  bool complete = false;
};

}  // namespace cohort::explorer

#endif  // COHORT_TESTS_EXPLORER_CONFIG_H_

#include "tests/explorer/configurations.h"

#include <string>

namespace cohort::explorer {
namespace {

std::string Name(const Config& config) {
  std::string name = config.policy == Policy::kPrimary ? "primary" : "available";
  name += " n=" + std::to_string(config.members) + " sender=" + std::to_string(config.sender);
  name += " crash=" + std::to_string(config.crashes) +
          " false=" + std::to_string(config.false_suspicions);
  if (config.stalls > 0) name += " stall=" + std::to_string(config.stalls);
  name += " rounds=" + std::to_string(config.rounds_max);
  if (config.leaver >= 0) name += " leaver=" + std::to_string(config.leaver);
  if (config.newcomer >= 0) name += " newcomer=" + std::to_string(config.newcomer);
  return name;
}

}  // namespace

std::vector<Config> Configurations(bool is_long) {
  std::vector<Config> all;
  const auto add = [&](Policy policy, int members, Rank sender, int crashes, int suspicions,
                       int stalls, uint32_t rounds) {
    Config config;
    config.policy = policy;
    config.members = members;
    config.sender = sender;
    config.crashes = crashes;
    config.false_suspicions = suspicions;
    config.stalls = stalls;
    config.rounds_max = rounds;
    config.heal_every = is_long || members * (suspicions + stalls) < 4 ? 16 : 64;
    // With crashes only, and a detector that names them, nobody needs patience.
    if (suspicions + stalls == 0) config.heal_within_ms = 250;
    if (is_long) config.states_max = 60'000'000;
    config.name = Name(config);
    all.push_back(config);
  };
  for (Policy policy : {Policy::kPrimary, Policy::kAvailable}) {
    for (Rank sender : {Rank(0), Rank(1), Rank(2)}) {
      add(policy, 3, sender, 2, 0, 0, 3);
      add(policy, 3, sender, 1, 1, 0, 3);
    }
    add(policy, 3, 2, 0, 1, 1, is_long || policy == Policy::kPrimary ? 3 : 2);
    add(policy, 3, 2, 1, 0, 1, 3);
    add(policy, 4, 3, 1, 0, 0, 3);
    add(policy, 4, 3, 0, 1, 0, 2);
    if (policy == Policy::kPrimary) {
      // The coordinator leaves, or the only member without a vote is left to coordinate: it must
      // not decide a view without a vote, by the votes of those it accuses.
      add(policy, 3, 2, 0, 2, 0, 2);
      all.back().joiner = false;
      all.back().leaver = 0;
      all.back().name = Name(all.back());
      add(policy, 3, 2, 0, 2, 0, 2);
      all.back().joiner = false;
      all.back().newcomer = 2;
      all.back().name = Name(all.back());
    }
    if (!is_long) continue;
    add(policy, 3, 2, 0, 2, 0, 3);
    add(policy, 3, 2, 2, 1, 0, 3);
    add(policy, 3, 2, 1, 1, 1, 3);
    add(policy, 4, 3, 2, 0, 0, 3);
    add(policy, 4, 3, 1, 1, 0, 2);
  }
  return all;
}

}  // namespace cohort::explorer

#include "tests/explorer/mutants.h"

#include "tests/explorer/search.h"

namespace cohort::explorer {
namespace {

using membership::ProductionRules;

struct IgnoresAccepted : ProductionRules {
  static constexpr bool kAdoptsAccepted = false;
};
struct MinimumTrim : ProductionRules {
  static constexpr bool kTrimIsUnion = false;
};
struct NoQuorum : ProductionRules {
  static constexpr bool kDecisionNeedsQuorum = false;
};
struct StateWithoutWedge : ProductionRules {
  static constexpr bool kWedgesBeforeState = false;
};
struct NoRecheck : ProductionRules {
  static constexpr bool kChecksPromiseAfterFetch = false;
};
struct AcceptsBeforeFetch : ProductionRules {
  static constexpr bool kAcceptsAfterFetch = false;
};
struct InstallsUndecided : ProductionRules {
  static constexpr bool kInstallNeedsDecision = false;
};
struct LeaversBonus : ProductionRules {
  static constexpr bool kLeaversWeighOnce = false;
};
struct ConvictedMute : ProductionRules {
  static constexpr bool kConvictedVote = false;
};
struct KeepsInfeasible : ProductionRules {
  static constexpr bool kAbandonsInfeasibleTrim = false;
};
struct DeciderForgets : ProductionRules {
  static constexpr bool kExcludedDeciderRemembers = false;
};
struct TwoProposals : ProductionRules {
  static constexpr bool kOneProposalPerBallot = false;
};
struct BallotsGoBack : ProductionRules {
  static constexpr bool kBallotsOnlyGrow = false;
};
struct AdmitsOldIncarnation : ProductionRules {
  static constexpr bool kNewIncarnationReplacesOld = false;
};

struct NoVoteKept : ProductionRules {
  static constexpr bool kKeepsAVote = false;
};

template <class Rules>
Report Explore(const Config& config) {
  return Search<Rules>(config).Run();
}

Config Bounds(Rank sender, int crashes, int suspicions, uint32_t rounds, uint64_t heal_every) {
  Config config;
  config.sender = sender;
  config.crashes = crashes;
  config.false_suspicions = suspicions;
  config.rounds_max = rounds;
  config.heal_every = heal_every;
  config.states_max = 8'000'000;
  return config;
}

}  // namespace

std::vector<Mutant> Mutants() {
  std::vector<Mutant> all;
  all.push_back(
      {"ignores an earlier accepted proposal", Explore<IgnoresAccepted>, Bounds(2, 1, 1, 3, 0)});
  all.push_back({"minimum trim instead of union", Explore<MinimumTrim>, Bounds(2, 1, 0, 2, 0)});
  all.push_back({"decides without a quorum", Explore<NoQuorum>, Bounds(2, 1, 1, 2, 0)});
  all.push_back({"STATE without a wedge", Explore<StateWithoutWedge>, Bounds(2, 1, 0, 2, 0)});
  all.push_back({"no second look at the promise", Explore<NoRecheck>, Bounds(2, 1, 1, 3, 0)});
  all.push_back({"accepts before the fetch", Explore<AcceptsBeforeFetch>, Bounds(0, 1, 0, 3, 1)});
  all.push_back(
      {"installs what is not decided", Explore<InstallsUndecided>, Bounds(2, 1, 1, 2, 0)});
  Config leaver = Bounds(0, 1, 1, 2, 0);
  leaver.joiner = false;
  leaver.leaver = 2;
  all.push_back({"leavers' bonus in the quorum", Explore<LeaversBonus>, leaver});
  all.push_back(
      {"votes of convicted members ignored", Explore<ConvictedMute>, Bounds(2, 1, 1, 2, 1)});
  // Lost patience rescues this one in the end; what is shown is that nothing else does.
  Config infeasible = Bounds(2, 1, 0, 3, 1);
  infeasible.heal_within_ms = 250;
  all.push_back({"no restart when the trim is infeasible", Explore<KeepsInfeasible>, infeasible});
  all.push_back({"an excluded decider forgets", Explore<DeciderForgets>, Bounds(2, 1, 1, 3, 1)});
  all.push_back({"two proposals under one ballot", Explore<TwoProposals>, Bounds(2, 1, 1, 3, 0)});
  all.push_back({"ballots that go back", Explore<BallotsGoBack>, Bounds(2, 0, 1, 2, 0)});
  Config returning = Bounds(0, 1, 0, 2, 0);
  returning.joiner = false;
  returning.returning = 2;
  all.push_back({"an old incarnation admitted", Explore<AdmitsOldIncarnation>, returning});
  Config voteless = Bounds(2, 0, 2, 2, 0);
  voteless.joiner = false;
  voteless.newcomer = 2;
  all.push_back({"decides a view without a vote", Explore<NoVoteKept>, voteless});
  return all;
}

}  // namespace cohort::explorer

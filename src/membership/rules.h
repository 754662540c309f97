// The rules of a view change that tests may break on purpose. The library is built with
// ProductionRules only, where every rule holds and every `if constexpr` disappears; tests/explorer
// derives one struct for each broken rule and shows that the explorer notices.
#ifndef COHORT_MEMBERSHIP_RULES_H_
#define COHORT_MEMBERSHIP_RULES_H_

namespace cohort::membership {

struct ProductionRules {
  static constexpr bool kAdoptsAccepted =
      true;  // Spec 4.22: an accepted proposal binds later ballots.
  static constexpr bool kTrimIsUnion = true;                // Spec 4.23
  static constexpr bool kDecisionNeedsQuorum = true;        // Spec 4.33
  static constexpr bool kWedgesBeforeState = true;          // Spec 4.14
  static constexpr bool kChecksPromiseAfterFetch = true;    // Spec 4.31
  static constexpr bool kAcceptsAfterFetch = true;          // Spec 4.30
  static constexpr bool kInstallNeedsDecision = true;       // Spec 4.36
  static constexpr bool kLeaversWeighOnce = true;           // Spec 4.6
  static constexpr bool kConvictedVote = true;              // Spec 4.9
  static constexpr bool kAbandonsInfeasibleTrim = true;     // Spec 4.26
  static constexpr bool kExcludedDeciderRemembers = true;   // Spec 4.41
  static constexpr bool kOneProposalPerBallot = true;       // Spec 4.28
  static constexpr bool kBallotsOnlyGrow = true;            // Spec 4.12
  static constexpr bool kNewIncarnationReplacesOld = true;  // Spec 4.25
  static constexpr bool kKeepsAVote = true;                 // Spec 4.35
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_RULES_H_

// The number of one attempt to agree on the next view. Totally ordered; unique, because only the
// member of rank `rank` uses ballots that carry its rank, and never the same round twice.
#ifndef COHORT_MEMBERSHIP_BALLOT_H_
#define COHORT_MEMBERSHIP_BALLOT_H_

#include <compare>
#include <cstdint>

#include "base/types.h"

namespace cohort::membership {

struct Ballot {
  uint32_t round = 0;  // 0: no ballot yet.
  Rank rank = 0;       // Of its coordinator, in the view that is being left.
  auto operator<=>(const Ballot&) const = default;
  bool IsNone() const { return round == 0; }
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_BALLOT_H_

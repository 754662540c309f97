// One side of a group as it looks from outside: what discovery finds and membership decides upon.
// It came out of a packet that may have been replayed, so nothing may follow from it but to open a
// lifeline to `address` and ask.
#ifndef COHORT_BASE_GROUP_SIGHTING_H_
#define COHORT_BASE_GROUP_SIGHTING_H_

#include <cstdint>

#include "base/types.h"

namespace cohort {

struct GroupSighting {
  MemberId coordinator;  // Rank 0 of `view`, as the answering member knows it.
  Address address;       // Where it listens.
  ViewId view;
  uint32_t members = 0;
  uint32_t weight = 0;  // Sum of the weights of its members: how many of them hold the whole state.
  bool primary =
      false;  // That side has a quorum of its last view (always true under Policy::kAvailable).
  bool operator==(const GroupSighting&) const = default;
};

}  // namespace cohort

#endif  // COHORT_BASE_GROUP_SIGHTING_H_

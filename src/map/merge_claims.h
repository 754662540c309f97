// What two sides of a healed partition make of an entry that they know different claims of.
//
// Idea: who claimed an entry later had read all that the owner before was ever acknowledged for.
// So what both sides wrote since they parted is decided by the claims and not by the clocks: an
// owner that stood still, or was cut off, must not undo with a late stamp what its successor has
// written. The carrier compares, and gives the registers that it sends stamps, and where it must
// be a life, with which they lose or win; the join at all members stays what it is. Docs:
// docs/protocol/convergent_map.md, clause 11.26.
//
// Cost: linear in the attributes. Thread rule: values.
#ifndef COHORT_MAP_MERGE_CLAIMS_H_
#define COHORT_MAP_MERGE_CLAIMS_H_

#include <cstdint>

#include "map/convergent_entry.h"

namespace cohort::map {

// The owner of an entry whose claims on two sides did not agree: nobody, until it is claimed anew.
// As an owner it is greater than any member's WriterWord().
inline constexpr uint64_t kNobody = UINT64_MAX;

// What a MERGE makes of the claim that the group knows, `ours`, and the one that it brings.
Ownership SettleClaims(const Ownership& ours, const Ownership& carried);

// `carried`: what this side has of an entry, of its attributes those written in view `base` or
// later, the last that both sides were in. `held`: what the group has of it. `went_on`: whether the
// side of the earlier claim had a view of its own after `base`, in which it told its users of what
// it had begun in `base`. Else it stood still, and was given up.

// The group's claim is the later one: changes `carried` so that it undoes nothing that the group
// wrote after `base`. Of what has no effect at all only the version is to be sent.
void Yield(Registers& carried, const Registers& held, uint64_t base, bool went_on);
// This side's claim is the later one: changes `carried` so that what the group wrote undoes nothing
// that this side wrote after `base`.
void Prevail(Registers& carried, const Registers& held, uint64_t base, bool went_on);

}  // namespace cohort::map

#endif  // COHORT_MAP_MERGE_CLAIMS_H_

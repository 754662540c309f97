// What is done when members that hold the whole state are shown to hold different ones, which only
// a fault of Cohort, or of a machine's memory, can bring about.
//
// Idea: the answers to one question (verification.h) tell who differs, and most decide who is
// right; of as many, the oldest member. The others step aside, come back as joiners, and get only
// what differs from what they hold (Spec 9.9), which they do not bring along as another side would.
// Protocol: docs/protocol/map.md 8.33.
//
// Limits: as many members as a view has. Not thread-safe.
#ifndef COHORT_ENGINE_REPAIR_H_
#define COHORT_ENGINE_REPAIR_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"
#include "engine/verification.h"
#include "map/map_set.h"

namespace cohort::engine {

// In total order, by who has asked: the members that hold another state than most did at this
// place. It counts in that view only.
struct RepairMessage {
  ViewId view;
  uint64_t position = 0;
  std::vector<MemberId> wrong;
};
Buffer Encode(const RepairMessage& message);
// Empty when `body` has another size, or names nobody, or more than a view has members.
std::optional<RepairMessage> DecodeRepair(Bytes body);

// Who of those that answered, the longest a member first, is wrong. Empty: all say the same.
RepairMessage Judge(const Verifications::Answers& answers);

// In words, how the state `wrong` differs from `right`, which was taken later: entries of the same
// version with other contents, and entries whose version only one of both has although the other
// was written past it. Empty: not seen any more. Names at most eight entries.
std::string Differences(const map::MapSet& wrong, const map::MapSet& right);

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_REPAIR_H_

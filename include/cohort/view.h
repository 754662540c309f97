// A view: the agreed, numbered list of members, and why it came to be.
#ifndef COHORT_VIEW_H_
#define COHORT_VIEW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cohort/export.h"
#include "cohort/ids.h"

namespace cohort {

// How the group treats a partition. See docs/protocol/membership_groups.md, clause 4.80 and on.
enum class Policy : uint8_t {
  kAvailable,  // Every side lives on; sides merge entry by entry when the network heals.
  kPrimary,    // Only the side that holds a quorum of the last view lives on; the other refuses
               // writes.
};

// Why a member appeared in or disappeared from a view.
enum class ViewCause : uint8_t {
  kFormed,    // First view of a group.
  kJoined,    // A new instance asked to join.
  kLeft,      // It asked to leave.
  kCrashed,   // Its lifeline ended and its port refused a new connection.
  kSilent,    // Nothing was heard of it and no probe was answered.
  kStalled,   // Its host answers, its process does not.
  kBadLink,   // One-way or broken link, chosen for eviction.
  kSlow,      // Fell too far behind, or did not answer a view change in time.
  kReplaced,  // A newer instance of the same name took its place.
  kMerged,    // Came back with the other side of a partition.
  kSynced,    // Its state is now complete; the view changes weights only.
};
COHORT_EXPORT const char* ToString(ViewCause cause);
COHORT_EXPORT const char* ToString(Policy policy);

struct Member {
  MemberId id;
  std::string name;           // Survives restarts; unique in a view.
  std::string address;        // "ADDR:PORT" of its unicast port.
  bool synced = false;        // Holds the whole state of every map.
  bool without_data = false;  // Holds none, and never will (GroupOptions::without_data).
  bool operator==(const Member&) const = default;
};

struct MemberChange {
  Member member;
  ViewCause cause = ViewCause::kJoined;
  std::string evidence;  // In words: what was seen, by whom.
};

// Members are listed by seniority, those without data after those that hold some, but for
// newcomers, which are last: index 0 is the coordinator and sequencer.
struct View {
  ViewId id;
  ViewId previous;  // Zero for the first view of a group, and for a member that has just joined.
  std::vector<Member> members;
  std::vector<MemberChange> joined;
  std::vector<MemberChange>
      left;             // Of the members of the view before; empty for who has just joined.
  bool primary = true;  // Always true under Policy::kAvailable.
};

}  // namespace cohort

#endif  // COHORT_VIEW_H_

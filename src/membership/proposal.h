// What a view change decides: the next view, and the trim, that is how much of each sender's stream
// belongs to the view that ends. A Proposal is written once by its proposer and never changed, also
// when a later ballot adopts it. Messages and states share it by reference count; the whole engine
// runs on one thread.
#ifndef COHORT_MEMBERSHIP_PROPOSAL_H_
#define COHORT_MEMBERSHIP_PROPOSAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "cohort/ids.h"
#include "cohort/view.h"

namespace cohort::membership {

// Why a member of the old or the new view comes or goes.
struct ProposedChange {
  MemberId member;
  ViewCause cause = ViewCause::kJoined;
  std::string evidence;  // In words; at most kEvidenceMax bytes travel.
  bool operator==(const ProposedChange&) const = default;
};

// Set in the last view of a group that dissolves into another: all its members go there and ask to
// join.
struct Terminal {
  ViewId view;  // Of the target group.
  MemberId coordinator;
  Address address;  // Of that coordinator.
  bool operator==(const Terminal&) const = default;
};

struct Proposal {
  ViewId previous;  // The view that ends; zero for the first view of a group.
  ViewId next;
  std::vector<MemberInfo> members;  // Of the next view, by seniority, joiners last.
  std::vector<SeqNo>
      trim;  // By rank of the view that ends: the last chunk of each sender that belongs to it.
  std::vector<ProposedChange> joined;
  std::vector<ProposedChange> left;
  uint32_t key_epoch = 0;
  uint32_t flags = 0;  // Reserved for the feature level; carried unread.
  std::optional<Terminal> terminal;
  MemberId tie_breaker;  // Wins when exactly half of the weight has answered; zero: nobody does.
  bool primary = true;
  bool operator==(const Proposal&) const = default;
};
using ProposalRef = std::shared_ptr<const Proposal>;

inline constexpr size_t kEvidenceMax = 120;

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_PROPOSAL_H_

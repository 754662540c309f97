// The messages of a view change, as values. All name the view that ends; ranks are ranks in that
// view. What they look like in bytes is vc_codec.h and proto/cohort/v1/membership.proto.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_MESSAGE_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_MESSAGE_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/types.h"
#include "membership/ballot.h"
#include "membership/proposal.h"

namespace cohort::membership {

// One member's verdict on another: it shall not be in the next view. Sticky inside a view.
struct Conviction {
  Rank rank = 0;
  ViewCause cause = ViewCause::kSilent;
  std::string evidence;
  bool operator==(const Conviction&) const = default;
};

// A proposal together with the ballot under which it was accepted.
struct Accepted {
  Ballot ballot;
  ProposalRef proposal;
};

// Coordinator to all: promise me to ignore lower ballots, stop the old view, tell me what you hold.
struct Prepare {
  Ballot ballot;
  std::vector<Conviction> convicted;
};
// The answer. Unasked, it also invites its receiver to coordinate exactly this ballot.
struct State {
  Ballot ballot;
  std::vector<SeqNo> received;       // Contiguous, by rank.
  std::optional<Accepted> accepted;  // The proposal accepted last, if any.
  std::vector<Conviction> convicted;
  bool synced = false;  // Holds the whole replicated state, and will when the view ends.
};
// Coordinator to all: accept this.
struct Propose {
  Ballot ballot;
  ProposalRef proposal;
  std::vector<std::vector<Rank>>
      holders;  // By sender: a few members who hold its stream up to the trim.
};
// Accepted: its sender holds the whole trim and the body of the proposal.
struct Ready {
  Ballot ballot;
};
// The proposal is decided. Without a body it is answered by FetchProposal, unless the receiver has
// accepted it.
struct Install {
  Ballot ballot;
  ViewId next;
  ProposalRef proposal;  // May be null.
};
// Refused.
struct Nack {
  Ballot ballot;           // The refused one.
  Ballot promised;         // What binds the refuser.
  bool convicted = false;  // The refuser has convicted the coordinator (Policy::kAvailable).
};
// A view that follows was decided, and the receiver is not in it. To one who asked to leave: done.
struct Gone {
  ViewId next;
};
// Send me the body of this decided proposal.
struct FetchProposal {
  ViewId next;
};

struct VcMessage {
  ViewId view;  // The view that ends.
  std::variant<Prepare, State, Propose, Ready, Install, Nack, Gone, FetchProposal> body;
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_MESSAGE_H_

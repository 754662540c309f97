// Bodies of ViewChange: the acceptor, that is what every member does for a coordinator. See
// view_change_impl.h.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_ACCEPT_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_ACCEPT_H_

#include <algorithm>
#include <utility>

#include "membership/view_change.h"

namespace cohort::membership {

template <class Rules>
void ViewChange<Rules>::SendTo(Rank to, decltype(VcMessage::body) body, Output& out) const {
  out.messages.push_back({to, VcMessage{view_->next, std::move(body)}});
}

// Spec 4.12. Under kAvailable a convicted proposer is told so, and convicts in turn (4.11).
template <class Rules>
bool ViewChange<Rules>::Refuses(Rank from, Ballot ballot, Output& out) {
  const bool convicted = !IsPrimary() && convicted_.Contains(from);
  const bool low = Rules::kBallotsOnlyGrow && ballot < promised_;
  if (!convicted && !low) return false;
  ++stats_.refused;
  SendTo(from, Nack{ballot, promised_, convicted}, out);
  return true;
}

// A coordinator that promises a higher ballot has lost its own: no choice, no decision, not even
// its own vote.
template <class Rules>
void ViewChange<Rules>::Promise(Ballot ballot, Output& out) {
  round_seen_ = std::max(round_seen_, ballot.round);
  if (ballot != promised_) {
    promised_ = ballot;
    coordination_.reset();
    invites_ = false;
    if constexpr (Rules::kChecksPromiseAfterFetch) proposed_.reset();
    timers_.Stop(Timer::kResend);
    timers_.Stop(Timer::kMute);
    timers_.Stop(Timer::kRestart);
  }
  if constexpr (Rules::kWedgesBeforeState) Wedge(out);
}

template <class Rules>
void ViewChange<Rules>::Wedge(Output& out) {
  if (phase_ != Phase::kNormal) return;
  phase_ = Phase::kWedged;
  out.wedge = true;
  timers_.Stop(Timer::kStart);
}

template <class Rules>
State ViewChange<Rules>::MakeState(const Turn& turn, Ballot ballot) const {
  State state{ballot, turn.received, accepted_, convictions_, turn.synced};
  state.received.resize(size());  // An excluded member may hold nothing of this view any more.
  return state;
}

template <class Rules>
void ViewChange<Rules>::OnPrepare(const Turn& turn, Rank from, const Prepare& prepare,
                                  Output& out) {
  if (prepare.ballot.rank != from || prepare.ballot.IsNone()) {
    ++stats_.invalid;
    return;
  }
  round_seen_ = std::max(round_seen_, prepare.ballot.round);
  if (IsOver() && (decided_ || !IsPrimary())) return AnswerAfterwards(from, out);
  if (Refuses(from, prepare.ballot, out)) return;
  const bool accuses_me = std::any_of(prepare.convicted.begin(), prepare.convicted.end(),
                                      [&](const Conviction& c) { return c.rank == self_; });
  if (accuses_me && !IsPrimary()) {  // Spec 4.11: no answer; from here each goes its own way.
    if (AddConviction(from, ViewCause::kSilent, "has convicted this member", out)) {
      OnConvictionsGrew(turn, out);
    }
    return;
  }
  Promise(prepare.ballot, out);
  invites_ = false;
  MergeConvictions(from, prepare.convicted, out);
  SendTo(from, MakeState(turn, prepare.ballot), out);
  if (phase_ == Phase::kWedged) WaitForCoordinator(turn);
}

template <class Rules>
void ViewChange<Rules>::OnPropose(const Turn& turn, Rank from, const Propose& propose,
                                  Output& out) {
  if (propose.ballot.rank != from || propose.ballot.IsNone() || !IsValid(propose.proposal) ||
      (!propose.holders.empty() && propose.holders.size() != size())) {
    ++stats_.invalid;
    return;
  }
  round_seen_ = std::max(round_seen_, propose.ballot.round);
  if (IsOver() && (decided_ || !IsPrimary())) return AnswerAfterwards(from, out);
  if (Refuses(from, propose.ballot, out)) return;
  // Spec 4.11: without quorums only members of the next view are asked.
  if (!IsPrimary() && !Includes(*propose.proposal, self_)) return;
  number_seen_ = std::max(number_seen_, propose.proposal->next.num);
  Promise(propose.ballot, out);
  Wedge(out);
  invites_ = false;
  if (accepted_ && accepted_->ballot == propose.ballot) {
    if (accepted_->proposal->next == propose.proposal->next) {
      SendTo(from, Ready{propose.ballot}, out);
    }
    if constexpr (Rules::kOneProposalPerBallot) return;
  }
  const bool again = proposed_ && proposed_->ballot == propose.ballot;
  if (again && Rules::kOneProposalPerBallot) return;
  proposed_ = propose;
  if (phase_ == Phase::kWedged) WaitForCoordinator(turn);
  TryAccept(turn, out);
  if (proposed_) out.fetch = typename Output::Fetch{proposed_->proposal->trim, proposed_->holders};
}

// Spec 4.30, 4.31: accepted means complete, and the promise is looked at again at that moment.
template <class Rules>
void ViewChange<Rules>::TryAccept(const Turn& turn, Output& out) {
  if (!proposed_) return;
  if (Rules::kAcceptsAfterFetch &&
      !IsComplete(proposed_->proposal->trim, proposed_->proposal->key_epoch, turn.received))
    return;
  if (Rules::kChecksPromiseAfterFetch && proposed_->ballot != promised_) {
    proposed_.reset();
    return;
  }
  accepted_ = Accepted{proposed_->ballot, proposed_->proposal};
  proposed_.reset();
  // Spec 4.39: without a quorum, an older decision no longer binds whoever accepted a newer
  // proposal.
  if (!IsPrimary() && decided_ && decided_->ballot < accepted_->ballot) decided_.reset();
  SendTo(accepted_->ballot.rank, Ready{accepted_->ballot}, out);
  if (phase_ == Phase::kWedged) WaitForCoordinator(turn);
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_ACCEPT_H_

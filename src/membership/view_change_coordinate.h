// Bodies of ViewChange: the coordinator of a ballot. See view_change_impl.h.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_COORDINATE_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_COORDINATE_H_

#include <algorithm>
#include <utility>

#include "membership/view_change.h"

namespace cohort::membership {

template <class Rules>
void ViewChange<Rules>::StartNextBallot(const Turn& turn, Output& out) {
  StartBallot(turn, Ballot{std::max(round_seen_, promised_.round) + 1, self_}, out);
}

template <class Rules>
void ViewChange<Rules>::StartBallot(const Turn& turn, Ballot ballot, Output& out) {
  if (IsOver()) return;
  ++stats_.ballots;
  Promise(ballot, out);
  coordination_ = Coordination{};
  coordination_->ballot = ballot;
  coordination_->answers[self_] = Answer{turn.received, accepted_, turn.synced};
  timers_.Stop(Timer::kStall);
  timers_.Stop(Timer::kStart);
  resend_interval_ = FirstResend();
  timers_.Set(Timer::kResend, turn.now + resend_interval_);
  timers_.Set(Timer::kMute, turn.now + StallTime());
  if (size() > 1) SendTo(kAllRanks, Prepare{ballot, convictions_}, out);
  Advance(turn, out);
}

template <class Rules>
void ViewChange<Rules>::OnState(const Turn& turn, Rank from, const State& state, Output& out) {
  if (state.ballot.rank != self_ || state.ballot.IsNone() || state.received.size() != size() ||
      (state.accepted && !IsValid(state.accepted->proposal))) {
    ++stats_.invalid;
    return;
  }
  round_seen_ = std::max(round_seen_, state.ballot.round);
  if (IsOver()) return AnswerAfterwards(from, out);
  if (!IsPrimary() && convicted_.Contains(from)) {
    SendTo(from, Nack{state.ballot, promised_, true}, out);
    return;
  }
  if (state.ballot < promised_) return;  // Its sender will be asked again, under a higher ballot.
  bool grew = MergeConvictions(from, state.convicted, out);
  // Spec 4.8: a conviction holds in both directions.
  for (const Conviction& conviction : state.convicted) {
    if (conviction.rank != self_) continue;
    grew |= AddConviction(from, conviction.cause, "has convicted this member", out);
  }
  if (state.ballot > promised_) StartBallot(turn, state.ballot, out);  // Spec 4.15: an invitation.
  const bool counts = (Rules::kConvictedVote && IsPrimary()) || !convicted_.Contains(from);
  if (counts && coordination_ && coordination_->ballot == state.ballot) {
    // The first answer stands: what was held and accepted when the promise was given is what the
    // choice needs.
    const Answer answer{state.received, state.accepted, state.synced};
    if (coordination_->answers.try_emplace(from, answer).second) {
      ++progress_;
      if constexpr (!Rules::kOneProposalPerBallot) coordination_->proposal = nullptr;
    }
  }
  if (grew) OnConvictionsGrew(turn, out);
  if (coordination_) Advance(turn, out);
}

template <class Rules>
void ViewChange<Rules>::OnReady(const Turn& turn, Rank from, const Ready& ready, Output& out) {
  if (ready.ballot.rank != self_ || ready.ballot.IsNone()) {
    ++stats_.invalid;
    return;
  }
  if (IsOver()) return AnswerAfterwards(from, out);
  if (!coordination_ || coordination_->ballot != ready.ballot) return;
  if (coordination_->proposal == nullptr) return;
  const bool votes = IsPrimary() && Rules::kConvictedVote;
  if (!votes && convicted_.Contains(from)) return;
  if (coordination_->ready.Insert(from)) ++progress_;
  TryDecide(turn, out);
}

template <class Rules>
void ViewChange<Rules>::OnNack(const Turn& turn, Rank from, const Nack& nack, Output& out) {
  if (IsOver()) return;
  if (nack.convicted && !IsPrimary()) {  // Spec 4.11
    if (AddConviction(from, ViewCause::kSilent, "has convicted this member", out)) {
      OnConvictionsGrew(turn, out);
    }
    return;
  }
  if (!coordination_ || nack.ballot != coordination_->ballot || nack.promised <= nack.ballot) {
    return;
  }
  round_seen_ = std::max(round_seen_, nack.promised.round);
  if (LowestUnconvicted() == self_) {  // Spec 4.44
    const Duration wait = turn.random.Between(round_trip_, 2 * round_trip_);
    timers_.SetEarlier(Timer::kRestart, turn.now + wait);
  } else {
    coordination_.reset();
    timers_.Stop(Timer::kResend);
    timers_.Stop(Timer::kMute);
    WaitForCoordinator(turn);
  }
}

// Whether the choice has to wait for `rank`'s STATE, and the decision for its READY if it is in the
// proposal.
template <class Rules>
bool ViewChange<Rules>::IsAwaited(Rank rank) const {
  if (convicted_.Contains(rank)) return false;
  if (coordination_->proposal != nullptr) return Includes(*coordination_->proposal, rank);
  return true;
}

template <class Rules>
bool ViewChange<Rules>::HasAllStates() const {
  RankSet voters;
  for (const auto& [rank, answer] : coordination_->answers) voters.Insert(rank);
  for (size_t i = 0; i < size(); ++i) {
    const Rank rank = static_cast<Rank>(i);
    if (!convicted_.Contains(rank) && !voters.Contains(rank)) return false;
  }
  // Spec 4.21
  return !IsPrimary() || !Rules::kDecisionNeedsQuorum || HasQuorum(voters);
}

// Goes as far as the answers allow: choose, complete, propose, decide.
template <class Rules>
void ViewChange<Rules>::Advance(const Turn& turn, Output& out) {
  Coordination& ballot = *coordination_;
  if (ballot.proposal == nullptr) {
    if (!HasAllStates()) return;
    Choice choice = Choose();
    const bool is_fresh = choice.adopted == nullptr;
    if (Rules::kKeepsAVote && IsPrimary() && is_fresh && !KeepsAVote()) return;
    const uint32_t epoch = choice.adopted != nullptr ? choice.adopted->key_epoch : 0;
    if (!IsComplete(choice.trim, epoch, turn.received)) {
      // Spec 4.26: complete before it proposes, so only its own crash can make the trim
      // unreachable.
      if (ballot.fetching != choice.trim) {
        ballot.fetching = choice.trim;
        out.fetch = typename Output::Fetch{choice.trim, choice.holders};
      }
      ballot.holders = std::move(choice.holders);
      return;
    }
    ProposeChoice(turn, std::move(choice), out);
  }
  TryDecide(turn, out);
}

// Spec 4.32, 4.33.
template <class Rules>
void ViewChange<Rules>::TryDecide(const Turn& turn, Output& out) {
  if (!coordination_ || coordination_->proposal == nullptr) return;
  const Coordination& ballot = *coordination_;
  if constexpr (Rules::kInstallNeedsDecision) {
    for (size_t i = 0; i < size(); ++i) {
      const Rank rank = static_cast<Rank>(i);
      if (IsAwaited(rank) && !ballot.ready.Contains(rank)) return;
    }
    if (IsPrimary() && Rules::kDecisionNeedsQuorum && !HasQuorum(ballot.ready)) return;
  }
  decided_ = Install{ballot.ballot, ballot.proposal->next, ballot.proposal};
  decider_ = true;
  if (size() > 1) SendTo(kAllRanks, MakeInstall(false), out);
  resend_interval_ = FirstResend();
  timers_.Set(Timer::kResend, turn.now + resend_interval_);
  if (Includes(*decided_->proposal, self_)) {
    out.install = decided_->proposal;
    Finish(Phase::kInstalled, out);
  } else {  // Spec 4.41: it decides what excludes it, and says so until it is heard.
    out.gone = decided_->next;
    Finish(Phase::kExcluded, out);
  }
}

template <class Rules>
RankSet ViewChange<Rules>::Unanswered() const {
  RankSet silent;
  const Coordination& ballot = *coordination_;
  for (size_t i = 0; i < size(); ++i) {
    const Rank rank = static_cast<Rank>(i);
    const bool asked = IsPrimary() || !convicted_.Contains(rank);
    const bool answered =
        ballot.proposal == nullptr ? ballot.answers.contains(rank) : ballot.ready.Contains(rank);
    if (rank != self_ && asked && !answered) silent.Insert(rank);
  }
  return silent;
}

// Spec 4.43, 4.41, 4.15: to the silent only, ever more rarely.
template <class Rules>
void ViewChange<Rules>::Resend(const Turn& turn, Output& out) {
  if (decider_ && decided_) {
    const bool excluded = phase_ == Phase::kExcluded;
    if (excluded && (!heard_in_next_.empty() || !Rules::kExcludedDeciderRemembers)) return;
    bool silent = false;
    for (size_t i = 0; i < size(); ++i) {
      const Rank rank = static_cast<Rank>(i);
      if (rank == self_ || heard_in_next_.Contains(rank)) continue;
      if (!Includes(*decided_->proposal, rank)) continue;
      silent = true;
      SendTo(rank, MakeInstall(false), out);
    }
    if (!silent) return;
  } else if (coordination_ && phase_ == Phase::kWedged) {
    const Coordination& ballot = *coordination_;
    for (Rank rank : Unanswered()) {
      if (ballot.proposal == nullptr) {
        SendTo(rank, Prepare{ballot.ballot, convictions_}, out);
      } else {
        SendTo(rank, Propose{ballot.ballot, ballot.proposal, ballot.holders}, out);
      }
    }
  } else if (invites_ && phase_ == Phase::kWedged) {
    SendTo(promised_.rank, MakeState(turn, promised_), out);
  } else {
    return;
  }
  resend_interval_ = std::min(resend_interval_ * 2, LongestResend());
  timers_.Set(Timer::kResend, turn.now + resend_interval_);
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_COORDINATE_H_

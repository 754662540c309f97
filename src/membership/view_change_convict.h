// Bodies of ViewChange: convictions, who begins, and patience. See view_change_impl.h.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_CONVICT_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_CONVICT_H_

#include <algorithm>
#include <string>
#include <utility>

#include "membership/view_change.h"

namespace cohort::membership {

// Evidence that names one process and cannot be followed by more of its kind: nothing to wait for.
inline bool IsAuthoritative(ViewCause cause) {
  return cause == ViewCause::kCrashed || cause == ViewCause::kReplaced || cause == ViewCause::kLeft;
}

template <class Rules>
void ViewChange<Rules>::Convict(const Turn& turn, Rank rank, ViewCause cause,
                                const std::string& evidence, Output& out) {
  if (view_ == nullptr || rank >= size() || IsOver()) return;
  if (!AddConviction(rank, cause, evidence, out)) return;
  OnConvictionsGrew(turn, out);
  UpdateHalted(out);
}

template <class Rules>
bool ViewChange<Rules>::AddConviction(Rank rank, ViewCause cause, const std::string& evidence,
                                      Output& out) {
  if (rank >= size() || rank == self_ || !convicted_.Insert(rank)) return false;
  Conviction conviction{rank, cause, evidence.substr(0, kEvidenceMax)};
  auto place =
      std::find_if(convictions_.begin(), convictions_.end(),
                   [rank](const Conviction& conviction_) { return conviction_.rank > rank; });
  convictions_.insert(place, conviction);
  out.convicted.push_back(std::move(conviction));
  if (!coordination_) return true;
  // Spec 4.26: what it said before it was convicted may be what nobody can be asked for any more.
  // It is forgotten as long as nothing is proposed; under kPrimary it may be said again (4.9),
  // under kAvailable it has no voice (4.11).
  const bool forgets = Rules::kAbandonsInfeasibleTrim && coordination_->proposal == nullptr;
  if (forgets || !IsPrimary()) coordination_->answers.erase(rank);
  if (!IsPrimary()) coordination_->ready.Erase(rank);
  return true;
}

// Spec 4.8: believed only between members of which neither has convicted the other.
template <class Rules>
bool ViewChange<Rules>::MergeConvictions(Rank from, const std::vector<Conviction>& theirs,
                                         Output& out) {
  if (convicted_.Contains(from)) return false;
  for (const Conviction& conviction : theirs) {
    if (conviction.rank == self_) return false;
  }
  bool grew = false;
  for (const Conviction& conviction : theirs) {
    if (conviction.rank == from) continue;
    grew |= AddConviction(conviction.rank, conviction.cause, conviction.evidence, out);
  }
  return grew;
}

// Spec 4.10, 4.15: the lowest unconvicted member begins; anyone else who convicts invites it.
template <class Rules>
void ViewChange<Rules>::OnConvictionsGrew(const Turn& turn, Output& out) {
  if (IsOver() || convicted_.empty()) return;
  if (coordination_) {
    Advance(turn, out);
    return;
  }
  const Rank lowest = LowestUnconvicted();
  const bool orphaned = phase_ == Phase::kWedged && convicted_.Contains(promised_.rank);
  if (phase_ == Phase::kWedged && !orphaned) return;
  if (lowest != self_) {
    SendEarlyState(turn, lowest, out);
    return;
  }
  const bool at_once = orphaned || size() == 2 ||
                       std::all_of(convictions_.begin(), convictions_.end(),
                                   [](const Conviction& c) { return IsAuthoritative(c.cause); });
  if (at_once) {
    StartNextBallot(turn, out);
  } else {
    timers_.SetEarlier(Timer::kStart, turn.now + options_.start_delay);
  }
}

// Spec 4.15: a promise and a wedge first, for exactly this ballot; it counts for no other.
template <class Rules>
void ViewChange<Rules>::SendEarlyState(const Turn& turn, Rank to, Output& out) {
  const Ballot ballot{std::max(round_seen_, promised_.round) + 1, to};
  Promise(ballot, out);
  invites_ = true;
  SendTo(to, MakeState(turn, ballot), out);
  resend_interval_ = FirstResend();
  timers_.Set(Timer::kResend, turn.now + resend_interval_);
  WaitForCoordinator(turn);
}

// Spec 4.46: the k-th in line after the coordinator waits k times as long.
template <class Rules>
void ViewChange<Rules>::WaitForCoordinator(const Turn& turn) {
  int64_t place = 0;
  Rank rank = promised_.rank;
  do {
    rank = static_cast<Rank>((rank + 1) % size());
    if (!convicted_.Contains(rank)) ++place;
  } while (rank != self_);
  const Duration patience = StallTime() * 3 / 2;
  const Duration jitter = turn.random.Between(Duration::zero(), StallTime() / 4);
  timers_.Set(Timer::kStall, turn.now + patience * place + jitter);
}

// Spec 4.47. A fetch that stands still is tried again with fresh answers; a member that is heard
// but does not answer is convicted, before the others lose patience with this coordinator.
template <class Rules>
void ViewChange<Rules>::JudgeMute(const Turn& turn, Output& out) {
  if (phase_ != Phase::kWedged || !coordination_) return;
  timers_.Set(Timer::kMute, turn.now + StallTime());
  if (Rules::kAbandonsInfeasibleTrim && coordination_->proposal == nullptr &&
      !coordination_->fetching.empty() && HasAllStates()) {
    ++stats_.abandoned;
    StartNextBallot(turn, out);
    return;
  }
  // Who stood still has not asked for so long, and may not have read all answers.
  if (turn.was_stopped) return;
  bool grew = false;
  for (Rank rank : Unanswered()) {
    const Peer& peer = peers_[rank];
    const bool heard = turn.now - peer.heard < StallTime() / 2;
    const bool working = turn.now - peer.progressed < StallTime();
    if (!IsAwaited(rank) || !heard || working) continue;
    grew |= AddConviction(rank, ViewCause::kSlow, "heard, but did not answer the view change", out);
  }
  if (grew) OnConvictionsGrew(turn, out);
}

// Spec 4.13: votes that may still come are those of the unconvicted, and of the convicted who
// answered this ballot.
template <class Rules>
void ViewChange<Rules>::UpdateHalted(Output& out) {
  bool halted = false;
  if (IsPrimary() && phase_ == Phase::kWedged) {
    RankSet voters;
    for (size_t i = 0; i < size(); ++i) {
      const Rank rank = static_cast<Rank>(i);
      const bool answered = coordination_ && coordination_->answers.contains(rank);
      if (answered || !convicted_.Contains(rank)) voters.Insert(rank);
    }
    // Spec 4.88: votes alone do not go on.
    const bool holds =
        std::any_of(voters.begin(), voters.end(), [this](Rank rank) { return HoldsState(rank); });
    halted = !HasQuorum(voters) || !holds;
  }
  if (halted && !halted_) out.halted = true;
  if (!halted && halted_) out.resumed = true;
  halted_ = halted;
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_CONVICT_H_

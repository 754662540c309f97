// Bodies of ViewChange: life, timers and judgements. Included by view_change.cc and by the
// explorer, which instantiates the same code with rules broken on purpose.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_IMPL_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_IMPL_H_

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "membership/view_change.h"
#include "membership/view_change_accept.h"
#include "membership/view_change_choose.h"
#include "membership/view_change_convict.h"
#include "membership/view_change_coordinate.h"
#include "membership/view_change_install.h"
#include "membership/view_change_state.h"

namespace cohort::membership {

template <class Rules>
void ViewChange<Rules>::Reset(Instant now, ProposalRef view, Rank self) {
  COHORT_CHECK(view != nullptr && self < view->members.size());
  std::vector<Conviction> carried;
  if (view_ != nullptr && view->previous == view_->next) {
    for (const Conviction& conviction : convictions_) {
      for (size_t i = 0; i < view->members.size(); ++i) {
        if (view->members[i].id != view_->members[conviction.rank].id || i == self) continue;
        carried.push_back({static_cast<Rank>(i), conviction.cause, conviction.evidence});
      }
    }
  }
  ViewChange fresh(options_);
  fresh.leaving_ = leaving_;
  fresh.key_epoch_held_ = key_epoch_held_;
  fresh.number_seen_ = std::max(number_seen_, view->next.num);
  fresh.round_trip_ = round_trip_;
  fresh.progress_ = progress_;
  fresh.stats_ = stats_;
  fresh.view_ = std::move(view);
  fresh.self_ = self;
  fresh.peers_.resize(fresh.size(), Peer{now, now, 0});
  *this = std::move(fresh);
  Output ignored;  // The failure detector of the new view has been told by whoever carried them.
  for (const Conviction& c : carried) AddConviction(c.rank, c.cause, c.evidence, ignored);
  // Spec 4.10: what the old view left undone is begun at once.
  if (!convicted_.empty()) timers_.Set(Timer::kStart, now);
}

template <class Rules>
void ViewChange<Rules>::SetPending(const Turn& turn, PendingChanges pending, Output& out) {
  pending_ = std::move(pending);
  if (pending_.IsEmpty() || phase_ != Phase::kNormal || LowestUnconvicted() != self_) return;
  StartNextBallot(turn, out);
}

template <class Rules>
void ViewChange<Rules>::SetKeyEpoch(const Turn& turn, uint32_t held, Output& out) {
  key_epoch_held_ = held;
  OnProgress(turn, out);
}

template <class Rules>
void ViewChange<Rules>::OnMessage(const Turn& turn, Rank from, const VcMessage& message,
                                  Output& out) {
  if (view_ == nullptr || message.view != view_->next) {
    ++stats_.stale;
    return;
  }
  if (from >= size() || from == self_) {
    ++stats_.invalid;
    return;
  }
  peers_[from].heard = turn.now;
  const auto& body = message.body;
  if (const auto* prepare = std::get_if<Prepare>(&body)) OnPrepare(turn, from, *prepare, out);
  if (const auto* state = std::get_if<State>(&body)) OnState(turn, from, *state, out);
  if (const auto* propose = std::get_if<Propose>(&body)) OnPropose(turn, from, *propose, out);
  if (const auto* ready = std::get_if<Ready>(&body)) OnReady(turn, from, *ready, out);
  if (const auto* install = std::get_if<Install>(&body)) OnInstall(turn, from, *install, out);
  if (const auto* nack = std::get_if<Nack>(&body)) OnNack(turn, from, *nack, out);
  if (const auto* gone = std::get_if<Gone>(&body)) OnGone(turn, from, *gone, out);
  if (const auto* fetch = std::get_if<FetchProposal>(&body)) OnFetchProposal(from, *fetch, out);
  UpdateHalted(out);
}

template <class Rules>
void ViewChange<Rules>::OnProgress(const Turn& turn, Output& out) {
  if (view_ == nullptr || phase_ == Phase::kNormal || phase_ == Phase::kInstalled) return;
  if (turn.received != received_seen_) {
    received_seen_ = turn.received;
    ++progress_;
  }
  TryInstall(turn, out);
  if (phase_ == Phase::kInstalled) return;
  TryAccept(turn, out);
  if (coordination_) Advance(turn, out);
  UpdateHalted(out);
}

template <class Rules>
void ViewChange<Rules>::OnHeard(Instant now, Rank rank) {
  if (rank < peers_.size()) peers_[rank].heard = now;
}

template <class Rules>
void ViewChange<Rules>::OnPeerProgress(const Turn& turn, Rank rank, uint16_t progress) {
  if (rank >= peers_.size() || peers_[rank].progress == progress) return;
  peers_[rank].progress = progress;
  peers_[rank].progressed = turn.now;
  // Spec 4.45: whoever fetches, the view change moves.
  if (timers_.IsSet(Timer::kStall)) WaitForCoordinator(turn);
}

template <class Rules>
void ViewChange<Rules>::OnTimer(const Turn& turn, Output& out) {
  // Nor has one that stood still too briefly to be told so (4.47).
  const bool mute_is_late =
      timers_.IsSet(Timer::kMute) && turn.now - timers_.Get(Timer::kMute) > 2 * LongestResend();
  if (mute_is_late) timers_.Set(Timer::kMute, turn.now + StallTime());
  for (uint8_t i = 0; i < static_cast<uint8_t>(Timer::kCount); ++i) {
    const auto timer = static_cast<Timer>(i);
    if (timers_.TakeExpired(timer, turn.now)) Fire(timer, turn, out);
  }
}

template <class Rules>
void ViewChange<Rules>::Fire(Timer timer, const Turn& turn, Output& out) {
  timers_.Stop(timer);
  switch (timer) {
    case Timer::kStart:
      if (phase_ == Phase::kNormal) OnConvictionsGrew(turn, out);
      if (phase_ == Phase::kNormal && LowestUnconvicted() == self_) StartNextBallot(turn, out);
      break;
    case Timer::kResend:
      Resend(turn, out);
      break;
    case Timer::kStall:  // Spec 4.46: the coordinator is passed over, not accused.
      if (phase_ != Phase::kWedged || coordination_) break;
      ++stats_.passed_over;
      StartNextBallot(turn, out);
      break;
    case Timer::kMute:
      JudgeMute(turn, out);
      break;
    case Timer::kRestart:
      if (phase_ == Phase::kWedged && coordination_) StartNextBallot(turn, out);
      break;
    case Timer::kCount:
      break;
  }
  UpdateHalted(out);
}

template <class Rules>
bool ViewChange<Rules>::Includes(const Proposal& proposal, Rank rank) const {
  const MemberId& id = view_->members[rank].id;
  return std::any_of(proposal.members.begin(), proposal.members.end(),
                     [&](const MemberInfo& member) { return member.id == id; });
}

template <class Rules>
bool ViewChange<Rules>::IsValid(const ProposalRef& proposal) const {
  return proposal != nullptr && proposal->previous == view_->next &&
         proposal->next.num > view_->next.num && proposal->trim.size() == size();
}

// Spec 4.29: the chunks and the key; the body is here already.
template <class Rules>
bool ViewChange<Rules>::IsComplete(const std::vector<SeqNo>& trim, uint32_t key_epoch,
                                   const std::vector<SeqNo>& received) const {
  if (key_epoch > key_epoch_held_ || received.size() != trim.size()) return false;
  for (size_t i = 0; i < trim.size(); ++i) {
    if (received[i] < trim[i]) return false;
  }
  return true;
}

// Spec 4.6: weights are those of the old view; whoever answered counts once, whatever was said of
// it.
template <class Rules>
bool ViewChange<Rules>::HasQuorum(const RankSet& voters) const {
  uint64_t total = 0;
  uint64_t voted = 0;
  bool tie_won = false;
  for (size_t i = 0; i < size(); ++i) {
    const MemberInfo& member = view_->members[i];
    const Rank rank = static_cast<Rank>(i);
    total += member.weight;
    if constexpr (!Rules::kLeaversWeighOnce) {
      if (pending_.leavers.Contains(rank)) voted += member.weight;
    }
    if (!voters.Contains(rank)) continue;
    voted += 2 * uint64_t{member.weight};
    tie_won = tie_won || member.id == view_->tie_breaker;
  }
  return voted > total || (voted == total && tie_won);
}

template <class Rules>
Duration ViewChange<Rules>::StallTime() const {
  return options_.stall_base + options_.stall_per_member * static_cast<int64_t>(size());
}

// Spec 4.43. A round trip that was measured badly must not leave a lost message unrepeated until
// its receiver is judged mute.
template <class Rules>
Duration ViewChange<Rules>::LongestResend() const {
  return std::min(options_.resend_max, StallTime() / kAsksPerStall);
}

template <class Rules>
Duration ViewChange<Rules>::FirstResend() const {
  return std::min(std::max(2 * round_trip_, options_.resend_min), LongestResend());
}

template <class Rules>
bool ViewChange<Rules>::AllHeardInNext() const {
  if (!decided_) return false;
  for (size_t i = 0; i < size(); ++i) {
    const Rank rank = static_cast<Rank>(i);
    if (rank == self_ || !Includes(*decided_->proposal, rank)) continue;
    if (!heard_in_next_.Contains(rank)) return false;
  }
  return true;
}

template <class Rules>
Rank ViewChange<Rules>::LowestUnconvicted() const {
  for (size_t i = 0; i < size(); ++i) {
    if (!convicted_.Contains(static_cast<Rank>(i))) return static_cast<Rank>(i);
  }
  return self_;
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_IMPL_H_

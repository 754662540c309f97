// Bodies of ViewChange: the end of the old view, and answers after it. See view_change_impl.h.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_INSTALL_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_INSTALL_H_

#include <algorithm>
#include <utility>

#include "membership/view_change.h"

namespace cohort::membership {

template <class Rules>
void ViewChange<Rules>::OnAcceptedViewTraffic(const Turn& turn, Rank from, Output& out) {
  // Spec 4.37: its sender installed what we accepted, so it is decided.
  if (phase_ != Phase::kWedged || !accepted_) return;
  const Proposal& proposal = *accepted_->proposal;
  if (from >= proposal.members.size() || !Includes(proposal, self_)) return;
  decided_ = Install{accepted_->ballot, proposal.next, accepted_->proposal};
  TryInstall(turn, out);
  UpdateHalted(out);
}

template <class Rules>
void ViewChange<Rules>::OnInstall(const Turn& turn, Rank from, const Install& install,
                                  Output& out) {
  if (IsOver()) return;
  Install decided = install;
  if (decided.proposal == nullptr) {
    if (accepted_ && accepted_->proposal->next == install.next) {
      decided.proposal = accepted_->proposal;
    } else if (proposed_ && proposed_->proposal->next == install.next) {
      decided.proposal = proposed_->proposal;
    } else {
      SendTo(from, FetchProposal{install.next}, out);
      return;
    }
  }
  if (!IsValid(decided.proposal) || decided.proposal->next != install.next) {
    ++stats_.invalid;
    return;
  }
  if (!Includes(*decided.proposal, self_)) {
    if (IsPrimary() || leaving_) decided_ = decided;
    return OnGone(turn, from, Gone{install.next}, out);
  }
  if (!IsPrimary() && accepted_ && install.ballot < accepted_->ballot) {
    // Spec 4.39: it went elsewhere; who waits for its vote must not.
    if (coordination_ && AddConviction(from, ViewCause::kSilent, "installed another view", out)) {
      OnConvictionsGrew(turn, out);
    }
    return;
  }
  Wedge(out);
  decided_ = std::move(decided);
  TryInstall(turn, out);
  if (phase_ == Phase::kInstalled) return;
  // Spec 4.38: whoever continues holds the trim, its sender most likely.
  std::vector<Rank> holders{from};
  for (size_t i = 0; i < size() && holders.size() < kHoldersMax; ++i) {
    const Rank rank = static_cast<Rank>(i);
    if (rank != from && rank != self_ && Includes(*decided_->proposal, rank)) {
      holders.push_back(rank);
    }
  }
  out.fetch = typename Output::Fetch{decided_->proposal->trim,
                                     std::vector<std::vector<Rank>>(size(), holders)};
}

template <class Rules>
void ViewChange<Rules>::TryInstall(const Turn& turn, Output& out) {
  if (!decided_ || IsOver() ||
      !IsComplete(decided_->proposal->trim, decided_->proposal->key_epoch, turn.received))
    return;
  out.install = decided_->proposal;
  Finish(Phase::kInstalled, out);
}

// Spec 4.40: only the word of a member that saw a decision, never a mere accusation, ends the old
// view.
template <class Rules>
void ViewChange<Rules>::OnGone(const Turn& turn, Rank from, const Gone& gone, Output& out) {
  if (IsOver()) return;
  if (!IsPrimary() && !leaving_) {
    if (AddConviction(from, ViewCause::kSilent, "went on in a view without this member", out)) {
      OnConvictionsGrew(turn, out);
    }
    return;
  }
  Wedge(out);
  out.gone = gone.next;
  Finish(Phase::kExcluded, out);
}

// The acceptor's state stays: an excluded member still votes (Spec 4.41), an installed one answers
// (4.42).
template <class Rules>
void ViewChange<Rules>::Finish(Phase phase, Output& out) {
  phase_ = phase;
  coordination_.reset();
  proposed_.reset();
  invites_ = false;
  const bool resends = decider_ && timers_.IsSet(Timer::kResend);
  const Instant resend = timers_.Get(Timer::kResend);
  timers_ = TimerTable<Timer>();
  if (resends) timers_.Set(Timer::kResend, resend);
  UpdateHalted(out);
}

template <class Rules>
Install ViewChange<Rules>::MakeInstall(bool with_body) const {
  const bool small = size() <= options_.install_body_members_max;
  return Install{decided_->ballot, decided_->proposal->next,
                 with_body || small ? decided_->proposal : nullptr};
}

// Spec 4.42: whoever still asks about the old view is told how it ended.
template <class Rules>
void ViewChange<Rules>::AnswerAfterwards(Rank from, Output& out) {
  if constexpr (!Rules::kExcludedDeciderRemembers) {
    if (phase_ == Phase::kExcluded) return;
  }
  if (!decided_) return;
  if (Includes(*decided_->proposal, from)) {
    SendTo(from, MakeInstall(false), out);
  } else {
    SendTo(from, Gone{decided_->proposal->next}, out);
  }
}

template <class Rules>
void ViewChange<Rules>::OnFetchProposal(Rank from, const FetchProposal& fetch, Output& out) {
  if (decided_ && decided_->proposal->next == fetch.next) SendTo(from, MakeInstall(true), out);
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_INSTALL_H_

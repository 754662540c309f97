// Bodies of ViewChange: what a coordinator proposes. See view_change_impl.h.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_CHOOSE_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_CHOOSE_H_

#include <algorithm>
#include <utility>

#include "membership/view_change.h"

namespace cohort::membership {

// Spec 4.22 to 4.24.
template <class Rules>
auto ViewChange<Rules>::Choose() const -> Choice {
  Choice choice;
  const auto& answers = coordination_->answers;
  const Accepted* highest = nullptr;
  for (const auto& [rank, answer] : answers) {
    if (!answer.accepted || !IsPrimary() || !Rules::kAdoptsAccepted) continue;
    if (highest == nullptr || answer.accepted->ballot > highest->ballot)
      highest = &*answer.accepted;
  }
  choice.holders.resize(size());
  if (highest != nullptr) {
    choice.adopted = highest->proposal;
    choice.trim = highest->proposal->trim;
  } else {
    choice.trim = answers.at(self_).received;
    for (const auto& [rank, answer] : answers) {
      // Spec 4.23: what only a convicted member holds may be out of reach, and nobody has
      // acknowledged it.
      if (Rules::kAbandonsInfeasibleTrim && convicted_.Contains(rank)) continue;
      for (size_t i = 0; i < size(); ++i) {
        choice.trim[i] = Rules::kTrimIsUnion ? std::max(choice.trim[i], answer.received[i])
                                             : std::min(choice.trim[i], answer.received[i]);
      }
    }
  }
  for (const auto& [rank, answer] : answers) {
    const bool accepted = highest != nullptr && answer.accepted &&
                          answer.accepted->proposal->next == choice.adopted->next;
    for (size_t i = 0; i < size(); ++i) {
      const bool holds = accepted || answer.received[i] >= choice.trim[i];
      if (choice.trim[i] > 0 && holds && choice.holders[i].size() < kHoldersMax) {
        choice.holders[i].push_back(rank);
      }
    }
  }
  return choice;
}

// Spec 4.25. By a joiner of the same instance or name.
template <class Rules>
bool ViewChange<Rules>::IsReplaced(const MemberInfo& member) const {
  return Rules::kNewIncarnationReplacesOld &&
         std::any_of(pending_.joiners.begin(), pending_.joiners.end(),
                     [&](const JoinerInfo& joiner) {
                       return joiner.info.id.instance == member.id.instance ||
                              joiner.info.name == member.name;
                     });
}

template <class Rules>
bool ViewChange<Rules>::SaidItIsSynced(Rank rank) const {
  if (!coordination_) return false;
  const auto answer = coordination_->answers.find(rank);
  return answer != coordination_->answers.end() && answer->second.synced;
}

// Spec 4.35. Whether a fresh proposal would have a member that holds the state and so a vote.
template <class Rules>
bool ViewChange<Rules>::KeepsAVote() const {
  for (size_t i = 0; i < size(); ++i) {
    const Rank rank = static_cast<Rank>(i);
    const MemberInfo& member = view_->members[i];
    if (convicted_.Contains(rank) || pending_.leavers.Contains(rank) || IsReplaced(member))
      continue;
    if (HoldsState(rank)) return true;
  }
  return false;
}

// Who weighs something has held the state since it came to do so, unless it is without data.
template <class Rules>
bool ViewChange<Rules>::HoldsState(Rank rank) const {
  const MemberInfo& member = view_->members[rank];
  return (member.weight > 0 && !member.without_data) || SaidItIsSynced(rank);
}

// Spec 4.24, 4.25, 4.27.
template <class Rules>
ProposalRef ViewChange<Rules>::MakeProposal(const Turn& turn, const std::vector<SeqNo>& trim) {
  auto proposal = std::make_shared<Proposal>();
  proposal->previous = view_->next;
  number_seen_ = std::max({number_seen_, view_->next.num, pending_.number_min}) + 1;
  proposal->next = ViewId{number_seen_, turn.random.Next()};
  proposal->trim = trim;
  for (size_t i = 0; i < size(); ++i) {
    const Rank rank = static_cast<Rank>(i);
    MemberInfo member = view_->members[i];
    auto conviction = std::find_if(convictions_.begin(), convictions_.end(),
                                   [rank](const Conviction& c) { return c.rank == rank; });
    if (IsReplaced(member)) {
      proposal->left.push_back({member.id, ViewCause::kReplaced, "a newer instance asks to join"});
    } else if (conviction != convictions_.end()) {
      proposal->left.push_back({member.id, conviction->cause, conviction->evidence});
    } else if (pending_.leavers.Contains(rank)) {
      proposal->left.push_back({member.id, ViewCause::kLeft, "asked to leave"});
    } else {
      for (const MemberInfo& update : pending_.updates) {
        if (update.id == member.id) member = update;
      }
      // Spec 4.24: all who install the view know the same of each other's state, whatever of it was
      // announced in time. Who holds it has a vote.
      if (!member.synced && SaidItIsSynced(rank)) {
        member.synced = true;
        member.weight = std::max(member.weight, 1u);
      }
      // Spec 4.88
      if (member.without_data && member.votes && coordination_->answers.contains(rank))
        member.weight = 1;
      proposal->members.push_back(std::move(member));
    }
  }
  // Spec 4.24: who is without data comes to be rank 0 only where nobody else can. Before the
  // joiners: rank 0 has to know the view without being welcomed to it.
  std::vector<MemberInfo> in_order;
  for (const bool without_data : {false, true}) {
    for (const MemberInfo& member : proposal->members) {
      if (member.without_data == without_data) in_order.push_back(member);
    }
  }
  proposal->members = std::move(in_order);
  for (const JoinerInfo& joiner : pending_.joiners) {
    proposal->members.push_back(joiner.info);
    proposal->joined.push_back({joiner.info.id, joiner.cause, joiner.evidence});
  }
  proposal->key_epoch = std::max(view_->key_epoch, pending_.key_epoch);
  proposal->flags = pending_.flags != 0 ? pending_.flags : view_->flags;
  proposal->terminal = pending_.terminal;
  proposal->tie_breaker = pending_.tie_breaker.value_or(view_->tie_breaker);
  return proposal;
}

template <class Rules>
void ViewChange<Rules>::ProposeChoice(const Turn& turn, Choice choice, Output& out) {
  Coordination& ballot = *coordination_;
  ballot.proposal = choice.adopted != nullptr ? choice.adopted : MakeProposal(turn, choice.trim);
  ballot.holders = std::move(choice.holders);
  for (size_t i = 0; i < size(); ++i) {  // We are complete by now, and the surest holder.
    auto& holders = ballot.holders[i];
    if (ballot.proposal->trim[i] == 0) continue;
    if (std::find(holders.begin(), holders.end(), self_) == holders.end()) {
      if (holders.size() == kHoldersMax) holders.pop_back();
      holders.push_back(self_);
    }
  }
  ballot.fetching.clear();
  accepted_ = Accepted{ballot.ballot, ballot.proposal};
  if (!IsPrimary()) decided_.reset();  // Spec 4.39
  ballot.ready.Insert(self_);
  resend_interval_ = FirstResend();
  timers_.Set(Timer::kResend, turn.now + resend_interval_);
  timers_.Set(Timer::kMute, turn.now + StallTime());
  if (size() > 1) SendTo(kAllRanks, Propose{ballot.ballot, ballot.proposal, ballot.holders}, out);
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_CHOOSE_H_

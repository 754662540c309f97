// Bodies of ViewChange: canonical state and self-examination. See view_change_impl.h.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_STATE_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_STATE_H_

#include <string>
#include <type_traits>
#include <vector>

#include "membership/view_change.h"

namespace cohort::membership {

// Appends values as fixed-width bytes, containers with their length first. Not a wire format: for
// comparing states.
class StateBytes {
 public:
  explicit StateBytes(std::string& bytes) : bytes_(bytes) {}
  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void Add(T value) {
    const auto wide = static_cast<uint64_t>(value);
    size_t width = 1;  // Small numbers are the rule, and an explorer keeps millions.
    while (width < 8 && (wide >> (8 * width)) != 0) ++width;
    bytes_.push_back(static_cast<char>(width));
    for (size_t i = 0; i < width; ++i) bytes_.push_back(static_cast<char>(wide >> (8 * i)));
  }
  void Add(const Ballot& ballot) {
    Add(ballot.round);
    Add(ballot.rank);
  }
  void Add(const MemberId& id) {
    Add(id.instance.hi);
    Add(id.instance.lo);
    Add(id.join_no);
  }
  void Add(const RankSet& ranks) {
    Add(ranks.size());
    for (Rank rank : ranks) Add(rank);
  }
  template <class T>
  void Add(const std::vector<T>& values) {
    Add(values.size());
    for (const T& value : values) Add(value);
  }
  void Add(const MemberInfo& member) {
    Add(member.id);
    Add(member.weight);
    Add(member.synced);
  }
  void Add(const Conviction& conviction) {
    Add(conviction.rank);
  }  // Causes and evidence decide nothing.
  void Add(const ProposalRef& proposal) {
    Add(proposal != nullptr);
    if (proposal == nullptr) return;
    Add(proposal->next.num);
    Add(proposal->next.cid);
    Add(proposal->members);
    Add(proposal->trim);
    Add(proposal->key_epoch);
    Add(proposal->tie_breaker);
  }
  void Add(const Accepted& accepted) {
    Add(accepted.ballot);
    Add(accepted.proposal);
  }
  void Add(const Propose& propose) {
    Add(propose.ballot);
    Add(propose.proposal);
    Add(propose.holders);
  }
  void Add(const Install& install) {
    Add(install.ballot);
    Add(install.next.num);
    Add(install.next.cid);
    Add(install.proposal);
  }
  template <class T>
  void Add(const std::optional<T>& value) {
    Add(value.has_value());
    if (value) Add(*value);
  }

 private:
  std::string& bytes_;
};

template <class Rules>
void ViewChange<Rules>::AppendState(std::string& bytes) const {
  StateBytes state(bytes);
  state.Add(self_);
  state.Add(phase_);
  state.Add(halted_);
  state.Add(decider_);
  state.Add(invites_);
  state.Add(leaving_);
  state.Add(number_seen_);
  state.Add(round_seen_);
  state.Add(promised_);
  state.Add(accepted_);
  state.Add(proposed_);
  state.Add(decided_);
  state.Add(convicted_);
  state.Add(pending_.leavers);
  state.Add(pending_.joiners.size());
  state.Add(heard_in_next_);
  for (Timer timer : {Timer::kStart, Timer::kStall, Timer::kRestart})
    state.Add(timers_.IsSet(timer));
  state.Add(coordination_.has_value());
  if (!coordination_) return;
  state.Add(coordination_->ballot);
  state.Add(coordination_->answers.size());
  for (const auto& [rank, answer] : coordination_->answers) {
    state.Add(rank);
    state.Add(answer.received);
    state.Add(answer.accepted);
    state.Add(answer.synced);
  }
  state.Add(coordination_->fetching);
  state.Add(coordination_->proposal);
  state.Add(coordination_->holders);
  state.Add(coordination_->ready);
}

template <class Rules>
bool ViewChange<Rules>::IsConsistent() const {
  if (view_ == nullptr) return phase_ == Phase::kNormal && promised_.IsNone();
  if (self_ >= size() || convicted_.Contains(self_)) return false;
  if (convictions_.size() != convicted_.size()) return false;
  for (const Conviction& conviction : convictions_) {
    if (!convicted_.Contains(conviction.rank)) return false;
  }
  if (!Rules::kBallotsOnlyGrow || !Rules::kChecksPromiseAfterFetch) return true;
  if (accepted_ && (accepted_->ballot > promised_ || !IsValid(accepted_->proposal))) return false;
  if (proposed_ && proposed_->ballot != promised_) return false;
  if (decided_ && !IsValid(decided_->proposal)) return false;
  if (phase_ == Phase::kInstalled && !decided_) return false;
  if (!coordination_) return true;
  return coordination_->ballot == promised_ && promised_.rank == self_ &&
         phase_ != Phase::kInstalled;
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_STATE_H_

// Membership: views begin, and what the next one shall change.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "membership/membership.h"

namespace cohort::membership {

void Membership::BeginView(Instant now, ProposalRef proposal, bool fresh, uint64_t group_time_ms,
                           Output& out) {
  const ProposalRef ending = view();
  const bool had_view = ending != nullptr;
  // What is kept answers questions about a view that is decided upon. One that was given up, on the
  // word of others or for a merge, has nothing to say.
  previous_.reset();
  if (view_change_.installed() || view_change_.excluded()) previous_ = view_change_;
  if (had_view && !fresh) ancestors_.push_front(ending->next);
  if (ancestors_.size() > kAncestorsMax) ancestors_.resize(kAncestorsMax);
  const std::optional<Rank> self = RankOf(*proposal, self_.id);
  COHORT_CHECK(self.has_value());
  view_change_.Reset(now, proposal, *self);
  if (KindOf(role_) == RoleKind::kLeaving) timers_.Set(Timer::kLeaveAgain, now);
  if (KindOf(role_) != RoleKind::kLeaving && !in_group()) SetRole(role::InGroup{});
  last_num_ = std::max(last_num_, proposal->next.num);
  was_member_ = true;
  failed_joins_ = 0;
  refused_for_good_ = false;
  refusal_.reset();
  ++stats_.views;

  std::erase_if(leavers_, [&](const MemberId& id) { return !RankOf(*proposal, id); });
  if (fresh) synced_.clear();
  std::erase_if(synced_, [&](const MemberId& id) { return !RankOf(*proposal, id); });
  for (const MemberInfo& member : proposal->members) {
    if (member.synced) synced_.insert(member.id);
    batch_.Remove(member.id.instance, member.id.join_no);
  }
  carries_state_ = carries_state_ || synced_.contains(self_.id);
  old_ranks_.assign(proposal->members.size(), kNoRank);
  for (size_t i = 0; had_view && i < proposal->members.size(); ++i) {
    old_ranks_[i] = RankOf(*ending, proposal->members[i].id).value_or(kNoRank);
  }

  Installation installation;
  installation.carriers = CarriersAmong(*proposal);
  installation.proposal = proposal;
  installation.view = MakeView(*proposal, fresh ? nullptr : ending.get());
  installation.self = *self;
  installation.fresh = fresh;
  installation.formed = proposal->previous.IsZero();
  installation.terminal = proposal->terminal.has_value();
  installation.group_time_ms = group_time_ms;
  out.installation = std::move(installation);
  AwaitNewcomers(now, *proposal, fresh);
  terminal_.reset();
  merge_.EndQuestion(now);
  not_descended_ = {};
  batch_.ForgetExpected(now);
  // What else is to change is begun by the timer: `received` of this call
  // belongs to the view that ended.
  timers_.Set(Timer::kChanges, now);
  timers_.Set(Timer::kPrevious, now + kPreviousKept);
}

View Membership::MakeView(const Proposal& proposal, const Proposal* ending) const {
  const auto to_member = [&](const MemberInfo& info) {
    return Member{info.id, info.name, info.address.ToString(),
                  info.synced || synced_.contains(info.id), info.without_data};
  };
  const auto find = [](const Proposal* among, const MemberId& id) -> const MemberInfo* {
    if (among == nullptr) return nullptr;
    const auto found = std::find_if(among->members.begin(), among->members.end(),
                                    [&](const MemberInfo& member) { return member.id == id; });
    return found == among->members.end() ? nullptr : &*found;
  };
  View view;
  view.id = proposal.next;
  if (ending != nullptr) view.previous = proposal.previous;
  view.primary = proposal.primary;
  for (const MemberInfo& member : proposal.members) view.members.push_back(to_member(member));
  for (const ProposedChange& change : proposal.joined) {
    const MemberInfo* info = find(&proposal, change.member);
    if (info == nullptr) continue;
    view.joined.push_back({to_member(*info), change.cause, change.evidence});
  }
  // Who joins never saw those who left.
  for (const ProposedChange& change : proposal.left) {
    const MemberInfo* info = find(ending, change.member);
    if (info != nullptr) view.left.push_back({to_member(*info), change.cause, change.evidence});
  }
  return view;
}

PendingChanges Membership::CollectChanges(Instant now) const {
  PendingChanges changes;
  const Proposal& current = *view();
  for (const MemberId& leaver : leavers_) {
    if (const auto rank = RankOf(current, leaver)) changes.leavers.Insert(*rank);
  }
  changes.terminal = terminal_;
  if (!terminal_ && batch_.IsDue(now)) {
    for (const JoinRequest& request : batch_.requests()) {
      if (changes.joiners.size() >= kJoinersPerViewMax) break;
      // Somebody may have come in with that name since it asked.
      if (FindNameHolder(request.member, current.members, view_change_.convicted())) continue;
      JoinerInfo joiner;
      joiner.info = request.member;
      joiner.info.weight = 0;
      joiner.info.synced = false;
      if (request.carries_state && !request.came_from.IsZero()) {
        joiner.cause = ViewCause::kMerged;
        joiner.evidence = CarrierEvidence(request.came_from);
      } else if (request.member.without_data && request.merging) {
        joiner.cause = ViewCause::kMerged;
        joiner.evidence = "came with its side, view " + request.came_from.ToString();
      } else {
        joiner.evidence = "asked to join from " + request.member.address.ToString();
      }
      changes.number_min = std::max(changes.number_min, request.last_num);
      changes.joiners.push_back(std::move(joiner));
    }
  }
  // Spec 4.73: weights matter to quorums only; otherwise they go along with
  // other changes. One without data hands its place over (4.24).
  if (options_.policy == Policy::kPrimary || !changes.IsEmpty() ||
      (current.members.front().without_data && !synced_.empty())) {
    for (const MemberInfo& member : current.members) {
      const bool gains =
          member.without_data ? member.votes && IsHeard(member.id) : synced_.contains(member.id);
      if ((member.synced || member.without_data) && member.weight > 0) continue;
      if (!gains) continue;
      changes.updates.push_back(member);
      changes.updates.back().synced = !member.without_data;
      changes.updates.back().weight = 1;
    }
  }
  if (!changes.IsEmpty() && !options_.tie_breaker.empty()) {
    for (const MemberInfo& member : current.members) {
      if (member.name == options_.tie_breaker) changes.tie_breaker = member.id;
    }
    for (const JoinerInfo& joiner : changes.joiners) {
      if (joiner.info.name == options_.tie_breaker) changes.tie_breaker = joiner.info.id;
    }
  }
  return changes;
}

// Spec 4.88. In this view, or in one before.
bool Membership::IsHeard(const MemberId& member) const {
  return std::none_of(newcomers_.begin(), newcomers_.end(),
                      [&](const Newcomer& newcomer) { return newcomer.id == member; });
}

void Membership::SubmitChanges(const Turn& turn, Output& out) {
  if (!IsCoordinator()) return;
  batch_.ForgetStale(turn.now);
  ViewChangeOutput changes;
  view_change_.SetPending(turn, CollectChanges(turn.now), changes);
  Apply(turn, std::move(changes), out);
}

}  // namespace cohort::membership

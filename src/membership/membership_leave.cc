// Membership: going away on purpose.
#include <utility>

#include "membership/membership.h"

namespace cohort::membership {
namespace {

constexpr Duration kLeaveWithin = seconds(1);
constexpr Duration kLeaveAgainAfter = milliseconds(200);

}  // namespace

// Spec 4.70, 4.71.
void Membership::Leave(const Turn& turn, Output& out) {
  const RoleKind kind = KindOf(role_);
  if (kind == RoleKind::kLeft || kind == RoleKind::kLeaving) return;
  if (kind != RoleKind::kInGroup || view()->members.size() == 1) {
    return FinishLeaving(turn.now, out);
  }
  SetRole(role::Leaving{turn.now + kLeaveWithin});
  timers_.Set(Timer::kRole, turn.now + kLeaveWithin);
  view_change_.SetLeaving();
  terminal_.reset();
  AskToLeave(turn, out);
}

void Membership::AskToLeave(const Turn& turn, Output& out) {
  if (KindOf(role_) != RoleKind::kLeaving || view_change_.excluded()) return;
  timers_.Set(Timer::kLeaveAgain, turn.now + kLeaveAgainAfter);
  if (IsCoordinator()) {
    leavers_.insert(self_.id);
    return SubmitChanges(turn, out);
  }
  JoinRequest request;
  request.group = options_.group;
  request.member = self_;
  request.leave = true;
  Send(CoordinatorInfo().address, wire::StreamMessage::kJoin, Encode(request), out);
}

void Membership::OnLeaveRequest(Instant now, const JoinRequest& request, Output& out) {
  if (!in_group()) return;
  if (RankOf(*view(), request.member.id)) {
    leavers_.insert(request.member.id);
    timers_.SetEarlier(Timer::kChanges, now);
    return;
  }
  // It is out already and has not heard of it.
  if (!previous_) return;
  const auto rank = RankOf(*previous_->view(), request.member.id);
  if (!rank) return;
  const VcMessage gone{previous_->view()->next, Gone{view()->next}};
  SendFrames(*previous_, {{*rank, gone}}, true, out);
}

void Membership::FinishLeaving(Instant now, Output& out) {
  SetRole(role::Left{});
  timers_ = {};
  previous_.reset();
  out.left = true;
  Report(now, EventKind::kLeft, "this member left the group", out, self_.id, self_.name);
}

}  // namespace cohort::membership

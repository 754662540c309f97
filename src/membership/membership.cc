#include "membership/membership.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "membership/vc_codec.h"

namespace cohort::membership {
namespace {

// A member found too slow stays away for so long, doubling each time.
constexpr Duration kSlowAwayMin = seconds(5);
constexpr Duration kSlowAwayMax = seconds(300);
constexpr Duration kSlowForgottenAfter = seconds(600);

constexpr Duration kVotesGather = milliseconds(20);  // New votes of that time make one view.

}  // namespace

Membership::Membership(const Options& options, Random& random)
    : options_(options), random_(random), view_change_([&] {
        ViewChangeOptions inner = options.view_change;
        inner.policy = options.policy;
        return inner;
      }()) {}

void Membership::SetRole(Role role) {
  COHORT_CHECK(MayFollow(KindOf(role_), KindOf(role)));
  role_ = role;
  timers_.Stop(Timer::kRole);
}

bool Membership::in_group() const {
  return KindOf(role_) == RoleKind::kInGroup || KindOf(role_) == RoleKind::kLeaving;
}

void Membership::Report(Instant now, EventKind kind, std::string text, Output& out,
                        const MemberId& subject, std::string_view name) const {
  Event event;
  event.kind = kind;
  event.at_ns = now.nanos();
  if (view() != nullptr) event.view = view()->next;
  event.subject = subject;
  event.subject_name = std::string(name);
  event.text = std::move(text);
  out.events.push_back(std::move(event));
}

void Membership::Send(const Address& to, wire::StreamMessage type, Buffer body, Output& out) const {
  out.lifelines.push_back({to, type, std::move(body)});
}

std::optional<Rank> Membership::RankOf(const Proposal& view, const MemberId& member) const {
  for (size_t i = 0; i < view.members.size(); ++i) {
    if (view.members[i].id == member) return static_cast<Rank>(i);
  }
  return std::nullopt;
}

bool Membership::IsCoordinator() const {
  return in_group() && view_change_.LowestUnconvicted() == view_change_.self();
}

MemberInfo Membership::CoordinatorInfo() const {
  return view()->members[view_change_.LowestUnconvicted()];
}

GroupSighting Membership::Side() const {
  GroupSighting side;
  if (view() == nullptr) return side;
  const MemberInfo coordinator = CoordinatorInfo();
  side.coordinator = coordinator.id;
  side.address = coordinator.address;
  side.view = view()->next;
  side.members = static_cast<uint32_t>(view()->members.size());
  for (const MemberInfo& member : view()->members) {
    const bool counts = synced_.contains(member.id);
    side.weight += options_.policy == Policy::kPrimary ? member.weight : (counts ? 1 : 0);
  }
  side.primary = options_.policy == Policy::kAvailable || (in_group() && !view_change_.halted());
  return side;
}

ViewId Membership::AcceptedView() const {
  if (const ProposalRef decided = view_change_.decided()) return decided->next;
  if (view_change_.accepted()) return view_change_.accepted()->proposal->next;
  return {};
}

void Membership::SetGroupClock(Instant now, uint64_t unix_ms) {
  group_clock_offset_ms_ = static_cast<int64_t>(unix_ms) - now.nanos() / 1'000'000;
}

// ---- Between this class and the view change ----

void Membership::SendFrames(const ViewChange<>& from,
                            const std::vector<ViewChangeOutput::Outgoing>& messages, bool previous,
                            Output& out) const {
  for (const ViewChangeOutput::Outgoing& outgoing : messages) {
    Buffer body = EncodeVcMessage(outgoing.message);
    if (body.size() <= wire::kControlBodyMax) {
      wire::ControlFrame frame{wire::ControlKind::kViewChange, std::move(body)};
      out.frames.push_back({outgoing.to, previous, std::move(frame)});
      continue;
    }
    for (size_t i = 0; i < from.size(); ++i) {
      const auto rank = static_cast<Rank>(i);
      if (rank == from.self() || (outgoing.to != kAllRanks && outgoing.to != rank)) continue;
      Send(from.view()->members[i].address, wire::StreamMessage::kControl, body, out);
    }
  }
}

void Membership::Apply(const Turn& turn, ViewChangeOutput changes, Output& out) {
  out.wedge = out.wedge || changes.wedge;
  SendFrames(view_change_, changes.messages, false, out);
  if (changes.fetch) out.fetch = std::move(changes.fetch);
  if (changes.halted) {
    out.halted = true;
    Report(turn.now, EventKind::kHalted,
           "too few members of the last view can be reached for a quorum: "
           "writes are refused until "
           "some come back",
           out);
  }
  if (changes.resumed) {
    out.resumed = true;
    Report(turn.now, EventKind::kResumed, "a quorum of the view can be reached again", out);
  }
  const bool convicted = !changes.convicted.empty();
  for (Conviction& conviction : changes.convicted) out.convicted.push_back(std::move(conviction));
  if (changes.gone) {
    ApplyGone(turn, *changes.gone, out);
  } else if (changes.install != nullptr) {
    ApplyInstall(turn, std::move(changes.install), out);
  } else if (convicted && IsCoordinator()) {
    // Spec 4.67: the one before may have died between its decision and its
    // welcomes.
    if (rank() != 0) WelcomeNewcomers(turn.now, out);
    timers_.Set(Timer::kChanges, turn.now);
  }
}

void Membership::ApplyInstall(const Turn& turn, ProposalRef proposal, Output& out) {
  previous_received_ = turn.received;
  const bool terminal = proposal->terminal.has_value();
  const ProposalRef installed = proposal;
  for (const ProposedChange& change : installed->left) {
    parted_ |= change.cause == ViewCause::kSilent || change.cause == ViewCause::kStalled ||
               change.cause == ViewCause::kBadLink;
  }
  BeginView(turn.now, std::move(proposal), false, 0, out);
  if (terminal) {
    GoToOtherSide(turn.now, *installed, out);
  } else if (rank() == 0) {
    WelcomeNewcomers(turn.now, out);
  }
}

void Membership::ApplyGone(const Turn& turn, const ViewId& next, Output& out) {
  if (auto* leaving = std::get_if<role::Leaving>(&role_)) {
    if (!view_change_.is_decider()) return FinishLeaving(turn.now, out);
    // Spec 4.72: it alone knows the decision until somebody heard it.
    leaving->give_up_at = std::min(leaving->give_up_at, turn.now + milliseconds(100));
    timers_.Set(Timer::kRole, leaving->give_up_at);
    return;
  }
  if (!in_group()) return;
  Exclude(turn.now, "view " + next.ToString() + " was decided without it", Duration(0), out);
}

// Spec 5.19: it steps aside, instead of going on as a side of its own that would be back at once.
void Membership::OnFoundSlow(Instant now, const std::string& by, Output& out) {
  if (!in_group()) return;
  std::erase_if(slow_at_, [&](Instant at) { return now - at > kSlowForgottenAfter; });
  slow_at_.push_back(now);
  const Duration delay = kSlowAwayMin * (1 << std::min<size_t>(slow_at_.size() - 1, 8));
  Exclude(now, by + " and a majority found it too slow", std::min<Duration>(delay, kSlowAwayMax),
          out);
}

// Spec 8.33
void Membership::OnFoundWrong(Instant now, const std::string& by, Output& out) {
  if (in_group()) Exclude(now, by + " found that its state differs", Duration(0), out);
}

// Spec 4.75, 4.76.
void Membership::Exclude(Instant now, const std::string& why, Duration delay_min, Output& out) {
  if (KindOf(role_) == RoleKind::kLeaving) return FinishLeaving(now, out);  // What it wanted.
  ++stats_.exclusions;
  const Duration damping = flaps_.Note(now);
  const Duration delay = std::max(damping, delay_min);
  came_from_ = view()->next;
  terminal_.reset();
  merge_.Clear();
  batch_.Clear();
  SetRole(role::Excluded{delay});
  timers_.Set(Timer::kRole, now + delay);
  out.excluded = true;
  Report(now, EventKind::kExcluded,
         "the group went on without this member: " + why + "; it comes back as a new member" +
             (damping == Duration::zero()
                  ? ""
                  : ", the " + std::to_string(flaps_.times()) + ". time lately, so it waits " +
                        std::to_string(damping / seconds(1)) + " s before"),
         out, self_.id, self_.name);
}

void Membership::OnRoleTimer(Instant now, Output& out) {
  switch (KindOf(role_)) {
    case RoleKind::kDiscovering:
      if (const auto sighted = std::exchange(sighted_, std::nullopt))
        OnSighting(now, *sighted, false, out);
      return;
    case RoleKind::kJoining:
      Report(now, EventKind::kRefused,
             "no answer from " + std::get<role::Joining>(role_).whom.ToString() +
                 " to the request to join; the search goes on",
             out);
      return RetryLater(now, out);
    case RoleKind::kExcluded:
      return Search(now, out);
    case RoleKind::kLeaving:
      return FinishLeaving(now, out);
    default:
      return;
  }
}

// ---- Inputs ----

namespace {

// Those of `view` whom its sender goes on with, or means to, when that is without the member it is
// for. Whom it lets in besides says nothing about this view.
std::vector<MemberInfo> GoOnWithout(const Proposal& view, Rank receiver, const VcMessage& message) {
  const auto unless_convicted = [&](const std::vector<Conviction>& convicted) {
    RankSet lost;
    for (const Conviction& one : convicted) lost.Insert(one.rank);
    std::vector<MemberInfo> left;
    if (!lost.Contains(receiver)) return left;
    for (size_t rank = 0; rank < view.members.size(); ++rank) {
      if (!lost.Contains(static_cast<Rank>(rank))) left.push_back(view.members[rank]);
    }
    return left;
  };
  if (const auto* prepare = std::get_if<Prepare>(&message.body))
    return unless_convicted(prepare->convicted);
  if (const auto* state = std::get_if<State>(&message.body))
    return unless_convicted(state->convicted);
  const auto* install = std::get_if<Install>(&message.body);
  if (install == nullptr || install->proposal == nullptr) return {};
  const Proposal& next = *install->proposal;
  const bool without =
      std::none_of(next.members.begin(), next.members.end(),
                   [&](const MemberInfo& one) { return one.id == view.members[receiver].id; });
  if (!without || next.next != install->next || next.previous != view.next) return {};
  std::vector<MemberInfo> left;
  std::copy_if(next.members.begin(), next.members.end(), std::back_inserter(left),
               [&](const MemberInfo& member) {
                 return std::any_of(view.members.begin(), view.members.end(),
                                    [&](const MemberInfo& one) { return one.id == member.id; });
               });
  return left;
}

// Whether its sender alone says that it has convicted, or gone on without, the member it is for.
// How many it went with has to be asked.
bool PartsFromReceiver(const VcMessage& message) {
  const auto* nack = std::get_if<Nack>(&message.body);
  return std::holds_alternative<Gone>(message.body) || (nack != nullptr && nack->convicted);
}

}  // namespace

void Membership::OnViewChangeMessage(const Turn& turn, const MemberId& from, Bytes body,
                                     Output& out) {
  const std::optional<VcMessage> message = DecodeVcMessage(body);
  if (!message) {
    ++stats_.malformed;
    return;
  }
  const bool votes = in_group() || view_change_.excluded();
  if (votes && view() != nullptr && message->view == view()->next) {
    const std::optional<Rank> rank = RankOf(*view(), from);
    if (!rank) {
      ++stats_.not_expected;
      return;
    }
    // Spec 4.87
    const bool steps_aside = options_.policy == Policy::kAvailable && turn.was_stopped &&
                             KindOf(role_) == RoleKind::kInGroup;
    const MemberInfo& sender = view()->members[*rank];
    if (steps_aside && WouldFollow(GoOnWithout(*view(), view_change_.self(), *message))) {
      return Exclude(turn.now, sender.name + " found it silent while it stood still", Duration(0),
                     out);
    }
    if (steps_aside && PartsFromReceiver(*message)) {
      if (merge_.MayAsk(turn.now)) AskSide(turn.now, sender.address, {}, true, out);
      return;
    }
    ViewChangeOutput changes;
    view_change_.OnMessage(turn, *rank, *message, changes);
    return Apply(turn, std::move(changes), out);
  }
  if (!previous_ || message->view != previous_->view()->next) {
    ++stats_.not_expected;
    return;
  }
  const std::optional<Rank> rank = RankOf(*previous_->view(), from);
  if (!rank) return;
  ViewChangeOutput answers;
  previous_->OnMessage(Turn{turn.now, previous_received_, turn.random}, *rank, *message, answers);
  SendFrames(*previous_, answers.messages, true, out);
}

void Membership::OnLifelineMessage(const Turn& turn, const LifelinePeer& from,
                                   wire::StreamMessage type, Bytes body, Output& out) {
  if (KindOf(role_) == RoleKind::kIdle || KindOf(role_) == RoleKind::kLeft) return;
  bool decoded = false;
  switch (type) {
    case wire::StreamMessage::kJoin:
      if (const auto request = DecodeJoinRequest(body)) {
        decoded = true;
        OnJoinRequest(turn, from, *request, out);
      }
      break;
    case wire::StreamMessage::kRefused:
      if (const auto answer = DecodeJoinAnswer(body)) {
        decoded = true;
        OnJoinAnswer(turn.now, from, *answer, out);
      }
      break;
    case wire::StreamMessage::kWelcome:
      if (auto welcome = DecodeWelcome(body)) {
        decoded = true;
        OnWelcome(turn, from, std::move(*welcome), out);
      }
      break;
    case wire::StreamMessage::kMerge:
      if (const auto message = DecodeMergeMessage(body)) {
        decoded = true;
        OnMergeMessage(turn.now, from, *message, out);
      }
      break;
    default:
      break;
  }
  if (!decoded) ++stats_.malformed;
}

void Membership::OnLifelineDown(Instant now, const Address& address, Output& out) {
  if (merge_.question() && merge_.question()->whom == address) merge_.EndQuestion(now);
  const auto* joining = std::get_if<role::Joining>(&role_);
  if (joining != nullptr && joining->whom == address) RetryLater(now, out);
}

void Membership::OnConviction(const Turn& turn, Rank rank, ViewCause cause,
                              const std::string& evidence, Output& out) {
  if (!in_group()) return;
  ViewChangeOutput changes;
  view_change_.Convict(turn, rank, cause, evidence, changes);
  Apply(turn, std::move(changes), out);
}

void Membership::OnHeardInView(Instant now, Rank rank) {
  if (view() == nullptr || rank >= view()->members.size()) return;
  view_change_.OnHeard(now, rank);
  const MemberId& id = view()->members[rank].id;
  const size_t heard =
      std::erase_if(newcomers_, [&](const Newcomer& newcomer) { return newcomer.id == id; });
  // Spec 4.88: it has its vote as soon as it is known to be there.
  const MemberInfo& member = view()->members[rank];
  const bool gains = heard > 0 && member.without_data && member.votes;
  if (gains && options_.policy == Policy::kPrimary)
    timers_.SetEarlier(Timer::kChanges, now + kVotesGather);
  if (previous_ && old_ranks_[rank] != kNoRank) previous_->OnHeardInNext(old_ranks_[rank]);
}

void Membership::OnAcceptedViewTraffic(const Turn& turn, const MemberId& from, Output& out) {
  if (view() == nullptr) return;
  if (view_change_.excluded()) {
    if (const auto rank = RankOf(*view(), from)) view_change_.OnHeardInNext(*rank);
    return;
  }
  if (!in_group() || !view_change_.accepted()) return;
  const std::optional<Rank> rank = RankOf(*view_change_.accepted()->proposal, from);
  if (!rank) return;
  ViewChangeOutput changes;
  view_change_.OnAcceptedViewTraffic(turn, *rank, changes);
  Apply(turn, std::move(changes), out);
}

void Membership::OnPeerProgress(const Turn& turn, Rank rank, uint16_t progress) {
  if (in_group()) view_change_.OnPeerProgress(turn, rank, progress);
}

void Membership::OnProgress(const Turn& turn, Output& out) {
  if (!in_group() && !view_change_.excluded()) return;
  ViewChangeOutput changes;
  view_change_.OnProgress(turn, changes);
  Apply(turn, std::move(changes), out);
}

void Membership::SetKeyEpoch(const Turn& turn, uint32_t held, Output& out) {
  ViewChangeOutput changes;
  view_change_.SetKeyEpoch(turn, held, changes);
  Apply(turn, std::move(changes), out);
}

// Spec 4.73.
void Membership::OnSynced(Instant now, const MemberId& id) {
  if (!in_group() || !RankOf(*view(), id)) return;
  if (!synced_.insert(id).second) return;
  if (id == self_.id) carries_state_ = true;
  if (options_.policy == Policy::kPrimary || view()->members.front().without_data) {
    timers_.SetEarlier(Timer::kChanges, now + kVotesGather);
  }
}

Instant Membership::NextDeadline() const {
  Instant next = timers_.Next();
  if (in_group() || view_change_.excluded()) next = std::min(next, view_change_.NextDeadline());
  if (previous_) next = std::min(next, previous_->NextDeadline());
  return next;
}

void Membership::OnTimer(const Turn& turn, Output& out) {
  if (previous_ && previous_->NextDeadline() <= turn.now) {
    ViewChangeOutput answers;
    previous_->OnTimer(Turn{turn.now, previous_received_, turn.random}, answers);
    SendFrames(*previous_, answers.messages, true, out);
  }
  if (timers_.TakeExpired(Timer::kPrevious, turn.now) && previous_) {
    if (previous_->AllHeardInNext() || !in_group()) {
      previous_.reset();
    } else {
      timers_.Set(Timer::kPrevious, turn.now + kPreviousKept);
    }
  }
  if ((in_group() || view_change_.excluded()) && view_change_.NextDeadline() <= turn.now) {
    ViewChangeOutput changes;
    view_change_.OnTimer(turn, changes);
    Apply(turn, std::move(changes), out);
    if (out.installation) return;
  }
  if (timers_.TakeExpired(Timer::kRole, turn.now)) OnRoleTimer(turn.now, out);
  if (timers_.TakeExpired(Timer::kMerge, turn.now)) OnMergeTimer(turn.now, out);
  if (timers_.TakeExpired(Timer::kHold, turn.now)) hold_ = Duration::zero();
  if (timers_.TakeExpired(Timer::kLeaveAgain, turn.now)) AskToLeave(turn, out);
  if (out.installation) return;
  if (timers_.TakeExpired(Timer::kJoiners, turn.now)) DropLostNewcomers(turn, out);
  if (out.installation) return;
  const bool batch_due = timers_.TakeExpired(Timer::kBatch, turn.now);
  if (timers_.TakeExpired(Timer::kChanges, turn.now) || batch_due) {
    SubmitChanges(turn, out);
    if (in_group() && !batch_.IsDue(turn.now)) timers_.Set(Timer::kBatch, batch_.NextDeadline());
  }
}

bool Membership::IsConsistent() const {
  if (in_group() && (view() == nullptr || !RankOf(*view(), self_.id))) return false;
  if (previous_ && !previous_->IsConsistent()) return false;
  if (view() != nullptr && !view_change_.IsConsistent()) return false;
  if (ancestors_.size() > kAncestorsMax || batch_.requests().size() > kPendingJoinsMax)
    return false;
  return view() == nullptr || old_ranks_.size() == view()->members.size();
}

}  // namespace cohort::membership

// Membership: two sides of one group find each other.
#include <algorithm>
#include <utility>

#include "membership/membership.h"

namespace cohort::membership {
namespace {

// From the other side's yes until this side must have decided to go.
constexpr Duration kGoWithin = milliseconds(1500);
// How long the other side keeps its door open for the rest of those who have
// begun to arrive.
constexpr Duration kSideArrivesWithin = milliseconds(1500);

}  // namespace

// Spec 4.87. Whether so few members of another side, `holders` of whom have the state, cannot be
// those who went on without this one. Who holds data does not follow those who do not.
bool Membership::AreFew(uint32_t members, uint32_t holders) const {
  if (2 * members < view()->members.size()) return true;
  if (self_.without_data || options_.policy == Policy::kPrimary) return false;
  return holders == 0 || 2 * holders < Side().weight;
}

// Spec 4.87. Whether `others` are enough to have gone on without this member: as a question to them
// would be judged, or by half of those that hold data or will: who holds the state alone convicts
// nobody for having gone on without it, and brings the state along when it comes back.
bool Membership::WouldFollow(const std::vector<MemberInfo>& others) const {
  if (others.empty()) return false;
  const auto holders = std::count_if(others.begin(), others.end(), [this](const MemberInfo& one) {
    return one.synced || synced_.contains(one.id);
  });
  if (!AreFew(static_cast<uint32_t>(others.size()), static_cast<uint32_t>(holders))) return true;
  const auto with_data = [](const std::vector<MemberInfo>& members) {
    return std::count_if(members.begin(), members.end(),
                         [](const MemberInfo& one) { return !one.without_data; });
  };
  return !self_.without_data && 2 * with_data(others) >= with_data(view()->members);
}

bool Membership::KnowsView(const ViewId& other) const {
  return other == view()->next ||
         std::find(ancestors_.begin(), ancestors_.end(), other) != ancestors_.end();
}

MergeMessage Membership::MakeMergeMessage(MergeMessage::Kind kind) const {
  const GroupSighting side = Side();
  MergeMessage message;
  message.kind = kind;
  message.group = options_.group;
  message.view = side.view;
  message.member = self_.id;
  message.address = self_.address;
  message.members = side.members;
  message.weight = side.weight;
  message.primary = side.primary;
  return message;
}

// Spec 4.80, 4.81, 4.86.
void Membership::ConsiderSide(Instant now, const GroupSighting& sighting, bool was_stopped,
                              Output& out) {
  if (KindOf(role_) != RoleKind::kInGroup || terminal_ || KnowsView(sighting.view)) return;
  if (!merge_.MayAsk(now)) return;
  const bool is_primary = options_.policy == Policy::kPrimary;
  // It may have been excluded and come back meanwhile.
  const bool is_fellow =
      std::any_of(view()->members.begin(), view()->members.end(), [&](const MemberInfo& member) {
        return member.id.instance == sighting.coordinator.instance;
      });
  // Of a few that went off alone this member, too, could say that they went on without it.
  const bool is_most = !AreFew(sighting.members, sighting.weight);
  const bool descent = is_primary || (is_fellow && was_stopped && is_most);
  if (is_primary) {
    if (!sighting.primary) return;
  } else if (!descent) {
    // A member of this very view that seems to be elsewhere: the view change or failure detection
    // will tell.
    if (is_fellow) return;
    if (!IsCoordinator() || IsStronger(Side(), sighting)) return;
    if (IsHeldBack(now, sighting, out)) return;
    Report(now, EventKind::kMerging,
           "another side of the group, view " + sighting.view.ToString() + " with " +
               std::to_string(sighting.members) + " members, goes on; this side asks to join it",
           out, sighting.coordinator);
  }
  AskSide(now, sighting.address, sighting.view, descent, out);
}

void Membership::AskSide(Instant now, const Address& whom, const ViewId& target, bool descent,
                         Output& out) {
  MergeMessage question =
      MakeMergeMessage(descent ? MergeMessage::Kind::kDescent : MergeMessage::Kind::kRequest);
  question.target = target;
  ++stats_.merges_asked;
  Send(whom, wire::StreamMessage::kMerge, Encode(question), out);
  merge_.Ask(now, whom, view()->next, descent);
  timers_.Set(Timer::kMerge, merge_.question()->until);
}

// Spec 4.87. Whoever it is that coordinates there: a member of this view, silent here, has said it.
bool Membership::OnElsewhere(Instant now, const GroupSighting& sighting, Output& out) {
  if (KindOf(role_) != RoleKind::kInGroup || terminal_ || KnowsView(sighting.view)) return false;
  if (options_.policy == Policy::kPrimary && !sighting.primary) return false;
  if (sighting.view == not_descended_ || AreFew(sighting.members, sighting.weight)) {
    if (sighting.view != AcceptedView()) NoteParted(sighting.address, out);
    return false;
  }
  if (merge_.MayAsk(now)) AskSide(now, sighting.address, sighting.view, true, out);
  return merge_.question() && merge_.question()->descent;
}

// Spec 7.5. A newcomer may still be about to hear its welcome.
void Membership::OnInNoView(const MemberId& who, const Address& address, Output& out) const {
  if (!in_group() || (RankOf(*view(), who) && !IsHeard(who))) return;
  NoteParted(address, out);
}

// Spec 7.4. Of another attempt of a member other messages say more.
void Membership::OnSeen(const MemberInfo& who, Output& out) const {
  if (!in_group()) return;
  const auto& members = view()->members;
  const bool is_member = std::any_of(members.begin(), members.end(), [&](const MemberInfo& member) {
    return member.id.instance == who.id.instance;
  });
  if (!is_member) NoteReplaced(who, out);
}

// Spec 7.5.
void Membership::NoteParted(const Address& address, Output& out) const {
  for (size_t i = 0; i < view()->members.size(); ++i) {
    if (view()->members[i].address == address) out.parted.push_back(static_cast<Rank>(i));
  }
}

// Spec 4.76. The other side is heard again every second.
bool Membership::IsHeldBack(Instant now, const GroupSighting& sighting, Output& out) {
  if (hold_ == Duration::zero()) return false;
  if (std::exchange(hold_told_, true)) return true;
  Report(now, EventKind::kWarning,
         "another side of the group, view " + sighting.view.ToString() +
             ", is heard, but this member has come back " + std::to_string(flaps_.times()) +
             " times lately, as over a link that comes and goes: its side asks again " +
             std::to_string(hold_ / seconds(1)) +
             " s after the last time. Look at cables, switches and power saving",
         out, sighting.coordinator);
  return true;
}

void Membership::OnMergeMessage(Instant now, const LifelinePeer& from, const MergeMessage& message,
                                Output& out) {
  if (message.group != options_.group || message.member.instance != from.instance) {
    ++stats_.not_expected;
    return;
  }
  switch (message.kind) {
    case MergeMessage::Kind::kRequest:
    case MergeMessage::Kind::kDescent:
      return OnMergeQuestion(now, from, message, out);
    case MergeMessage::Kind::kOk:
    case MergeMessage::Kind::kNo:
    case MergeMessage::Kind::kDescends:
    case MergeMessage::Kind::kUnrelated:
      return OnMergeAnswer(now, from, message, out);
  }
}

void Membership::OnMergeQuestion(Instant now, const LifelinePeer& from,
                                 const MergeMessage& question, Output& out) {
  MergeMessage answer = MakeMergeMessage(MergeMessage::Kind::kNo);
  answer.target = question.view;
  if (question.kind == MergeMessage::Kind::kDescent) {
    JudgeDescent(question, answer);
  } else {
    answer.text = JudgeMergeRequest(now, question);
    if (answer.text.empty()) {
      answer.kind = MergeMessage::Kind::kOk;
      ++stats_.merges_granted;
      merge_.Promise(now);
      batch_.Expect(question.view, question.members, now + kSideArrivesWithin);
      Report(now, EventKind::kMerging,
             "another side of the group, view " + question.view.ToString() + " with " +
                 std::to_string(question.members) + " members, joins this one",
             out, question.member);
    }
  }
  Send(from.address, wire::StreamMessage::kMerge, Encode(answer), out);
}

// Spec 4.82. Empty when the other side may come.
std::string Membership::JudgeMergeRequest(Instant now, const MergeMessage& request) const {
  if (KindOf(role_) != RoleKind::kInGroup || !IsCoordinator()) return "not a coordinator";
  if (options_.policy == Policy::kPrimary) return "groups with quorums do not merge";
  const auto& question = merge_.question();
  if (terminal_ || (question && question->until > now)) return "this side is about to go itself";
  if (KnowsView(request.view)) return "that view is part of this one's history";
  const GroupSighting theirs{request.member,  request.address, request.view,
                             request.members, request.weight,  request.primary};
  if (!IsStronger(Side(), theirs)) return "that side is the stronger one";
  return {};
}

// Spec 4.86, 4.87. Only what cannot change while both views stand is kUnrelated.
void Membership::JudgeDescent(const MergeMessage& question, MergeMessage& answer) const {
  answer.kind = MergeMessage::Kind::kNo;
  if (!in_group() || view_change_.halted()) {
    answer.text = "this side has no quorum either";
  } else if (RankOf(*view(), question.member)) {
    answer.text = "the asker is a member of this view";
  } else if (std::find(ancestors_.begin(), ancestors_.end(), question.view) != ancestors_.end()) {
    answer.kind = MergeMessage::Kind::kDescends;
  } else {
    answer.kind = MergeMessage::Kind::kUnrelated;
    answer.text = "this view does not descend from that one";
  }
}

void Membership::OnMergeAnswer(Instant now, const LifelinePeer& from, const MergeMessage& answer,
                               Output& out) {
  const auto& question = merge_.question();
  const bool expected = question && question->whom == from.address && in_group() &&
                        question->own_view == view()->next && answer.target == view()->next;
  if (!expected) {
    ++stats_.not_expected;
    return;
  }
  const bool descent = question->descent;
  merge_.EndQuestion(now);
  if (answer.kind == MergeMessage::Kind::kUnrelated && descent) {
    not_descended_ = answer.view;
    // Spec 4.86: it has no vote that its view could miss, and no state.
    const bool leaves_nothing = !self_.votes && view_change_.halted() && answer.primary;
    if (!leaves_nothing) return;
    return Exclude(now, "its view has no quorum, and view " + answer.view.ToString() + " has one",
                   Duration(0), out);
  }
  if (answer.kind == MergeMessage::Kind::kDescends && descent) {
    // Of a few that went off alone this member could say the same. Quorums are never so few.
    const bool are_few = AreFew(answer.members, answer.weight);
    if (are_few && options_.policy == Policy::kAvailable) return;
    return Exclude(now, "view " + answer.view.ToString() + " descends from its own", Duration(0),
                   out);
  }
  // Spec 4.83
  if (answer.kind != MergeMessage::Kind::kOk || descent || !IsCoordinator()) return;
  terminal_ = Terminal{answer.view, answer.member, answer.address};
  timers_.Set(Timer::kMerge, now + kGoWithin);
  timers_.Set(Timer::kChanges, now);
}

void Membership::OnMergeTimer(Instant now, Output& out) {
  if (merge_.question() && merge_.question()->until <= now) merge_.EndQuestion(now);
  if (!terminal_) return;
  terminal_.reset();  // The promise ends soon, and nobody has agreed to go.
  timers_.Set(Timer::kChanges, now);
  Report(now, EventKind::kWarning,
         "the merge was given up: this side could not agree to go in time", out);
}

// Spec 4.84.
void Membership::GoToOtherSide(Instant now, const Proposal& terminal, Output& out) {
  came_from_ = terminal.previous;
  carries_state_ = !self_.without_data;
  // Groups that formed apart and find each other one by one are no flapping link.
  if (std::exchange(parted_, false)) {
    hold_ = flaps_.Note(now);
    hold_told_ = false;
    if (hold_ > Duration::zero()) timers_.Set(Timer::kHold, now + hold_);
  }
  for (const JoinRequest& request : batch_.requests()) {
    JoinAnswer answer;
    answer.kind = JoinAnswer::Kind::kRedirect;
    answer.join_no = request.member.id.join_no;
    answer.address = terminal.terminal->address;
    Send(request.member.address, wire::StreamMessage::kRefused, Encode(answer), out);
  }
  batch_.Clear();
  newcomers_.clear();
  if (KindOf(role_) == RoleKind::kLeaving) return FinishLeaving(now, out);
  AskToJoin(now, terminal.terminal->address, 0, out);
  out.search = SearchOrder{self_.id, carries_state_, MayForm()};
}

}  // namespace cohort::membership

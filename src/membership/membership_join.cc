// Membership: searching, asking to join, admitting, welcoming.
#include <algorithm>
#include <utility>

#include "membership/membership.h"

namespace cohort::membership {
namespace {

constexpr Duration kAnswerWithin = seconds(1);
constexpr Duration kAfterPending = seconds(2);
constexpr Duration kAttemptMax = seconds(5);
constexpr Duration kRetryMin = milliseconds(50);
constexpr Duration kRetryMax = seconds(2);
constexpr Duration kRetryRefused = seconds(5);
constexpr Duration kSameRefusalToldEvery = seconds(5);
constexpr uint32_t kRedirectsMax = 4;

}  // namespace

void Membership::Start(Instant now, const MemberInfo& self, Output& out) {
  if (KindOf(role_) != RoleKind::kIdle) return;
  self_ = self;
  self_.id.join_no = std::max<uint32_t>(self.id.join_no, 1);
  self_.weight = 0;
  self_.synced = false;
  if (!IsValidName(self_.name)) {
    Report(now, EventKind::kRefused,
           "the member's name is not valid: use letters, digits or any of . _ "
           "- : @ /",
           out);
    SetRole(role::Left{});
    out.left = true;
    return;
  }
  Search(now, out);
}

bool Membership::MayForm() const {
  if (refused_for_good_ || self_.without_data) return false;
  if (options_.policy == Policy::kAvailable) return true;
  // Spec 4.62: a group with quorums begins once; who was a member can only go
  // back to it.
  return !was_member_ && (options_.bootstrap || options_.initial_members > 0);
}

void Membership::Search(Instant now, Output& out) {
  SetRole(role::Discovering{now});
  sighted_.reset();
  out.search = SearchOrder{self_.id, carries_state_, MayForm()};
}

void Membership::RetryLater(Instant now, Output& out) {
  const Duration longest = std::min<Duration>(
      kRetryMax, milliseconds(100) * (1 << std::min<uint32_t>(failed_joins_, 5)));
  ++failed_joins_;
  Search(now, out);
  const Instant ask_from =
      now + (refused_for_good_ ? kRetryRefused : random_.Between(kRetryMin, longest));
  std::get<role::Discovering>(role_).ask_from = ask_from;
  timers_.Set(Timer::kRole, ask_from);
}

// Spec 4.62.
void Membership::OnFormGroup(Instant now, Output& out) {
  const auto* discovering = std::get_if<role::Discovering>(&role_);
  if (discovering == nullptr || now < discovering->ask_from || !MayForm()) return;
  auto proposal = std::make_shared<Proposal>();
  proposal->next = {last_num_ + 1, random_.Next()};
  MemberInfo founder = self_;
  founder.weight = 1;
  founder.synced = true;
  proposal->members.push_back(founder);
  proposal->joined.push_back({self_.id, ViewCause::kFormed, "no member of the group answered"});
  if (options_.tie_breaker == self_.name) proposal->tie_breaker = self_.id;
  ancestors_.clear();
  BeginView(now, std::move(proposal), true, 0, out);
}

void Membership::OnSighting(Instant now, const GroupSighting& sighting, bool was_stopped,
                            Output& out) {
  // Also not of a process that was at this address before.
  if (sighting.coordinator.instance == self_.id.instance || sighting.address == self_.address)
    return;
  if (in_group()) return ConsiderSide(now, sighting, was_stopped, out);
  const auto* discovering = std::get_if<role::Discovering>(&role_);
  if (discovering == nullptr) return;
  if (options_.policy == Policy::kPrimary && !sighting.primary) return;
  if (now < discovering->ask_from) {
    if (!sighted_ || IsStronger(sighting, *sighted_)) sighted_ = sighting;
    return;
  }
  AskToJoin(now, sighting.address, 0, out);
}

// Spec 4.61: every attempt is a new member id, so that what an earlier one left
// behind cannot be taken for it.
void Membership::AskToJoin(Instant now, const Address& whom, uint32_t redirects, Output& out) {
  const bool merging = in_group();  // Its view was ended so that all of it goes to `whom`.
  if (std::exchange(asked_, true) || was_member_) ++self_.id.join_no;
  ++stats_.joins_asked;
  JoinRequest request;
  request.group = options_.group;
  request.level_min = kFeatureLevel;
  request.level_max = kFeatureLevel;
  request.policy = options_.policy;
  request.member = self_;
  request.last_num = last_num_;
  refused_for_good_ = false;
  request.carries_state = carries_state_;
  request.merging = merging;
  if (carries_state_ || merging) request.came_from = came_from_;
  Send(whom, wire::StreamMessage::kJoin, Encode(request), out);
  SetRole(role::Joining{whom, now + kAnswerWithin, now + kAttemptMax, redirects});
  timers_.Set(Timer::kRole, now + kAnswerWithin);
  if (refusal_ && refusal_->by == whom) return;  // One more try; its outcome is told if it differs.
  Report(now, EventKind::kJoining, "asked " + whom.ToString() + " to let this member in", out);
}

void Membership::OnJoinAnswer(Instant now, const LifelinePeer& from, const JoinAnswer& answer,
                              Output& out) {
  auto* joining = std::get_if<role::Joining>(&role_);
  if (joining == nullptr || joining->whom != from.address || answer.join_no != self_.id.join_no) {
    ++stats_.not_expected;
    return;
  }
  switch (answer.kind) {
    case JoinAnswer::Kind::kPending:
      joining->give_up_at = std::min(now + kAfterPending, joining->give_up_for_good);
      timers_.Set(Timer::kRole, joining->give_up_at);
      return;
    case JoinAnswer::Kind::kRedirect: {
      const uint32_t redirects = joining->redirects + 1;
      if (redirects > kRedirectsMax || answer.address == self_.address) return RetryLater(now, out);
      return AskToJoin(now, answer.address, redirects, out);
    }
    case JoinAnswer::Kind::kRefused:
      refused_for_good_ = answer.final;
      ReportRefusal(now, from.address, answer.text, out);
      return RetryLater(now, out);
  }
}

void Membership::ReportRefusal(Instant now, const Address& by, const std::string& text,
                               Output& out) {
  const bool told = refusal_ && refusal_->by == by && refusal_->text == text &&
                    now - refusal_->told_at < kSameRefusalToldEvery;
  if (told) return;
  refusal_ = Refusal{by, text, now};
  Report(now, EventKind::kRefused, "by " + by.ToString() + ": " + text, out);
}

// ---- Admitting ----

void Membership::OnJoinRequest(const Turn& turn, const LifelinePeer& from,
                               const JoinRequest& request, Output& out) {
  if (request.member.id.instance != from.instance) {
    ++stats_.not_expected;
    return;
  }
  if (request.leave) return OnLeaveRequest(turn.now, request, out);
  const auto answer = JudgeJoin(turn.now, request, out);
  if (!answer) return;
  if (answer->kind == JoinAnswer::Kind::kRefused) ++stats_.joins_refused;
  Send(from.address, wire::StreamMessage::kRefused, Encode(*answer), out);
}

// Spec 4.63 to 4.66. What to answer; nothing when the answer was a welcome.
std::optional<JoinAnswer> Membership::JudgeJoin(Instant now, const JoinRequest& request,
                                                Output& out) {
  JoinAnswer answer;
  answer.join_no = request.member.id.join_no;
  answer.kind = JoinAnswer::Kind::kRedirect;
  if (terminal_) {
    answer.address = terminal_->address;
    return answer;
  }
  if (const auto* joining = std::get_if<role::Joining>(&role_)) {
    answer.address = joining->whom;
    return answer;
  }
  answer.kind = JoinAnswer::Kind::kRefused;
  if (!in_group()) {
    answer.text = "this process is in no group itself at the moment";
    return answer;
  }
  if (RankOf(*view(), request.member.id)) {  // Its welcome was lost, or crossed
                                             // this request.
    SendWelcome(now, request.member.address, out);
    return std::nullopt;
  }
  // Whoever was at its address: an earlier attempt of its own, or a process that it has replaced.
  // Groups of one process share theirs.
  if (request.group == options_.group) {
    NoteParted(request.member.address, out);
    NoteReplaced(request.member, out);
  }
  if (view_change_.halted()) {
    answer.text = "the group has no quorum: start the members that are missing";
    return answer;
  }
  if (!IsCoordinator()) {
    answer.kind = JoinAnswer::Kind::kRedirect;
    answer.address = CoordinatorInfo().address;
    return answer;
  }
  batch_.ForgetStale(now);
  const AdmissionRules rules{options_.group, options_.policy, options_.members_max};
  if (auto refusal = JudgeAdmission(request, rules, view()->members, view_change_.convicted(),
                                    batch_.requests())) {
    return refusal;
  }
  if (!batch_.Add(now, request)) {
    answer.text = "too many processes ask to join at once: ask again";
    return answer;
  }
  timers_.Set(Timer::kBatch, batch_.NextDeadline());
  for (Newcomer& newcomer : newcomers_) {
    if (newcomer.id.instance != request.member.id.instance) continue;
    newcomer.asks_anew = true;
    // Just after the view change that replaces it has begun, so that it does not take two.
    newcomer.lost_at = batch_.NextDeadline() + milliseconds(1);
    timers_.SetEarlier(Timer::kJoiners, newcomer.lost_at);
  }
  answer.kind = JoinAnswer::Kind::kPending;
  return answer;
}

// Spec 7.4. Not by a request that is older than the member: it has waited somewhere.
void Membership::NoteReplaced(const MemberInfo& by, Output& out) const {
  for (size_t i = 0; i < view()->members.size(); ++i) {
    const MemberInfo& member = view()->members[i];
    if (member.address != by.address || member.id == self_.id) continue;
    // Of the same one's earlier attempt, spec 4.68 says what becomes if it was never heard.
    const bool is_older = member.id.instance == by.id.instance
                              ? member.id.join_no < by.id.join_no && IsHeard(member.id)
                              : member.incarnation < by.incarnation;
    if (is_older) out.replaced.push_back(static_cast<Rank>(i));
  }
}

// ---- Newcomers ----

std::vector<Carrier> Membership::CarriersAmong(const Proposal& proposal) const {
  std::vector<Carrier> carriers;
  for (const ProposedChange& change : proposal.joined) {
    if (change.cause != ViewCause::kMerged) continue;
    if (const auto view = CarrierFrom(change.evidence)) carriers.push_back({change.member, *view});
  }
  return carriers;
}

void Membership::AwaitNewcomers(Instant now, const Proposal& proposal, bool fresh) {
  if (fresh) newcomers_.clear();
  std::erase_if(newcomers_, [&](const Newcomer& n) { return !RankOf(proposal, n.id); });
  for (Newcomer& newcomer : newcomers_) newcomer.lost_at = now + options_.newcomer_heard_within;
  for (const ProposedChange& change : proposal.joined) {
    const auto rank = RankOf(proposal, change.member);
    if (!rank || change.member == self_.id) continue;
    newcomers_.push_back(
        {change.member, proposal.members[*rank].address, now + options_.newcomer_heard_within});
  }
  if (!newcomers_.empty()) timers_.Set(Timer::kJoiners, now + options_.newcomer_heard_within);
}

// Spec 4.67.
void Membership::WelcomeNewcomers(Instant now, Output& out) {
  for (Newcomer& newcomer : newcomers_) {
    newcomer.lost_at = now + options_.newcomer_heard_within;
    SendWelcome(now, newcomer.address, out);
    ++stats_.joins_admitted;
  }
}

void Membership::SendWelcome(Instant now, const Address& to, Output& out) const {
  Welcome welcome;
  welcome.proposal = view();
  welcome.group_time_ms = static_cast<uint64_t>(group_clock_offset_ms_ + now.nanos() / 1'000'000);
  welcome.ancestors.assign(ancestors_.begin(), ancestors_.end());
  Send(to, wire::StreamMessage::kWelcome, Encode(welcome), out);
}

// Spec 4.68: until it is heard, whatever waits for all members waits for it.
void Membership::DropLostNewcomers(const Turn& turn, Output& out) {
  std::vector<Newcomer> lost;
  for (Newcomer& newcomer : newcomers_) {
    if (newcomer.lost_at > turn.now) continue;
    newcomer.lost_at = turn.now + options_.newcomer_heard_within;
    // After a stop what it has said may wait to be read.
    if (IsCoordinator() && (newcomer.asks_anew || !turn.was_stopped)) lost.push_back(newcomer);
  }
  Instant next = Instant::Infinite();
  for (const Newcomer& newcomer : newcomers_) next = std::min(next, newcomer.lost_at);
  timers_.Set(Timer::kJoiners, next);
  for (const Newcomer& newcomer : lost) {
    const auto rank = RankOf(*view(), newcomer.id);
    if (!rank || view_change_.convicted().Contains(*rank)) continue;
    ++stats_.joiners_lost;
    if (newcomer.asks_anew) {
      OnConviction(turn, *rank, ViewCause::kReplaced, "did not hear its welcome, and asks anew",
                   out);
    } else {
      OnConviction(turn, *rank, ViewCause::kSlow, "welcomed, but not heard since", out);
    }
    if (out.installation) return;
  }
}

void Membership::OnWelcome(const Turn& turn, const LifelinePeer& from, Welcome welcome,
                           Output& out) {
  const RoleKind kind = KindOf(role_);
  const Proposal& proposal = *welcome.proposal;
  const bool asks = kind == RoleKind::kJoining || (kind == RoleKind::kDiscovering && asked_);
  const bool sender_is_in =
      std::any_of(proposal.members.begin(), proposal.members.end(),
                  [&](const MemberInfo& member) { return member.id.instance == from.instance; });
  if (!asks || !sender_is_in || !RankOf(proposal, self_.id) || proposal.terminal ||
      proposal.next.num <= last_num_) {
    ++stats_.not_expected;
    return;
  }
  if (view() != nullptr) previous_received_ = turn.received;
  ancestors_.assign(welcome.ancestors.begin(), welcome.ancestors.end());
  BeginView(turn.now, welcome.proposal, true, welcome.group_time_ms, out);
}

}  // namespace cohort::membership

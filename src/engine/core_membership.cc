// Membership asked and obeyed: wedge, fetch, install, exclusion, the mesh of lifelines.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/core.h"

namespace cohort::engine {

namespace {

constexpr Duration kMeshInterval = milliseconds(500);

security::ViewContext ContextOf(const membership::Proposal& proposal, Rank self) {
  security::ViewContext context;
  context.id = proposal.next;
  for (const MemberInfo& member : proposal.members) context.members.push_back(member.id);
  context.self = self;
  return context;
}

Packetizer::Route RouteOf(const std::vector<MemberInfo>& members, Rank self) {
  Packetizer::Route route;
  for (const MemberInfo& member : members) route.addresses.push_back(member.address);
  route.self = self;
  if (self < members.size()) route.self_id = members[self].id;
  return route;
}

std::string NamesOf(const std::vector<MemberChange>& changes) {
  return absl::StrJoin(changes, ", ", [](std::string* text, const MemberChange& change) {
    absl::StrAppend(text, change.member.name, " (", ToString(change.cause), ")");
  });
}

Event ViewEventOf(Instant now, const View& view) {
  Event event;
  event.kind = EventKind::kView;
  event.at_ns = now.nanos();
  event.view = view.id;
  event.number = static_cast<int64_t>(view.members.size());
  event.text = absl::StrJoin(view.members, ", ", [](std::string* text, const Member& member) {
    absl::StrAppend(text, member.name);
  });
  if (!view.joined.empty()) absl::StrAppend(&event.text, "; joined: ", NamesOf(view.joined));
  if (!view.left.empty()) absl::StrAppend(&event.text, "; left: ", NamesOf(view.left));
  if (!view.primary) event.text += "; no quorum";
  return event;
}

// For each of `members` its rank among those of the view before, if it was there as the same one.
std::vector<std::optional<Rank>> RanksBefore(const std::vector<MemberInfo>& members,
                                             const std::vector<MemberInfo>& before) {
  std::vector<std::optional<Rank>> ranks(members.size());
  for (Rank rank = 0; rank < members.size(); ++rank) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const MemberInfo& member) {
      return member.id == members[rank].id;
    });
    if (known != before.end()) ranks[rank] = static_cast<Rank>(known - before.begin());
  }
  return ranks;
}

}  // namespace

void Engine::Core::AskMembership(Instant now,
                                 absl::FunctionRef<void(const membership::Turn&)> ask) {
  if (left_) return;
  const std::vector<SeqNo> received = plane_.Received();
  ask(membership::Turn{.now = now,
                       .received = received,
                       .random = random_,
                       .synced = replica_.HoldsState(),
                       .was_stopped = failure_.WasStopped(now)});
  ApplyMembership(now);
}

void Engine::Core::ApplyMembership(Instant now) {
  membership::MembershipOutput answer = std::exchange(membership_out_, {});
  if (answer.wedge) {
    plane_.Wedge();
    replica_.OnWedged();
  }
  SendControlFrames(now, answer.frames);
  for (membership::LifelineMessage& message : answer.lifelines) {
    lifelines_.SendTo(now, message.to, message.type, message.body, turn_.streams);
  }
  for (Event& event : answer.events) AddUpcall(EventUpcall{std::move(event)});
  for (const Rank rank : answer.parted) failure_.OnParted(now, rank);
  for (const Rank rank : answer.replaced) failure_.OnReplaced(now, rank);
  for (const membership::Conviction& conviction : answer.convicted) {
    if (conviction.rank >= view_infos_.size()) continue;
    plane_.SetSuspected(conviction.rank, true);
    Trace(options_.trace, TraceKind::kConvicted, [&](TraceRecord& record) {
      record.view = view_.id;
      record.subject = view_infos_[conviction.rank].id;
      record.cause = conviction.cause;
      record.text = conviction.evidence;
    });
  }
  if (answer.fetch.has_value() && plane_.wedged()) {
    plane_.FetchTo(now, std::move(answer.fetch->trim), std::move(answer.fetch->holders),
                   plane_out_);
    AfterPlane(now);
  }
  if (answer.halted || answer.resumed) {
    halted_ = answer.halted;
    Trace(options_.trace, halted_ ? TraceKind::kHalted : TraceKind::kResumed,
          [&](TraceRecord& record) { record.view = view_.id; });
  }
  if (answer.excluded) {
    member_ = false;
    plane_.Wedge();
    LoseCommands();
    replica_.OnExcluded();
    Trace(options_.trace, TraceKind::kExcluded,
          [&](TraceRecord& record) { record.view = view_.id; });
  }
  if (answer.installation.has_value()) Install(now, *answer.installation);
  if (answer.search.has_value()) {
    member_ = false;
    self_.id = answer.search->self;
    lifelines_.SetSelf({.id = self_.id, .address = self_.address, .name = self_.name},
                       turn_.streams);
    security_.SetJoinNo(self_.id.join_no);
    discovery::Self self{.id = self_.id,
                         .name = self_.name,
                         .address = self_.address,
                         .incarnation = incarnation_,
                         .carries_state = answer.search->carries_state,
                         .may_form = answer.search->may_form};
    discovery_.Search(now, self, discovery_out_);
  }
  UpdateAccepted();
  if (answer.left) EndAsLeft();
  if (answer.search.has_value()) AfterDiscovery(now);
}

// The group goes on without this member: nobody tells it what became of what it had under way.
void Engine::Core::LoseCommands() {
  pending_.OnExcluded(turn_.upcalls);
  verifications_.OnExcluded(turn_.upcalls);
  marks_.Clear();
  fences_.Release(absl::UnknownError("the group went on without this member after the claim"),
                  turn_.upcalls);
}

void Engine::Core::EndAsLeft() {
  left_ = true;
  member_ = false;
  discovery_.Stop();
  const absl::Status left = absl::CancelledError("this member has left the group");
  pending_.FailAll(left, turn_.upcalls);
  verifications_.FailAll(left, turn_.upcalls);
  for (const transfer::Reads::Waiting& read : reads_.TakeAll())
    AddUpcall(DoneUpcall{.command = read.id, .status = left});
  marks_.Clear();
  fences_.Release(left, turn_.upcalls);
  plane_.ClearQueue();
  packetizer_.Flush(turn_.packets);
  lifelines_.CloseAll(turn_.streams);
  if (leave_command_ != 0) AddUpcall(DoneUpcall{.command = leave_command_});
}

void Engine::Core::SendControlFrames(Instant now, std::vector<wire::OutFrame>& frames) {
  for (wire::OutFrame& frame : frames) {
    const auto* control = std::get_if<wire::ControlFrame>(&frame.frame);
    if (control == nullptr || control->body.size() <= wire::kControlBodyMax) {
      packetizer_.Add(frame, turn_.packets);
      continue;
    }
    // Too large for a datagram: by lifeline to each receiver.
    const membership::ViewChange<>* change =
        frame.previous_view ? membership_.previous() : &membership_.view_change();
    if (change == nullptr || change->view() == nullptr) continue;
    const std::vector<MemberInfo>& members = change->view()->members;
    for (Rank rank = 0; rank < members.size(); ++rank) {
      if (rank == change->self() || (frame.to != kAllRanks && frame.to != rank)) continue;
      lifelines_.SendTo(now, members[rank].address, wire::StreamMessage::kControl, control->body,
                        turn_.streams);
    }
  }
}

void Engine::Core::Install(Instant now, const membership::Installation& installation) {
  if (!installation.fresh) {
    closing_ = true;
    replica_.OnClosing();
    plane_.CloseView(now, installation.proposal->trim, plane_out_);
    AfterPlane(now);
    closing_ = false;
  } else {
    plane_.Abandon();
    plane_out_ = {};
    // What the side that ended has not acknowledged reaches the other side by the merge, or not:
    // nobody here can tell.
    LoseCommands();
    written_.clear();
    if (replica_.synced()) replica_.OnExcluded();
  }
  // What belongs to the view that ends is sealed for it before it is gone.
  packetizer_.Flush(turn_.packets);
  const std::vector<MemberInfo> before = std::move(view_infos_);
  view_infos_ = installation.proposal->members;
  with_data_.clear();
  for (Rank rank = 0; rank < view_infos_.size(); ++rank) {
    if (!view_infos_[rank].without_data) with_data_.push_back(rank);
  }
  rank_ = installation.self;
  self_.id = view_infos_[rank_].id;
  InstallSecurity(installation);
  packetizer_.SetRoutes(RouteOf(view_infos_, rank_),
                        RouteOf(before, previous_context_ ? previous_context_->self : kNoRank));
  BeginView(now, installation, before);
}

void Engine::Core::InstallSecurity(const membership::Installation& installation) {
  previous_context_ =
      std::exchange(current_context_, ContextOf(*installation.proposal, installation.self));
  accepted_ = {};
  lifelines_.SetSelf({.id = self_.id, .address = self_.address, .name = self_.name}, turn_.streams);
  security_.SetJoinNo(self_.id.join_no);
  security_.SetViews(current_context_, previous_context_, {});
}

void Engine::Core::TellView(Instant now) {
  AddUpcall(ViewUpcall{view_});
  AddUpcall(EventUpcall{ViewEventOf(now, view_)});
}

void Engine::Core::BeginView(Instant now, const membership::Installation& installation,
                             const std::vector<MemberInfo>& before) {
  view_ = installation.view;
  member_ = true;
  halted_ = false;
  terminal_ = installation.terminal;
  traced_promise_ = 0;
  if (installation.fresh && !installation.formed) {
    clock_.Set(now, static_cast<int64_t>(
                        std::min<uint64_t>(installation.group_time_ms, uint64_t{1} << 47)));
  }
  membership_.SetGroupClock(now, static_cast<uint64_t>(clock_.NowMs(now)));
  Trace(options_.trace, TraceKind::kViewInstalled, [&](TraceRecord& record) {
    record.view = view_.id;
    record.previous = installation.fresh ? ViewId{} : installation.proposal->previous;
    record.members = current_context_->members;
    if (!installation.fresh) record.trim = installation.proposal->trim;
    record.key_epoch = installation.proposal->key_epoch;
    record.origin = rank_;
    record.subject = self_.id;
    record.flag = view_.primary;
    if (replica_.synced()) record.digest = replica_.maps()->ConvergentDigest().lo;
  });
  TellView(now);
  // What was judged in the view before, earlier in this turn, names ranks that mean others now. The
  // evidence is kept and judged again.
  failure_out_ = {};
  plane_.OnView(now, view_.id, rank_, view_infos_.size(), plane_out_);
  pieces_.Clear();
  size_.OnView(now, rank_, view_infos_);
  OfferSize();
  lag_.OnView(RanksBefore(view_infos_, before));
  write_timer_.OnView();
  if (installation.fresh) failure_.Forget();
  failure_.OnView(now, rank_, view_infos_, failure_out_);
  PendingCommands::Continuing continuing;
  for (Rank rank = 0; rank < view_infos_.size() && !installation.fresh; ++rank) {
    const bool continues = std::any_of(before.begin(), before.end(), [&](const MemberInfo& member) {
      return member.id == view_infos_[rank].id;
    });
    if (!continues || rank == rank_) continue;
    continuing.all.push_back(rank);
    if (!view_infos_[rank].without_data) continuing.with_data.push_back(rank);
  }
  pending_.OnView(std::move(continuing), {members(), members_with_data()}, turn_.upcalls);
  verifications_.OnView(view_infos_, turn_.upcalls);
  marks_.Clear();
  fences_.OnView(turn_.upcalls);
  acks_moved_ = true;

  Replica::ViewInfo info{
      .id = view_.id, .self = self_.id, .members = view_infos_, .joined = installation.fresh};
  info.operations_queued = pending_.QueuedOfReplica();
  info.carriers.reserve(installation.carriers.size());
  for (const membership::Carrier& carrier : installation.carriers) {
    info.carriers.push_back({carrier.member, carrier.came_from});
  }
  std::vector<InstanceId> instances;
  instances.reserve(view_infos_.size());
  for (const MemberInfo& member : view_infos_) instances.push_back(member.id.instance);
  lifelines_.Retain(std::move(instances));
  KeepMesh(now);
  Replica::Output replica_out;
  replica_.OnView(now, info, ReplicaHlc(now), replica_out);
  settling_.OnView(replica_.synced() && replica_.is_quiet() ? replica_.greatest() : 0);
  epoch_ = replica_.epoch();
  AfterReplica(now, replica_out);
  UpdateDiscovery(now);
  AfterPlane(now);
  AfterFailure(now);
}

void Engine::Core::UpdateDiscovery(Instant now) {
  std::vector<Address> addresses;
  for (const MemberInfo& member : view_infos_) {
    if (member.address != self_.address) addresses.push_back(member.address);
  }
  discovery::Self self{.id = self_.id,
                       .name = self_.name,
                       .address = self_.address,
                       .incarnation = incarnation_,
                       .carries_state = !options_.without_data,
                       .may_form = false};
  discovery_.SetCoordinatorSilent(false);
  discovery_.OnMember(now, self, {.rank = rank_, .side = membership_.Side()}, addresses,
                      discovery_out_);
  AfterDiscovery(now);
}

void Engine::Core::UpdateAccepted() {
  const ViewId accepted = membership_.AcceptedView();
  if (accepted == accepted_) return;
  accepted_ = accepted;
  std::vector<security::ViewContext> contexts;
  const std::optional<membership::Accepted>& proposal = membership_.view_change().accepted();
  if (!accepted.IsZero() && proposal.has_value() && proposal->proposal->next == accepted) {
    Rank self = kNoRank;
    const std::vector<MemberInfo>& members = proposal->proposal->members;
    for (Rank rank = 0; rank < members.size(); ++rank) {
      if (members[rank].id == self_.id) self = rank;
    }
    contexts.push_back(ContextOf(*proposal->proposal, self));
    Trace(options_.trace, TraceKind::kAccepted, [&](TraceRecord& record) {
      record.view = view_.id;
      record.ballot_round = proposal->ballot.round;
      record.ballot_rank = proposal->ballot.rank;
      record.next = accepted;
    });
  }
  security_.SetViews(current_context_, previous_context_, std::move(contexts));
}

void Engine::Core::KeepMesh(Instant now) {
  next_mesh_check_ = now + kMeshInterval;
  if (!member_) return;
  // The younger dials the older, so that two never dial each other.
  for (Rank rank = 0; rank < rank_; ++rank) {
    if (!lifelines_.IsUp(view_infos_[rank].id.instance))
      lifelines_.Dial(now, view_infos_[rank].address, turn_.streams);
  }
}

void Engine::Core::TellProgress(Instant now) {
  if (!plane_.wedged() || left_) return;
  AskMembership(
      now, [&](const membership::Turn& turn) { membership_.OnProgress(turn, membership_out_); });
}

std::optional<Rank> Engine::Core::RankOf(const InstanceId& instance) const {
  for (Rank rank = 0; rank < view_infos_.size(); ++rank) {
    if (view_infos_[rank].id.instance == instance) return rank;
  }
  return std::nullopt;
}

std::optional<Rank> Engine::Core::RankOf(const Address& address) const {
  for (Rank rank = 0; rank < view_infos_.size(); ++rank) {
    if (view_infos_[rank].address == address && rank != rank_) return rank;
  }
  return std::nullopt;
}

}  // namespace cohort::engine

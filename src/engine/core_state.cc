// Commands of the host, and what is delivered to it.
#include <algorithm>
#include <array>
#include <span>

#include "engine/core.h"
#include "map/foresight.h"
#include "map/map_op_codec.h"

namespace cohort::engine {

namespace {
constexpr size_t kOpeningMax = 1024;  // OpenMap commands under way.

// What others wait for is taken while this member drains.
bool IsOwed(const Command& command) {
  const auto* send = std::get_if<SendMessage>(&command);
  const auto* write = std::get_if<MapWrite>(&command);
  return (send != nullptr && send->is_answer) || (write != nullptr && write->is_release);
}
}  // namespace

void Engine::Core::AddUpcall(Upcall upcall) { turn_.upcalls.push_back(std::move(upcall)); }

void Engine::Core::Report(Instant now, EventKind kind, std::string text, const MemberId& subject,
                          std::string name, int64_t number) {
  Event event;
  event.kind = kind;
  event.at_ns = now.nanos();
  event.view = view_.id;
  event.subject = subject;
  event.subject_name = std::move(name);
  event.text = std::move(text);
  event.number = number;
  AddUpcall(EventUpcall{std::move(event)});
}

bool Engine::Core::HoldsMessages() const { return !joined() || terminal_ || halted_; }

bool Engine::Core::in_place() const { return goes_on() && !leaving_ && !left_; }

absl::Status Engine::Core::CheckWritable() const {
  if (draining_ > 0 && !leaving_ && !left_)
    return absl::FailedPreconditionError("this member is draining: it takes no more writes");
  return CheckMember();
}

absl::Status Engine::Core::CheckMember() const {
  if (left_) return absl::FailedPreconditionError("this member has left the group");
  if (leaving_) return absl::FailedPreconditionError("this member is leaving the group");
  if (halted_) {
    return absl::UnavailableError(
        "this member is outside the primary partition: too few members of the last view can be "
        "reached");
  }
  return absl::OkStatus();
}

// Spec 4.88
absl::Status Engine::Core::CheckHasData(const Command& command) const {
  if (!options_.without_data || std::holds_alternative<SendMessage>(command))
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this member is without data (GroupOptions::without_data): it holds no maps; open them in a "
      "member that holds data");
}

absl::Status Engine::Core::Queue(MessageKind kind, DeliveryClass cls, Bytes body,
                                 const PendingCommands::Entry& entry, Subjects subjects,
                                 size_t stamp_bytes) {
  Buffer payload = Buffer::Allocate(1 + body.size() + stamp_bytes);
  payload.Fill()[0] = static_cast<std::byte>(kind);
  const auto end = std::copy(body.begin(), body.end(), payload.Fill().begin() + 1);
  std::fill(end, payload.Fill().end(), std::byte{0});
  return QueuePayload(cls, std::move(payload), entry, std::move(subjects), stamp_bytes);
}

absl::Status Engine::Core::QueuePayload(DeliveryClass cls, Buffer payload,
                                        const PendingCommands::Entry& entry, Subjects subjects,
                                        size_t stamp_bytes) {
  frag::Message message{.cls = cls,
                        .sync = entry.ack != AckLevel::kLocal,
                        .exempt = entry.is_own,
                        .stamp_bytes = stamp_bytes,
                        .subjects = std::move(subjects),
                        .payload = std::move(payload)};
  const Lane lane = plane_.LaneFor(message);
  absl::Status status = plane_.Push(std::move(message));
  if (status.ok()) pending_.OnQueued(lane, entry);
  return status;
}

absl::Status Engine::Core::Execute(Instant now, const Command& command, Output& out) {
  absl::Status status;
  if (const auto* leave = std::get_if<Leave>(&command)) {
    status = ExecuteLeave(now, *leave);
  } else if (const auto* drain = std::get_if<SetDraining>(&command)) {
    if (drain->draining) {
      ++draining_;
    } else if (draining_ > 0) {
      --draining_;
    }
    return absl::OkStatus();
  } else if (status = CheckHasData(command); !status.ok()) {
    return status;
  } else if (const auto* verify = std::get_if<VerifyReplicas>(&command)) {
    status = CheckMember();
    if (status.ok())
      status = verifications_.Add(now, verify->id, verify->holders_min, verify->within);
  } else if (const auto* read = std::get_if<ReadEntry>(&command)) {
    status = CheckMember();
    if (status.ok()) status = ExecuteRead(now, *read);
  } else if (status = IsOwed(command) ? CheckMember() : CheckWritable(); !status.ok()) {
    return status;
  } else if (const auto* open = std::get_if<OpenMap>(&command)) {
    status = ExecuteOpenMap(now, *open);
  } else if (const auto* claim = std::get_if<ClaimEntry>(&command)) {
    status = ExecuteClaim(now, *claim);
  } else if (const auto* delta = std::get_if<WriteDelta>(&command)) {
    status = ExecuteDelta(now, *delta);
  } else if (const auto* send = std::get_if<SendMessage>(&command)) {
    if (send->cls == DeliveryClass::kCtrl)
      return absl::InvalidArgumentError("class kCtrl is the protocol's own");
    status =
        Queue(send->channel ? MessageKind::kChannel : MessageKind::kUser, send->cls, send->payload,
              {.id = send->id, .ack = send->ack, .is_own = send->always_room}, {kMessageSubject});
  } else if (const auto* write = std::get_if<MapWrite>(&command)) {
    status = ExecuteWrite(*write);
  }
  if (!status.ok()) return status;
  // While acknowledgements are on their way the next turn is near, and what gathers until then
  // leaves in one batch.
  if (!plane_.ShouldGather() || std::holds_alternative<Leave>(command)) Finish(now, out);
  return absl::OkStatus();
}

absl::Status Engine::Core::ExecuteWrite(const MapWrite& write) {
  const PendingCommands::Entry entry{
      .id = write.id, .ack = write.ack, .conditional = write.conditional, .of_maps = true};
  const bool convergent = write.stamp_bytes > 0;
  const MessageKind kind = convergent ? MessageKind::kConvergent : MessageKind::kMap;
  const DeliveryClass cls = convergent ? DeliveryClass::kConv : DeliveryClass::kAgreed;
  if (write.has_room) {
    Buffer payload = write.operation;
    payload.Fill()[0] = static_cast<std::byte>(kind);
    return QueuePayload(cls, std::move(payload), entry, write.subjects, write.stamp_bytes);
  }
  return Queue(kind, cls, write.operation, entry, write.subjects, write.stamp_bytes);
}

absl::Status Engine::Core::ExecuteOpenMap(Instant now, const OpenMap& open) {
  if (opening_.size() >= kOpeningMax)
    return absl::ResourceExhaustedError("too many maps are being opened at once");
  if (open.resolver != nullptr) replica_.SetResolver(open.name, open.resolver);
  map::MapSettings settings = replica_.mutable_maps()->options().settings;
  settings.convergent = open.convergent;
  settings.evicts = open.evicts;
  if (open.bytes_max != 0) settings.bytes_max = std::min(open.bytes_max, settings.bytes_max);
  const map::MapSet* maps = replica_.maps();
  const map::Map* known = maps == nullptr ? nullptr : maps->Find(open.name);
  // A convergent map is opened when all members are known to have it: its operations do not wait
  // for the one that opens it (Spec 11.13).
  if (known != nullptr && known->state().configured && known->state().settings == settings &&
      !open.convergent) {
    AddUpcall(
        DoneUpcall{.command = open.id, .number = known->id(), .replicas = members_with_data()});
    return absl::OkStatus();
  }
  const Buffer operation = map::EncodeMapOp(
      {.map = open.name, .hlc = clock_.NextHlc(now), .body = map::ConfigureOp{settings}});
  absl::Status status = Queue(MessageKind::kMap, DeliveryClass::kAgreed, operation,
                              {.id = open.id, .ack = AckLevel::kAll, .of_maps = true});
  if (status.ok()) opening_[open.id] = open.name;
  return status;
}

absl::Status Engine::Core::ExecuteLeave(Instant now, const Leave& leave) {
  if (left_) return absl::FailedPreconditionError("this member has left the group");
  if (leaving_) return absl::FailedPreconditionError("this member is leaving the group already");
  leave_command_ = leave.id;
  leaving_ = true;
  AskMembership(now,
                [&](const membership::Turn& turn) { membership_.Leave(turn, membership_out_); });
  return absl::OkStatus();
}

// Operations of convergent maps come one in a datagram: they wait for those of the next ones, since
// together they find their entries sooner. What waits is delivered before anything else happens.
bool Engine::Core::MayGather() const {
  const std::vector<DeliveredMessage>& messages = plane_out_.messages;
  return gathers_ && messages.size() < map::kForeseenMax && plane_out_.sent.empty() &&
         std::all_of(
             messages.begin(), messages.end(),
             [](const DeliveredMessage& message) { return message.cls == DeliveryClass::kConv; });
}

void Engine::Core::AfterPlane(Instant now) {
  if (plane_out_.frames.empty() && plane_out_.messages.empty() && plane_out_.sent.empty() &&
      !plane_out_.acks_moved)
    return;
  DataPlane::Output output = std::exchange(plane_out_, {});
  AddFrames(output.frames);
  acks_moved_ |= output.acks_moved;
  for (const Lane lane : output.sent) pending_.OnSent(lane);
  const std::span<DeliveredMessage> messages(output.messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i % map::kForeseenMax == 0) Foresee(messages.subspan(i));
    Deliver(now, messages[i]);
  }
  // Keeps the memory of the vectors for the next time.
  if (plane_out_.frames.empty() && plane_out_.messages.empty() && plane_out_.sent.empty()) {
    output.messages.clear();
    output.sent.clear();
    output.acks_moved = plane_out_.acks_moved;
    plane_out_ = std::move(output);
  }
}

// What comes together finds its entries together; one alone would wait for its own all the same.
void Engine::Core::Foresee(std::span<const DeliveredMessage> messages) {
  const map::MapSet* const maps = replica_.maps();
  if (messages.size() < 2 || maps == nullptr) return;
  std::array<Bytes, map::kForeseenMax> operations;
  const size_t count = std::min(messages.size(), operations.size());
  for (size_t i = 0; i < count; ++i) {
    // Of a convergent map, own ones were applied when they left.
    if (messages[i].origin == rank_ && messages[i].cls == DeliveryClass::kConv) continue;
    const Bytes payload = messages[i].payload;
    operations[i] = payload.subspan(std::min<size_t>(payload.size(), 1));
  }
  foreseen_ += maps->Foresee(std::span(operations).first(count));
}

void Engine::Core::Deliver(Instant now, DeliveredMessage& message) {
  acks_moved_ = true;
  if (message.cls == DeliveryClass::kCtrl) return DeliverMark(message);
  const bool own = message.origin == rank_;
  const MemberId writer = view_infos_[message.origin].id;
  DoneUpcall done;
  const Bytes payload = message.payload;
  const auto kind = payload.empty() ? MessageKind{} : static_cast<MessageKind>(payload[0]);
  switch (kind) {
    case MessageKind::kUser:
    case MessageKind::kChannel:
      AddUpcall(MessageUpcall{.from = writer,
                              .cls = message.cls,
                              .payload = message.payload.Slice(1, payload.size() - 1),
                              .transitional = message.transitional,
                              .channel = kind == MessageKind::kChannel});
      break;
    case MessageKind::kMap:
      DeliverMap(now, message, writer, done);
      break;
    case MessageKind::kConvergent:
      DeliverConvergent(now, message, writer, done);
      break;
    case MessageKind::kSynced: {
      view_.members[message.origin].synced =
          true;  // For who reads view(); no view is installed for it.
      membership_.OnSynced(now, writer);
      Replica::Output replica_out;
      replica_.OnMemberSynced(now, writer, ReplicaHlc(now), replica_out);
      AfterReplica(now, replica_out);
      break;
    }
    case MessageKind::kVerify:
      DeliverVerify(now, message, writer);
      break;
    case MessageKind::kProof:
      DeliverProof(now, message, writer);
      break;
    case MessageKind::kRepair:
      DeliverRepair(now, message, writer);
      break;
    default:
      ++messages_malformed_;
      break;
  }
  if (own && !pending_.OnDelivered(PendingCommands::LaneOf(message.cls, message.large),
                                   std::move(done), message.cut, message.seq)) {
    if (kind == MessageKind::kMap) replica_.OnOwnOperationDelivered();
  }
}

void Engine::Core::DeliverMap(Instant now, const DeliveredMessage& message, const MemberId& writer,
                              DoneUpcall& done) {
  Replica::Output replica_out;
  const Buffer operation = message.payload.Slice(1, message.payload.size() - 1);
  // A map operation has its place in the total order only; a CONV one would make replicas differ.
  if (message.cls == DeliveryClass::kConv) {
    ++messages_malformed_;
    return;
  }
  std::optional<map::ApplyResult> result =
      replica_.OnOperation(now, operation, writer, replica_out);
  AfterReplica(now, replica_out);
  if (message.origin != rank_) return;
  if (!result.has_value()) {
    done.status =
        absl::UnknownError("applied by others, but this member has not got the whole state yet");
    return;
  }
  done.status = std::move(result->status);
  done.version = result->version;
  done.number = result->number;
  done.applied = result->applied;
  const uint64_t id = pending_.NextDelivered(PendingCommands::LaneOf(message.cls, message.large));
  if (const auto opening = opening_.find(id); id != 0 && opening != opening_.end()) {
    const map::Map* map =
        replica_.maps() == nullptr ? nullptr : replica_.maps()->Find(opening->second);
    if (map != nullptr) done.number = map->id();
    opening_.erase(opening);
  }
}

void Engine::Core::SendTransfer(Instant now, const transfer::Output::Message& message) {
  if (lifelines_.SendToInstance(now, message.to.instance, wire::StreamMessage::kTransfer,
                                message.body, turn_.streams)) {
    return;
  }
  if (const std::optional<Rank> rank = RankOf(message.to.instance)) {
    lifelines_.SendTo(now, view_infos_[*rank].address, wire::StreamMessage::kTransfer, message.body,
                      turn_.streams);
  }
}

void Engine::Core::AfterReplica(Instant now, Replica::Output& replica_out) {
  for (Upcall& upcall : replica_out.upcalls) AddUpcall(std::move(upcall));
  for (const transfer::Output::Message& message : replica_out.messages) SendTransfer(now, message);
  if (replica_out.synced) {
    // For who reads view() when the event comes: of oneself no other event will come.
    if (rank_ < view_.members.size()) view_.members[rank_].synced = true;
    // "Synced" travels in order, so all members count this one as a holder of the state from one
    // place on.
    membership_.OnSynced(now, self_.id);
    static_cast<void>(Queue(MessageKind::kSynced, DeliveryClass::kAgreed, {}, {.is_own = true}));
  }
  for (const Buffer& operation : replica_out.operations) {
    const PendingCommands::Entry entry{.is_own = true, .is_replicas = true};
    if (!Queue(MessageKind::kMap, DeliveryClass::kAgreed, operation, entry, {kReplicaSubject}).ok())
      replica_.OnOwnOperationDelivered();
  }
}

}  // namespace cohort::engine

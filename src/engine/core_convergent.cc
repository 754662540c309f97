// Operations of convergent maps: their stamps, their delivery, and what is settled.
#include <algorithm>
#include <utility>

#include "engine/core.h"
#include "map/subjects.h"

namespace cohort::engine {

// A time for what the replica sends in total order: above all that it holds, so that who has
// applied it gives later stamps.
uint64_t Engine::Core::ReplicaHlc(Instant now) {
  return std::max(clock_.NextHlc(now), replica_.greatest() + 1);
}

// Spec 11.9. Applied here at once, so that the next one of the same chunk finds it.
void Engine::Core::Stamp(Bytes message, std::span<std::byte> stamp) {
  Replica::Output replica_out;
  written_.push_back(replica_.Write(message.subspan(1), ReplicaHlc(turn_at_),
                                    {view_infos_[rank_].id, view_.id}, stamp, replica_out));
  for (Upcall& upcall : replica_out.upcalls) AddUpcall(std::move(upcall));
  if (!written_.back().status.ok()) return;  // Void, for everybody.
  stamped_.clear();
  if (!marks_.empty()) {
    stamped_.assign(message.begin() + 1, message.end());
    stamped_.insert(stamped_.end(), stamp.begin(), stamp.end());
  }
  NoteForMarks(rank_, stamped_);
}

void Engine::Core::DeliverConvergent(Instant now, const DeliveredMessage& message,
                                     const MemberId& writer, DoneUpcall& done) {
  if (message.origin == rank_) {
    if (written_.empty()) return;
    map::ApplyResult& result = written_.front();
    done.status = std::move(result.status);
    done.version = result.version;
    done.number = result.number;
    done.applied = result.applied;
    written_.pop_front();
    return;
  }
  if (message.cls != DeliveryClass::kConv) {
    ++messages_malformed_;
    return;
  }
  Replica::Output replica_out;
  const Bytes operation = Bytes(message.payload).subspan(1);
  const uint64_t time = replica_.OnConvergent(now, operation, {writer, view_.id}, replica_out);
  NoteForMarks(message.origin, operation);
  AfterReplica(now, replica_out);
  clock_.Observe(now, time);
}

// Spec 11.20
absl::Status Engine::Core::ExecuteClaim(Instant now, const ClaimEntry& claim) {
  if (fences_.full()) return absl::ResourceExhaustedError("too many claims are under way");
  const map::MapSet* maps = replica_.maps();
  const map::ConvergentMap* found = maps == nullptr ? nullptr : maps->GetConvergent(claim.map);
  if (found == nullptr)
    return absl::FailedPreconditionError("only entries of a convergent map have owners");
  const std::optional<uint64_t> owner = found->OwnerOf(claim.key, clock_.NowMs(now));
  if (!owner.has_value()) {
    AddUpcall(DoneUpcall{
        .command = claim.id, .status = absl::NotFoundError("no such key"), .applied = false});
    return absl::OkStatus();
  }
  const uint64_t epoch = found->ClaimOf(claim.key).epoch;
  // Who began its life may not be the only one who did; and a claim of ours may still wait.
  if (epoch > 0 && fences_.empty() && map::IsWordOf(*owner, view_infos_[rank_].id)) {
    AddUpcall(DoneUpcall{.command = claim.id,
                         .number = static_cast<int64_t>(epoch),
                         .replicas = members_with_data()});
    return absl::OkStatus();
  }
  const Buffer operation = map::EncodeMapOp(
      {.map = found->name(), .hlc = ReplicaHlc(now), .body = map::ClaimOp{claim.key, epoch}});
  absl::Status status =
      Queue(MessageKind::kMap, DeliveryClass::kAgreed, operation,
            {.id = claim.id, .ack = AckLevel::kAll, .of_maps = true}, {kReplicaSubject});
  if (status.ok()) fences_.Add(claim.id);
  return status;
}

// Spec 11.24
absl::Status Engine::Core::ExecuteDelta(Instant now, const WriteDelta& write) {
  const map::MapSet* maps = replica_.maps();
  const map::ConvergentMap* found = maps == nullptr ? nullptr : maps->GetConvergent(write.map);
  if (found == nullptr)
    return absl::FailedPreconditionError("only entries of a convergent map have attributes");
  const map::MapOp op{.map = found->name(), .hlc = ReplicaHlc(now), .body = write.delta.op()};
  return Queue(MessageKind::kMap, DeliveryClass::kAgreed, map::EncodeMapOp(op),
               {.id = write.id, .ack = write.ack, .conditional = true, .of_maps = true},
               map::SubjectsOf(op));
}

// Spec 11.17
void Engine::Core::Settle(Instant now) {
  if (!member_ || plane_.wedged()) return;
  if (!replica_.synced()) {
    if (!replica_.WantsReceived()) return;
    Replica::Output replica_out;
    replica_.OnReceived(now, plane_.HandedUp(), replica_out);
    AfterReplica(now, replica_out);
    return;
  }
  if (replica_.greatest() == 0) return;
  if (std::exchange(epoch_, replica_.epoch()) != replica_.epoch()) settling_.Restart();
  settling_.Advance(plane_.rmcast().acks(), rank_, replica_.greatest(), replica_.is_quiet(),
                    plane_.order().applied_cut(), plane_.order().applied_by_all());
  replica_.SetSettled(settling_.settled());
}

}  // namespace cohort::engine

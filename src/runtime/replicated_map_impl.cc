#include "runtime/replicated_map_impl.h"

#include <algorithm>
#include <utility>

#include "map/validation.h"
#include "runtime/map_writes.h"

namespace cohort {

namespace {

// An access so soon after another one is not sent.
runtime::CallErrand::Command CommandOf(absl::StatusOr<engine::MapWrite> write) {
  if (!write.ok()) return write.status();
  if (write->operation.empty()) return std::nullopt;
  return *std::move(write);
}

}  // namespace

runtime::CallErrand::Command ReplicatedMap::Impl::NewWrite(const engine::Engine& engine,
                                                           Instant now, Body& body,
                                                           const WriteOptions& options,
                                                           std::optional<uint32_t>& ordered) const {
  const std::optional<uint32_t> id = engine.MapId(map.name);
  if (!id || engine.FindMap(*id) == nullptr)
    return absl::UnavailableError("this member has no complete state yet");
  const map::ConvergentMap* const convergent = engine.FindConvergent(*id);
  if (convergent != nullptr) {
    return CommandOf(
        runtime::NewWriteTo(*convergent, std::move(body), engine.GroupTimeMs(now), options));
  }
  ordered = id;
  return absl::Status(absl::StatusCode::kFailedPrecondition, "");  // Not seen by anybody.
}

ReplicatedMap::Impl::Command ReplicatedMap::Impl::NewOrderedWrite(
    uint32_t id, Body body, const WriteOptions& options) const {
  if (absl::Status status = runtime::CheckForOrdered(options); !status.ok()) return status;
  map::MapOp op;
  op.map = map.name;
  op.hlc = static_cast<uint64_t>(group->driver().GroupTimeMs()) << runtime::kLogicalBits;
  op.body = std::move(body);
  return runtime::NewMapWrite(id, op, options.ack);
}

runtime::CallErrand::Command ReplicatedMap::Impl::NewConvergentWrite(
    const engine::Engine& engine, Instant now, const Request& request,
    const WriteOptions& options) const {
  const absl::StatusOr<const map::ConvergentMap*> found = runtime::FindConvergent(engine, map.name);
  if (!found.ok()) return found.status();
  return CommandOf(runtime::NewConvergentWrite(**found, request, engine.GroupTimeMs(now), options));
}

WriteResult ReplicatedMap::Impl::Write(absl::StatusOr<Body> body,
                                       const WriteOptions& options) const {
  WriteResult result;
  result.status = body.ok() ? group->fork_guard().Check() : body.status();
  if (!result.status.ok()) return result;
  std::optional<uint32_t> ordered;
  Read([&](const map::Map& found, const engine::Engine&, map::GroupTime) {
    if (!found.convergent()) ordered = found.id();
  });
  if (!ordered) {
    const auto prepare = [&](const engine::Engine& engine, Instant now) {
      return NewWrite(engine, now, *body, options, ordered);
    };
    result = group->Call(prepare, options.timeout);
    if (!ordered) return result;  // Else it has just become one.
  }
  Command command = NewOrderedWrite(*ordered, *std::move(body), options);
  if (command.ok()) return group->Call(*std::move(command), options.timeout);
  result.status = command.status();
  return result;
}

// Made where it is executed, so that the lock is taken once; but for an ordered map, whose
// operation has nothing to do with what the map holds.
absl::Status ReplicatedMap::Impl::WriteAsync(absl::StatusOr<Body> body, const WriteOptions& options,
                                             WriteCallback done) const {
  if (!body.ok()) return body.status();
  std::optional<uint32_t> ordered;
  const auto prepare = [&](const engine::Engine& engine, Instant now) {
    return NewWrite(engine, now, *body, options, ordered);
  };
  absl::Status status = group->CallAsync(prepare, options.timeout, done);
  if (!ordered) return status;
  Command command = NewOrderedWrite(*ordered, *std::move(body), options);
  if (!command.ok()) return command.status();
  return group->CallAsync(*std::move(command), options.timeout, std::move(done));
}

WriteResult ReplicatedMap::Impl::WriteConvergent(absl::StatusOr<Request> request,
                                                 const WriteOptions& options) const {
  WriteResult result;
  result.status = request.status();
  if (!result.status.ok()) return result;
  const auto prepare = [&](const engine::Engine& engine, Instant now) {
    return NewConvergentWrite(engine, now, *request, options);
  };
  return group->Call(prepare, options.timeout);
}

absl::Status ReplicatedMap::Impl::WriteConvergentAsync(absl::StatusOr<Request> request,
                                                       const WriteOptions& options,
                                                       WriteCallback done) const {
  if (!request.ok()) return request.status();
  const auto prepare = [&](const engine::Engine& engine, Instant now) {
    return NewConvergentWrite(engine, now, *request, options);
  };
  return group->CallAsync(prepare, options.timeout, done);
}

// Spec 11.25
WriteResult ReplicatedMap::Impl::WriteByDelta(const map::AttributesOp& op,
                                              const WriteOptions& options, bool& deltas) const {
  engine::WriteDelta write{.ack = runtime::ToAckLevel(options.ack)};
  std::optional<map::DeltaPlan> plan;
  absl::StatusOr<map::ConvergentOp> whole;
  const MemberId self = group->id();
  const uint64_t view =
      group->driver().Read([](const engine::Engine& e, Instant) { return e.view().id.num; });
  const absl::Status status =
      ReadConvergent([&](const map::ConvergentMap& found, map::GroupTime now) {
        whole = map::PrepareConvergent(found, op, now, {options.by_owner, options.if_present});
        write.map = found.id();
        if (whole.ok() && whole->items.size() == 1)
          plan = found.PlanDelta(whole->items[0], self, view, now);
        return absl::OkStatus();
      });
  if (status.ok() && plan.has_value()) {
    std::optional<map::Delta> delta = map::MakeDelta(*plan, whole->items[0]);
    deltas = delta.has_value();
    if (deltas) {
      write.delta = *std::move(delta);
      const WriteResult result = group->Call(std::move(write), options.timeout);
      if (!absl::IsAborted(result.status)) return result;
    }
  }
  deltas = false;
  return WriteConvergent(Request(op), options);
}

absl::StatusOr<engine::ClaimEntry> ReplicatedMap::Impl::NewClaim(std::string_view key) const {
  if (absl::Status status = map::ValidateKey(key); !status.ok()) return status;
  if (absl::Status status = group->fork_guard().Check(); !status.ok()) return status;
  engine::ClaimEntry claim;
  claim.key = key;
  absl::Status status = ReadConvergent([&](const map::ConvergentMap& found, map::GroupTime) {
    claim.map = found.id();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return claim;
}

WriteResult ReplicatedMap::Impl::Claim(std::string_view key, const WriteOptions& options) const {
  const absl::StatusOr<engine::ClaimEntry> claim = NewClaim(key);
  if (claim.ok()) return group->Call(*claim, options.timeout);
  WriteResult result;
  result.status = claim.status();
  return result;
}

absl::Status ReplicatedMap::Impl::ClaimAsync(std::string_view key, const WriteOptions& options,
                                             WriteCallback done) const {
  const absl::StatusOr<engine::ClaimEntry> claim = NewClaim(key);
  if (!claim.ok()) return claim.status();
  return group->CallAsync(*claim, options.timeout, std::move(done));
}

bool Group::Impl::OpenedMap::WantsPuts() const {
  return std::any_of(put_watchers.begin(), put_watchers.end(), [](const auto& one) {
    const auto count = one.lock();
    return count != nullptr && *count > 0;
  });
}

bool Group::Impl::OpenedMap::IsNews(const engine::ChangeUpcall& change,
                                    const InstanceId& self) const {
  if (want_own > 0 || change.begins) return true;
  if (change.writer.instance != self) return !change.by_owner || WantsPuts();
  const auto cause = static_cast<ChangeCause>(change.cause);
  const bool of_one_write = cause == ChangeCause::kPut || cause == ChangeCause::kErase;
  const KeyFilter wanted = own_keys;
  return !of_one_write || wanted == nullptr || wanted(change.key);
}

Subscription ReplicatedMap::Impl::Subscribe(std::function<bool(std::string_view)> wanted,
                                            std::function<void(const Change&)> on_change,
                                            Group::Impl::KeyFilter own_keys) const {
  std::function<void(const Change&)> filtered = std::move(on_change);
  if (wanted) {
    filtered = [wanted = std::move(wanted), on_change = std::move(filtered)](const Change& change) {
      if (runtime::Concerns(change, wanted)) on_change(change);
    };
  }
  if (own_keys == nullptr) {
    ++map.want_own;
  } else {
    map.own_keys = own_keys;
  }
  const auto entry = map.subscribers->Add(std::move(filtered));
  group->Watch(map, true);
  Group::Impl* const raw = group.get();  // Kept alive by the handle.
  return map.subscribers->NewHandle(entry, group, [raw, own_keys, &opened = map] {
    raw->Watch(opened, false);
    if (own_keys == nullptr) --opened.want_own;
  });
}

}  // namespace cohort

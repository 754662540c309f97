#include "runtime/replicated_map_impl.h"

#include <utility>

#include "runtime/map_writes.h"

namespace cohort {
namespace {

constexpr unsigned kLogicalBits = 16;  // Of a hybrid logical time, below its milliseconds.

}  // namespace

absl::StatusOr<engine::MapWrite> ReplicatedMap::Impl::NewCommand(
    absl::StatusOr<Body> body, const WriteOptions& options) const {
  if (!body.ok()) return body.status();
  if (absl::Status status = group->fork_guard().Check(); !status.ok()) return status;
  const std::optional<uint32_t> id = group->driver().Read(
      [&](const engine::Engine& engine, Instant) { return engine.MapId(map.name); });
  if (!id) return absl::UnavailableError("this member has no complete state yet");
  map::MapOp op;
  op.map = map.name;
  op.hlc = static_cast<uint64_t>(group->driver().GroupTimeMs()) << kLogicalBits;
  op.body = *std::move(body);
  return runtime::NewMapWrite(*id, op, options.ack);
}

WriteResult ReplicatedMap::Impl::Write(absl::StatusOr<Body> body,
                                       const WriteOptions& options) const {
  absl::StatusOr<engine::MapWrite> command = NewCommand(std::move(body), options);
  if (command.ok()) return group->Call(*std::move(command), options.timeout);
  WriteResult result;
  result.status = command.status();
  return result;
}

absl::Status ReplicatedMap::Impl::WriteAsync(absl::StatusOr<Body> body, const WriteOptions& options,
                                             WriteCallback done) const {
  absl::StatusOr<engine::MapWrite> command = NewCommand(std::move(body), options);
  if (!command.ok()) return command.status();
  return group->CallAsync(*std::move(command), options.timeout, std::move(done));
}

bool Concerns(const Change& change, const std::function<bool(std::string_view)>& wanted) {
  const bool all_keys = change.cause == ChangeCause::kClear || change.cause == ChangeCause::kSync;
  return all_keys || wanted(change.key);
}

Subscription ReplicatedMap::Impl::Subscribe(std::function<bool(std::string_view)> wanted,
                                            std::function<void(const Change&)> on_change) const {
  std::function<void(const Change&)> filtered = std::move(on_change);
  if (wanted) {
    filtered = [wanted = std::move(wanted), on_change = std::move(filtered)](const Change& change) {
      if (Concerns(change, wanted)) on_change(change);
    };
  }
  const auto entry = map.subscribers->Add(std::move(filtered));
  group->Watch(map, true);
  Group::Impl* const raw = group.get();  // Kept alive by the handle.
  return map.subscribers->NewHandle(entry, group,
                                    [raw, &opened = map] { raw->Watch(opened, false); });
}

}  // namespace cohort

// The maps of a simulated group, and the locks in them.
#include <utility>

#include "map/validation.h"
#include "runtime/map_writes.h"
#include "runtime/subscribers.h"
#include "testing/sim_world.h"

namespace cohort::testing {

using sim::HostIndex;
using sim::HostState;
using sim::Task;

// ---- Writes.

SimWorld::NewCommand SimWorld::NewWrite(HostIndex index, std::string_view map,
                                        absl::StatusOr<runtime::MapBody> body,
                                        const WriteOptions& options) {
  if (!body.ok()) return body.status();
  engine::Engine* const engine = hosts_[index].engine.get();
  if (engine == nullptr) return absl::CancelledError("this member has no process");
  const std::optional<uint32_t> id = engine->MapId(map);
  if (!id) return absl::UnavailableError("this member has no complete state yet");
  if (const map::ConvergentMap* const convergent = engine->FindConvergent(*id)) {
    return runtime::NewWriteTo(*convergent, *std::move(body), engine->GroupTimeMs(LocalNow(index)),
                               options);
  }
  if (absl::Status status = runtime::CheckForOrdered(options); !status.ok()) return status;
  map::MapOp op;
  op.map = map;
  op.hlc = engine->NextHlc(LocalNow(index));
  op.body = *std::move(body);
  return runtime::NewMapWrite(*id, op, options.ack);
}

SimWorld::NewCommand SimWorld::NewConvergentWrite(HostIndex index, std::string_view map,
                                                  ConvergentRequest request,
                                                  const WriteOptions& options) const {
  if (!request.ok()) return request.status();
  if (EngineOf(index) == nullptr) return absl::CancelledError("this member has no process");
  NewCommand command;
  const absl::Status status = ReadConvergent(
      index, map, [&](const map::ConvergentMap& found, const engine::Engine&, map::GroupTime now) {
        command = runtime::NewConvergentWrite(found, *request, now, options);
        return command.status();
      });
  if (!status.ok()) return status;
  return command;
}

absl::StatusOr<engine::ClaimEntry> SimWorld::NewClaim(HostIndex index, std::string_view map,
                                                      std::string_view key) const {
  if (absl::Status status = map::ValidateKey(key); !status.ok()) return status;
  if (EngineOf(index) == nullptr) return absl::CancelledError("this member has no process");
  engine::ClaimEntry claim;
  claim.key = key;
  const absl::Status status = ReadConvergent(
      index, map, [&](const map::ConvergentMap& found, const engine::Engine&, map::GroupTime) {
        claim.map = found.id();
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return claim;
}

WriteResult SimWorld::Finish(HostIndex index, NewCommand command, const WriteOptions& options) {
  const bool is_nothing = command.ok() && command->operation.empty();
  if (command.ok() && !is_nothing) return Wait(index, *std::move(command), options.timeout);
  WriteResult result;
  result.status = command.status();
  return result;
}

absl::Status SimWorld::Begin(HostIndex index, NewCommand command, const WriteOptions& options,
                             WriteCallback done) {
  // A map that is full is an answer, as in an ordered map.
  const bool is_answer =
      command.ok() ? command->operation.empty() : absl::IsResourceExhausted(command.status());
  if (!is_answer && !command.ok()) return command.status();
  if (!is_answer)
    return Execute(index, *std::move(command), options.timeout, false, std::move(done));
  WriteResult result;
  result.status = command.status();
  if (done) callbacks_.push_back([done = std::move(done), result] { done(result); });
  return absl::OkStatus();
}

WriteResult SimWorld::Write(HostIndex index, std::string_view map,
                            absl::StatusOr<runtime::MapBody> body, const WriteOptions& options) {
  return Finish(index, NewWrite(index, map, std::move(body), options), options);
}
absl::Status SimWorld::WriteAsync(HostIndex index, std::string_view map,
                                  absl::StatusOr<runtime::MapBody> body,
                                  const WriteOptions& options, WriteCallback done) {
  return Begin(index, NewWrite(index, map, std::move(body), options), options, std::move(done));
}
WriteResult SimWorld::WriteConvergent(HostIndex index, std::string_view map,
                                      ConvergentRequest request, const WriteOptions& options) {
  return Finish(index, NewConvergentWrite(index, map, std::move(request), options), options);
}
absl::Status SimWorld::WriteConvergentAsync(HostIndex index, std::string_view map,
                                            ConvergentRequest request, const WriteOptions& options,
                                            WriteCallback done) {
  return Begin(index, NewConvergentWrite(index, map, std::move(request), options), options,
               std::move(done));
}
WriteResult SimWorld::Claim(HostIndex index, std::string_view map, std::string_view key,
                            const WriteOptions& options) {
  const absl::StatusOr<engine::ClaimEntry> claim = NewClaim(index, map, key);
  if (claim.ok()) return Wait(index, *claim, options.timeout);
  WriteResult result;
  result.status = claim.status();
  return result;
}
absl::Status SimWorld::ClaimAsync(HostIndex index, std::string_view map, std::string_view key,
                                  const WriteOptions& options, WriteCallback done) {
  const absl::StatusOr<engine::ClaimEntry> claim = NewClaim(index, map, key);
  if (!claim.ok()) return claim.status();
  return Execute(index, *claim, options.timeout, false, std::move(done));
}

// ---- Opening, and following.

bool SimWorld::OpenMap(HostIndex index, std::string_view map, const MapOptions& options) {
  if (hosts_[index].engine == nullptr) return false;
  const MergeResolver& resolver = options.resolver ? options.resolver : options_.resolver;
  // One that was given for this map counts from then on.
  const bool resolved = !options.resolver && (!resolver || hosts_[index].resolved.contains(map));
  if (hosts_[index].engine->MapId(map) && resolved) return true;
  engine::OpenMap command;
  command.name = map;
  command.bytes_max = options.bytes_max;
  command.convergent = options.kind == MapKind::kConvergent;
  command.evicts = options.when_full == WhenFull::kEvictLeastRecentlyUsed;
  if (resolver) {
    command.resolver = [resolver](const map::BothWritten& both) {
      return resolver({both.key, both.attribute, both.held, both.brought});
    };
    hosts_[index].resolved.emplace(map);
  }
  return Wait(index, std::move(command), absl::Seconds(5)).ok();
}

Subscription SimWorld::Subscribe(HostIndex index, Subscriber subscriber) {
  struct Handle final : Subscription::Impl {
    void Cancel() override {
      subscriber->cancelled = true;
      world->hosts_[host].subscribers.remove(subscriber);
    }
    std::shared_ptr<SimWorld> world;
    HostIndex host = 0;
    std::shared_ptr<Subscriber> subscriber;
  };
  if (hosts_[index].engine == nullptr) return {};
  auto handle = std::make_unique<Handle>();
  handle->world = shared_from_this();
  handle->host = index;
  handle->subscriber = std::make_shared<Subscriber>(std::move(subscriber));
  hosts_[index].subscribers.push_back(handle->subscriber);
  hosts_[index].engine->WatchMap(handle->subscriber->map, true);
  return Subscription(std::move(handle));
}

// ---- Locks.

lock::LockTable::Seen SimWorld::ReadLock(HostIndex index, std::string_view map,
                                         std::string_view name) const {
  lock::LockTable::Seen seen;
  const engine::Engine* const engine = EngineOf(index);
  if (engine == nullptr) return seen;
  seen.view = engine->view();
  seen.in_place = engine->in_place();
  seen.draining = engine->draining();
  Read(index, map, [&](const map::Map& found, const engine::Engine&, map::GroupTime now) {
    seen.readable = engine->synced();
    if (const auto reading = found.GetWithMeta(name, now)) {
      seen.value = std::string(reading->value.text());
      seen.version = reading->version;
    }
  });
  return seen;
}

absl::Status SimWorld::WriteLock(HostIndex index, std::string_view map,
                                 const lock::LockTable::Write& write, WriteCallback done) {
  WriteOptions options;
  options.ack = Ack::kLocal;
  absl::StatusOr<runtime::MapBody> body =
      write.value ? runtime::PutBody(write.name, *write.value, options, write.expected)
                  : runtime::EraseBody(write.name, write.expected);
  NewCommand command = NewWrite(index, map, std::move(body), options);
  if (!command.ok()) return command.status();
  command->is_release = !write.value;
  return Execute(index, *std::move(command), absl::InfiniteDuration(), false, std::move(done));
}

std::shared_ptr<SimLocks> SimWorld::NewLocks(HostIndex index, const std::string& map) {
  const sim::ProcessNumber process = table_[index].process;
  return std::make_shared<SimLocks>(
      hosts_[index].engine->self().instance,
      SimLocks::Host{
          .world = [this] { return shared_from_this(); },
          .read = [this, index, map](std::string_view name) { return ReadLock(index, map, name); },
          .names =
              [this, index, map] {
                std::vector<std::string> names;
                Read(index, map,
                     [&](const map::Map& found, const engine::Engine&, map::GroupTime now) {
                       uint64_t cursor = 0;
                       do {
                         auto some = found.Scan(cursor, 1000, now);
                         for (auto& [name, reading] : some.entries) names.push_back(name);
                         cursor = some.next_cursor;
                       } while (cursor != 0);
                     });
                return names;
              },
          .write =
              [this, index, map](const lock::LockTable::Write& write, WriteCallback done) {
                return WriteLock(index, map, write, std::move(done));
              },
          .call = [this](std::function<void()> call) { callbacks_.push_back(std::move(call)); },
          .wake_at =
              [this, index, process](Instant deadline) {
                scheduler_.At(deadline, {Task::Kind::kWork, true, index, process, {}});
              },
          .now = [this] { return scheduler_.now(); }});
}

absl::StatusOr<std::shared_ptr<SimLocks>> SimWorld::LocksOf(HostIndex index, std::string_view map) {
  Host& host = hosts_[index];
  if (host.engine == nullptr) return absl::CancelledError("this member has no process");
  if (table_[index].state == HostState::kPaused)
    return absl::FailedPreconditionError("this member is paused: nothing runs in it");
  if (const auto known = host.locks.find(map); known != host.locks.end()) return known->second;
  if (!OpenMap(index, map)) return absl::UnavailableError("the map of the locks cannot be opened");
  const std::string name(map);
  const auto locks = NewLocks(index, name);
  host.locks[name] = locks;
  const std::weak_ptr<SimLocks> weak = locks;
  host.subscribers.push_back(
      std::make_shared<Subscriber>(Subscriber{name, nullptr,
                                              [weak](const cohort::Change& change) {
                                                if (const auto told = weak.lock())
                                                  told->OnChange(change);
                                              },
                                              false}));
  host.engine->WatchMap(name, true);
  return locks;
}

void SimWorld::TellLocks(HostIndex index, const std::function<void(SimLocks&)>& tell) {
  for (const auto& known : hosts_[index].locks)
    callbacks_.push_back([locks = known.second, tell] { tell(*locks); });
}

}  // namespace cohort::testing

#include "simsession/seat.h"

#include <algorithm>
#include <utility>

#include "map/types.h"
#include "runtime/map_calls.h"
#include "runtime/map_writes.h"
#include "runtime/subscribers.h"
#include "session/record.h"

namespace cohort::simsession {
namespace {

constexpr int64_t kUnixBegin = 1'700'000'000;  // The time of day at which runs begin.
constexpr Duration kTellingLag = milliseconds(2);
constexpr Duration kTellingLagMax = milliseconds(300);  // A slow listener before.

absl::Status NotReady() { return absl::UnavailableError("this member has no complete state yet"); }

Duration ToDuration(absl::Duration duration) {
  const absl::Duration clamped = std::clamp(duration, absl::ZeroDuration(), absl::Hours(24 * 365));
  return Duration(absl::ToInt64Nanoseconds(clamped));
}

}  // namespace

bool IsOfSessions(const engine::ChangeUpcall& change) {
  const auto id = session::IdOfKey(change.key);
  return (id.has_value() && id->starts_with('~')) || session::IsEndKey(change.key) ||
         change.key.starts_with(session::NewIdKey("~"));
}

Seat::Seat(TenantWorld& world, Fibers& fibers, HostIndex host, ProcessNumber process, uint64_t seed)
    : world_(world),
      fibers_(fibers),
      host_(host),
      process_(process),
      self_(world.NodeOf(host)->self()),
      random_(seed) {}

// ---- The simulator's side.

void Seat::End() {
  self_ = self();
  alive_ = false;
  told_.clear();
  on_change_ = nullptr;
}

void Seat::OnUpcall(const engine::Upcall& upcall) {
  if (const auto* done = std::get_if<engine::DoneUpcall>(&upcall)) {
    const auto found = answers_.find(done->command);
    if (found != answers_.end()) found->second = *done;
    return;
  }
  if (std::holds_alternative<engine::ViewUpcall>(upcall)) counts_.NoteAll();
  const auto* changed = std::get_if<engine::ChangeUpcall>(&upcall);
  if (changed == nullptr || !on_change_) return;
  const bool is_of_all = changed->cause == engine::ChangeUpcall::Cause::kSync;
  if (!is_of_all && !IsOfSessions(*changed)) return;
  // The key of kSync may be the name of a map that is gone.
  is_of_all ? counts_.NoteAll() : counts_.NoteChange(*changed, self_.instance);
  const bool is_own = changed->writer.instance == self_.instance;
  if (!is_own && changed->by_owner && *put_watchers_ == 0) return;
  Deliver([this, changed = *changed] {
    Change change;
    change.cause = static_cast<ChangeCause>(changed.cause);
    if (changed.cause != engine::ChangeUpcall::Cause::kSync) change.key = changed.key;
    if (changed.value) change.value = changed.value->text();
    change.version = changed.version;
    change.writer = changed.writer;
    if (on_change_) on_change_(change);
  });
}

void Seat::Deliver(std::function<void()> task) const {
  if (!alive_) return;
  const Duration lag =
      random_.Between(Duration(0), random_.Chance(0.02) ? kTellingLagMax : kTellingLag);
  Instant at = world_.now() + lag;
  if (!told_.empty()) at = std::max(at, told_.back().at);
  told_.push_back({at, std::move(task)});
}

Instant Seat::next_telling() const {
  return told_.empty() ? Instant::Infinite() : told_.front().at;
}

bool Seat::Tell() {
  if (told_.empty() || told_.front().at > world_.now()) return false;
  const std::function<void()> tell = std::move(told_.front().tell);
  told_.pop_front();
  tell();
  return true;
}

absl::Status Seat::Open() {
  engine::OpenMap open;
  open.name = kSessionMap;
  open.convergent = true;
  return Call(std::move(open), absl::Seconds(5)).status;
}

void Seat::Sleep(Duration duration) {
  fibers_.Park([this] { return !alive_; }, world_.now() + duration);
}

// ---- Waiting.

absl::Time Seat::Now() const {
  // The clock of a process that is gone stands still.
  return absl::FromUnixSeconds(kUnixBegin) +
         absl::Nanoseconds((world_.LocalNow(host_) - Instant::Zero()).count());
}

void Seat::Lock(session::TurnLock& order) {
  const auto is_free = [&order] {
    const bool taken = order.TryLock();
    if (taken) order.Unlock();
    return taken;
  };
  while (!order.TryLock()) fibers_.Park(is_free, Instant::Infinite());
}

bool Seat::Await(runtime::Mutex& mutex, const std::function<bool()>& is_so,
                 absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex.Unlock();
  fibers_.Park([this, is_so] { return !alive_ || is_so(); }, world_.now() + ToDuration(timeout));
  mutex.Lock();
  return is_so();
}

WriteResult Seat::Call(engine::Command command, absl::Duration timeout) {
  WriteResult result;
  const uint64_t id = Begin(std::move(command), result);
  return id != 0 ? Await(id, timeout) : result;
}

uint64_t Seat::Begin(engine::Command command, WriteResult& result) {
  if (!alive_) {
    result.status = absl::CancelledError("the process is gone");
    return 0;
  }
  const uint64_t id = kSessionCommands + (uint64_t{process_} << 32) + ++commands_;
  engine::SetId(command, id);
  answers_[id] = std::nullopt;
  result.status = world_.ExecuteForTenant(host_, command);
  if (result.ok()) return id;
  answers_.erase(id);
  return 0;
}

WriteResult Seat::Await(uint64_t id, absl::Duration timeout) {
  WriteResult result;
  if (!answers_[id].has_value()) {
    fibers_.Park([this, id] { return !alive_ || answers_[id].has_value(); },
                 world_.now() + ToDuration(timeout));
  }
  const std::optional<engine::DoneUpcall> done = std::move(answers_[id]);
  answers_.erase(id);
  if (!alive_) {
    result.status = absl::CancelledError("the process is gone");
  } else if (!done.has_value()) {
    result.status = absl::DeadlineExceededError("the outcome is unknown");
  } else {
    result.status = done->status;
    result.version = done->version;
    result.replicas = done->replicas;
  }
  return result;
}

// ---- Reading.

template <class Function>
absl::Status Seat::Read(Function&& read) const {
  if (!alive_) return absl::CancelledError("the process is gone");
  const engine::Engine* const engine = world_.NodeOf(host_)->engine();
  const std::optional<uint32_t> id = engine->MapId(kSessionMap);
  const map::ConvergentMap* const found = id ? engine->FindConvergent(*id) : nullptr;
  if (found == nullptr) return NotReady();
  return read(*found, engine->GroupTimeMs(world_.LocalNow(host_)));
}

View Seat::view() const { return alive_ ? world_.NodeOf(host_)->view() : View(); }

bool Seat::Wrote(const Version& version) const { return map::IsWordOf(version.writer, self()); }

absl::StatusOr<Entry> Seat::Get(std::string_view key) const {
  absl::StatusOr<Entry> entry = NotReady();
  absl::Status status = Read([&](const map::ConvergentMap& map, map::GroupTime now) {
    const auto reading = map.GetWithMeta(key, now);
    if (!reading) return absl::NotFoundError("no such key");
    entry = runtime::ToEntry(*reading, now);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return entry;
}

absl::StatusOr<std::vector<Attribute>> Seat::GetAttributes(std::string_view key) const {
  std::vector<Attribute> attributes;
  absl::Status status = Read([&](const map::ConvergentMap& map, map::GroupTime now) {
    const auto found = map.GetAttributes(key, now);
    if (!found) return absl::NotFoundError("no such key");
    for (const auto& [name, value] : *found)
      attributes.push_back({name, std::string(value.text())});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return attributes;
}

absl::StatusOr<Member> Seat::OwnerOf(std::string_view key) const {
  std::optional<uint64_t> owner;
  absl::Status status = Read([&](const map::ConvergentMap& map, map::GroupTime now) {
    owner = map.OwnerOf(key, now);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (!owner) return absl::NotFoundError("no such key");
  for (const Member& member : view().members) {
    if (map::IsWordOf(*owner, member.id)) return member;
  }
  return absl::UnavailableError("the owner is not in the view; the entry can be claimed");
}

std::optional<uint64_t> Seat::CountChanges(std::string_view key) const {
  return on_change_ ? std::optional(counts_.Of(key)) : std::nullopt;
}

uint64_t Seat::Bytes() const {
  uint64_t bytes = 0;
  Read([&](const map::ConvergentMap& map, map::GroupTime) {
    bytes = map.Bytes();
    return absl::OkStatus();
  }).IgnoreError();
  return bytes;
}

MapDigest Seat::Digest() const {
  MapDigest digest;
  Read([&](const map::ConvergentMap& map, map::GroupTime) {
    digest.hi = map.digest().hi;
    digest.lo = map.digest().lo;
    digest.view = view().id;
    digest.entries = map.Size();
    return absl::OkStatus();
  }).IgnoreError();
  return digest;
}

void Seat::ForEach(
    const std::function<void(std::string_view key, const Entry& entry)>& visit) const {
  std::vector<std::pair<std::string, Entry>> entries;
  Read([&](const map::ConvergentMap& map, map::GroupTime now) {
    uint64_t cursor = 0;
    do {
      auto scan = map.Scan(cursor, 1000, now);
      for (auto& [key, reading] : scan.entries)
        entries.emplace_back(std::move(key), runtime::ToEntry(reading, now));
      cursor = scan.next_cursor;
    } while (cursor != 0);
    return absl::OkStatus();
  }).IgnoreError();
  for (const auto& [key, entry] : entries) visit(key, entry);
}

Subscription Seat::Subscribe(std::function<void(const Change&)> on_change,
                             const Watchers& put_watchers) {
  struct Handle final : Subscription::Impl {
    explicit Handle(Seat& in_seat) : seat(in_seat) {}
    void Cancel() override { seat.on_change_ = nullptr; }
    Seat& seat;
  };
  on_change_ = std::move(on_change);
  put_watchers_ = put_watchers;
  if (alive_) world_.NodeOf(host_)->WatchMap(kSessionMap);
  return Subscription(std::make_unique<Handle>(*this));
}

// ---- Writing.

absl::StatusOr<engine::Command> Seat::NewWrite(
    const absl::StatusOr<map::ConvergentRequest>& request, const WriteOptions& options) const {
  if (!request.ok()) return request.status();
  engine::MapWrite write;
  absl::Status status = Read([&](const map::ConvergentMap& map, map::GroupTime now) {
    absl::StatusOr<engine::MapWrite> made =
        runtime::NewConvergentWrite(map, *request, now, options);
    if (!made.ok()) return made.status();
    write = *std::move(made);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return engine::Command(std::move(write));
}

WriteResult Seat::WriteRequest(const absl::StatusOr<map::ConvergentRequest>& request,
                               const WriteOptions& options) {
  absl::StatusOr<engine::Command> command = NewWrite(request, options);
  WriteResult result;
  result.status = command.status();
  if (!result.ok() || std::get<engine::MapWrite>(*command).operation.empty()) return result;
  return Call(*std::move(command), options.timeout);
}

WriteResult Seat::PutAttributes(const map::AttributesOp& op, const WriteOptions& options) {
  return WriteRequest(map::ConvergentRequest(op), options);
}

absl::Status Seat::WriteAsync(const map::ConvergentRequest& request, const WriteOptions& options,
                              WriteCallback done) {
  absl::StatusOr<engine::Command> command = NewWrite(request, options);
  WriteResult result;
  result.status = command.status();
  uint64_t id = 0;
  if (result.ok() && !std::get<engine::MapWrite>(*command).operation.empty())
    id = Begin(*std::move(command), result);
  fibers_.Start(host_, [this, id, result, timeout = options.timeout, done = std::move(done)] {
    Deliver([done, result = id != 0 ? Await(id, timeout) : result] { done(result); });
  });
  return absl::OkStatus();
}

WriteResult Seat::PutByDelta(const map::AttributesOp& op, const WriteOptions& options,
                             bool& deltas) {
  std::optional<engine::WriteDelta> write;
  const absl::Status status = Read([&](const map::ConvergentMap& map, map::GroupTime now) {
    const absl::StatusOr<map::ConvergentOp> whole =
        map::PrepareConvergent(map, op, now, {options.by_owner, options.if_present});
    if (!whole.ok() || whole->items.size() != 1) return absl::OkStatus();
    const auto plan = map.PlanDelta(whole->items[0], self(), view().id.num, now);
    std::optional<map::Delta> delta =
        plan.has_value() ? map::MakeDelta(*plan, whole->items[0]) : std::nullopt;
    if (delta.has_value()) {
      write.emplace(engine::WriteDelta{.ack = runtime::ToAckLevel(options.ack)});
      write->map = map.id();
      write->delta = *std::move(delta);
    }
    return absl::OkStatus();
  });
  deltas = status.ok() && write.has_value();
  if (deltas) {
    const WriteResult result = Call(*std::move(write), options.timeout);
    if (!absl::IsAborted(result.status)) return result;
  }
  deltas = false;
  return WriteRequest(map::ConvergentRequest(op), options);
}

WriteResult Seat::Write(const WriteBatch& batch, const WriteOptions& options) {
  absl::StatusOr<map::ConvergentBatchOp> op = runtime::NewConvergentBatch(batch, options);
  if (!op.ok()) return WriteRequest(op.status(), options);
  return WriteRequest(map::ConvergentRequest(*std::move(op)), options);
}

WriteResult Seat::Erase(std::string_view key, const WriteOptions& options) {
  return WriteRequest(runtime::ToConvergentRequest(runtime::EraseBody(key)), options);
}

WriteResult Seat::Claim(std::string_view key, const WriteOptions& options) {
  engine::ClaimEntry claim;
  claim.key = key;
  WriteResult result;
  result.status = Read([&](const map::ConvergentMap& map, map::GroupTime) {
    claim.map = map.id();
    return absl::OkStatus();
  });
  if (!result.ok()) return result;
  return Call(std::move(claim), options.timeout);
}

absl::Status Seat::ExpireAsync(std::string_view key, absl::Duration ttl,
                               const WriteOptions& options) {
  absl::StatusOr<runtime::MapBody> body = runtime::ExpireBody(key, ttl);
  if (!body.ok()) return body.status();
  absl::StatusOr<engine::Command> command =
      NewWrite(runtime::ToConvergentRequest(*std::move(body)), options);
  if (!command.ok()) return command.status();
  if (std::get<engine::MapWrite>(*command).operation.empty()) return absl::OkStatus();
  // Nobody waits for the answer.
  engine::SetId(*command, kSessionCommands + (uint64_t{process_} << 32) + ++commands_);
  return world_.ExecuteForTenant(host_, *command);
}

}  // namespace cohort::simsession

#include "runtime/lock_service.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "map/ordered_map.h"
#include "map/validation.h"
#include "messaging/messenger.h"
#include "runtime/asio_driver.h"
#include "runtime/delivery_queue.h"
#include "runtime/map_calls.h"
#include "runtime/map_writes.h"

namespace cohort {

using lock::LockTable;
using runtime::MutexLock;
using runtime::SteadyNow;

namespace {

// A write ends with its acknowledgement, or with this member's place in the group: whoever waits
// has a time limit of his own, and an outcome that is unknown would have to be looked up.
WriteOptions Patient() {
  WriteOptions options;
  options.ack = Ack::kLocal;
  options.timeout = absl::InfiniteDuration();
  return options;
}

absl::Status LockInCallback() {
  return absl::FailedPreconditionError(
      "a blocking call in a callback would wait for its own thread: use AcquireAsync, and destroy "
      "the lock to release it");
}

}  // namespace

LockService::Impl::Impl(std::shared_ptr<Group::Impl> in_group, ReplicatedMap in_map)
    : group_(std::move(in_group)),
      map_(std::move(in_map)),
      table_(group_->id().instance, [this](std::string_view name) { return Read(name); },
             {.first_number = static_cast<uint64_t>(SteadyNow().nanos())}) {}

void LockService::Impl::Start() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(started_, true)) return;
  }
  const std::weak_ptr<Impl> weak = weak_from_this();
  subscriptions_.push_back(map_.Subscribe([weak](const Change& change) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    if (change.cause == ChangeCause::kClear || change.cause == ChangeCause::kSync)
      return self->Look(/*at_all_entries=*/true);
    LockTable::Output out;
    MutexLock lock(&self->mutex_);
    self->table_.OnChange(SteadyNow(), change.key, out);
    self->Perform(out);
  }));
  subscriptions_.push_back(group_->SubscribeViews([weak](const View&) {
    if (const auto self = weak.lock()) self->Look(/*at_all_entries=*/true);
  }));
  subscriptions_.push_back(
      group_->events->NewHandle(group_->events->Add([weak](const Event& event) {
        if (const auto self = weak.lock()) self->OnEvent(event);
      }),
                                group_));
}

LockTable::Seen LockService::Impl::Read(std::string_view name) const {
  return group_->driver().Read([&](const engine::Engine& engine, Instant now) {
    LockTable::Seen seen;
    seen.view = engine.view();
    seen.in_place = engine.in_place();
    seen.draining = engine.draining();
    const std::optional<uint32_t> id = engine.MapId(map_.name());
    const map::Map* found = id ? engine.FindMap(*id) : nullptr;
    seen.readable = found != nullptr && engine.synced();
    if (!seen.readable) return seen;
    if (const auto reading = found->GetWithMeta(name, engine.GroupTimeMs(now))) {
      seen.value = std::string(reading->value.text());
      seen.version = reading->version;
    }
    return seen;
  });
}

void LockService::Impl::Look(bool at_all_entries) {
  std::vector<std::string> names;
  if (at_all_entries) {
    map_.ForEach([&](std::string_view name, const Entry&) { names.emplace_back(name); });
  }
  LockTable::Output out;
  MutexLock lock(&mutex_);
  const Instant now = SteadyNow();
  table_.OnChangeOfAll(now, out);
  for (const std::string& name : names) table_.OnChange(now, name, out);
  Perform(out);
}

void LockService::Impl::OnEvent(const Event& event) {
  if (event.kind == EventKind::kResumed || event.kind == EventKind::kSynced)
    return Look(/*at_all_entries=*/true);
  if (event.kind != EventKind::kExcluded && event.kind != EventKind::kHalted) return;
  LockTable::Output out;
  MutexLock lock(&mutex_);
  table_.OnOut(SteadyNow(),
               absl::UnavailableError("this member lost its place in the group, or the quorum: "
                                      "others may have the lock by now"),
               out);
  Perform(out);
}

absl::Status LockService::Impl::Write(const LockTable::Write& write) {
  const auto done = [weak = weak_from_this(), ticket = write.ticket](const WriteResult& result) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    LockTable::Output out;
    MutexLock lock(&self->mutex_);
    self->table_.OnWritten(SteadyNow(), ticket, result.status, result.version, out);
    self->Perform(out);
  };
  if (!write.value) return Erase(write, done);
  return map_.PutIfAsync(write.name, write.expected, *write.value, Patient(), done);
}

// Not as a user's erasure, which is refused while this member drains.
absl::Status LockService::Impl::Erase(const LockTable::Write& write, WriteCallback done) {
  const std::optional<uint32_t> id = group_->driver().Read(
      [&](const engine::Engine& engine, Instant) { return engine.MapId(map_.name()); });
  if (!id) return absl::UnavailableError("this member has no complete state yet");
  map::MapOp op;
  op.map = map_.name();
  op.hlc = static_cast<uint64_t>(group_->driver().GroupTimeMs()) << runtime::kLogicalBits;
  op.body = runtime::EraseBody(write.name, write.expected);
  absl::StatusOr<engine::MapWrite> command = runtime::NewMapWrite(*id, op, Ack::kLocal);
  if (!command.ok()) return command.status();
  command->is_release = true;
  return group_->CallAsync(*std::move(command), absl::InfiniteDuration(), std::move(done));
}

// Every caller keeps this service alive until it has let go of the lock.
void LockService::Impl::Perform(LockTable::Output& out) {
  for (size_t i = 0; i < out.writes.size(); ++i) {
    const LockTable::Write write = out.writes[i];
    if (absl::Status status = Write(write); !status.ok())
      table_.OnWritten(SteadyNow(), write.ticket, status, Version::None(), out);
  }
  for (const LockTable::Answer& answer : out.answers) Complete(answer);
  for (LockTable::Lost& lost : out.lost) {
    const auto found = on_lost_.find(lost.hold);
    if (found == on_lost_.end()) continue;
    if (found->second) {
      group_->queue.PushTask(
          [on_lost = std::move(found->second), why = std::move(lost.why)] { on_lost(why); });
    }
    on_lost_.erase(found);
  }
  keep_ = !closed_ && table_.HasLoose() ? shared_from_this() : nullptr;
  const Instant next = table_.NextDeadline();
  if (!next.is_infinite()) group_->WakeAt(next);
}

LockService::OnLost LockService::Impl::TakeOnLost(uint64_t hold) {
  const auto found = on_lost_.find(hold);
  if (found == on_lost_.end()) return {};
  OnLost on_lost = std::move(found->second);
  on_lost_.erase(found);
  return on_lost;
}

// Not under this service's lock: what a user's callback owns may come back here when it goes.
void LockService::Impl::DestroyLater(OnLost on_lost) {
  if (on_lost) group_->queue.PushTask([unused = std::move(on_lost)] {});
}

void LockService::Impl::Complete(const LockTable::Answer& answer) {
  const auto found = completions_.find(answer.id);
  if (found == completions_.end()) return;
  Completion completion = std::move(found->second);
  completions_.erase(found);
  if (answer.hold != 0) {
    on_lost_[answer.hold] = std::move(completion.on_lost);
  } else {
    DestroyLater(std::move(completion.on_lost));
  }
  const auto held = [self = completion.self, name = completion.name, answer] {
    return HeldLock(
        std::make_unique<HeldLock::Impl>(HeldLock::Impl{self, name, answer.hold, answer.fence}));
  };
  if (completion.waiter != nullptr) {
    completion.waiter->status = answer.status;
    if (answer.hold != 0) completion.waiter->lock = held();
    completion.waiter->notification.Notify();
  } else if (completion.callback) {
    group_->queue.PushTask([callback = std::move(completion.callback), held, answer] {
      if (answer.hold != 0) {
        callback(held());
      } else {
        callback(answer.status);
      }
    });
  } else if (answer.hold != 0) {
    DestroyLater(TakeOnLost(answer.hold));
    LockTable::Output out;
    table_.Release(SteadyNow(), next_id_++, answer.hold, out);
    Perform(out);
  }
}

absl::Status LockService::Impl::Begin(std::string_view name, absl::Duration timeout, bool try_once,
                                      Completion completion) {
  if (absl::Status status = map::ValidateKey(name); !status.ok()) return status;
  if (absl::Status status = group_->fork_guard().Check(); !status.ok()) return status;
  if (group_->left()) return absl::CancelledError("the group was left");
  const Instant now = SteadyNow();
  const Instant deadline = messaging::DeadlineOf(now, std::max(timeout, absl::ZeroDuration()));
  completion.name = name;
  completion.self = shared_from_this();
  LockTable::Output out;
  MutexLock lock(&mutex_);
  if (closed_) return absl::CancelledError("the group was left");
  const uint64_t id = next_id_++;
  completions_.emplace(id, std::move(completion));
  table_.Acquire(now, id, name, deadline, try_once, out);
  Perform(out);
  return absl::OkStatus();
}

absl::StatusOr<HeldLock> LockService::Impl::Acquire(std::string_view name, absl::Duration timeout,
                                                    bool try_once, OnLost on_lost) {
  if (runtime::DeliveryQueue::OnDeliveryThread()) return LockInCallback();
  const auto waiter = std::make_shared<Waiter>();
  Completion completion;
  completion.on_lost = std::move(on_lost);
  completion.waiter = waiter;
  if (absl::Status status = Begin(name, timeout, try_once, std::move(completion)); !status.ok())
    return status;
  waiter->notification.WaitForNotification();
  if (!waiter->lock) return waiter->status;
  return *std::move(waiter->lock);
}

absl::Status LockService::Impl::AcquireAsync(std::string_view name, absl::Duration timeout,
                                             OnLost on_lost, AcquireCallback done) {
  Completion completion;
  completion.on_lost = std::move(on_lost);
  completion.callback = std::move(done);
  return Begin(name, timeout, /*try_once=*/false, std::move(completion));
}

absl::Status LockService::Impl::Release(uint64_t hold) {
  if (runtime::DeliveryQueue::OnDeliveryThread()) return LockInCallback();
  const auto waiter = std::make_shared<Waiter>();
  {
    OnLost unused;  // Destroyed after the lock, as below.
    LockTable::Output out;
    MutexLock lock(&mutex_);
    const uint64_t id = next_id_++;
    completions_.emplace(id, Completion{.name = {},
                                        .on_lost = {},
                                        .waiter = waiter,
                                        .callback = {},
                                        .self = shared_from_this()});
    unused = TakeOnLost(hold);
    table_.Release(SteadyNow(), id, hold, out);
    Perform(out);
  }
  waiter->notification.WaitForNotification();
  return waiter->status;
}

void LockService::Impl::ReleaseInBackground(uint64_t hold) {
  if (group_->fork_guard().InChild()) return;
  OnLost unused;
  LockTable::Output out;
  MutexLock lock(&mutex_);
  unused = TakeOnLost(hold);
  table_.Release(SteadyNow(), next_id_++, hold, out);
  Perform(out);
}

bool LockService::Impl::IsHeld(uint64_t hold) const {
  if (group_->left()) return false;
  MutexLock lock(&mutex_);
  return table_.IsHeld(hold);
}

std::optional<LockOwner> LockService::Impl::Owner(std::string_view name) const {
  MutexLock lock(&mutex_);
  return table_.Owner(name);
}

Instant LockService::Impl::Housekeep(Instant now) {
  LockTable::Output out;
  MutexLock lock(&mutex_);
  table_.OnTimer(now, out);
  Perform(out);
  return table_.NextDeadline();
}

void LockService::Impl::OnDraining() {
  LockTable::Output out;
  MutexLock lock(&mutex_);
  table_.OnChangeOfAll(SteadyNow(), out);
  Perform(out);
}

void LockService::Impl::OnLeft(const absl::Status& status) {
  LockTable::Output out;
  MutexLock lock(&mutex_);
  closed_ = true;
  table_.FailAll(status, out);
  Perform(out);
}

// ---- The handles.

LockService::LockService(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<LockService> LockService::Open(Group& group, std::string_view map,
                                              absl::Duration timeout) {
  absl::StatusOr<ReplicatedMap> opened = group.OpenMap(map, {}, timeout);
  if (!opened.ok()) return opened.status();
  const auto impl =
      std::static_pointer_cast<Impl>(group.impl()->GetOrAdd("locks in " + std::string(map), [&] {
        return std::make_shared<Impl>(group.impl(), *opened);
      }));
  impl->Start();
  return LockService(impl);
}

absl::StatusOr<HeldLock> LockService::Acquire(std::string_view name, absl::Duration timeout,
                                              OnLost on_lost) {
  return impl_->Acquire(name, timeout, /*try_once=*/false, std::move(on_lost));
}
absl::StatusOr<HeldLock> LockService::TryAcquire(std::string_view name, OnLost on_lost) {
  return impl_->Acquire(name, absl::InfiniteDuration(), /*try_once=*/true, std::move(on_lost));
}
absl::Status LockService::AcquireAsync(std::string_view name, absl::Duration timeout,
                                       OnLost on_lost, AcquireCallback done) {
  return impl_->AcquireAsync(name, timeout, std::move(on_lost), std::move(done));
}
std::optional<LockOwner> LockService::Owner(std::string_view name) const {
  return impl_->Owner(name);
}

HeldLock::HeldLock(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HeldLock::HeldLock(HeldLock&&) noexcept = default;
HeldLock& HeldLock::operator=(HeldLock&& other) noexcept {
  if (this != &other) {
    if (impl_ != nullptr) impl_->service->ReleaseInBackground(impl_->hold);
    impl_ = std::move(other.impl_);
  }
  return *this;
}
HeldLock::~HeldLock() {
  if (impl_ != nullptr) impl_->service->ReleaseInBackground(impl_->hold);
}

const std::string& HeldLock::name() const { return impl_->name; }
Version HeldLock::fence() const { return impl_->fence; }
bool HeldLock::held() const { return impl_->service->IsHeld(impl_->hold); }
absl::Status HeldLock::Release() {
  if (runtime::DeliveryQueue::OnDeliveryThread()) return LockInCallback();
  const absl::Status status = impl_->service->Release(impl_->hold);
  impl_->hold = 0;  // No hold has this number.
  return status;
}

}  // namespace cohort

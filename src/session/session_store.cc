#include "cohort/session_store.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "runtime/delivery_queue.h"
#include "session/core.h"
#include "session/limits.h"

namespace cohort {

using session::CheckChanges;
using session::CheckId;
using session::Core;

namespace session {

Core::Core(const SessionStoreOptions& options, Environment& environment)
    : options_(options),
      environment_(environment),
      events_(std::make_shared<EventHub<SessionEvent>>(kSessionEventsQueuedMax)),
      task_events_(std::make_shared<EventHub<SessionTask>>(kSessionEventsQueuedMax)),
      change_watchers_(std::make_shared<std::atomic<int>>(0)),
      alarm_(environment) {}

SessionStoreStats Core::stats() const {
  const ReplicaPtr in_group = replica();
  const runtime::MutexLock lock(&mutex_);
  SessionStoreStats stats = counts_;
  stats.sessions = table_.size();
  stats.owned = table_.Owned().size();
  stats.local = local_.size();
  stats.bytes = local_.bytes() + (in_group != nullptr ? in_group->Bytes() : 0);
  stats.events_dropped = events_->dropped() + task_events_->dropped();
  return stats;
}

absl::StatusOr<MapDigest> Core::Digest() const {
  const ReplicaPtr in_group = replica();
  if (in_group == nullptr || !replicated()) {
    return absl::FailedPreconditionError("the sessions are of this member alone");
  }
  if (!in_group->IsReadable()) {
    return absl::UnavailableError("this member does not hold the whole state");
  }
  return in_group->Digest();
}

Core::Kept Core::kept() const {
  const runtime::MutexLock lock(&mutex_);
  return {table_.UsedUnlisted(), open_ends_.open()};
}

}  // namespace session

// The handles' end of a store: its last one ends the worker.
struct SessionStore::Impl {
  explicit Impl(const SessionStoreOptions& options) : core(std::make_shared<Core>(options)) {
    worker = runtime::StartThread("cohort-session", [core = core] { core->Run(); });
  }
  ~Impl() {
    core->Stop();
    // In a callback the worker makes, or that it may be waiting for.
    const bool must_not_wait =
        std::this_thread::get_id() == worker.get_id() || runtime::DeliveryQueue::OnDeliveryThread();
    if (must_not_wait) {
      worker.detach();
    } else {
      worker.join();
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const std::shared_ptr<Core> core;
  std::thread worker;
};

namespace {

SessionResult Failed(absl::Status status) {
  SessionResult result;
  result.status = std::move(status);
  return result;
}

absl::Status InCallback() {
  if (!runtime::DeliveryQueue::OnDeliveryThread()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "a blocking call in a callback would wait for its own thread: hand it to another one");
}

// Tells what a call has brought about, when it holds no lock any more.
class Telling {
 public:
  explicit Telling(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~Telling() { core_->Drain(); }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;

 private:
  // A callback may close the store's last handle.
  const std::shared_ptr<Core> core_;
};

}  // namespace

SessionStore::SessionStore(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
SessionStore::SessionStore(const SessionStore&) = default;
SessionStore::SessionStore(SessionStore&&) noexcept = default;
SessionStore& SessionStore::operator=(const SessionStore&) = default;
SessionStore& SessionStore::operator=(SessionStore&&) noexcept = default;
SessionStore::~SessionStore() = default;

absl::StatusOr<SessionStore> SessionStore::Open(const SessionStoreOptions& options, Group* group) {
  if (absl::Status status = session::CheckOptions(options); !status.ok()) return status;
  if (group != nullptr) {
    if (absl::Status status = InCallback(); !status.ok()) return status;
  }
  auto impl = std::make_shared<Impl>(options);
  if (group != nullptr) {
    if (absl::Status status = impl->core->Attach(session::HomeIn(*group)); !status.ok())
      return status;
  }
  return SessionStore(std::move(impl));
}

const std::string& SessionStore::application() const { return impl_->core->options().application; }

SessionResult SessionStore::Create(std::string_view id, const SessionInfo& info,
                                   const std::vector<Attribute>& attributes) {
  if (absl::Status status = InCallback(); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckId(id); !status.ok()) return Failed(std::move(status));
  const SessionChanges changes = {.set = attributes, .metadata = info.metadata};
  if (absl::Status status = CheckChanges(changes); !status.ok()) return Failed(std::move(status));
  const Telling telling(impl_->core);
  return impl_->core->Create(id, info, attributes);
}

absl::StatusOr<SessionSnapshot> SessionStore::Load(std::string_view id) {
  if (absl::Status status = CheckId(id); !status.ok()) return status;
  const Telling telling(impl_->core);
  return impl_->core->Load(id);
}

bool SessionStore::Exists(std::string_view id) const {
  return CheckId(id).ok() && impl_->core->Exists(id);
}

bool SessionStore::IsOwner(std::string_view id) const {
  return CheckId(id).ok() && impl_->core->IsOwner(id);
}

SessionResult SessionStore::Save(std::string_view id, const SessionChanges& changes) {
  if (absl::Status status = InCallback(); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckId(id); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckChanges(changes); !status.ok()) return Failed(std::move(status));
  const Telling telling(impl_->core);
  return impl_->core->Save(id, changes);
}

void SessionStore::SaveAsync(std::string_view id, SessionChanges changes, SaveCallback done) {
  absl::Status status = InCallback();
  if (status.ok()) status = CheckId(id);
  if (status.ok()) status = CheckChanges(changes);
  if (!status.ok()) return done(Failed(std::move(status)));
  impl_->core->SaveAsync(id, std::move(changes), std::move(done));
}

SessionResult SessionStore::Update(std::string_view id, const ChangeFunction& change) {
  if (absl::Status status = InCallback(); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckId(id); !status.ok()) return Failed(std::move(status));
  const Telling telling(impl_->core);
  return impl_->core->Update(id, change);
}

SessionResult SessionStore::ChangeId(std::string_view old_id, std::string_view new_id) {
  if (absl::Status status = InCallback(); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckId(old_id); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckId(new_id); !status.ok()) return Failed(std::move(status));
  const Telling telling(impl_->core);
  return impl_->core->ChangeId(old_id, new_id);
}

SessionResult SessionStore::Invalidate(std::string_view id) {
  if (absl::Status status = InCallback(); !status.ok()) return Failed(std::move(status));
  if (absl::Status status = CheckId(id); !status.ok()) return Failed(std::move(status));
  const Telling telling(impl_->core);
  return impl_->core->Invalidate(id);
}

absl::Status SessionStore::Touch(std::string_view id) {
  if (absl::Status status = CheckId(id); !status.ok()) return status;
  return impl_->core->Touch(id);
}

std::vector<std::string> SessionStore::Ids(size_t max) const { return impl_->core->Ids(max); }
SessionStoreStats SessionStore::stats() const { return impl_->core->stats(); }
absl::StatusOr<MapDigest> SessionStore::Digest() const { return impl_->core->Digest(); }

absl::StatusOr<uint64_t> SessionStore::SetReplication(Group* group) {
  const Telling telling(impl_->core);
  if (group == nullptr) return impl_->core->SetReplication(nullptr);
  const session::Home home = session::HomeIn(*group);
  return impl_->core->SetReplication(&home);
}
bool SessionStore::replicated() const { return impl_->core->replicated(); }

absl::Status SessionStore::AwaitTask(uint64_t id, absl::Duration timeout) {
  if (absl::Status status = InCallback(); !status.ok()) return status;
  if (Core::OnWorker()) {
    return absl::FailedPreconditionError(
        "a callback that waits for a task here would wait for the thread that does it");
  }
  return impl_->core->tasks().Await(id, timeout);
}
std::vector<SessionTask> SessionStore::Tasks() const { return impl_->core->tasks().All(); }

Subscription SessionStore::SubscribeEvents(std::function<void(const SessionEvent&)> on_event,
                                           bool with_changes) {
  return impl_->core->SubscribeEvents(std::move(on_event), with_changes);
}
Subscription SessionStore::SubscribeTasks(std::function<void(const SessionTask&)> on_task) {
  return impl_->core->SubscribeTasks(std::move(on_task));
}

// ---- Words.

const char* ToString(SessionEventKind kind) {
  switch (kind) {
    case SessionEventKind::kCreated:
      return "created";
    case SessionEventKind::kChanged:
      return "changed";
    case SessionEventKind::kMoved:
      return "moved";
    case SessionEventKind::kIdChanged:
      return "id_changed";
    case SessionEventKind::kExpired:
      return "expired";
    case SessionEventKind::kInvalidated:
      return "invalidated";
    case SessionEventKind::kEvicted:
      return "evicted";
    case SessionEventKind::kWithdrawn:
      return "withdrawn";
    case SessionEventKind::kRefusedAttribute:
      return "refused_attribute";
    case SessionEventKind::kConflict:
      break;
  }
  return "conflict";
}

const char* ToString(SessionTaskKind kind) {
  return kind == SessionTaskKind::kReplicationOn ? "replication_on" : "replication_off";
}

const char* ToString(SessionTaskState state) {
  switch (state) {
    case SessionTaskState::kStarted:
      return "started";
    case SessionTaskState::kProgress:
      return "progress";
    case SessionTaskState::kDone:
      return "done";
    case SessionTaskState::kFailed:
      break;
  }
  return "failed";
}

}  // namespace cohort

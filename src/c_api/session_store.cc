// Session stores.
#include <algorithm>
#include <string>
#include <utility>

#include "c_api/call.h"
#include "c_api/handles.h"
#include "c_api/write.h"
#include "cohort/c.h"

namespace {

using cohort::SessionChanges;
using cohort::SessionEvent;
using cohort::SessionEventKind;
using cohort::SessionInfo;
using cohort::SessionResult;
using cohort::SessionSnapshot;
using cohort::SessionStore;
using cohort::SessionStoreOptions;
using cohort::SessionStoreStats;
using cohort::SessionTask;
using cohort::SessionTaskKind;
using cohort::SessionTaskState;
using cohort::c_api::Bytes;
using cohort::c_api::Callback;
using cohort::c_api::Check;
using cohort::c_api::CheckResult;
using cohort::c_api::FromMemberId;
using cohort::c_api::FromVersion;
using cohort::c_api::FromViewId;
using cohort::c_api::Guarded;
using cohort::c_api::Handle;
using cohort::c_api::Invalid;
using cohort::c_api::NamesOf;
using cohort::c_api::OrElse;
using cohort::c_api::ReadStruct;
using cohort::c_api::ToTimeout;
using cohort::c_api::WriteStruct;

absl::StatusOr<SessionStoreOptions> ToOptions(const cohort_session_store_options_t& from) {
  SessionStoreOptions to;
  if (from.application == nullptr) return Invalid("options: application is NULL");
  to.application = from.application;
  cohort_write_options_t write{};
  write.size = sizeof write;
  write.ack = from.ack;
  write.timeout_ms = from.timeout_ms;
  const absl::StatusOr<cohort::WriteOptions> with = cohort::c_api::ToWriteOptions(&write);
  if (!with.ok()) return with.status();
  to.ack = with->ack;
  to.timeout = with->timeout;
  if (from.eviction > COHORT_EVICTION_LEAST_RECENTLY_USED)
    return Invalid("options: there is no eviction " + std::to_string(from.eviction));
  if (from.eviction == COHORT_EVICTION_LEAST_RECENTLY_USED)
    to.eviction = cohort::SessionEviction::kLeastRecentlyUsed;
  to.bytes_max = from.bytes_max;
  if (from.successor_step_ms != 0) to.successor_step = absl::Milliseconds(from.successor_step_ms);
  if (from.orphan_time_ms != 0) to.orphan_time = absl::Milliseconds(from.orphan_time_ms);
  return to;
}

absl::StatusOr<SessionChanges> ToChanges(const cohort_session_changes_t& from) {
  if (from.metadata == nullptr && from.metadata_size != 0)
    return Invalid("changes: metadata is NULL");
  if (from.max_inactive_ms < COHORT_FOREVER) return Invalid("changes: max_inactive_ms");
  if (from.set != nullptr && from.taken != nullptr) return Invalid("changes: set, and taken");
  SessionChanges to;
  if (from.set != nullptr) to.set = from.set->list;
  if (from.taken != nullptr) to.set = std::exchange(from.taken->list, {});
  if (from.erased != nullptr) to.erased = NamesOf(*from.erased);
  if (from.metadata != nullptr)
    to.metadata = std::string(static_cast<const char*>(from.metadata), from.metadata_size);
  if (from.max_inactive_ms == COHORT_FOREVER) to.max_inactive = absl::InfiniteDuration();
  if (from.max_inactive_ms > 0) to.max_inactive = absl::Milliseconds(from.max_inactive_ms);
  to.fence = from.fence;
  to.touch = from.no_touch == 0;
  return to;
}

cohort_session_result_t FromResult(const SessionResult& result) {
  cohort_session_result_t to{};
  to.size = sizeof to;
  to.status = static_cast<cohort_status_t>(result.status.code());
  to.replicas = result.replicas;
  to.version = FromVersion(result.version);
  to.fence = result.fence;
  to.refused = result.refused.size();
  // One that is longer would be no id.
  static_assert(sizeof to.new_id > cohort::kSessionIdBytesMax);
  to.new_id_size = std::min(result.new_id.size(), cohort::kSessionIdBytesMax);
  std::copy_n(result.new_id.data(), to.new_id_size, to.new_id);
  return to;
}

// A callback of C must hear of the result also where there is no memory for the text.
std::string TextOf(const absl::Status& status) noexcept {
  return OrElse(std::string(), [&] { return std::string(status.message()); });
}

SessionStore::SaveCallback ToSaveCallback(cohort_session_saved_fn done, void* user) {
  return [done, user](const SessionResult& result) noexcept {
    if (done == nullptr) return;
    const cohort_session_result_t told = FromResult(result);
    done(&told, TextOf(result.status).c_str(), user);
  };
}

// Calls write(SessionStore&), which returns a SessionResult.
template <class Write>
cohort_status_t MakeWrite(cohort_session_store_t* store, std::initializer_list<Bytes> arguments,
                          cohort_session_result_t* result, cohort_error_t** error,
                          Write&& write) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = CheckResult(result, "result");
    if (!status.ok()) return status;
    SessionResult made;
    made.status = Check({Handle(store, "store")});
    if (made.status.ok()) made.status = Check(arguments);
    if (made.status.ok()) made = write(store->store);
    WriteStruct(FromResult(made), result);
    return made.status;
  });
}

cohort_session_task_t FromTask(const SessionTask& task) {
  cohort_session_task_t to{};
  to.size = sizeof to;
  to.id = task.id;
  to.kind = task.kind == SessionTaskKind::kReplicationOn ? COHORT_SESSION_TASK_REPLICATION_ON
                                                         : COHORT_SESSION_TASK_REPLICATION_OFF;
  switch (task.state) {
    case SessionTaskState::kStarted:
      to.state = COHORT_SESSION_TASK_STARTED;
      break;
    case SessionTaskState::kProgress:
      to.state = COHORT_SESSION_TASK_PROGRESS;
      break;
    case SessionTaskState::kDone:
      to.state = COHORT_SESSION_TASK_DONE;
      break;
    case SessionTaskState::kFailed:
      to.state = COHORT_SESSION_TASK_FAILED;
      break;
  }
  to.started_ms = absl::ToUnixMillis(task.started);
  to.changed_ms = absl::ToUnixMillis(task.changed);
  to.total = task.total;
  to.moved = task.moved;
  to.failed = task.failed;
  to.status = static_cast<uint64_t>(task.status.code());
  return to;
}

cohort_session_event_kind_t FromKind(SessionEventKind kind) {
  switch (kind) {
    case SessionEventKind::kCreated:
      return COHORT_SESSION_CREATED;
    case SessionEventKind::kChanged:
      return COHORT_SESSION_CHANGED;
    case SessionEventKind::kMoved:
      return COHORT_SESSION_MOVED;
    case SessionEventKind::kIdChanged:
      return COHORT_SESSION_ID_CHANGED;
    case SessionEventKind::kExpired:
      return COHORT_SESSION_EXPIRED;
    case SessionEventKind::kInvalidated:
      return COHORT_SESSION_INVALIDATED;
    case SessionEventKind::kEvicted:
      return COHORT_SESSION_EVICTED;
    case SessionEventKind::kWithdrawn:
      return COHORT_SESSION_WITHDRAWN;
    case SessionEventKind::kRefusedAttribute:
      return COHORT_SESSION_REFUSED_ATTRIBUTE;
    case SessionEventKind::kConflict:
      break;
  }
  return COHORT_SESSION_CONFLICT;
}

// Points into `event`; `session` is what it held, or null.
cohort_session_event_t FromEvent(const SessionEvent& event, const cohort_session_t* session) {
  cohort_session_event_t to{};
  to.size = sizeof to;
  to.kind = FromKind(event.kind);
  to.here = event.here ? 1 : 0;
  to.id = event.id.data();
  to.id_size = event.id.size();
  to.new_id = event.new_id.data();
  to.new_id_size = event.new_id.size();
  to.attribute = event.attribute.data();
  to.attribute_size = event.attribute.size();
  to.at_ms = absl::ToUnixMillis(event.at);
  to.by = FromMemberId(event.by);
  to.version = FromVersion(event.version);
  to.text = event.text.c_str();
  to.session = session;
  return to;
}

}  // namespace

extern "C" {

cohort_status_t cohort_session_store_open(const cohort_session_store_options_t* options,
                                          cohort_group_t* group, cohort_session_store_t** store,
                                          cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(options, "options"), Handle(store, "store")});
    if (!status.ok()) return status;
    const absl::StatusOr<cohort_session_store_options_t> from = ReadStruct(options, "options");
    if (!from.ok()) return from.status();
    const absl::StatusOr<SessionStoreOptions> with = ToOptions(*from);
    if (!with.ok()) return with.status();
    absl::StatusOr<SessionStore> opened =
        SessionStore::Open(*with, group == nullptr ? nullptr : &group->group);
    if (!opened.ok()) return opened.status();
    *store = new cohort_session_store{*std::move(opened)};
    return status;
  });
}

void cohort_session_store_close(cohort_session_store_t* store) { delete store; }

cohort_status_t cohort_session_load(cohort_session_store_t* store, const void* id, size_t id_size,
                                    cohort_session_t** session, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status =
        Check({Handle(store, "store"), {id, id_size, "id"}, Handle(session, "session")});
    if (!status.ok()) return status;
    absl::StatusOr<SessionSnapshot> loaded = store->store.Load(Bytes{id, id_size, "id"}.view());
    if (!loaded.ok()) return loaded.status();
    *session = new cohort_session(*std::move(loaded));
    return status;
  });
}

void cohort_session_free(cohort_session_t* session) { delete session; }

void cohort_session_get_info(const cohort_session_t* session, cohort_session_info_t* info) {
  if (session == nullptr || !CheckResult(info, "info").ok()) return;
  const SessionSnapshot& snapshot = session->snapshot;
  cohort_session_info_t to{};
  to.size = sizeof to;
  to.created_ms = absl::ToUnixMillis(snapshot.created);
  to.last_accessed_ms = absl::ToUnixMillis(snapshot.last_accessed);
  to.max_inactive_ms = snapshot.max_inactive == absl::InfiniteDuration()
                           ? COHORT_FOREVER
                           : absl::ToInt64Milliseconds(snapshot.max_inactive);
  to.version = FromVersion(snapshot.version);
  to.fence = snapshot.fence;
  to.owned = snapshot.is_owner ? 1 : 0;
  WriteStruct(to, info);
}

const void* cohort_session_metadata(const cohort_session_t* session, size_t* size) {
  if (size != nullptr) *size = session == nullptr ? 0 : session->snapshot.metadata.size();
  return session == nullptr ? "" : session->snapshot.metadata.c_str();
}

const cohort_attributes_t* cohort_session_attributes(const cohort_session_t* session) {
  return session == nullptr ? nullptr : &session->attributes;
}

uint32_t cohort_session_exists(const cohort_session_store_t* store, const void* id,
                               size_t id_size) {
  if (store == nullptr || id == nullptr) return 0;
  return OrElse(uint32_t{0}, [&]() -> uint32_t {
    return store->store.Exists(Bytes{id, id_size, "id"}.view()) ? 1 : 0;
  });
}

uint32_t cohort_session_is_owner(const cohort_session_store_t* store, const void* id,
                                 size_t id_size) {
  if (store == nullptr || id == nullptr) return 0;
  return OrElse(uint32_t{0}, [&]() -> uint32_t {
    return store->store.IsOwner(Bytes{id, id_size, "id"}.view()) ? 1 : 0;
  });
}

cohort_status_t cohort_session_create(cohort_session_store_t* store, const void* id, size_t id_size,
                                      const cohort_session_changes_t* contents,
                                      cohort_session_result_t* result, cohort_error_t** error) {
  const Bytes key{id, id_size, "id"};
  return MakeWrite(store, {key}, result, error, [&](SessionStore& to) {
    SessionResult made;
    const absl::StatusOr<cohort_session_changes_t> from = ReadStruct(contents, "contents");
    made.status = from.status();
    if (!from.ok()) return made;
    absl::StatusOr<SessionChanges> changes = ToChanges(*from);
    made.status = changes.status();
    if (!changes.ok()) return made;
    SessionInfo info;
    if (from->created_ms != 0) info.created = absl::FromUnixMillis(from->created_ms);
    if (changes->max_inactive) info.max_inactive = *changes->max_inactive;
    if (changes->metadata) info.metadata = *std::move(changes->metadata);
    return to.Create(key.view(), info, changes->set);
  });
}

cohort_status_t cohort_session_save(cohort_session_store_t* store, const void* id, size_t id_size,
                                    const cohort_session_changes_t* changes,
                                    cohort_session_result_t* result, cohort_error_t** error) {
  const Bytes key{id, id_size, "id"};
  return MakeWrite(store, {key}, result, error, [&](SessionStore& to) {
    SessionResult made;
    const absl::StatusOr<cohort_session_changes_t> from = ReadStruct(changes, "changes");
    made.status = from.status();
    if (!from.ok()) return made;
    const absl::StatusOr<SessionChanges> with = ToChanges(*from);
    made.status = with.status();
    return with.ok() ? to.Save(key.view(), *with) : made;
  });
}

cohort_status_t cohort_session_save_async(cohort_session_store_t* store, const void* id,
                                          size_t id_size, const cohort_session_changes_t* changes,
                                          cohort_session_saved_fn done, void* user,
                                          cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    const Bytes key{id, id_size, "id"};
    absl::Status status = Check({Handle(store, "store"), key});
    if (!status.ok()) return status;
    const absl::StatusOr<cohort_session_changes_t> from = ReadStruct(changes, "changes");
    if (!from.ok()) return from.status();
    absl::StatusOr<SessionChanges> with = ToChanges(*from);
    if (!with.ok()) return with.status();
    store->store.SaveAsync(key.view(), *std::move(with), ToSaveCallback(done, user));
    return status;
  });
}

cohort_status_t cohort_session_change_id(cohort_session_store_t* store, const void* old_id,
                                         size_t old_id_size, const void* new_id, size_t new_id_size,
                                         cohort_session_result_t* result, cohort_error_t** error) {
  const Bytes from{old_id, old_id_size, "old_id"};
  const Bytes to{new_id, new_id_size, "new_id"};
  return MakeWrite(store, {from, to}, result, error,
                   [&](SessionStore& in) { return in.ChangeId(from.view(), to.view()); });
}

cohort_status_t cohort_session_invalidate(cohort_session_store_t* store, const void* id,
                                          size_t id_size, cohort_session_result_t* result,
                                          cohort_error_t** error) {
  const Bytes key{id, id_size, "id"};
  return MakeWrite(store, {key}, result, error,
                   [&](SessionStore& in) { return in.Invalidate(key.view()); });
}

cohort_status_t cohort_session_touch(cohort_session_store_t* store, const void* id, size_t id_size,
                                     cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    const Bytes key{id, id_size, "id"};
    absl::Status status = Check({Handle(store, "store"), key});
    return status.ok() ? store->store.Touch(key.view()) : status;
  });
}

cohort_status_t cohort_session_store_ids(const cohort_session_store_t* store, size_t max,
                                         cohort_session_id_fn visit, void* user,
                                         cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store"), Callback(visit, "visit")});
    if (!status.ok()) return status;
    for (const std::string& id : store->store.Ids(max == 0 ? SIZE_MAX : max)) {
      if (visit(id.data(), id.size(), user) != 0) break;
    }
    return status;
  });
}

cohort_status_t cohort_session_store_stats(const cohort_session_store_t* store,
                                           cohort_session_stats_t* stats, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store"), Handle(stats, "stats")});
    if (status.ok()) status = CheckResult(stats, "stats");
    if (!status.ok()) return status;
    const SessionStoreStats from = store->store.stats();
    WriteStruct(cohort_session_stats_t{sizeof(cohort_session_stats_t), from.sessions, from.owned,
                                       from.local, from.bytes, from.saves, from.claims,
                                       from.conflicts, from.refused_attributes, from.expired,
                                       from.evicted, from.events_dropped, from.deltas},
                stats);
    return status;
  });
}

cohort_status_t cohort_session_store_digest(const cohort_session_store_t* store,
                                            cohort_digest_t* digest, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store"), Handle(digest, "digest")});
    if (status.ok()) status = CheckResult(digest, "digest");
    if (!status.ok()) return status;
    const absl::StatusOr<cohort::MapDigest> taken = store->store.Digest();
    if (!taken.ok()) return taken.status();
    WriteStruct(cohort_digest_t{sizeof(cohort_digest_t), taken->hi, taken->lo,
                                FromViewId(taken->view), taken->entries},
                digest);
    return status;
  });
}

cohort_status_t cohort_session_store_set_replication(cohort_session_store_t* store,
                                                     cohort_group_t* group, uint64_t* task,
                                                     cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store")});
    if (!status.ok()) return status;
    const absl::StatusOr<uint64_t> begun =
        store->store.SetReplication(group == nullptr ? nullptr : &group->group);
    if (begun.ok() && task != nullptr) *task = *begun;
    return begun.status();
  });
}

uint32_t cohort_session_store_replicated(const cohort_session_store_t* store) {
  return store != nullptr && store->store.replicated() ? 1 : 0;
}

cohort_status_t cohort_session_store_await_task(cohort_session_store_t* store, uint64_t task,
                                                int64_t timeout_ms, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store")});
    if (!status.ok()) return status;
    const absl::StatusOr<absl::Duration> timeout = ToTimeout(timeout_ms, absl::Seconds(30));
    return timeout.ok() ? store->store.AwaitTask(task, *timeout) : timeout.status();
  });
}

cohort_status_t cohort_session_store_tasks(const cohort_session_store_t* store,
                                           cohort_session_task_fn visit, void* user,
                                           cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store"), Callback(visit, "visit")});
    if (!status.ok()) return status;
    for (const SessionTask& task : store->store.Tasks()) {
      const cohort_session_task_t told = FromTask(task);
      visit(&told, user);
    }
    return status;
  });
}

cohort_status_t cohort_session_store_subscribe_tasks(cohort_session_store_t* store,
                                                     cohort_session_task_fn on_task, void* user,
                                                     cohort_subscription_t** subscription,
                                                     cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store"), Callback(on_task, "on_task"),
                                 Handle(subscription, "subscription")});
    if (!status.ok()) return status;
    auto made = std::make_unique<cohort_subscription>();
    made->subscription =
        store->store.SubscribeTasks([on_task, user](const SessionTask& task) noexcept {
          const cohort_session_task_t told = FromTask(task);
          on_task(&told, user);
        });
    *subscription = made.release();
    return status;
  });
}

const char* cohort_session_event_name(cohort_session_event_kind_t kind) {
  for (auto known = SessionEventKind::kCreated; known <= SessionEventKind::kConflict;
       known = static_cast<SessionEventKind>(static_cast<uint8_t>(known) + 1)) {
    if (FromKind(known) == kind) return cohort::ToString(known);
  }
  return "?";
}

cohort_status_t cohort_session_store_subscribe_events(cohort_session_store_t* store,
                                                      uint32_t with_changes,
                                                      cohort_session_event_fn on_event, void* user,
                                                      cohort_subscription_t** subscription,
                                                      cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(store, "store"), Callback(on_event, "on_event"),
                                 Handle(subscription, "subscription")});
    if (!status.ok()) return status;
    auto made = std::make_unique<cohort_subscription>();
    made->subscription = store->store.SubscribeEvents(
        [on_event, user](const SessionEvent& event) noexcept {
          if (event.session == nullptr) {
            const cohort_session_event_t told = FromEvent(event, nullptr);
            return on_event(&told, user);
          }
          const cohort_session session(*event.session);
          const cohort_session_event_t told = FromEvent(event, &session);
          on_event(&told, user);
        },
        with_changes != 0);
    *subscription = made.release();
    return status;
  });
}

}  // extern "C"

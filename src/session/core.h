// What stands behind a SessionStore.
//
// Idea: a session lives in one place, the group's map or the local store, and each write finds it
// there under the session's own lock (Turn); so switching replication is moving sessions one by
// one, while all stay usable. What a store knows besides (the table) only tells it where to look.
//
// Locks, from above: a session's `order`; `mutex_`; then the leaf locks of map, local store, tasks
// and events. `mutex_` is not held while anything waits. Events are told under none.
//
// Lifetime: shared by the handles' Impl, the worker thread and whoever is called back.
#ifndef COHORT_SESSION_CORE_H_
#define COHORT_SESSION_CORE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cohort/session_store.h"
#include "runtime/mutex.h"
#include "session/alarm.h"
#include "session/environment.h"
#include "session/event_hub.h"
#include "session/local_store.h"
#include "session/open_ends.h"
#include "session/record.h"
#include "session/replica.h"
#include "session/session_table.h"
#include "session/task_list.h"

namespace cohort::session {

class Core : public std::enable_shared_from_this<Core> {
 public:
  using Changes = SessionStore::ChangeFunction;
  using SaveCallback = SessionStore::SaveCallback;
  explicit Core(const SessionStoreOptions& options, Environment& environment = Environment::Real());

  const SessionStoreOptions& options() const { return options_; }

  // ---- Calls of the host (calls.cc, saves.cc). Ids and changes are within their limits.
  SessionResult Create(std::string_view id, const SessionInfo& info,
                       const std::vector<Attribute>& attributes);
  absl::StatusOr<SessionSnapshot> Load(std::string_view id);
  bool Exists(std::string_view id) const;
  bool IsOwner(std::string_view id) const;
  SessionResult Save(std::string_view id, const SessionChanges& changes);
  void SaveAsync(std::string_view id, SessionChanges changes, SaveCallback done);
  SessionResult Update(std::string_view id, const Changes& change);
  SessionResult ChangeId(std::string_view old_id, std::string_view new_id);
  SessionResult Invalidate(std::string_view id);
  absl::Status Touch(std::string_view id);
  std::vector<std::string> Ids(size_t max) const;
  SessionStoreStats stats() const;
  absl::StatusOr<MapDigest> Digest() const;

  // ---- Replication (replication.cc).
  // The group's sessions are here when this returns. Not while it has a replica already.
  absl::Status Attach(const Home& home);
  // Null: out of its group.
  absl::StatusOr<uint64_t> SetReplication(const Home* home);
  bool replicated() const;
  TaskList& tasks() { return tasks_; }

  // ---- Events.
  Subscription SubscribeEvents(std::function<void(const SessionEvent&)> on_event,
                               bool with_changes);
  Subscription SubscribeTasks(std::function<void(const SessionTask&)> on_task);
  // Tells some of what waits, if it is the caller's thread that has to. No lock is held.
  void Drain();

  // ---- The worker (expiry.cc).
  void Run();
  void Stop();
  // Whether the calling thread is the worker, of this store or any other.
  static bool OnWorker();

  // What it keeps, for those who look for what is never given back.
  struct Kept {
    std::vector<std::string> unlisted;  // Sessions that it knows of, and does not list.
    size_t open_ends = 0;               // Ends whose call has not returned.
  };
  Kept kept() const;

 private:
  absl::Time Now() const { return environment_.Now(); }

  using ReplicaPtr = std::shared_ptr<Replica>;

  class Turn;  // turn.h

  // ---- Ownership (ownership.cc). The caller has the session's turn.
  // Makes this member the owner, if it may be, and knows the session's shape. `fence` as in
  // SessionChanges; `always`: whatever this store saw of it last. Errors: kAborted, kNotFound, ...
  absl::Status Own(Session& session, Replica& replica, uint64_t fence, bool always = false);
  // Whether it is owned here, and holds what was seen, for nothing has happened to it since the map
  // said so.
  bool IsUntouched(const Session& session) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckFence(Session& session, const Replica& replica, Owner owner, uint64_t fence,
                          bool always);
  absl::Status ClaimIt(Session& session, Replica& replica, Owner owner, uint64_t fence);
  absl::Status Learn(Session& session, const Replica& replica);
  // It belongs to this member, which knows all of it: its shape, as of `version`.
  void Hold(Session& session, const Version& version) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnLoss(Session& session, const Version& version) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The group has something of a session that is owned here, as far as was known, which this store
  // has not seen. Whether another member has taken it.
  bool OnUnseen(Session& session, const Replica& replica, Owner owner, const Version& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the group has less of it than this store has seen, which is lost then.
  bool OnRewound(Session& session, const Replica& replica) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellLost(std::string_view id, bool was_rewound);
  // `status`, and the event if it says that another member owns the session.
  absl::Status Refused(std::string_view id, const absl::Status& status);

  // ---- Writes. Where the session is; null: here only. It is moved to where it belongs.
  absl::StatusOr<ReplicaPtr> Route(Session& session);
  // Replication may have been switched while the session was written to `replica`; null: here.
  // Where it cannot be moved now it stays: the write stands.
  void KeepWhereItBelongs(Session& session, const ReplicaPtr& replica);
  SessionResult Write(Session& session, const SessionChanges& changes);
  SessionResult WriteAt(const absl::StatusOr<ReplicaPtr>& place, Session& session,
                        const SessionChanges& changes);
  SessionResult WriteLocal(Session& session, const SessionChanges& changes);
  SessionResult WriteInGroup(Session& session, const ReplicaPtr& replica,
                             const SessionChanges& changes);
  struct Departure;
  class OpenSave;
  // Before a save is sent, sending it, and when it is answered.
  void PrepareInGroup(Session& session, Replica& replica, const SessionChanges& changes,
                      Departure& departure);
  SessionResult GoInGroup(Session& session, const ReplicaPtr& replica, bool touches,
                          Departure& departure);
  void FinishInGroup(Session& session, const WriteResult& written, bool touched,
                     SessionResult& result);
  void TellChanged(std::string_view id, const Version& version);
  WriteResult SaveOrRewrite(Session& session, Replica& replica, const SessionChanges& changes);
  void AfterWrite(Session& session, const WriteResult& written, bool touched);
  // It is as this store wrote it, and its own, unless another member had claimed it before.
  void Adopt(Session& session, const Contents& contents, const Version& version,
             bool is_owned = true);
  // Evicts, if that is what this store does and it helps. The caller has no turn.
  void MakeRoom(size_t bytes, std::string_view except);
  uint64_t BytesUsed() const;
  bool HasRoom(size_t bytes) const;  // Nothing always fits.
  absl::Status Full() const;
  // `changes` as they can be written, in `fitting` if that is less; the session's shape is as they
  // leave it. Error: the store is full, and the shape to be read again.
  absl::StatusOr<const SessionChanges*> Fitting(Session& session, const SessionChanges& changes,
                                                SessionChanges& fitting,
                                                std::vector<RefusedAttribute>& refused);
  SessionResult NotFound(std::string_view id) const;
  bool IsOver(Session& session, const Replica& replica);
  absl::StatusOr<SessionSnapshot> LoadFromGroup(std::string_view id, const Replica& replica);
  // Error: kAborted, it is to be read again.
  absl::Status NoteReading(std::string_view id, const Replica& replica,
                           const Replica::Reading& reading, SessionSnapshot& snapshot);
  absl::StatusOr<SessionSnapshot> LoadLocal(std::string_view id, const LocalStore::Held& held);
  void TellRefused(std::string_view id, const std::vector<RefusedAttribute>& refused);

  // ---- Ends.
  // Ends it everywhere, by right: `cause`. The caller has its turn. Errors: kAborted; kNotFound.
  absl::Status End(Session& session, const ReplicaPtr& replica, EndCause cause);
  void Forget(std::string_view id);
  // Unless there is one of this id, or may be for all that is known. `ended`: of an end that was
  // told; then only one that was seen since may be. Whether it is forgotten.
  bool ForgetIfGone(std::string_view id, const std::optional<Version>& ended = std::nullopt);
  // At the end of a call that began a session, or its new id.
  void NoteBegun(const Session& session, const WriteResult& written, SessionResult& result);
  // Tells that it ended here.
  void TellEnd(OpenEnd end, const Version& version);
  // That it is there no more; what has ended it is not known.
  void TellGone(std::string_view id);
  std::shared_ptr<const SessionSnapshot> SnapshotOf(std::string_view id, const Contents& contents,
                                                    absl::Time accessed) const;

  // ---- Late ends (late_ends.cc).
  // What the write of an end has answered, as OpenEnds::Settle.
  bool Settle(const std::string& key, const absl::Status& status, const Replica& replica);
  // The group tells of a write of this store.
  void OnOwn(const Change& change);
  void OnOwnWithdrawal(const EndRecord& record, const Change& change);
  // Of what is settled; `all`: of all that is held. Whether more is held.
  bool TellHeldEnds(bool all);
  // What has become of it in the group, if anything has.
  void TellLate(LateEnd late);
  bool WasTakenBack(const OpenEnd& end) const;

  // ---- Expiry and the worker (expiry.cc).
  void ExpireOne(const std::string& id);
  // When it may be ended here; the past: now.
  absl::Time DueHere(const Session& session, const Replica& replica, Owner owner,
                     const Replica::Reading& reading) const;
  void Schedule(std::string_view id, absl::Time due);

  // ---- What the group tells (feed.cc), on its delivery thread.
  void OnChange(const Change& change);
  void OnPut(std::string_view id, const Change& change, Replica& replica);
  void OnGone(std::string_view id, const Change& change);
  void OnEnd(const EndRecord& end, const Change& change);
  void OnOwnPut(std::string_view id, const Change& change, Replica& replica);
  // Looks at all that the group has.
  void Rescan(Replica& replica, bool tell);
  absl::Time GuessDue(absl::Duration left) const;

  // ---- Replication (replication.cc).
  absl::Status Publish(Session& session, Replica& replica);
  absl::Status Withdraw(Session& session, Replica& replica);
  std::vector<std::string> IdsToMove(bool on) const;
  absl::StatusOr<uint64_t> BeginTask(SessionTaskKind kind, bool on);
  enum class Left : uint8_t { kNone, kMore, kLater };
  Left RunTask(SessionTask task);  // As EndLeftBehind().
  // The session goes on here, or ends, although the group still has it.
  void NoteLeftBehind(std::string_view id, const std::string& group, const Version& version,
                      absl::Duration entry_ttl);
  bool IsLeftBehind(std::string_view id, const Replica& replica) const;
  std::vector<std::pair<std::string, Version>> LeftBehindIn(const Replica& replica);
  // Ends in the group some of what was left behind there, unless somebody has gone on with it.
  // kMore, kLater: it is to be called again, at once or after a pause.
  Left EndLeftBehind();
  // Errors: kAborted, kNotFound: another member goes on with it, or has ended it.
  absl::Status EndOneLeftBehind(Session& session, const Version& left, Replica& replica);
  absl::Time NextTry(Left left, absl::Duration pause) const;
  void TellTask(const SessionTask& task);
  void Detach();

  ReplicaPtr replica() const;
  void Tell(SessionEvent event);
  SessionEvent NewEvent(SessionEventKind kind, std::string_view id, bool here,
                        std::string text = {}) const;
  // On the delivery thread, if the store is in a group.
  void DrainLater();

  const SessionStoreOptions options_;
  Environment& environment_;
  LocalStore local_;
  TaskList tasks_;
  const std::shared_ptr<EventHub<SessionEvent>> events_;
  const std::shared_ptr<EventHub<SessionTask>> task_events_;
  const std::shared_ptr<std::atomic<int>> change_watchers_;

  mutable runtime::Mutex mutex_;
  SessionTable table_ ABSL_GUARDED_BY(mutex_);
  ReplicaPtr replica_ ABSL_GUARDED_BY(mutex_);
  // The application's place at that member, which one store has at a time.
  std::shared_ptr<const void> place_ ABSL_GUARDED_BY(mutex_);
  bool on_ ABSL_GUARDED_BY(mutex_) = false;         // Replication is wanted.
  bool switching_ ABSL_GUARDED_BY(mutex_) = false;  // A task is under way, or about to be.
  std::optional<SessionTask> wanted_ ABSL_GUARDED_BY(mutex_);  // A task for the worker.
  uint64_t next_fence_ ABSL_GUARDED_BY(mutex_) = 1;
  SessionStoreStats counts_ ABSL_GUARDED_BY(mutex_);
  // Ids that this store has ended lately, or that were changed.
  struct Gone {
    std::string new_id;  // Empty: it has ended.
    absl::Time until;
  };
  absl::flat_hash_map<std::string, Gone> gone_ ABSL_GUARDED_BY(mutex_);
  void NoteGone(std::string_view id, std::string_view new_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  OpenEnds open_ends_ ABSL_GUARDED_BY(mutex_);
  // Sessions that were withdrawn, and may be in the group all the same.
  struct LeftBehind {
    std::string group;
    Version version;  // The group's.
    absl::Time until;
  };
  absl::flat_hash_map<std::string, LeftBehind> left_behind_ ABSL_GUARDED_BY(mutex_);

  Alarm alarm_;
  // A merge was under way when the store looked at what the group has.
  std::atomic<bool> look_again_{false};
  std::atomic<bool> holds_ends_{false};     // That the worker does not know of yet.
  std::atomic<bool> leaves_behind_{false};  // The same.
  void LookAgain() {
    look_again_ = true;
    alarm_.Wake();
  }
  void NoteHeldEnds() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!open_ends_.HoldsAny()) return;
    holds_ends_ = true;
    alarm_.Wake();
  }
  // Only touched by who switches.
  std::vector<Subscription> subscriptions_;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_CORE_H_

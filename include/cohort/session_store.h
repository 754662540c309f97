// SessionStore: the HTTP sessions of one web application, replicated in a group or local.
#ifndef COHORT_SESSION_STORE_H_
#define COHORT_SESSION_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/export.h"
#include "cohort/group.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/session.h"
#include "cohort/subscription.h"

namespace cohort {

// What a store that is full does (SessionStoreOptions::bytes_max).
enum class SessionEviction : uint8_t {
  kRefuse,             // Refuses what would need more: kResourceExhausted.
  kLeastRecentlyUsed,  // Ends sessions that belong to this member, unused longest first.
};

struct SessionStoreOptions {
  // Name of the web application, such as its context path: 1 to kApplicationBytesMax bytes.
  // Required. Stores of one application share its sessions; those of different ones never mix. Each
  // is a map of the group, so a group holds at most kMapsMax of them.
  std::string application{};
  // When a write returns. kAll: when every member has it. kLocal: at once; what was written in the
  // last moments before a crash may be lost.
  Ack ack = Ack::kAll;
  // Longest wait of a write for `ack`.
  absl::Duration timeout = absl::Seconds(5);
  // Cap on the sessions this store holds, replicas included: keys, names and values. 0: the
  // group's.
  uint64_t bytes_max = 0;
  SessionEviction eviction = SessionEviction::kRefuse;
  // After the owner of an expired session has left the view, the other members' stores end it, one
  // after the other tries, this long apart: 1 ms to 1 h.
  absl::Duration successor_step = absl::Seconds(1);
  // A session that no store ends, because none is left, goes from the group this long after its
  // time: 100 ms to 1 d. Without an event that says `here`.
  absl::Duration orphan_time = absl::Minutes(5);
};

// What other members began and ended is counted, and listed by Ids(), once it has come through this
// member's change feed, which can be a moment after their calls were answered; Load() never lags.
struct SessionStoreStats {
  uint64_t sessions = 0;   // Replicas included.
  uint64_t owned = 0;      // Of them, those of this member.
  uint64_t local = 0;      // Of them, those that are not in the group.
  uint64_t bytes = 0;      // As bytes_max counts.
  uint64_t saves = 0;      // Writes of this store that were sent.
  uint64_t claims = 0;     // Sessions taken over.
  uint64_t conflicts = 0;  // Writes refused because another member owns the session.
  uint64_t refused_attributes = 0;
  uint64_t expired = 0;  // By this store, as the next one.
  uint64_t evicted = 0;
  uint64_t events_dropped = 0;  // kSessionEventsQueuedMax.
  uint64_t deltas = 0;          // Of `saves`: those whose large attributes were sent as deltas.
};

// Sessions by id (without a route suffix). In a group every member holds all sessions of the
// application, in the convergent map "session APPLICATION"; without one they are here only.
//
// **Ownership.** A session belongs to the member that created it, until another one writes to it:
// that one claims it first, and from then on the member before is refused (kAborted, event
// kConflict) until it loads the session again. So an instance that was thought dead, and is not,
// changes nothing more. Reading and Touch claim nothing.
//
// **Order.** Writes of one session by one store go one after the other; each call returns when its
// write has reached SessionStoreOptions::ack. A host with an object of its own for each session
// encodes it and calls Save under that object's lock, or uses Update.
//
// **Events** are told one at a time, holding no lock: while the store is in a group, on the group's
// delivery thread; otherwise on a thread that called the store, or on "cohort-session". That thread
// is the store's own: it ends what expires, and does the tasks.
//
// Thread-safe; a cheap copyable handle. All but Load, Exists, IsOwner, Touch, Digest, the lists and
// the subscriptions block; in a callback of a group they fail with kFailedPrecondition. The last
// handle closes the store: what is in the group stays there.
//
// ```cpp
//   const cohort::SessionInfo info = {.max_inactive = absl::Minutes(20)};
//   const cohort::SessionResult made = store->Create(id, info, {{"user", "ann"}});
//   if (!made.ok() && !absl::IsAlreadyExists(made.status)) return made.status;
//
//   // What a request does: it reads, changes, and is answered when the change is safe.
//   const absl::StatusOr<cohort::SessionSnapshot> session = store->Load(id);
//   if (!session.ok()) return session.status();
//   const cohort::SessionResult saved =
//       store->Save(id, {.set = {{"cart", "lamp"}}, .fence = session->fence});
//   if (!saved.ok()) return saved.status;
// ```
class COHORT_EXPORT SessionStore {
 public:
  // With `group`: replicated in it, as SetReplication; what the group has is here when this
  // returns. Null: local. The store keeps what it needs of the group, which may be moved. Errors:
  // kInvalidArgument, an option out of its range; kAlreadyExists, the application has a store in
  // this group at this member, which is to be used, or closed first; those of Group::OpenMap.
  static absl::StatusOr<SessionStore> Open(const SessionStoreOptions& options,
                                           Group* group = nullptr);

  SessionStore(const SessionStore&);
  SessionStore(SessionStore&&) noexcept;
  SessionStore& operator=(const SessionStore&);
  SessionStore& operator=(SessionStore&&) noexcept;
  ~SessionStore();

  const std::string& application() const;

  // ---- Sessions.
  SessionResult Create(std::string_view id, const SessionInfo& info = {},
                       const std::vector<Attribute>& attributes = {});
  // All of a session. Errors: kNotFound, also when its time is over; kUnavailable while this member
  // has no complete state, and while a side of a partition is merged, which may bring what is not
  // there, or what this member's side has written since; kDataLoss; kInvalidArgument.
  absl::StatusOr<SessionSnapshot> Load(std::string_view id);
  bool Exists(std::string_view id) const;
  // Whether there is one, and it belongs to this member now, or is local. A host that keeps an
  // object of a session it owns asks this before it uses the object again: as soon as a write of
  // another member is acknowledged by all, it is false; and once it was told that a merge has
  // changed the session, until it is loaded.
  bool IsOwner(std::string_view id) const;
  // Sends what changed, and nothing else, as one operation. Never begins a session: kNotFound.
  SessionResult Save(std::string_view id, const SessionChanges& changes);
  // As Save, but does not wait for the acknowledgement; only for the session's turn, and where it
  // has to be claimed first. `done` gets the result, once: on the group's delivery thread, holding
  // no lock, when the session's turn is over; or before this returns, where there is nothing to
  // wait for (a local store, what is refused), and of what is waited for all the same: what erases
  // attributes, or sets max_inactive, or a value of 8 KiB. Until then the session's next write
  // waits, so where callbacks run on a thread of the host's, that thread must not make it; nor one
  // that holds what a callback wants. kResourceExhausted: also where the group has 2^20 calls under
  // way. kInvalidArgument that is told later: Save can do it, as the session must be written anew
  // (docs/session_store.md). If this throws, `done` is not called.
  using SaveCallback = std::function<void(const SessionResult&)>;
  void SaveAsync(std::string_view id, SessionChanges changes, SaveCallback done);
  // Reads, calls `change` with what is there, saves what it returns; other writes of this store to
  // this session wait meanwhile. `change` must not call the store for this session. If it returns
  // an error, that is the result. In a store that is full it makes no room, as Save may:
  // kResourceExhausted.
  using ChangeFunction = std::function<absl::StatusOr<SessionChanges>(const SessionSnapshot&)>;
  SessionResult Update(std::string_view id, const ChangeFunction& change);
  // One atomic step: nobody sees both ids, or none. What is written to the old one afterwards is
  // refused (kNotFound).
  SessionResult ChangeId(std::string_view old_id, std::string_view new_id);
  // Ends it everywhere; nothing brings it back.
  SessionResult Invalidate(std::string_view id);
  // It was used. Sent to the group at most each tenth of max_inactive, or 5 s, and not waited for.
  absl::Status Touch(std::string_view id);

  // Ids, in no order; at most `max`.
  std::vector<std::string> Ids(size_t max = SIZE_MAX) const;
  SessionStoreStats stats() const;
  // Of what the group has of this application, the end records of the last minute too (`entries`
  // counts them). Do two members hold the same sessions? They do if their digests are equal; if
  // not, look again where nothing is written for a moment. Errors: kFailedPrecondition, the store
  // is local, or on its way out of a group; kUnavailable, this member has no complete state.
  absl::StatusOr<MapDigest> Digest() const;

  // ---- Replication. On in `group`, or off (null): a task, whose number is returned; the sessions
  // stay usable meanwhile.
  // Off: sessions that belong to this member go on here, and leave the group (kWithdrawn there);
  // those of others are not here any more. On: sessions that are here go into the group, and
  // sessions of the group are here. If both have one of the same id, this one's stays (kConflict).
  // A session that could not be moved (the task has failed) stays usable where it is, and moves
  // when it is written next, or by another call of this. If the group was left, those that belonged
  // to this member go on here, as it had them last. Errors: kFailedPrecondition, a task is under
  // way, or there is nothing to change, or the store is in another group, or in a callback of a
  // group; kAlreadyExists, as Open(); those of Group::OpenMap.
  absl::StatusOr<uint64_t> SetReplication(Group* group);
  bool replicated() const;  // What was wanted last.
  // Waits until the task is over (blocks). Errors: kDeadlineExceeded; kNotFound, no such task, or
  // not kept; kFailedPrecondition, in a callback on the thread that does the task; its own.
  absl::Status AwaitTask(uint64_t id, absl::Duration timeout);
  std::vector<SessionTask> Tasks() const;  // The last kSessionTasksKept, oldest first.

  // ---- Events. `with_changes`: kChanged too.
  Subscription SubscribeEvents(std::function<void(const SessionEvent&)> on_event,
                               bool with_changes = false);
  Subscription SubscribeTasks(std::function<void(const SessionTask&)> on_task);

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit SessionStore(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace cohort

#endif  // COHORT_SESSION_STORE_H_

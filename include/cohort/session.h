// What a session store (cohort/session_store.h) holds and tells: sessions, changes to them, events,
// tasks. Plain values.
#ifndef COHORT_SESSION_H_
#define COHORT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/export.h"
#include "cohort/ids.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"

namespace cohort {

// ---- Limits ------------------------------------------------------------------------------------

inline constexpr size_t kApplicationBytesMax = 56;  // At least 1 byte.
inline constexpr size_t kSessionIdBytesMax = 256;   // At least 1 byte.
inline constexpr size_t kSessionAttributesMax = 512;
inline constexpr size_t kSessionNameBytesMax = 1024;  // Of an attribute; at least 1 byte.
inline constexpr size_t kSessionMetadataBytesMax = size_t{64} << 10;
// Of one session: names, values and metadata, kSessionAttributeOverheadBytes counted for each
// attribute. What an entry of a convergent map takes, less what is kept of erased attributes.
inline constexpr size_t kSessionBytesMax = kConvergentEntryBytesMax - (size_t{32} << 10);
inline constexpr size_t kSessionAttributeOverheadBytes = 64;
// Of one value: what a session that has nothing else can hold.
inline constexpr size_t kSessionValueBytesMax =
    kSessionBytesMax - kSessionNameBytesMax - kSessionAttributeOverheadBytes;
inline constexpr size_t kSessionTasksKept = 64;
inline constexpr size_t kSessionEventsQueuedMax = 65536;  // Beyond it the newest are dropped.

// ---- Sessions ----------------------------------------------------------------------------------

// What a new session is besides its attributes.
struct SessionInfo {
  // When it began, by the clock of who created it. InfinitePast(): now.
  absl::Time created = absl::InfinitePast();
  // It expires when it was not used for so long. Zero, less, or infinite: never. Counted in whole
  // milliseconds.
  absl::Duration max_inactive = absl::Minutes(30);
  // Opaque: principal, type of authentication, what a connector wants to keep. At most
  // kSessionMetadataBytesMax.
  std::string metadata{};
};

// A session as it was at one moment.
struct SessionSnapshot {
  std::string id;
  absl::Time created;
  // Exact on the owner; elsewhere up to a tenth of max_inactive, or 5 s, older.
  absl::Time last_accessed;
  absl::Duration max_inactive = absl::InfiniteDuration();
  std::string metadata;
  std::vector<Attribute> attributes;  // By name.
  // Grows with every write of its owner. What an owner before has written may arrive later and
  // leave it as it is: `fence` tells that.
  Version version;
  bool is_owner = false;  // It belongs to this member, or is local.
  // Names what was read here, for SessionChanges::fence.
  uint64_t fence = 0;
};

// What a request did to a session.
struct SessionChanges {
  std::vector<Attribute> set{};
  std::vector<std::string> erased{};
  std::optional<std::string> metadata{};
  std::optional<absl::Duration> max_inactive{};
  bool touch = true;  // It was used, so its time begins again.
  // SessionSnapshot::fence of what the changes were made on: if another member has written since,
  // they are refused (kAborted). 0: only if it has taken a session from this member that this one
  // has not loaded again.
  uint64_t fence = 0;
};

// An attribute that was left out of a write. What the session had under its name is erased, so that
// a failover finds none instead of an old one.
struct RefusedAttribute {
  std::string name;
  std::string text;  // Which limit.
};

// What became of a call that writes.
struct SessionResult {
  // OK, or one of:
  //   kInvalidArgument     an id, a name or metadata out of its limits; nothing was written.
  //   kNotFound            no such session (any more).
  //   kAlreadyExists       Create, ChangeId: the id is taken.
  //   kAborted             another member owns the session and has changed it; load it again.
  //   kResourceExhausted   the store is full, or the group's send queue.
  //   kDataLoss            the group holds something else under this id.
  //   kFailedPrecondition  called in a callback of the group; a store that was closed.
  //   kDeadlineExceeded, kUnavailable, kCancelled  as WriteResult::status.
  absl::Status status;
  Version version;        // Of the session afterwards.
  uint32_t replicas = 0;  // Members known to have applied it, this one included.
  uint64_t fence = 0;     // For the next changes.
  std::vector<RefusedAttribute> refused{};
  // kNotFound: the id the session has now, if it was changed within the last minute. For the host's
  // own requests that were under way; clients must not be led from an old id to a new one.
  std::string new_id{};
  bool ok() const { return status.ok(); }
};

// ---- Events ------------------------------------------------------------------------------------

enum class SessionEventKind : uint8_t {
  kCreated,
  kChanged,           // Only for who asked for changes.
  kMoved,             // `by` has taken it over. Told by who took it and who had it. Or (the text
                      // says so) the group went on without what its owner wrote last, or another
                      // side of it was merged: to its owner, which has to load it again.
  kIdChanged,         // From `id` to `new_id`.
  kExpired,           // Was not used for max_inactive.
  kInvalidated,       // By the application; or removed in another way, which the text says.
  kEvicted,           // To make room; SessionStoreOptions::eviction.
  kWithdrawn,         // Its owner goes on with it alone: SetReplication(nullptr) there.
  kRefusedAttribute,  // `attribute` was left out of a write of this member.
  kConflict,          // A write of this member was refused, because another one owns the session;
                      // or two sessions of one id met, and the text says which stays.
};
COHORT_EXPORT const char* ToString(SessionEventKind kind);

struct SessionEvent {
  SessionEventKind kind = SessionEventKind::kChanged;
  std::string id;
  std::string new_id{};     // kIdChanged.
  std::string attribute{};  // kRefusedAttribute.
  // Whether this store did it. Of all stores of a group exactly one is told so of a session's end:
  // the one whose host has to call listeners.
  bool here = false;
  absl::Time at;       // By this process's clock.
  MemberId by{};       // Who did it; zero in a local store.
  Version version{};   // Of the session, if it is there.
  std::string text{};  // In words: what, why.
  // Where `here`, of a session that has ended: what it held last.
  std::shared_ptr<const SessionSnapshot> session{};
};

// ---- Tasks -------------------------------------------------------------------------------------

enum class SessionTaskKind : uint8_t { kReplicationOn, kReplicationOff };
enum class SessionTaskState : uint8_t { kStarted, kProgress, kDone, kFailed };
COHORT_EXPORT const char* ToString(SessionTaskKind kind);
COHORT_EXPORT const char* ToString(SessionTaskState state);

// Work of a store that takes its time. As an event: what it has come to.
struct SessionTask {
  uint64_t id = 0;  // Grows; 1 is a store's first.
  SessionTaskKind kind = SessionTaskKind::kReplicationOn;
  SessionTaskState state = SessionTaskState::kStarted;
  absl::Time started;
  absl::Time changed;
  uint64_t total = 0;   // Sessions to move, as known at the start.
  uint64_t moved = 0;   // So far; may exceed `total`, since sessions are created meanwhile.
  uint64_t failed = 0;  // Could not be moved. They stay usable where they are.
  absl::Status status;  // kFailed: the first reason.
};

}  // namespace cohort

#endif  // COHORT_SESSION_H_

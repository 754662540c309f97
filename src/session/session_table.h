// Which sessions there are, when each has to be looked at, and what a store knows of those it uses.
//
// The list of sessions follows the map, a little later; it decides nothing. Whether a session is
// there, and when its time is over, the map says.
//
// Not thread-safe, but for the fields of a Session that say otherwise: the store locks it.
#ifndef COHORT_SESSION_SESSION_TABLE_H_
#define COHORT_SESSION_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "cohort/ids.h"
#include "session/record.h"
#include "session/turn_lock.h"

namespace cohort::session {

// What a session holds, without the values: enough to judge what may be added.
class Shape {
 public:
  // Bytes by name. Few are in one piece of memory, which every save reads.
  using Values = absl::btree_map<std::string, size_t, std::less<>>;
  static Shape Of(const Contents& contents);

  InfoRecord info;
  size_t metadata_bytes = 0;
  const Values& values() const { return values_; }
  void Set(std::string_view name, size_t bytes);
  bool Erase(std::string_view name);  // Whether it was there.
  size_t Bytes() const { return metadata_bytes + bytes_; }

 private:
  Values values_;
  size_t bytes_ = 0;  // Of all of them, as BytesOf.
};

// Whether saves of a session go by deltas.
struct DeltaHabit {
  // The last save by this store is acknowledged, so nothing that it wrote may still come.
  bool at_rest = false;
  uint8_t skip = 0;  // Saves to go whole before a delta is tried again: it was of no use.
  uint8_t next_skip = 1;
  bool used = false;  // By the last save.
};

// A session that this store uses.
struct Session {
  explicit Session(std::string_view its_id) : id(its_id) {}
  const std::string id;
  // Held by who writes it, until the write is acknowledged.
  TurnLock order;
  // Guarded by `order`. Empty: to be read.
  std::optional<Shape> shape;
  DeltaHabit deltas;  // Guarded by `order`.

  // Guarded by the store's lock. Kept by the table: when it has to be looked at, if it is in the
  // list.
  std::optional<absl::Time> due;
  bool owned = false;  // As far as is known: the map decides.
  bool lost = false;   // Another member took it, and it was not loaded since.
  bool stale = false;  // It may hold what `shape` does not tell: to be read before it is written.
  // Replica::CountChanges() when the map was seen to have it as owned here, and as it was seen;
  // empty: it was not.
  std::optional<uint64_t> changes;
  // A write of this store may still take effect, which counts as no change: until a later one is
  // acknowledged. Belongs to who has its turn.
  bool unsure = false;
  Version seen;      // When this store wrote or read it last. While it is owned, it grows.
  ContentHash held;  // What `fence` stands for, while it is not owned.
  size_t bytes = 0;  // As Shape::Bytes(), when it was written or read last.
  uint64_t fence = 0;
  absl::Time accessed = absl::InfinitePast();     // Of the owner.
  absl::Time access_told = absl::InfinitePast();  // To the group.
  absl::Duration interval = absl::InfiniteDuration();
  absl::Duration entry_ttl = absl::InfiniteDuration();
};

class SessionTable {
 public:
  // ---- The list.
  bool Contains(std::string_view id) const;
  // Whether it is new. One that is there is brought forward, if `due` is earlier.
  bool Add(std::string_view id, absl::Time due);
  // Brings forward one that is used, and is in the list.
  void BringForward(const Session& session, absl::Time due) {
    if (session.due.has_value() && due < *session.due) Add(session.id, due);
  }
  // Whether it was there.
  bool Remove(std::string_view id);
  void Schedule(std::string_view id, absl::Time due);  // If it is there.
  // The first that is due, if one is at `now`; it stays scheduled.
  std::optional<std::string> FirstDue(absl::Time now) const;
  absl::Time NextDue() const;  // InfiniteFuture(): none.
  std::vector<std::string> Ids(size_t max) const;
  size_t size() const { return due_.size(); }

  // ---- Sessions that are used here.
  std::shared_ptr<Session> Find(std::string_view id) const;
  std::shared_ptr<Session> FindOrNew(std::string_view id);
  // Forgets it, unless it is owned, or in the list, or somebody else has it.
  void Release(std::shared_ptr<Session>& session);
  // What is known of it. Whoever has its turn keeps the object, so that the next waits for it.
  void Drop(std::string_view id);
  std::vector<std::shared_ptr<Session>> Owned() const;
  size_t used() const { return used_.size(); }
  std::vector<std::string> UsedUnlisted() const;  // That are not in the list.

 private:
  void NoteDue(std::string_view id, std::optional<absl::Time> due);

  absl::flat_hash_map<std::string, absl::Time> due_;
  absl::btree_set<std::pair<absl::Time, std::string>> by_due_;
  absl::flat_hash_map<std::string, std::shared_ptr<Session>> used_;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_SESSION_TABLE_H_

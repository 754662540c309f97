// Operations that have a place in the total order, as values. Their bytes are
// proto/cohort/v1/map.proto (map_op_codec.h).
//
// The strings are borrowed: from the caller when encoding, from the decoder until its next Decode()
// when applying.
#ifndef COHORT_MAP_MAP_OP_H_
#define COHORT_MAP_MAP_OP_H_

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/buffer.h"
#include "cohort/ids.h"
#include "map/types.h"

namespace cohort::map {

// What must hold of the entry for the write to happen. An entry that expired before the operation's
// time is absent.
enum class Condition : uint8_t { kNone = 0, kAbsent = 1, kPresent = 2, kVersion = 3 };

struct PutOp {
  std::string_view key;
  std::string_view value;
  uint64_t ttl_ms = 0;    // 0: the entry does not expire ...
  bool keep_ttl = false;  // ... unless this keeps the expiry the entry has.
  Condition condition = Condition::kNone;
  Version version;  // For Condition::kVersion; None() means absent.
  Buffer shared;    // If not empty: it is `value`, and may be kept instead of a copy.
};

struct EraseOp {
  std::string_view key;
  Condition condition = Condition::kNone;
  Version version;
};

// Adds `delta` to a value that is decimal text. An absent key counts as `initial`. An expiry is
// kept; `ttl_ms` is for a key that this creates.
struct IncrementOp {
  std::string_view key;
  int64_t delta = 1;
  int64_t initial = 0;
  uint64_t ttl_ms = 0;
};

// Appends to the value (absent: empty). An expiry is kept.
struct AppendOp {
  std::string_view key;
  std::string_view value;
};

// Changes when a key expires, not its value. It is a write: the version grows.
struct TouchOp {
  enum class Mode : uint8_t {
    kRearm = 0,  // Again the time to live it was last given, from now on; nothing if it has none.
    kTtl = 1,    // `ttl_ms` from now on.
    kExpiresAt = 2,  // At `expires_at`; in the past is allowed.
    kPersist = 3,    // Never.
  };
  std::string_view key;
  Mode mode = Mode::kRearm;
  uint64_t ttl_ms = 0;
  GroupTime expires_at = 0;
};

using BatchItem = std::variant<PutOp, EraseOp, IncrementOp, AppendOp, TouchOp>;

// All or nothing. Each item sees what the items before it did; nothing is written before all of
// them were judged.
struct BatchOp {
  std::vector<BatchItem> items;
};

struct ClearOp {};

// Deletes expired entries, where the version is still the one named, or the life and its activity.
// By one member for all, see DueForExpiry().
struct ExpireOp {
  struct Key {
    std::string_view key;
    Version version;
    Version life;  // Of a convergent map's entry: when the one began that is over.
  };
  std::vector<Key> keys;
  bool evicts = false;  // They have not expired: a convergent map is full ...
  uint64_t view = 0;    // ... in the view of this number; in another one it does nothing.
};

struct MergeEntry {
  std::string_view key;
  std::string_view value;
  Version version;
  GroupTime expires_at = 0;
  uint64_t ttl_ms = 0;
  bool tombstone = false;
  // None, or the version at which the group's entry must be: what a resolver has made of it and of
  // the other side's (Spec 8.28).
  Version replaces{};
};

// Entries of another side of a partition, see merge_planner.h. In a convergent map `value` holds
// the entry's registers, and nothing but `version` is said besides.
struct MergeOp {
  ViewId subgroup;    // Last view of that side: names the merge.
  uint64_t base = 0;  // Writes of views below this number are common to both sides. 0: nothing is.
  Version cleared;    // The other side's MapState::cleared.
  bool last = false;  // Nothing follows for this subgroup.
  std::vector<MergeEntry> entries;
  bool convergent = false;  // The kind of the map these entries are from.
};

struct ConfigureOp {
  MapSettings settings;
};

// Of a convergent map: the writer owns the entry from here on, unless another claim came before
// (Spec 11.20).
struct ClaimOp {
  std::string_view key;
  uint64_t epoch = 0;  // Of the claim it follows, as the writer knew it.
};

// Of a convergent map: what its owner writes to attributes of one entry, where some say only how
// they differ from what is there (Spec 11.24).
struct DeltaOp {
  struct Write {
    std::string_view name;
    std::string_view value;  // A delta (value_delta.h), if there is a base.
    bool absent = false;
    Version base;       // When the value was written that this differs from. None(): it is whole.
    uint32_t size = 0;  // Of the value that comes of it, ...
    uint64_t hash = 0;  // ... and its ValueHash().
  };
  std::string_view key;
  uint64_t epoch = 0;         // Of the claim by which the writer owns it; 0: it began the life.
  Version life;               // That this belongs to.
  GroupTime accessed_at = 0;  // 0: this is no access.
  std::vector<Write> writes;
};

// Of a convergent map: forgets what was removed, as far as that is settled (Spec 11.16).
struct PurgeOp {
  uint64_t upto = 0;            // Tombstones and markers of erased attributes.
  uint64_t contents = 0;        // The contents of what has expired.
  uint64_t view = 0;            // Number of the view it is for: in another one it does nothing ...
  uint64_t epoch = 0;           // ... nor in another epoch of the map (MapState).
  std::vector<ClaimOp> claims;  // Forgotten, each where the entry still has that epoch.
  bool IsEmpty() const { return upto == 0 && contents == 0 && claims.empty(); }
};

struct MapOp {
  std::string_view map;  // Name; the first operation that names a map creates it.
  uint64_t hlc =
      0;  // The writer's hybrid logical time; its milliseconds are the operation's "now".
  std::variant<PutOp, EraseOp, IncrementOp, AppendOp, TouchOp, BatchOp, ClearOp, ExpireOp, MergeOp,
               ConfigureOp, PurgeOp, ClaimOp, DeltaOp>
      body;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MAP_OP_H_

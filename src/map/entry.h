// An entry of a map as it is stored.
#ifndef COHORT_MAP_ENTRY_H_
#define COHORT_MAP_ENTRY_H_

#include <string_view>

#include "base/buffer.h"
#include "base/random.h"
#include "cohort/ids.h"
#include "map/limits.h"
#include "map/types.h"

namespace cohort::map {

struct Entry {
  // Own copy: never a slice of a packet. In a convergent map the registers (convergent_entry.h).
  Buffer value;
  Version version;
  ViewId view;  // Of the last write here; tells a merge who wrote since the sides parted.
  GroupTime expires_at = 0;  // 0: never.
  uint64_t ttl_ms = 0;
  bool tombstone = false;  // Erased, and remembered for merges.
  // What the value of a convergent map's entry says, so that it need not be read for that.
  bool has_markers = false;  // Of erased attributes. Kept by the map.
  // Bytes that it leaves out, and that count all the same: else what an entry costs would depend on
  // what was written at once. Kept by the map.
  uint32_t left_out = 0;
  // Nothing but a life that began with `version`, without a claim: whatever begins later is all
  // that is left. False where nobody looked.
  bool is_one_life = false;
  Uint128 digest = 0;  // Of key and all of the above that others know.

  bool IsExpired(GroupTime now) const { return expires_at != 0 && expires_at <= now; }
  bool IsVisible(GroupTime now) const { return !tombstone && !IsExpired(now); }
  // Whether both say the same (their digests aside).
  bool Says(const Entry& other) const {
    return version == other.version && view == other.view && expires_at == other.expires_at &&
           ttl_ms == other.ttl_ms && tombstone == other.tombstone &&
           value.text() == other.value.text();
  }
};

// A digest of everything `entry` says under `key` (its `digest` field aside).
Uint128 DigestOf(std::string_view key, const Entry& entry);

// What an entry that is there counts in Map::Bytes().
inline uint64_t CostOf(std::string_view key, const Entry& entry) {
  return key.size() + entry.value.size() + entry.left_out + kEntryOverheadBytes;
}

// The entry as a reader sees it; `convergent`: the kind of its map.
Reading ReadingOf(const Entry& entry, bool convergent);

}  // namespace cohort::map

#endif  // COHORT_MAP_ENTRY_H_

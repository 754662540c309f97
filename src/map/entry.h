// An entry of a map as it is stored, and the bucket it is stored in.
#ifndef COHORT_MAP_ENTRY_H_
#define COHORT_MAP_ENTRY_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/block_allocator.h"
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
  Uint128 digest = 0;      // Of key and all of the above.

  bool IsExpired(GroupTime now) const { return expires_at != 0 && expires_at <= now; }
  bool IsVisible(GroupTime now) const { return !tombstone && !IsExpired(now); }
  // Whether both say the same (their digests aside).
  bool Says(const Entry& other) const {
    return value.text() == other.value.text() && version == other.version && view == other.view &&
           expires_at == other.expires_at && ttl_ms == other.ttl_ms && tombstone == other.tombstone;
  }
};

// A digest of everything `entry` says under `key` (its `digest` field aside).
Uint128 DigestOf(std::string_view key, const Entry& entry);

// What an entry that is there counts in Map::Bytes().
inline uint64_t CostOf(std::string_view key, const Entry& entry) {
  return key.size() + entry.value.size() + kEntryOverheadBytes;
}

// The entry as a reader sees it; `convergent`: the kind of its map.
Reading ReadingOf(const Entry& entry, bool convergent);

using PlainBucket = absl::flat_hash_map<std::string, Entry>;
using Bucket = absl::flat_hash_map<std::string, Entry, PlainBucket::hasher, PlainBucket::key_equal,
                                   BlockAllocator<PlainBucket::value_type>>;

// The entries of `bucket` in key order: the table's own order is salted and must not reach the
// wire.
using SortedEntries = std::vector<std::pair<const std::string*, const Entry*>>;
SortedEntries Sorted(const Bucket& bucket);

}  // namespace cohort::map

#endif  // COHORT_MAP_ENTRY_H_

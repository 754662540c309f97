// An entry of a map as it is stored, and the bucket it is stored in.
#ifndef COHORT_MAP_ENTRY_H_
#define COHORT_MAP_ENTRY_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/buffer.h"
#include "base/random.h"
#include "cohort/ids.h"
#include "map/types.h"

namespace cohort::map {

struct Entry {
  Buffer value;  // Own copy: never a slice of a packet.
  Version version;
  ViewId view;  // Of the last write here; tells a merge who wrote since the sides parted.
  GroupTime expires_at = 0;  // 0: never.
  uint64_t ttl_ms = 0;
  bool tombstone = false;  // Erased, and remembered for merges.
  Uint128 digest = 0;      // Of key and all of the above.

  bool IsExpired(GroupTime now) const { return expires_at != 0 && expires_at <= now; }
  bool IsVisible(GroupTime now) const { return !tombstone && !IsExpired(now); }
};

// A digest of everything `entry` says under `key` (its `digest` field aside).
Uint128 DigestOf(std::string_view key, const Entry& entry);

using Bucket = absl::flat_hash_map<std::string, Entry>;

// The entries of `bucket` in key order: the table's own order is salted and must not reach the
// wire.
using SortedEntries = std::vector<std::pair<const std::string*, const Entry*>>;
SortedEntries Sorted(const Bucket& bucket);

}  // namespace cohort::map

#endif  // COHORT_MAP_ENTRY_H_

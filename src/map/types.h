// Words of the map layer: group time, places in the total order, digests, settings, results,
// changes. Values.
#ifndef COHORT_MAP_TYPES_H_
#define COHORT_MAP_TYPES_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/random.h"
#include "cohort/ids.h"

namespace cohort::map {

// Unix milliseconds of the group's clock. 0 stands for "never" where an expiry is meant.
using GroupTime = int64_t;

// Where in the total order an operation stands, and who wrote it.
struct Place {
  ViewId view;
  uint64_t position =
      0;  // Map operations of this view up to and including this one; the first is 1.
  MemberId writer;
};

// The writer as it appears in versions: 64 bits mixed from the member's identity.
uint64_t WriterWord(const MemberId& member);
// Whether `word` is that of `member`, or of the same process before it joined for the last time.
bool IsWordOf(uint64_t word, const MemberId& member);

// Equal on two members if and only if (but for 2^-128) what it covers is equal.
struct Digest {
  uint64_t hi = 0;
  uint64_t lo = 0;
  auto operator<=>(const Digest&) const = default;
  static Digest Of(Uint128 sum) {
    return {static_cast<uint64_t>(sum >> 64), static_cast<uint64_t>(sum)};
  }
  std::string ToString() const;  // 32 hexadecimal digits.
};

// What decides results and therefore must be alike on all members: set by a CONFIGURE operation,
// carried by transfers.
struct MapSettings {
  uint64_t bytes_max = 0;             // Cap on Bytes(); what happens at it says `evicts`. 0: none.
  uint64_t tombstones_max = 100'000;  // Erased keys remembered for merges.
  uint64_t tombstone_bytes_max = 16 << 20;    // Bytes of those keys.
  uint64_t tombstone_horizon_ms = 3'600'000;  // How long they are remembered.
  bool convergent = false;                    // The map's kind: fixed by the first who opens it.
  // At the cap the least recently used entries go (Spec 8.12); otherwise writes that would grow the
  // map are refused.
  bool evicts = false;
  bool operator==(const MapSettings&) const = default;
};

// The replicated state of a map besides its entries.
struct MapState {
  MapSettings settings;
  bool configured = false;  // A CONFIGURE was applied; another one must say the same.
  Version cleared;          // Of the last clear; older entries of another side stay cleared.
  // Greatest time of an entry that left no tombstone behind. Of a convergent map: the purge mark.
  uint64_t forgotten = 0;
  uint64_t greatest = 0;  // Greatest time ever given.
  // Of a convergent map: the member that expires and purges, its writer's word, and how often that
  // was another one, or a MERGE came: then nobody knows what is settled.
  uint64_t caretaker = 0;
  uint64_t epoch = 0;
  bool operator==(const MapState&) const = default;
};

// The outcome of one operation, alike on all members.
//   kInvalidArgument    malformed or beyond a limit.
//   kAborted            a condition did not hold; nothing was written.
//   kNotFound           touch of an absent key.
//   kFailedPrecondition increment of a value that is no decimal number; a second, different
//   CONFIGURE. kOutOfRange         the increment would leave 64 bits. kResourceExhausted  the byte
//   cap, the value limit (append) or the number of maps.
struct ApplyResult {
  absl::Status status;
  bool applied = false;  // Something was written.
  Version version;       // Of the entry after the operation; None() if there is none.
  int64_t number = 0;    // Increment: the sum. Append: the new size. Erase, clear, expire, merge:
                         // entries affected.
  std::optional<Buffer> previous;  // Put and erase: the value before, if there was one.
  std::vector<ApplyResult> items;  // Batch: one for each item, if the batch was applied.
};

enum class ChangeCause : uint8_t { kPut, kErase, kExpire, kMerge, kClear, kEvict };

// One change for the feed. A clear is one change with an empty key.
struct Change {
  uint32_t map = 0;  // Map::id().
  ChangeCause cause = ChangeCause::kPut;
  std::string key;
  std::optional<Buffer> value;  // Empty when the key went away.
  Version version;
  MemberId writer;
  bool begins = false;  // Of a convergent map: the entry was not there.
  // Of a convergent map: a put by who owned the entry before, which is all that it changes.
  bool by_owner = false;
};

// An entry as a reader sees it.
struct Reading {
  Buffer value;
  Version version;
  GroupTime expires_at = 0;  // 0: never.
  uint64_t ttl_ms = 0;       // Given at the last write or touch; 0: none.
};

}  // namespace cohort::map

#endif  // COHORT_MAP_TYPES_H_

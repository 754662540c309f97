// Every knob of a map, a read and a write, and what becomes of a write. Each field says its unit,
// its range and why its default is what it is.
#ifndef COHORT_MAP_OPTIONS_H_
#define COHORT_MAP_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/ids.h"
#include "cohort/merge_resolver.h"

namespace cohort {

enum class MapKind : uint8_t {
  kOrdered,  // Every write at one place in one total order: conditional writes, counters, batches.
  // Every write applied on receipt, one hop; of two at once the later stamp stays, attribute by
  // attribute. No conditional writes, increments or appends (kFailedPrecondition). What web
  // sessions use.
  kConvergent,
};

// What becomes of a write that would make a map larger than its cap.
enum class WhenFull : uint8_t {
  // It is refused (kResourceExhausted): by every member alike, in a convergent map by the one that
  // writes, so several at once may exceed the cap a little.
  kRefuse,
  // The least recently used entries go to make room, the same on every member: those whose last
  // write, touch or, in a convergent map, access is the longest ago; reads do not count. Such a
  // change has ChangeCause::kEvict. In an ordered map at the write itself; in a convergent one a
  // moment later, and writes are refused once it is an eighth beyond the cap. A write that is
  // larger than the cap alone is refused.
  kEvictLeastRecentlyUsed,
};

// What a group knows of a map; fixed by the member that opens it first. OpenMap of a map that
// exists with other options fails with kFailedPrecondition.
struct MapOptions {
  MapKind kind = MapKind::kOrdered;
  // Cap on keys, values and 128 bytes for each entry. 0: GroupOptions::map_bytes_max.
  uint64_t bytes_max = 0;
  WhenFull when_full = WhenFull::kRefuse;
  // Of this member; the last one given for the map counts. Without one the later version stays.
  MergeResolver resolver{};
};

// When a write returns. Each level implies the one before it.
enum class Ack : uint8_t {
  kLocal,  // Applied by this member.
  kOne,    // And by at least one other member, if there is another that holds data.
  kAll,    // Applied by every member of the view, but those without data.
};

// Of a read while this member has no complete state: at the end of an exclusion it is in the group
// again, and the state is on its way.
struct ReadOptions {
  // For how long a member that has the state is asked instead, and waited for if there is none. The
  // answer is what that member holds. Zero: nobody is asked, the read is kUnavailable at once.
  absl::Duration ask_others = absl::Seconds(1);
};
// Of this member that wait for the state or an answer at a time, and the largest value that another
// member is asked for.
inline constexpr size_t kReadsElsewhereMax = 1024;
inline constexpr size_t kReadElsewhereBytesMax = size_t{256} << 10;

struct WriteOptions {
  Ack ack = Ack::kAll;
  // Lifetime of the entry since this write, 1 ms and up; InfiniteDuration(): until erased. Expiry
  // is itself a replicated write, so an entry dies at the same place of the order on every member.
  absl::Duration ttl = absl::InfiniteDuration();
  // Keep the lifetime the entry has; `ttl` is for new entries only.
  bool keep_ttl = false;
  // In a convergent map: fail with kAborted if another member owns the entry (ReplicatedMap::Claim)
  // when the write leaves.
  bool by_owner = false;
  // In a convergent map, of PutAttributes and Erase, also in a batch: fail with kNotFound, and
  // write nothing, if the entry is not there when the write leaves. What another member ends at the
  // same moment stays ended. Any other single write, and one to an ordered map, fails with
  // kFailedPrecondition.
  bool if_present = false;
  // Longest wait for `ack`. After it the call fails with kDeadlineExceeded, and the write may still
  // take effect.
  absl::Duration timeout = absl::Seconds(5);
};

// What became of a write.
struct WriteResult {
  // OK: the wanted acknowledgement is reached. Else one of:
  //   kInvalidArgument     a key, value or option out of its limits; nothing was sent.
  //   kResourceExhausted   send queue full, nothing was sent: retry. Or the map is full.
  //   kFailedPrecondition  a blocking call inside a callback; an increment of what is no number; a
  //                        write that needs a map of the other kind.
  //   kOutOfRange          the sum of an increment does not fit 64 bits.
  //   kAborted             the condition did not hold; `version` is what is there. Or another
  //   member
  //                        owns the entry; or this member went to another side of the group before
  //                        the write left.
  //   kNotFound            Expire, Persist, EraseAttributes, if_present: there is no such entry.
  //   kDeadlineExceeded    `ack` was not reached in time; the outcome is unknown.
  //   kUnavailable         this member is outside the primary partition, or lost its place in the
  //                        group while the write was under way (then the outcome is unknown).
  //   kCancelled           the group was left.
  absl::Status status;
  Version version;     // Of the entry afterwards; None() where there is none.
  int64_t number = 0;  // Increment: the new number. Append: bytes of the new value. Erase, Clear:
                       // entries removed.
  uint32_t replicas = 0;  // Members known to have applied it, this one included.
  bool ok() const { return status.ok(); }
};
using WriteCallback = std::function<void(const WriteResult&)>;

}  // namespace cohort

#endif  // COHORT_MAP_OPTIONS_H_

// Every size a replicated map knows. The public API refuses what is beyond them before it is sent
// (validation.h), the state machine refuses it again at the operation's place in the order;
// docs/protocol/map.md lists them for readers.
#ifndef COHORT_MAP_LIMITS_H_
#define COHORT_MAP_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace cohort::map {

inline constexpr size_t kOpBytesMax = (size_t{64} << 20) + (size_t{32} << 10);  // One operation.
// One of a convergent map: it goes whole, in a message of 1 MiB.
inline constexpr size_t kConvergentOpBytesMax = (size_t{1} << 20) - 256;
inline constexpr size_t kKeyBytesMax = 4096;
inline constexpr size_t kValueBytesMax = size_t{64} << 20;  // kOpBytesMax has room for its key.
// Below this an operation cannot hold enough items to be worth counting before it is parsed.
inline constexpr size_t kCountFrom = 4096;
inline constexpr size_t kMapNameBytesMax = 64;
inline constexpr size_t kMapsMax = 64;  // Of one group.
inline constexpr size_t kBatchItemsMax = 1000;
inline constexpr size_t kExpireKeysMax = 1000;  // Keys of one EXPIRE operation.
// An entry is deleted late by at most one of so many parts of its lifetime.
inline constexpr uint64_t kExpiryStepsMin = 1000;
inline constexpr size_t kPurgeClaimsMax = 1000;           // Claims one PURGE operation forgets ...
inline constexpr size_t kPurgeClaimBytesAim = 256 << 10;  // ... and about how many bytes of keys.
inline constexpr size_t kMergeEntriesMax = 16384;         // Entries of one MERGE operation ...
inline constexpr size_t kMergeBytesAim =
    256 << 10;  // ... which stays below this unless one entry alone is larger.
inline constexpr size_t kAttributeNameBytesMax = 4096;
inline constexpr size_t kOpAttributesMax = 1000;  // Of all items of one convergent operation.
// An attribute with fewer bytes than this is sent whole.
inline constexpr size_t kDeltaValueMin = size_t{8} << 10;
// Items of one convergent operation that write to a life that may be there: what the stamp says of
// them must fit one chunk.
inline constexpr size_t kOpLivesMax = 64;
// Registers of one entry of a convergent map: a writer refuses what would make more. What several
// write at once is joined all the same, and goes to joiners and into merges up to kValueBytesMax.
inline constexpr size_t kRegistersBytesMax = size_t{512} << 10;
inline constexpr size_t kBucketsPerMap = 4096;
inline constexpr size_t kSnapshotsMax = 4;  // Alive at once, per map.
// What one verification gathers of operations of convergent maps, each counted with so many bytes
// besides its own.
inline constexpr size_t kMarkedBytesMax = size_t{32} << 20;
inline constexpr size_t kMarkedOperationBytes = 512;
inline constexpr size_t kConflictsKept = 1000;  // Of a merge report; the rest is counted.
inline constexpr size_t kViewHistoryMax = 256;  // Views a map set remembers, besides the first.
inline constexpr uint64_t kTtlMaxMs = uint64_t{1} << 42;  // About 139 years.
inline constexpr int64_t kGroupTimeMaxMs =
    int64_t{1} << 47;  // What a hybrid logical time can hold with a spare bit.
inline constexpr uint64_t kHlcMax = uint64_t{1} << 63;  // Times at or above are refused.
// A convergent map that evicts may exceed its cap by this part of it while evictions are on their
// way; then writes are refused.
inline constexpr uint64_t kEvictionSlack = 8;
// What has gone takes memory until that is settled: with it the map may have so many times its
// cap.
inline constexpr uint64_t kHiddenFactor = 2;
// What an entry costs besides key and value, in the count the byte cap is held against.
inline constexpr size_t kEntryOverheadBytes = 128;

}  // namespace cohort::map

#endif  // COHORT_MAP_LIMITS_H_

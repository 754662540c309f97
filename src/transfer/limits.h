// Every size a state transfer knows.
#ifndef COHORT_TRANSFER_LIMITS_H_
#define COHORT_TRANSFER_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "base/instant.h"
#include "map/limits.h"

namespace cohort::transfer {

inline constexpr size_t kChunkBytesAim =
    64 << 10;                             // A chunk stays below, unless one entry alone is larger.
inline constexpr size_t kHelpersMax = 3;  // Members that send a joiner a part of its state ...
inline constexpr uint64_t kHelpedBytesMin = uint64_t{8} << 20;  // ... of so many bytes or more.
inline constexpr size_t kChunkBytesMax = 128 << 10;             // What is larger goes in parts ...
inline constexpr size_t kPartBytesMax = 128 << 10;  // ... of at most so many bytes each ...
inline constexpr size_t kPartedChunkBytesMax =
    map::kValueBytesMax + map::kKeyBytesMax + 256;  // ... and is one entry at most.
inline constexpr uint32_t kChunksInFlight = 16;     // Sent and not acknowledged.
// Beyond so many bytes only as many chunks as it takes to be acknowledged. With one chunk more it
// stays below what a lifeline queues (8 MiB) before it breaks.
inline constexpr size_t kBytesInFlightMax = size_t{4} << 20;
inline constexpr uint32_t kAckEvery = 4;  // Chunks; the last ones are acknowledged by being done.
inline constexpr size_t kControlBytesMax = 64 << 10;  // Any message but a chunk or DIGESTS ...
inline constexpr size_t kDigestsBytesMax = 7 + 22 * map::kBucketsPerMap;  // ... of one map.
// Buckets that one joiner may want of one donor at once, and the entries it says it holds in them.
inline constexpr size_t kWantedMax = 4096;
inline constexpr size_t kWantedHeldMax = size_t{1} << 20;
// A joiner names what it holds of a bucket up to so many entries; beyond them it wants it whole.
inline constexpr size_t kHeldMax = 4096;
// What a joiner wants of one donor at once: about so many bytes, and so many buckets.
inline constexpr size_t kAskedBytesAim = size_t{2} << 20;
inline constexpr size_t kAskedMax = 2048;
// A joiner is served at the writers' pace for so long, and while so much was written: what it lets
// wait meanwhile is limited (256 MiB), and then it would hold the writers back itself.
inline constexpr Duration kPacedFor = seconds(30);
inline constexpr size_t kPacedWritesBytesMax = size_t{64} << 20;
inline constexpr size_t kWaitingMax = 1024;  // Requests that wait for a view.
// Reads of a member that has not got the state: how many may wait, and how many are asked at a
// time; so a lifeline is given no more than it queues, a transfer included.
inline constexpr size_t kReadsMax = 1024;
inline constexpr size_t kReadsAskedMax = 8;
inline constexpr size_t kReadValueBytesMax = 256 << 10;
// What a member answers of such reads: in one turn to all, and in a second to each that asks, where
// an answer counts as so many bytes at least.
inline constexpr size_t kReadBytesPerTurnMax = size_t{4} << 20;
inline constexpr size_t kReadBytesPerSecondMax = size_t{32} << 20;
inline constexpr size_t kReadBytesCountedMin = 512;
inline constexpr size_t kReplayPerTurn =
    2000;  // Operations applied at once after the state is complete.
inline constexpr size_t kReasonBytesMax = 256;
inline constexpr int kReceivedMax = 4096;  // Members of a view, in BEGIN.
// Members that are still to bring what another side held, in BEGIN, of all sides together; of more
// a joiner does not know.
inline constexpr size_t kCarriersMax = 512;

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_LIMITS_H_

// What an engine did, told step by step to whoever checks it. Unlike events (cohort/events.h),
// which explain decisions to people, trace records name every chunk, promise, packet number and
// applied operation, so that the simulator's checkers can hold each against the rules. The sink is
// write-only: nothing in the engine reads it, and with a null sink a record is never built (use
// Trace() below).
//
// Threads: a sink is called on the thread that drives the engine. Spans and strings are borrowed
// for the call.
#ifndef COHORT_BASE_TRACE_H_
#define COHORT_BASE_TRACE_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/types.h"

namespace cohort {

// Each kind lists the fields of TraceRecord it fills; the others keep their defaults.
enum class TraceKind : uint8_t {
  kChunkAssigned,   // view, origin (self), seq, cls, digest. Our own chunk got its number.
  kChunkDelivered,  // view, origin, seq, cls, cut (0 for CONV and CTRL), transitional, digest. In
                    // delivery order.
  kWedged,          // view. From here to kViewInstalled: no chunk is assigned or delivered.
  kPromised,        // view, ballot_round, ballot_rank.
  kAccepted,        // view, ballot_round, ballot_rank, next.
  kViewInstalled,  // view, previous (zero: joined), members, trim (of previous, by its ranks; empty
                   // when joined), key_epoch, origin (own rank), subject (self), flag, digest.
  kSealed,         // subkey, packet. See TraceSubkey().
  kOpened,  // subkey, packet. The packet was authentic, not a replay, and is handed to the layers.
  kAcknowledged,  // command, view, level, flag (succeeded), number (members known to hold it). With
                  // its DoneUpcall.
  kApplied,  // map, view, number (position: grows by one with every operation of that map), digest
             // (of the op).
  kSynced,   // subject (self), map, digest (of the map). The transfer is complete and compared.
  kConvicted,  // view, subject, cause, text (evidence). By this member's own failure detector or
               // vote.
  kExcluded,   // view (the one we were in). The group goes on without us.
  kHalted,     // view. No quorum (Policy::kPrimary).
  kResumed,    // view.
  kRepaired,   // view, origin, number: of chunks that were sent again.
  kBuffers,    // text (which buffer), number (bytes, or entries), limit (its cap in the same unit).
};

struct TraceRecord {
  TraceKind kind = TraceKind::kBuffers;
  DeliveryClass cls = DeliveryClass::kConv;
  ViewCause cause = ViewCause::kSilent;
  uint8_t level = 0;  // 0 local, 1 one, 2 all.
  bool transitional = false;
  bool flag = false;
  Rank origin = kNoRank;
  Rank ballot_rank = kNoRank;
  uint32_t map = 0;
  uint32_t key_epoch = 0;
  uint64_t ballot_round = 0;
  SeqNo seq = 0;
  CutNo cut = 0;
  uint64_t digest = 0;
  uint64_t subkey = 0;
  uint64_t packet = 0;
  uint64_t command = 0;
  uint64_t number = 0;
  uint64_t limit = 0;
  ViewId view;
  ViewId previous;
  ViewId next;
  MemberId subject;
  std::span<const MemberId> members;
  std::span<const SeqNo> trim;
  std::string_view text;
};

class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void On(const TraceRecord& record) = 0;
};

// Emits what `fill(record)` fills in, when there is a sink:
//   Trace(sink, TraceKind::kWedged, [&](TraceRecord& r) { r.view = view_id_; });
template <class Fill>
inline void Trace(TraceSink* sink, TraceKind kind, Fill&& fill) {
  if (sink == nullptr) return;
  TraceRecord record;
  record.kind = kind;
  fill(record);
  sink->On(record);
}

// A quick 64-bit digest for trace records. Equal on all machines of one byte order; not for the
// wire, not against an adversary.
inline uint64_t TraceDigest(Bytes bytes, uint64_t seed = 0) {
  uint64_t hash = seed ^ (bytes.size() * 0x9E3779B97F4A7C15u);
  const auto mix = [&hash](uint64_t word) {
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9u;
    hash ^= hash >> 29;
  };
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    mix(word);
  }
  uint64_t tail = 0;
  if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
  mix(tail);
  return hash;
}

// Names the key a packet is sealed under: one sender instance, one attempt, one channel (for
// unicast: also the receiver, folded into `channel` by the caller where packets to two receivers
// count separately), one key epoch.
inline uint64_t TraceSubkey(const InstanceId& instance, uint32_t join_no, uint64_t channel,
                            uint32_t epoch) {
  const uint64_t words[] = {instance.hi, instance.lo, join_no, channel, epoch};
  return TraceDigest(std::as_bytes(std::span(words)));
}

}  // namespace cohort

#endif  // COHORT_BASE_TRACE_H_

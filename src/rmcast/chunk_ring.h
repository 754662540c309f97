// The chunks of one sender that are held: a ring indexed by number, over the window (low, low +
// capacity]. Grows by doubling up to what its owner lets in; no allocation once warm.
#ifndef COHORT_RMCAST_CHUNK_RING_H_
#define COHORT_RMCAST_CHUNK_RING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/types.h"

namespace cohort::rmcast {

struct HeldChunk {
  Buffer payload;
  Instant repaired_at = kNever;  // Last repair of it from here ...
  Rank repaired_to = kNoRank;    // ... and to whom; kAllRanks when it was multicast.
  DeliveryClass cls = DeliveryClass::kConv;
  uint8_t flags = 0;
  bool held = false;

  static constexpr Instant kNever = Instant::FromNanos(-(int64_t{1} << 60));
};

class ChunkRing {
 public:
  SeqNo low() const { return low_; }  // Everything up to here was freed.
  size_t bytes() const { return bytes_; }
  size_t count() const { return count_; }
  size_t capacity() const { return slots_.size(); }

  // Null when it is not held.
  HeldChunk* Find(SeqNo seq) {
    if (seq <= low_ || seq > low_ + slots_.size()) return nullptr;
    HeldChunk& slot = SlotOf(seq);
    return slot.held ? &slot : nullptr;
  }
  const HeldChunk* Find(SeqNo seq) const { return const_cast<ChunkRing*>(this)->Find(seq); }

  // `seq` is beyond low() and not held; how far beyond is for the caller to bound.
  void Store(SeqNo seq, DeliveryClass cls, uint8_t flags, const Buffer& payload) {
    if (seq > low_ + slots_.size()) Grow(seq - low_);
    HeldChunk& slot = SlotOf(seq);
    COHORT_CHECK(seq > low_ && !slot.held);
    slot.payload = payload;
    slot.repaired_at = HeldChunk::kNever;
    slot.cls = cls;
    slot.flags = flags;
    slot.held = true;
    bytes_ += payload.size();
    ++count_;
  }

  void FreeUpTo(SeqNo upto) {
    while (low_ < upto && count_ > 0) {
      ++low_;
      Free(SlotOf(low_));
    }
    if (low_ < upto) low_ = upto;
  }

  void DiscardBeyond(SeqNo last) {
    for (SeqNo seq = std::max(last, low_) + 1; seq <= low_ + slots_.size(); ++seq)
      Free(SlotOf(seq));
  }

  // Empty, window from 1; the slots stay allocated.
  void Clear() {
    for (HeldChunk& slot : slots_) Free(slot);
    low_ = 0;
  }

 private:
  static constexpr size_t kFirstCapacity = 64;

  HeldChunk& SlotOf(SeqNo seq) { return slots_[seq & (slots_.size() - 1)]; }

  void Free(HeldChunk& slot) {
    if (!slot.held) return;
    bytes_ -= slot.payload.size();
    --count_;
    slot.payload = Buffer();
    slot.held = false;
  }

  void Grow(size_t needed) {
    size_t capacity = slots_.empty() ? kFirstCapacity : slots_.size();
    while (capacity < needed) capacity *= 2;
    std::vector<HeldChunk> larger(capacity);
    for (SeqNo seq = low_ + 1; seq <= low_ + slots_.size(); ++seq) {
      HeldChunk& slot = SlotOf(seq);
      if (slot.held) larger[seq & (capacity - 1)] = std::move(slot);
    }
    slots_ = std::move(larger);
  }

  std::vector<HeldChunk> slots_;  // A power of two of them.
  SeqNo low_ = 0;
  size_t bytes_ = 0;
  size_t count_ = 0;
};

}  // namespace cohort::rmcast

#endif  // COHORT_RMCAST_CHUNK_RING_H_

#include "rmcast/view_streams.h"

#include <algorithm>

namespace cohort::rmcast {

void ViewStreams::Reset(Rank self, size_t members) {
  self_ = self;
  members_ = members;
  if (streams_.size() < members) streams_.resize(members);
  for (OriginStream& stream : streams_) stream.Reset();
  acks_.Reset(members);
}

void ViewStreams::Drop() {
  members_ = 0;
  streams_.clear();
  acks_.Reset(0);
}

size_t ViewStreams::bytes() const {
  size_t bytes = 0;
  for (const OriginStream& stream : streams_) bytes += stream.ring.bytes();
  return bytes;
}

bool ViewStreams::IsConsistent(size_t window_chunks) const {
  for (size_t rank = 0; rank < members_; ++rank) {
    const OriginStream& stream = streams_[rank];
    const SeqNo low = stream.ring.low();
    if (low > stream.handed_up || stream.handed_up > stream.contiguous) return false;
    if (stream.contiguous > stream.high || low > stream.delivered) return false;
    if (stream.ring.count() > 2 * window_chunks) return false;
    if (stream.gaps.size() > OriginStream::kGapsMax) return false;
    if (acks_.Get(self_, static_cast<Rank>(rank)) > stream.handed_up) return false;
  }
  return true;
}

// Spec 5.9
ViewStreams::RepairResult ViewStreams::Repair(Instant now, Rank from, const wire::NakFrame& nak,
                                              bool previous_view, Duration linger,
                                              RepairBudget* budget,
                                              std::vector<wire::OutFrame>& frames) {
  RepairResult result;
  const ChunkRing& ring = streams_[nak.origin].ring;
  for (const wire::NakRange& range : nak.ranges) {
    // Clipped to what the ring can hold, so that a wild range costs no more than the ring.
    const SeqNo first = std::max(range.start, ring.low() + 1);
    const SeqNo last = std::min(range.start + range.length - 1, ring.low() + ring.capacity());
    for (SeqNo seq = first; seq <= last; ++seq) {
      if (!RepairOne(now, from, seq, nak.origin, previous_view, linger, budget, frames, result)) {
        return result;
      }
    }
  }
  return result;
}

// False when the budget is used up.
bool ViewStreams::RepairOne(Instant now, Rank from, SeqNo seq, Rank origin, bool previous_view,
                            Duration linger, RepairBudget* budget,
                            std::vector<wire::OutFrame>& frames, RepairResult& result) {
  HeldChunk* chunk = streams_[origin].ring.Find(seq);
  if (chunk == nullptr) {
    ++result.not_held;
    return true;
  }
  const bool recent = now - chunk->repaired_at < linger;
  if (recent && (chunk->repaired_to == from || chunk->repaired_to == kAllRanks)) {
    ++result.suppressed;
    return true;
  }
  const auto packets = static_cast<int64_t>(wire::PacketsOf(chunk->payload.size()));
  if (budget != nullptr && !budget->TryTake(now, packets)) {
    ++result.over_budget;
    return false;
  }
  const Rank to = recent && members_ > 2 ? kAllRanks : from;
  if (chunk->repaired_at == HeldChunk::kNever) ++result.first_time;
  chunk->repaired_at = now;
  chunk->repaired_to = to;
  ++result.sent;
  if (to == kAllRanks) ++result.multicast;
  const auto flags = static_cast<uint8_t>(chunk->flags | wire::DataFrame::kRepair);
  frames.push_back(
      {to, previous_view, wire::DataFrame{seq, origin, chunk->cls, flags, chunk->payload}});
  return true;
}

}  // namespace cohort::rmcast

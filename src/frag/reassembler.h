// Turns chunks, in each sender's order, back into messages. Whole messages are slices of the chunk;
// large ones are gathered in a buffer that grows with the bytes that came, not with the length that
// was announced.
//
// Limits: kMessageMax a message, one incomplete message for each origin and class. A chunk that
// breaks the layout is dropped with the incomplete message it belongs to, and counted. Threads:
// none; the caller serialises.
#ifndef COHORT_FRAG_REASSEMBLER_H_
#define COHORT_FRAG_REASSEMBLER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"
#include "frag/packer.h"

namespace cohort::frag {

class Reassembler {
 public:
  struct Stats {
    uint64_t messages = 0, chunks = 0;
    uint64_t malformed_chunks = 0;  // Lengths that do not add up, fragments without a beginning.
    uint64_t messages_too_large = 0;
    uint64_t incomplete_discarded = 0;  // By a view change or by a new beginning.
  };

  // Drops what is incomplete: its sender, if it lives, sends it again whole.
  void OnView(size_t members);
  // Appends the messages that the chunk completes.
  void OnChunk(Rank origin, DeliveryClass cls, uint8_t flags, const Buffer& payload,
               std::vector<Buffer>& messages);

  const Stats& stats() const { return stats_; }
  size_t bytes_held() const;
  bool IsConsistent() const;

 private:
  // BARRIER chunks are handed up by order, other CONV ones at once: two lanes of one class.
  static constexpr size_t kLanes = 4;
  struct Partial {
    Buffer buffer;  // Its size is the room there is.
    size_t filled = 0;
    size_t total = 0;  // 0: no message is incomplete.
  };

  static size_t LaneOf(DeliveryClass cls, uint8_t flags);
  void Split(const Buffer& payload, std::vector<Buffer>& messages);
  void Gather(Partial& partial, uint8_t flags, const Buffer& payload,
              std::vector<Buffer>& messages);
  void Discard(Partial& partial);

  std::vector<std::array<Partial, kLanes>> origins_;
  Stats stats_;
};

}  // namespace cohort::frag

#endif  // COHORT_FRAG_REASSEMBLER_H_

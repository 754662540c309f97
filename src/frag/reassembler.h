// Turns chunks, in each sender's order, back into messages. Whole messages are slices of the chunk;
// others are gathered in a buffer that grows with the bytes that came, not with the length that
// was announced. Large ones (Spec 5.20) are admitted in the order of their announcements; all
// chunks of their lane are AGREED, so every member admits the same at the same place of the order.
//
// Spanning messages are gathered likewise; they have at most kSpanningMessageMax.
//
// Limits: kMessageMax a message, one incomplete message for each origin and lane; of large ones
// kLargeMessageMax, and `large_under_way_max` of all origins together. A chunk that breaks the
// layout is dropped with the incomplete message it belongs to, and counted. Threads: none; the
// caller serialises.
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
  struct Options {
    size_t large_under_way_max = kLargeUnderWayMax;  // Alike at all members. Less is for tests.
    // Messages that begin with byte n, where bit n is set, are not kept: of one that comes in
    // several chunks only that byte is handed up.
    uint64_t not_kept = 0;
  };
  struct Stats {
    uint64_t messages = 0, chunks = 0;
    uint64_t malformed_chunks = 0;  // Lengths that do not add up, fragments without a beginning.
    uint64_t messages_too_large = 0;
    uint64_t incomplete_discarded = 0;  // By a view change or by a new beginning.
    uint64_t announced = 0;
  };

  explicit Reassembler(const Options& options) : options_(options) {}
  Reassembler() : Reassembler(Options{}) {}

  // Drops what is incomplete: its sender, if it lives, sends it again whole.
  void OnView(size_t members);
  // Appends the messages that the chunk completes.
  void OnChunk(Rank origin, DeliveryClass cls, uint8_t flags, const Buffer& payload,
               std::vector<Buffer>& messages);

  // Announcements of `origin` in this view, and whether the last is admitted and incomplete.
  uint64_t announcements(Rank origin) const { return origins_[origin].announcements; }
  bool IsAdmitted(Rank origin) const;

  const Stats& stats() const { return stats_; }
  size_t bytes_held() const;
  size_t large_bytes_held() const;
  bool IsConsistent() const;

 private:
  // BARRIER chunks are handed up by order, other CONV ones at once: two lanes of one class. LARGE
  // ones are AGREED, beside the others.
  static constexpr size_t kLanes = 5;
  static constexpr size_t kLargeLane = 4;
  struct Partial {
    Buffer buffer;  // Its size is the room there is.
    size_t filled = 0;
    size_t total = 0;  // 0: no message is incomplete.
    bool announced = false;
    bool spanning = false;
    bool kept = true;  // Else the buffer has its first byte only.
  };
  struct Origin {
    std::array<Partial, kLanes> lanes;
    uint64_t announcements = 0;
  };
  // In the order of their announcements.
  struct Announced {
    Rank origin = 0;
    size_t total = 0;
  };

  static size_t LaneOf(DeliveryClass cls, uint8_t flags);
  void Unpack(Partial& partial, uint8_t flags, const Buffer& payload,
              std::vector<Buffer>& messages);
  bool GoOn(Partial& partial, const Buffer& payload, size_t& at) const;
  bool Split(Partial& partial, const Buffer& payload, size_t at, std::vector<Buffer>& messages);
  void Gather(Partial& partial, uint8_t flags, const Buffer& payload,
              std::vector<Buffer>& messages);
  void Announce(Rank origin, Partial& partial, const Buffer& payload);
  bool Begin(Partial& partial, Bytes& bytes);
  static void MakeRoom(Partial& partial, size_t filled);
  void Keep(Partial& partial, Bytes bytes) const;
  void Discard(Partial& partial);

  Options options_;
  std::vector<Origin> origins_;
  std::vector<Announced> announced_;
  Stats stats_;
};

}  // namespace cohort::frag

#endif  // COHORT_FRAG_REASSEMBLER_H_

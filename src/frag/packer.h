// Turns messages into chunks: small ones of one class share a chunk, one that does not fit is cut
// into a run of chunks. Large ones have a queue and a lane of their own, and let the others pass.
//
// Idea: no batching timer. While the window is open every message leaves in its turn; while it is
// closed the queue grows, and the next chunks are fuller: where several chunks wait, one that no
// longer fits whole fills what is left, and its rest begins the next chunk (a spanning message, as
// in Totem's process groups). Layout: docs/protocol/multicast.md, "Messages in chunks".
//
// Limits: kLargeMessageMax a message, kMessageMax unless it is AGREED; `queue_bytes_max` (or one
// message) and `queue_messages_max` waiting, and `large_bytes_max` (or one message) in the large
// lane, beyond which Push() refuses with kResourceExhausted; what the engine sends for itself is
// not held against them, its sender bounds it. Threads: none; the caller serialises.
#ifndef COHORT_FRAG_PACKER_H_
#define COHORT_FRAG_PACKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/subjects.h"
#include "base/types.h"
#include "wire/frames.h"
#include "wire/limits.h"

namespace cohort::frag {

inline constexpr size_t kMessageMax = size_t{1} << 20;  // What is larger goes by the large lane.
inline constexpr size_t kLargeMessageMax = (size_t{64} << 20) + (size_t{64} << 10);
// Large messages under way from all members together: what a receiver may hold of them.
inline constexpr size_t kLargeUnderWayMax = size_t{128} << 20;
inline constexpr size_t kLengthBytes = 2;       // Before each whole message in a chunk.
inline constexpr size_t kTotalLengthBytes = 4;  // Before the first fragment of a larger one.
// A spanning one has a length of kLengthBytes.
inline constexpr size_t kSpanningMessageMax = 0xFFFF;
inline constexpr size_t kStampBytesMax = 1200;  // Of one message; a stamp is in one chunk.
inline constexpr size_t kWholeMessageMax =
    wire::kChunkPayloadMax - kLengthBytes;  // In a small chunk.

struct Message {
  uint64_t id = 0;  // The caller's; returned when the last byte of the message is in a chunk.
  DeliveryClass cls = DeliveryClass::kConv;
  bool sync = false;     // The sender waits for it.
  bool barrier = false;  // CONV that waits for the AGREED messages before it.
  bool exempt = false;   // The engine's own: never refused for want of room, and takes none.
  // So many last bytes are the message's stamp, which is written when its last chunk is packed:
  // that is the moment in which the message leaves.
  size_t stamp_bytes = 0;
  // Set by Push() in the large lane: so many of the main queue leave first, all that were there.
  uint64_t after = 0;
  Subjects subjects;  // Of AGREED ones: what it shares with one in the large lane keeps it behind.
  Buffer payload;
};

// Writes the stamps.
class Stamper {
 public:
  virtual ~Stamper() = default;
  // `message` is all but its stamp. Called by Packer::Next(), which must not be called again by it.
  virtual void Stamp(Bytes message, std::span<std::byte> stamp) = 0;
};

struct Packed {
  DeliveryClass cls = DeliveryClass::kConv;
  uint8_t flags = 0;  // wire::DataFrame::Flag: all but kRepair.
  Buffer payload;
  bool large = false;  // Of the large lane.
  std::vector<uint64_t> completed_ids;
};

class Packer {
 public:
  struct Options {
    size_t queue_bytes_max = 16u << 20;
    size_t queue_messages_max = 65536;
    size_t large_bytes_max = size_t{128} << 20;
    size_t message_max = kMessageMax;  // Less, but more than a chunk, is for tests.
  };

  // `stamper` outlives the packer; without one no message has a stamp.
  explicit Packer(const Options& options, Stamper* stamper = nullptr)
      : options_(options), stamper_(stamper) {}
  Packer() : Packer(Options{}) {}

  // kInvalidArgument when it is larger than its class may be, of class kCtrl or its stamp too
  // large, kResourceExhausted when its queue is full.
  absl::Status Push(Message message);
  // Whether Push() would put it into the large lane. Within a lane and class messages leave in
  // their order.
  bool GoesLarge(const Message& message) const;
  // Fills `packed` (its vector is reused) with the next chunk; false when nothing waits.
  bool Next(Packed& packed);
  // The class of the chunk Next() would make; call only when not empty.
  DeliveryClass NextClass() const {
    return LargeIsNext() ? DeliveryClass::kAgreed : main_.messages.front().cls;
  }
  // Bytes of the chunks that are made from now on, kChunkPayloadMax to kJumboPayloadMax.
  void SetChunkMax(size_t bytes) { chunk_max_ = bytes; }
  size_t chunk_max() const { return chunk_max_; }
  // `paced`: enough is in flight, so the large lane gets only its share of what the others send.
  void SetPaced(bool paced) { paced_ = paced; }
  // Announcements that left in this view; `admitted`: the last of them is, so its message may go on
  // (Spec 5.21).
  uint64_t announcements() const { return announcements_; }
  void SetAdmitted(bool admitted) { admitted_ = admitted; }
  bool admitted() const { return admitted_; }
  // A message of which only a part was sent starts over whole: the other members discard the part.
  void OnView();
  // Forgets all messages and returns their ids.
  std::vector<uint64_t> Clear();

  bool empty() const { return main_.messages.empty() && !LargeIsNext(); }  // Nothing may leave now.
  size_t messages() const { return main_.messages.size() + large_.messages.size(); }
  size_t bytes() const { return main_.bytes; }
  size_t exempt_bytes() const { return main_.exempt_bytes; }
  size_t large_bytes() const { return large_.bytes; }
  size_t large_exempt_bytes() const { return large_.exempt_bytes; }
  // About how many small chunks wait, for STATUS; of the large lane only a few are counted
  // (Spec 5.22).
  size_t backlog_chunks() const;
  bool IsConsistent() const;

 private:
  struct Queue {
    std::deque<Message> messages;
    size_t bytes = 0;          // Payloads.
    size_t exempt = 0;         // Messages that are exempt ...
    size_t exempt_bytes = 0;   // ... and their payloads.
    uint64_t popped = 0;       // Messages that have left.
    size_t sent_of_front = 0;  // Bytes of the front that are in chunks already.
    bool spanning = false;     // The front, if some of it is.
    uint8_t flags = 0;         // Of each of its chunks.

    void Push(Message message);
    void PopFront();
    void StartOver() { sent_of_front = 0, spanning = false; }
    size_t users() const { return messages.size() - exempt; }
    size_t chunks() const;
    bool IsConsistent() const;
  };

  bool LargeIsNext() const;
  bool IsLarge(const Queue& queue, const Message& message) const {
    return &queue == &large_ && message.payload.size() > options_.message_max;
  }
  // What a chunk of packed messages gets, from the front on.
  struct Plan {
    size_t bytes = 0;  // Of the chunk.
    size_t ended = 0;  // Messages that end in it.
    size_t part = 0;   // Bytes of one more, or of the only one, that does not.
  };

  bool IsPacked(const Queue& queue) const;
  bool MaySpan(const Queue& queue, const Message& message) const;
  Plan PlanChunk(const Queue& queue) const;
  void PopFront(Queue& queue);
  void PackMessages(Queue& queue, Packed& packed);
  void EndFront(Queue& queue, std::byte* to, Packed& packed);
  void PackFragment(Queue& queue, Packed& packed);
  void PackAnnouncement(Packed& packed);

  Options options_;
  Stamper* stamper_;
  Queue main_;
  Queue large_;  // Large messages, and what must stay behind them.
  absl::flat_hash_map<uint64_t, size_t> large_subjects_;  // Of large_, and how many have each.
  size_t chunk_max_ = wire::kChunkPayloadMax;
  uint64_t announcements_ = 0;
  bool announced_ = false;  // The front of large_, if it is large.
  bool admitted_ = false;
  bool paced_ = false;
  int main_in_a_row_ = 0;  // Chunks while large_ could have sent one.
};

}  // namespace cohort::frag

#endif  // COHORT_FRAG_PACKER_H_

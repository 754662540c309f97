// Turns messages into chunks: small ones of one class share a chunk, a large one is cut into a run
// of chunks.
//
// Idea: no batching timer. While the window is open every message leaves in its turn; while it is
// closed the queue grows, and the next chunks are fuller. Layout: docs/protocol/multicast.md,
// "Messages in chunks".
//
// Limits: kMessageMax a message; `queue_bytes_max` (or one message) and `queue_messages_max`
// waiting, beyond which Push() refuses with kResourceExhausted; what the engine sends for itself is
// not held against them, its sender bounds it. Threads: none; the caller serialises.
#ifndef COHORT_FRAG_PACKER_H_
#define COHORT_FRAG_PACKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/types.h"
#include "wire/frames.h"
#include "wire/limits.h"

namespace cohort::frag {

inline constexpr size_t kMessageMax = size_t{1} << 20;
inline constexpr size_t kLengthBytes = 2;       // Before each whole message in a chunk.
inline constexpr size_t kTotalLengthBytes = 4;  // Before the first fragment of a larger one.
inline constexpr size_t kStampBytesMax = 1200;  // Of one message; a stamp is in one chunk.
inline constexpr size_t kWholeMessageMax = wire::kChunkPayloadMax - kLengthBytes;

struct Message {
  uint64_t id = 0;  // The caller's; returned when the last byte of the message is in a chunk.
  DeliveryClass cls = DeliveryClass::kConv;
  bool sync = false;     // The sender waits for it.
  bool barrier = false;  // CONV that waits for the AGREED messages before it.
  bool exempt = false;   // The engine's own: never refused for want of room, and takes none.
  // So many last bytes are the message's stamp, which is written when its last chunk is packed:
  // that is the moment in which the message leaves.
  size_t stamp_bytes = 0;
  Buffer payload;
};

// Writes the stamps.
class Stamper {
 public:
  // `message` is all but its stamp. Called by Packer::Next(), which must not be called again by it.
  virtual void Stamp(Bytes message, std::span<std::byte> stamp) = 0;

 protected:
  ~Stamper() = default;
};

struct Packed {
  DeliveryClass cls = DeliveryClass::kConv;
  uint8_t flags = 0;  // wire::DataFrame::Flag: kFirst, kLast, kSync, kBarrier.
  Buffer payload;
  std::vector<uint64_t> completed_ids;
};

class Packer {
 public:
  struct Options {
    size_t queue_bytes_max = 16u << 20;
    size_t queue_messages_max = 65536;
  };

  // `stamper` outlives the packer; without one no message has a stamp.
  explicit Packer(const Options& options, Stamper* stamper = nullptr)
      : options_(options), stamper_(stamper) {}
  Packer() : Packer(Options{}) {}

  // kInvalidArgument when it is larger than kMessageMax, of class kCtrl or its stamp too large,
  // kResourceExhausted when
  // the queue is full.
  absl::Status Push(Message message);
  // Fills `packed` (its vector is reused) with the next chunk; false when nothing waits.
  bool Next(Packed& packed);
  // The class of the chunk Next() would make; call only when not empty.
  DeliveryClass NextClass() const { return queue_.front().cls; }
  // A message of which only a part was sent starts over whole: the other members discard the part.
  void OnView() { sent_of_front_ = 0; }
  // Forgets all messages and returns their ids.
  std::vector<uint64_t> Clear();

  bool empty() const { return queue_.empty(); }
  size_t messages() const { return queue_.size(); }
  size_t bytes() const { return bytes_; }
  size_t exempt_bytes() const { return exempt_bytes_; }
  size_t backlog_chunks() const;  // About how many chunks wait, for STATUS.
  bool IsConsistent() const;

 private:
  void PopFront();
  void PackWhole(Packed& packed);
  void PackFragment(Packed& packed);

  Options options_;
  Stamper* stamper_;
  std::deque<Message> queue_;
  size_t bytes_ = 0;          // Payloads of queue_.
  size_t exempt_ = 0;         // Messages of queue_ that are exempt ...
  size_t exempt_bytes_ = 0;   // ... and their payloads.
  size_t sent_of_front_ = 0;  // Bytes of a large message at the front that are in chunks already.
};

}  // namespace cohort::frag

#endif  // COHORT_FRAG_PACKER_H_

// Cuts the byte stream of a lifeline into messages, whatever pieces it arrives in.
//
// A length is a claim: memory grows with bytes that really came, at most twofold, never with what a
// header promises. Limits: `length` (type and body) is 1 to the given maximum; a longer or empty
// message, or an unknown type, breaks the stream for good. Cost: every byte is copied once, or
// twice when its message came in pieces.
#ifndef COHORT_WIRE_STREAM_FRAMER_H_
#define COHORT_WIRE_STREAM_FRAMER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "wire/limits.h"
#include "wire/stream_message.h"

namespace cohort::wire {

inline constexpr size_t kStreamHeaderBytes = 5;

struct StreamRecord {
  StreamMessage type = StreamMessage::kHello;
  Buffer body;
};

// u32 length | u8 type | body. Empty when the body is longer than kStreamMessageMax - 1.
Buffer EncodeStreamMessage(StreamMessage type, Bytes body);

class StreamFramer {
 public:
  enum class Verdict : uint8_t { kOk, kTooLong, kEmptyMessage, kUnknownType };

  explicit StreamFramer(size_t message_max = kStreamMessageMax) : message_max_(message_max) {}

  // Appends the messages that `bytes` completes. Anything but kOk: the stream is broken, close it;
  // messages before the bad one are in `out`, and every later call answers the same.
  Verdict Feed(Bytes bytes, std::vector<StreamRecord>& out);

  Verdict verdict() const { return verdict_; }
  // Bytes of an unfinished message held here, and memory reserved for them.
  size_t buffered() const { return header_size_ + body_.size(); }
  size_t reserved() const { return body_.capacity(); }

 private:
  size_t TakeHeader(Bytes bytes);
  void CheckHeader();
  size_t TakeBody(Bytes bytes, std::vector<StreamRecord>& out);

  size_t message_max_;
  Verdict verdict_ = Verdict::kOk;
  std::array<std::byte, kStreamHeaderBytes> header_{};
  size_t header_size_ = 0;
  size_t body_size_ = 0;  // Of the message whose header is complete.
  std::vector<std::byte> body_;
};
const char* ToString(StreamFramer::Verdict verdict);

}  // namespace cohort::wire

#endif  // COHORT_WIRE_STREAM_FRAMER_H_

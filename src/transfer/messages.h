// Messages between donor and joiner: u8 type | u32 attempt | body, little-endian. Control bodies
// are Protocol Buffers (proto/cohort/v1/transfer.proto); a chunk's body is chunk_codec.h, those of
// DIGESTS and WANT are bucket_codec.h.
// Clause 9.3.
//
// `attempt` is drawn by the joiner for each request and returned in everything that answers it, so
// that leftovers of an earlier attempt are told apart.
#ifndef COHORT_TRANSFER_MESSAGES_H_
#define COHORT_TRANSFER_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/types.h"
#include "cohort/ids.h"
#include "map/types.h"
#include "map/view_history.h"

namespace cohort::transfer {

enum class MessageType : uint8_t {
  kRequest = 1,
  kBegin = 2,
  kChunk = 3,
  kAck = 4,
  kDone = 5,
  kRefused = 6,
  kPart = 7,
  kDigests = 8,
  kWant = 9,
  kRead = 10,  // reads.h; its number is where others have the attempt.
  kReadAnswer = 11,
};
inline constexpr size_t kMessageHeaderBytes = 5;
inline constexpr size_t kPartHeaderBytes = kMessageHeaderBytes + 8;

// Joiner: send me the state, as of this view or later.
struct RequestMessage {
  ViewId view;
  bool helps = false;  // Another donor says what the state is.
};

// One side of a healed partition that is not merged yet.
struct MergingSide {
  ViewId came_from;                // The last view of that side.
  std::vector<MemberId> carriers;  // Who have not said that they are done.
  bool merged = false;             // By at least one of them.
};

// Donor: this is what there is.
struct BeginMessage {
  struct Map {
    std::string name;
    map::MapState state;
    uint64_t entries = 0;
    uint64_t bytes = 0;
    map::Digest digest;
  };
  ViewId view;  // The place the state is of.
  uint64_t position = 0;
  map::MapSettings settings;  // Of maps yet to come.
  map::ViewHistory history;
  std::vector<Map> maps;  // By id.
  // Chunks of each member, by rank in `view`, whose convergent operations are in the state. Empty
  // without a convergent map.
  std::vector<SeqNo> received;
  std::vector<MergingSide> sides;
};

// Joiner: chunks below this number are in place.
struct AckMessage {
  uint32_t chunks = 0;
};

// Joiner: nothing more is wanted of you.
struct DoneMessage {
  bool whole = false;  // The whole state is here, and what the donor said it is.
};

struct RefusedMessage {
  std::string reason;
  bool busy = false;  // It would serve, but serves as many as it may already.
};

// Donor: some of the bytes of a chunk that is too large for one message. Parts are numbered among
// the chunks; the chunk has the number of its last part.
struct PartMessage {
  uint32_t number = 0;
  uint32_t total = 0;  // Bytes of the chunk.
  Bytes bytes;         // Borrowed from the message.
};

struct Header {
  MessageType type = MessageType::kRequest;
  uint32_t attempt = 0;
};

Buffer EncodeRequest(uint32_t attempt, const RequestMessage& message);
Buffer EncodeBegin(uint32_t attempt, const BeginMessage& message);
Buffer EncodeAck(uint32_t attempt, const AckMessage& message);
Buffer EncodeDone(uint32_t attempt, const DoneMessage& message);
// `size` bytes to be filled follow: Buffer::Fill() from kPartHeaderBytes on.
Buffer EncodePart(uint32_t attempt, uint32_t number, uint32_t total, size_t size);
Buffer EncodeRefused(uint32_t attempt, const RefusedMessage& message);

// Empty when the bytes are too short, too long for their type, or of no type. The decoders below
// take the whole message and are empty when the body is not well formed.
std::optional<Header> DecodeHeader(Bytes message);
std::optional<RequestMessage> DecodeRequest(Bytes message);
std::optional<BeginMessage> DecodeBegin(Bytes message);
std::optional<AckMessage> DecodeAck(Bytes message);
std::optional<DoneMessage> DecodeDone(Bytes message);
std::optional<RefusedMessage> DecodeRefused(Bytes message);
std::optional<PartMessage> DecodePart(Bytes message);

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_MESSAGES_H_

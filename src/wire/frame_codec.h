// Frames to bytes and back. One packet's plaintext is frames back to back, each: type u8 | flags u8
// | length u16 of what follows, then the body; docs/wire_format.md has the tables.
//
// There is one encoding of every frame: reserved fields and unknown flags are refused, so parsing
// and encoding again gives the same bytes. A number that does not fit its field is refused in both
// directions, never cut. Cost: linear in the packet, at most kJumboFramesMax / kFrameHeaderBytes
// frames; nothing is allocated but `out`.
#ifndef COHORT_WIRE_FRAME_CODEC_H_
#define COHORT_WIRE_FRAME_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "wire/byte_writer.h"
#include "wire/frames.h"

namespace cohort::wire {

enum class FrameType : uint8_t {
  kData = 10,
  kStatus = 12,
  kNak = 13,
  kHeartbeat = 14,
  kPing = 15,
  kPong = 16,
  kPingRequest = 17,
  kSuspect = 18,
  kControl = 20,
  kSizeOffer = 0x81,
  kSizeProbe = 0x82,
  kSizeAnswer = 0x83,
  kPiece = 0x84,
};
// Types with this bit may be skipped by a member that does not know them; any other unknown type
// drops the packet.
inline constexpr uint8_t kSkippableType = 0x80;

// Bytes of the frame, its header included; 0 when it breaks a limit or a number does not fit, and
// cannot be sent.
size_t EncodedSize(const Frame& frame);

// Appends the frame. False, with nothing written, when EncodedSize() is 0 or more than the writer's
// room.
bool Encode(const Frame& frame, ByteWriter& writer);

enum class ParseVerdict : uint8_t {
  kOk,
  kTooLong,       // More than kJumboFramesMax bytes.
  kTruncated,     // A frame's header or length runs past the end of the packet.
  kUnknownFrame,  // A type this version does not know and may not skip.
  kBadFrame,      // A known type with a body that breaks its grammar.
};
const char* ToString(ParseVerdict verdict);

struct ParseResult {
  ParseVerdict verdict = ParseVerdict::kOk;
  uint16_t skipped = 0;  // Frames of unknown, skippable types.
  bool ok() const { return verdict == ParseVerdict::kOk; }
};

// Replaces `out` by the frames of one packet; all or none. Payloads and bodies are slices of
// `plaintext`.
ParseResult ParseFrames(const Buffer& plaintext, std::vector<Frame>& out);

// In words, on one line, for people (`cohort decode`, traces). Payloads by length, not content.
std::string ToString(const Frame& frame);

}  // namespace cohort::wire

#endif  // COHORT_WIRE_FRAME_CODEC_H_

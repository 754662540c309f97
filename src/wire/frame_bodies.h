// The bodies of frames, one overload set per direction; frame_codec.cc adds the headers and picks
// the overload. Not for use outside the codec.
#ifndef COHORT_WIRE_FRAME_BODIES_H_
#define COHORT_WIRE_FRAME_BODIES_H_

#include <cstddef>
#include <cstdint>

#include "base/buffer.h"
#include "wire/byte_writer.h"
#include "wire/frame_codec.h"
#include "wire/frames.h"

namespace cohort::wire::internal {

// One frame as found in a packet. `body` is inside `packet`.
struct RawFrame {
  FrameType type = FrameType::kData;
  uint8_t flags = 0;
  const Buffer* packet = nullptr;
  size_t offset = 0;  // Of the body in the packet.
  size_t size = 0;    // Of the body.
  Bytes body() const { return packet->bytes().subspan(offset, size); }
};

// Bytes of a body whose frame keeps every rule; 0 otherwise. No body is empty.
size_t BodySize(const DataFrame& frame);
size_t BodySize(const StatusFrame& frame);
size_t BodySize(const NakFrame& frame);
uint8_t FlagsOf(const HeartbeatFrame& frame);
size_t BodySize(const HeartbeatFrame& frame);
size_t BodySize(const PingFrame& frame);
size_t BodySize(const PongFrame& frame);
size_t BodySize(const PingRequestFrame& frame);
size_t BodySize(const SuspectFrame& frame);
size_t BodySize(const ControlFrame& frame);
size_t BodySize(const SizeOfferFrame& frame);
size_t BodySize(const SizeProbeFrame& frame);
size_t BodySize(const SizeAnswerFrame& frame);
size_t BodySize(const PieceFrame& frame);

// Write exactly BodySize() bytes.
void WriteBody(const DataFrame& frame, ByteWriter& writer);
void WriteBody(const StatusFrame& frame, ByteWriter& writer);
void WriteBody(const NakFrame& frame, ByteWriter& writer);
void WriteBody(const HeartbeatFrame& frame, ByteWriter& writer);
void WriteBody(const PingFrame& frame, ByteWriter& writer);
void WriteBody(const PongFrame& frame, ByteWriter& writer);
void WriteBody(const PingRequestFrame& frame, ByteWriter& writer);
void WriteBody(const SuspectFrame& frame, ByteWriter& writer);
void WriteBody(const ControlFrame& frame, ByteWriter& writer);
void WriteBody(const SizeOfferFrame& frame, ByteWriter& writer);
void WriteBody(const SizeProbeFrame& frame, ByteWriter& writer);
void WriteBody(const SizeAnswerFrame& frame, ByteWriter& writer);
void WriteBody(const PieceFrame& frame, ByteWriter& writer);

// False when the body breaks its grammar; what `frame` holds then does not matter.
bool ReadBody(const RawFrame& raw, DataFrame& frame);
bool ReadBody(const RawFrame& raw, StatusFrame& frame);
bool ReadBody(const RawFrame& raw, NakFrame& frame);
bool ReadBody(const RawFrame& raw, HeartbeatFrame& frame);
bool ReadBody(const RawFrame& raw, PingFrame& frame);
bool ReadBody(const RawFrame& raw, PongFrame& frame);
bool ReadBody(const RawFrame& raw, PingRequestFrame& frame);
bool ReadBody(const RawFrame& raw, SuspectFrame& frame);
bool ReadBody(const RawFrame& raw, ControlFrame& frame);
bool ReadBody(const RawFrame& raw, SizeOfferFrame& frame);
bool ReadBody(const RawFrame& raw, SizeProbeFrame& frame);
bool ReadBody(const RawFrame& raw, SizeAnswerFrame& frame);
bool ReadBody(const RawFrame& raw, PieceFrame& frame);

}  // namespace cohort::wire::internal

#endif  // COHORT_WIRE_FRAME_BODIES_H_

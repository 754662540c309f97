// DATA, PIECE and CONTROL: frames that carry somebody else's bytes.
#include <algorithm>

#include "wire/byte_reader.h"
#include "wire/frame_bodies.h"

namespace cohort::wire::internal {
namespace {

constexpr uint8_t kDataFlags = DataFrame::kFirst | DataFrame::kLast | DataFrame::kSync |
                               DataFrame::kRepair | DataFrame::kBarrier | DataFrame::kLarge |
                               DataFrame::kSpanning;
constexpr size_t kDataFixedBytes = 6 + 2 + 1 + 3;       // seq, origin, class, reserved
constexpr size_t kControlFixedBytes = 1 + 3;            // kind, reserved
constexpr size_t kPieceFixedBytes = 6 + 2 + 1 + 1 + 2;  // seq, origin, class, index, total
static_assert(kFrameHeaderBytes + kDataFixedBytes == kDataHeaderBytes);
static_assert(kFrameHeaderBytes + kPieceFixedBytes + kPieceBytes == kPacketFramesMax);
static_assert(kFrameHeaderBytes + kControlFixedBytes + kControlBodyMax == kStrangerFramesMax);

bool IsKnown(DeliveryClass cls) { return cls <= DeliveryClass::kCtrl; }
bool IsKnown(ControlKind kind) {
  return kind == ControlKind::kViewChange || kind == ControlKind::kDiscovery;
}

bool IsValid(const PieceFrame& frame) {
  if (frame.seq > kSeqNoMax || !IsKnown(frame.cls) || (frame.flags & ~kDataFlags) != 0 ||
      frame.total <= kPieceBytes || frame.total > kJumboPayloadMax) {
    return false;
  }
  const size_t begin = frame.index * kPieceBytes;
  return begin < frame.total &&
         frame.payload.size() == std::min<size_t>(kPieceBytes, frame.total - begin);
}

}  // namespace

size_t BodySize(const DataFrame& frame) {
  const bool valid = frame.seq <= kSeqNoMax && IsKnown(frame.cls) &&
                     (frame.flags & ~kDataFlags) == 0 && frame.payload.size() <= kJumboPayloadMax;
  return valid ? kDataFixedBytes + frame.payload.size() : 0;
}

void WriteBody(const DataFrame& frame, ByteWriter& writer) {
  writer.WriteU48(frame.seq);
  writer.WriteU16(frame.origin);
  writer.WriteU8(static_cast<uint8_t>(frame.cls));
  writer.WriteU8(0);
  writer.WriteU16(0);
  writer.WriteBytes(frame.payload);
}

bool ReadBody(const RawFrame& raw, DataFrame& frame) {
  ByteReader reader(raw.body());
  frame.seq = reader.ReadU48();
  frame.origin = reader.ReadU16();
  frame.cls = static_cast<DeliveryClass>(reader.ReadU8());
  const bool reserved_is_zero = reader.ReadU8() == 0 && reader.ReadU16() == 0;
  frame.flags = raw.flags;
  if (!reader.ok() || !reserved_is_zero || !IsKnown(frame.cls) || (raw.flags & ~kDataFlags) != 0 ||
      reader.left() > kJumboPayloadMax) {
    return false;
  }
  if (reader.left() != 0) {
    frame.payload = raw.packet->Slice(raw.offset + kDataFixedBytes, reader.left());
  }
  return true;
}

size_t BodySize(const PieceFrame& frame) {
  return IsValid(frame) ? kPieceFixedBytes + frame.payload.size() : 0;
}

void WriteBody(const PieceFrame& frame, ByteWriter& writer) {
  writer.WriteU48(frame.seq);
  writer.WriteU16(frame.origin);
  writer.WriteU8(static_cast<uint8_t>(frame.cls));
  writer.WriteU8(frame.index);
  writer.WriteU16(frame.total);
  writer.WriteBytes(frame.payload);
}

bool ReadBody(const RawFrame& raw, PieceFrame& frame) {
  ByteReader reader(raw.body());
  frame.seq = reader.ReadU48();
  frame.origin = reader.ReadU16();
  frame.cls = static_cast<DeliveryClass>(reader.ReadU8());
  frame.index = reader.ReadU8();
  frame.total = reader.ReadU16();
  frame.flags = raw.flags;
  if (!reader.ok() || reader.left() == 0) return false;
  frame.payload = raw.packet->Slice(raw.offset + kPieceFixedBytes, reader.left());
  return IsValid(frame);
}

size_t BodySize(const ControlFrame& frame) {
  const bool valid = IsKnown(frame.kind) && frame.body.size() <= kControlBodyMax;
  return valid ? kControlFixedBytes + frame.body.size() : 0;
}

void WriteBody(const ControlFrame& frame, ByteWriter& writer) {
  writer.WriteU8(static_cast<uint8_t>(frame.kind));
  writer.WriteU8(0);
  writer.WriteU16(0);
  writer.WriteBytes(frame.body);
}

bool ReadBody(const RawFrame& raw, ControlFrame& frame) {
  ByteReader reader(raw.body());
  frame.kind = static_cast<ControlKind>(reader.ReadU8());
  const bool reserved_is_zero = reader.ReadU8() == 0 && reader.ReadU16() == 0;
  if (!reader.ok() || !reserved_is_zero || raw.flags != 0 || !IsKnown(frame.kind) ||
      reader.left() > kControlBodyMax) {
    return false;
  }
  if (reader.left() != 0) {
    frame.body = raw.packet->Slice(raw.offset + kControlFixedBytes, reader.left());
  }
  return true;
}

}  // namespace cohort::wire::internal

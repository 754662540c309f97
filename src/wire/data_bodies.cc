// DATA and CONTROL: frames that carry somebody else's bytes.
#include "wire/byte_reader.h"
#include "wire/frame_bodies.h"

namespace cohort::wire::internal {
namespace {

constexpr uint8_t kDataFlags = DataFrame::kFirst | DataFrame::kLast | DataFrame::kSync |
                               DataFrame::kRepair | DataFrame::kBarrier | DataFrame::kLarge;
constexpr size_t kDataFixedBytes = 6 + 2 + 1 + 3;  // seq, origin, class, reserved
constexpr size_t kControlFixedBytes = 1 + 3;       // kind, reserved
static_assert(kFrameHeaderBytes + kDataFixedBytes == kDataHeaderBytes);
static_assert(kFrameHeaderBytes + kControlFixedBytes + kControlBodyMax == kStrangerFramesMax);

bool IsKnown(DeliveryClass cls) { return cls <= DeliveryClass::kCtrl; }
bool IsKnown(ControlKind kind) {
  return kind == ControlKind::kViewChange || kind == ControlKind::kDiscovery;
}

}  // namespace

size_t BodySize(const DataFrame& frame) {
  const bool valid = frame.seq <= kSeqNoMax && IsKnown(frame.cls) &&
                     (frame.flags & ~kDataFlags) == 0 && frame.payload.size() <= kChunkPayloadMax;
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
      reader.left() > kChunkPayloadMax) {
    return false;
  }
  if (reader.left() != 0) {
    frame.payload = raw.packet->Slice(raw.offset + kDataFixedBytes, reader.left());
  }
  return true;
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

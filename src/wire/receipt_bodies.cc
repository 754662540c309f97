// STATUS and NAK: what was received and what is missing.
#include "wire/byte_reader.h"
#include "wire/frame_bodies.h"

namespace cohort::wire::internal {
namespace {

// status_no, applied_cut, credit, backlog, drops, health and state, count
constexpr size_t kStatusFixedBytes = 4 + 8 + 2 + 2 + 2 + 1 + 1;
constexpr size_t kVectorEntryBytes = 2 + 6;
constexpr size_t kNakFixedBytes = 2 + 2;
constexpr size_t kNakRangeBytes = 6 + 2;
constexpr uint8_t kLocalHealthMax = 8;
constexpr uint8_t kMemberStateMax = 2;
static_assert(kStatusVectorMax <= 0xFF && kLocalHealthMax <= 0xF && kMemberStateMax <= 0xF);
static_assert(kFrameHeaderBytes + kStatusFixedBytes + kStatusVectorMax * kVectorEntryBytes <=
              kPacketFramesMax);
static_assert(kFrameHeaderBytes + kNakFixedBytes + kNakRangesMax * kNakRangeBytes <=
              kPacketFramesMax);

bool IsValid(const NakRange& range) {
  return range.length >= 1 && range.start <= kSeqNoMax &&
         range.length - 1u <= kSeqNoMax - range.start;
}

}  // namespace

size_t BodySize(const StatusFrame& frame) {
  if (frame.local_health > kLocalHealthMax || frame.member_state > kMemberStateMax ||
      frame.received.size() > kStatusVectorMax) {
    return 0;
  }
  for (const VectorEntry& entry : frame.received) {
    if (entry.seq > kSeqNoMax) return 0;
  }
  return kStatusFixedBytes + frame.received.size() * kVectorEntryBytes;
}

void WriteBody(const StatusFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.status_no);
  writer.WriteU64(frame.applied_cut);
  writer.WriteU16(frame.credit_packets);
  writer.WriteU16(frame.backlog_packets);
  writer.WriteU16(frame.queue_drops);
  writer.WriteU8(static_cast<uint8_t>(frame.local_health | frame.member_state << 4));
  writer.WriteU8(static_cast<uint8_t>(frame.received.size()));
  for (const VectorEntry& entry : frame.received) {
    writer.WriteU16(entry.rank);
    writer.WriteU48(entry.seq);
  }
}

bool ReadBody(const RawFrame& raw, StatusFrame& frame) {
  ByteReader reader(raw.body());
  frame.status_no = reader.ReadU32();
  frame.applied_cut = reader.ReadU64();
  frame.credit_packets = reader.ReadU16();
  frame.backlog_packets = reader.ReadU16();
  frame.queue_drops = reader.ReadU16();
  const uint8_t health_and_state = reader.ReadU8();
  frame.local_health = health_and_state & 0xF;
  frame.member_state = health_and_state >> 4;
  const size_t count = reader.ReadU8();
  if (!reader.ok() || raw.flags != 0 || frame.local_health > kLocalHealthMax ||
      frame.member_state > kMemberStateMax || count > kStatusVectorMax ||
      reader.left() != count * kVectorEntryBytes) {
    return false;
  }
  frame.received.resize(count);
  for (VectorEntry& entry : frame.received) {
    entry.rank = reader.ReadU16();
    entry.seq = reader.ReadU48();
  }
  return true;
}

size_t BodySize(const NakFrame& frame) {
  if (frame.ranges.empty() || frame.ranges.size() > kNakRangesMax) return 0;
  for (const NakRange& range : frame.ranges) {
    if (!IsValid(range)) return 0;
  }
  return kNakFixedBytes + frame.ranges.size() * kNakRangeBytes;
}

void WriteBody(const NakFrame& frame, ByteWriter& writer) {
  writer.WriteU16(frame.origin);
  writer.WriteU16(static_cast<uint16_t>(frame.ranges.size()));
  for (const NakRange& range : frame.ranges) {
    writer.WriteU48(range.start);
    writer.WriteU16(range.length);
  }
}

bool ReadBody(const RawFrame& raw, NakFrame& frame) {
  ByteReader reader(raw.body());
  frame.origin = reader.ReadU16();
  const size_t count = reader.ReadU16();
  if (!reader.ok() || raw.flags != 0 || count == 0 || count > kNakRangesMax ||
      reader.left() != count * kNakRangeBytes) {
    return false;
  }
  frame.ranges.resize(count);
  for (NakRange& range : frame.ranges) {
    range.start = reader.ReadU48();
    range.length = reader.ReadU16();
    if (!IsValid(range)) return false;
  }
  return true;
}

}  // namespace cohort::wire::internal

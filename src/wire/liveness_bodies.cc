// HEARTBEAT, PING, PONG, PING REQUEST and SUSPECT: who is alive.
#include "wire/byte_reader.h"
#include "wire/frame_bodies.h"

namespace cohort::wire::internal {
namespace {

// number, send_us, high, progress, echo_rank, echo_delay_us, echo_us
constexpr size_t kHeartbeatFixedBytes = 4 + 4 + 6 + 2 + 2 + 2 + 4;
constexpr uint8_t kHeartbeatHasLost = 1 << 0;        // Flag: a second bitmap follows.
constexpr size_t kPingBytes = 4 + 4;                 // nonce, send_us
constexpr size_t kPongBytes = 4 + 2 + 2 + 4;         // nonce, target, reserved, send_us
constexpr size_t kPingRequestBytes = 4 + 2 + 2;      // nonce, target, reserved
constexpr size_t kSuspectBytes = 2 + 1 + 1 + 4 + 4;  // subject, evidence, level, join_no, silent_ms
constexpr uint8_t kSuspectLevelMax = 2;
static_assert(kHearWordsMax * 64 >= kMembersMax);

bool IsValid(const SuspectFrame& frame) {
  return frame.evidence <= Evidence::kViewStall && frame.level <= kSuspectLevelMax;
}

}  // namespace

uint8_t FlagsOf(const HeartbeatFrame& frame) { return frame.lost.empty() ? 0 : kHeartbeatHasLost; }

size_t BodySize(const HeartbeatFrame& frame) {
  const bool valid = frame.high <= kSeqNoMax && frame.hears.size() <= kHearWordsMax &&
                     (frame.lost.empty() || frame.lost.size() == frame.hears.size());
  const size_t words = frame.hears.size() + frame.lost.size();
  return valid ? kHeartbeatFixedBytes + words * sizeof(uint64_t) : 0;
}

void WriteBody(const HeartbeatFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.number);
  writer.WriteU32(frame.send_us);
  writer.WriteU48(frame.high);
  writer.WriteU16(frame.progress);
  writer.WriteU16(frame.echo_rank);
  writer.WriteU16(frame.echo_delay_us);
  writer.WriteU32(frame.echo_us);
  for (const uint64_t word : frame.hears) writer.WriteU64(word);
  for (const uint64_t word : frame.lost) writer.WriteU64(word);
}

bool ReadBody(const RawFrame& raw, HeartbeatFrame& frame) {
  ByteReader reader(raw.body());
  frame.number = reader.ReadU32();
  frame.send_us = reader.ReadU32();
  frame.high = reader.ReadU48();
  frame.progress = reader.ReadU16();
  frame.echo_rank = reader.ReadU16();
  frame.echo_delay_us = reader.ReadU16();
  frame.echo_us = reader.ReadU32();
  if (!reader.ok() || raw.flags > kHeartbeatHasLost || reader.left() % sizeof(uint64_t) != 0) {
    return false;
  }
  size_t words = reader.left() / sizeof(uint64_t);
  if (raw.flags == kHeartbeatHasLost) {
    if (words == 0 || words % 2 != 0) return false;
    words /= 2;
    if (words <= kHearWordsMax) frame.lost.resize(words);
  }
  if (words > kHearWordsMax) return false;
  frame.hears.resize(words);
  for (uint64_t& word : frame.hears) word = reader.ReadU64();
  for (uint64_t& word : frame.lost) word = reader.ReadU64();
  return true;
}

size_t BodySize(const PingFrame&) { return kPingBytes; }

void WriteBody(const PingFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.nonce);
  writer.WriteU32(frame.send_us);
}

bool ReadBody(const RawFrame& raw, PingFrame& frame) {
  ByteReader reader(raw.body());
  frame.nonce = reader.ReadU32();
  frame.send_us = reader.ReadU32();
  return reader.AtEnd() && raw.flags == 0;
}

size_t BodySize(const PongFrame&) { return kPongBytes; }

void WriteBody(const PongFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.nonce);
  writer.WriteU16(frame.target);
  writer.WriteU16(0);
  writer.WriteU32(frame.send_us);
}

bool ReadBody(const RawFrame& raw, PongFrame& frame) {
  ByteReader reader(raw.body());
  frame.nonce = reader.ReadU32();
  frame.target = reader.ReadU16();
  const bool reserved_is_zero = reader.ReadU16() == 0;
  frame.send_us = reader.ReadU32();
  return reader.AtEnd() && reserved_is_zero && raw.flags == 0;
}

size_t BodySize(const PingRequestFrame&) { return kPingRequestBytes; }

void WriteBody(const PingRequestFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.nonce);
  writer.WriteU16(frame.target);
  writer.WriteU16(0);
}

bool ReadBody(const RawFrame& raw, PingRequestFrame& frame) {
  ByteReader reader(raw.body());
  frame.nonce = reader.ReadU32();
  frame.target = reader.ReadU16();
  const bool reserved_is_zero = reader.ReadU16() == 0;
  return reader.AtEnd() && reserved_is_zero && raw.flags == 0;
}

size_t BodySize(const SuspectFrame& frame) { return IsValid(frame) ? kSuspectBytes : 0; }

void WriteBody(const SuspectFrame& frame, ByteWriter& writer) {
  writer.WriteU16(frame.subject);
  writer.WriteU8(static_cast<uint8_t>(frame.evidence));
  writer.WriteU8(frame.level);
  writer.WriteU32(frame.subject_join_no);
  writer.WriteU32(frame.silent_ms);
}

bool ReadBody(const RawFrame& raw, SuspectFrame& frame) {
  ByteReader reader(raw.body());
  frame.subject = reader.ReadU16();
  frame.evidence = static_cast<Evidence>(reader.ReadU8());
  frame.level = reader.ReadU8();
  frame.subject_join_no = reader.ReadU32();
  frame.silent_ms = reader.ReadU32();
  return reader.AtEnd() && raw.flags == 0 && IsValid(frame);
}

}  // namespace cohort::wire::internal

// SIZE OFFER, SIZE PROBE and SIZE ANSWER: how large the datagrams are that arrive.
#include <algorithm>
#include <array>

#include "wire/byte_reader.h"
#include "wire/frame_bodies.h"

namespace cohort::wire::internal {
namespace {

constexpr size_t kSizeOfferBytes = 2 + 2;       // bytes, reserved
constexpr size_t kSizeProbeBytes = 4 + 2 + 2;   // nonce, bytes, reserved; then zeros
constexpr size_t kSizeAnswerBytes = 4 + 2 + 2;  // nonce, bytes, reserved
// Of a datagram that holds a probe without any zeros.
constexpr size_t kLeastProbe = kPacketHeaderBytes + kTagBytes + kFrameHeaderBytes + kSizeProbeBytes;
constexpr std::array<std::byte, kJumboDatagramMax6> kZeros{};

bool IsProbeSize(size_t bytes) { return bytes >= kLeastProbe && bytes <= kJumboDatagramMax6; }

bool ReadNonceAndSize(ByteReader& reader, uint32_t& nonce, uint16_t& bytes) {
  nonce = reader.ReadU32();
  bytes = reader.ReadU16();
  return reader.ReadU16() == 0 && reader.ok() && IsProbeSize(bytes);
}

}  // namespace

size_t BodySize(const SizeOfferFrame&) { return kSizeOfferBytes; }

void WriteBody(const SizeOfferFrame& frame, ByteWriter& writer) {
  writer.WriteU16(frame.bytes);
  writer.WriteU16(0);
}

bool ReadBody(const RawFrame& raw, SizeOfferFrame& frame) {
  ByteReader reader(raw.body());
  frame.bytes = reader.ReadU16();
  const bool reserved_is_zero = reader.ReadU16() == 0;
  return reader.AtEnd() && reserved_is_zero && raw.flags == 0;
}

size_t BodySize(const SizeProbeFrame& frame) {
  return IsProbeSize(frame.bytes) ? kSizeProbeBytes + frame.bytes - kLeastProbe : 0;
}

void WriteBody(const SizeProbeFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.nonce);
  writer.WriteU16(frame.bytes);
  writer.WriteU16(0);
  writer.WriteBytes(Bytes(kZeros).first(frame.bytes - kLeastProbe));
}

bool ReadBody(const RawFrame& raw, SizeProbeFrame& frame) {
  ByteReader reader(raw.body());
  if (!ReadNonceAndSize(reader, frame.nonce, frame.bytes) || raw.flags != 0 ||
      reader.left() != frame.bytes - kLeastProbe) {
    return false;
  }
  const Bytes padding = raw.body().subspan(kSizeProbeBytes);
  return std::equal(padding.begin(), padding.end(), kZeros.begin());
}

size_t BodySize(const SizeAnswerFrame& frame) {
  return IsProbeSize(frame.bytes) ? kSizeAnswerBytes : 0;
}

void WriteBody(const SizeAnswerFrame& frame, ByteWriter& writer) {
  writer.WriteU32(frame.nonce);
  writer.WriteU16(frame.bytes);
  writer.WriteU16(0);
}

bool ReadBody(const RawFrame& raw, SizeAnswerFrame& frame) {
  ByteReader reader(raw.body());
  return ReadNonceAndSize(reader, frame.nonce, frame.bytes) && reader.AtEnd() && raw.flags == 0;
}

}  // namespace cohort::wire::internal

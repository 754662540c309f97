#include "wire/frame_codec.h"

#include <optional>
#include <utility>
#include <variant>

#include "wire/byte_reader.h"
#include "wire/frame_bodies.h"

namespace cohort::wire {
namespace {

static_assert(kJumboFramesMax <= 0xFFFF, "a body's length fits its field");

FrameType TypeOf(const DataFrame&) { return FrameType::kData; }
FrameType TypeOf(const StatusFrame&) { return FrameType::kStatus; }
FrameType TypeOf(const NakFrame&) { return FrameType::kNak; }
FrameType TypeOf(const HeartbeatFrame&) { return FrameType::kHeartbeat; }
FrameType TypeOf(const PingFrame&) { return FrameType::kPing; }
FrameType TypeOf(const PongFrame&) { return FrameType::kPong; }
FrameType TypeOf(const PingRequestFrame&) { return FrameType::kPingRequest; }
FrameType TypeOf(const SuspectFrame&) { return FrameType::kSuspect; }
FrameType TypeOf(const ControlFrame&) { return FrameType::kControl; }
FrameType TypeOf(const SizeOfferFrame&) { return FrameType::kSizeOffer; }
FrameType TypeOf(const SizeProbeFrame&) { return FrameType::kSizeProbe; }
FrameType TypeOf(const SizeAnswerFrame&) { return FrameType::kSizeAnswer; }
FrameType TypeOf(const PieceFrame&) { return FrameType::kPiece; }

uint8_t FlagsOf(const DataFrame& frame) { return frame.flags; }
uint8_t FlagsOf(const PieceFrame& frame) { return frame.flags; }
uint8_t FlagsOf(const HeartbeatFrame& frame) { return internal::FlagsOf(frame); }
template <class Other>
uint8_t FlagsOf(const Other&) {
  return 0;
}

// The frame is built in place, at the end of `out`: frames are large values and this is the hot
// path.
template <class One>
ParseVerdict Append(const internal::RawFrame& raw, std::vector<Frame>& out) {
  One& frame = std::get<One>(out.emplace_back(std::in_place_type<One>));
  return internal::ReadBody(raw, frame) ? ParseVerdict::kOk : ParseVerdict::kBadFrame;
}

ParseVerdict ParseOne(const internal::RawFrame& raw, std::vector<Frame>& out) {
  switch (raw.type) {
    case FrameType::kData:
      return Append<DataFrame>(raw, out);
    case FrameType::kStatus:
      return Append<StatusFrame>(raw, out);
    case FrameType::kNak:
      return Append<NakFrame>(raw, out);
    case FrameType::kHeartbeat:
      return Append<HeartbeatFrame>(raw, out);
    case FrameType::kPing:
      return Append<PingFrame>(raw, out);
    case FrameType::kPong:
      return Append<PongFrame>(raw, out);
    case FrameType::kPingRequest:
      return Append<PingRequestFrame>(raw, out);
    case FrameType::kSuspect:
      return Append<SuspectFrame>(raw, out);
    case FrameType::kControl:
      return Append<ControlFrame>(raw, out);
    case FrameType::kSizeOffer:
      return Append<SizeOfferFrame>(raw, out);
    case FrameType::kSizeProbe:
      return Append<SizeProbeFrame>(raw, out);
    case FrameType::kSizeAnswer:
      return Append<SizeAnswerFrame>(raw, out);
    case FrameType::kPiece:
      return Append<PieceFrame>(raw, out);
  }
  return ParseVerdict::kUnknownFrame;
}

ParseResult ParseAll(const Buffer& plaintext, std::vector<Frame>& out) {
  ParseResult result;
  ByteReader reader(plaintext);
  while (reader.left() > 0) {
    internal::RawFrame raw;
    const uint8_t type = reader.ReadU8();
    raw.type = static_cast<FrameType>(type);
    raw.flags = reader.ReadU8();
    raw.packet = &plaintext;
    raw.size = reader.ReadU16();
    raw.offset = reader.position();
    reader.ReadBytes(raw.size);
    if (!reader.ok()) {
      result.verdict = ParseVerdict::kTruncated;
      return result;
    }
    result.verdict = ParseOne(raw, out);
    if (result.verdict == ParseVerdict::kUnknownFrame && (type & kSkippableType) != 0) {
      result.verdict = ParseVerdict::kOk;
      ++result.skipped;
    }
    if (!result.ok()) return result;
  }
  return result;
}

}  // namespace

size_t EncodedSize(const Frame& frame) {
  const size_t body = std::visit([](const auto& one) { return internal::BodySize(one); }, frame);
  return body == 0 ? 0 : kFrameHeaderBytes + body;
}

bool Encode(const Frame& frame, ByteWriter& writer) {
  return std::visit(
      [&writer](const auto& one) {
        const size_t body = internal::BodySize(one);
        if (body == 0 || !writer.ok() || kFrameHeaderBytes + body > writer.room()) return false;
        writer.WriteU8(static_cast<uint8_t>(TypeOf(one)));
        writer.WriteU8(FlagsOf(one));
        writer.WriteU16(static_cast<uint16_t>(body));
        internal::WriteBody(one, writer);
        return true;
      },
      frame);
}

ParseResult ParseFrames(const Buffer& plaintext, std::vector<Frame>& out) {
  out.clear();
  if (plaintext.size() > kJumboFramesMax) return {.verdict = ParseVerdict::kTooLong};
  const ParseResult result = ParseAll(plaintext, out);
  if (!result.ok()) out.clear();
  return result;
}

const char* ToString(ParseVerdict verdict) {
  switch (verdict) {
    case ParseVerdict::kOk:
      return "ok";
    case ParseVerdict::kTooLong:
      return "too long";
    case ParseVerdict::kTruncated:
      return "truncated";
    case ParseVerdict::kUnknownFrame:
      return "unknown frame type";
    case ParseVerdict::kBadFrame:
      return "malformed frame";
  }
  return "?";
}

}  // namespace cohort::wire

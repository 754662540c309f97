#include "messaging/frame.h"

#include "base/check.h"
#include "cohort/options.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::messaging {
namespace {

constexpr uint8_t kMessage = 1;
constexpr uint8_t kRequest = 2;
constexpr uint8_t kAnswer = 3;
constexpr uint8_t kFlagWanted = 1;
constexpr uint8_t kFlagNotForSelf = 2;
constexpr size_t kInstanceBytes = 16;

bool ReadName(wire::ByteReader& reader, std::string_view& name) {
  const size_t size = reader.ReadU8();
  if (size == 0 || size > kNameBytesMax) return false;
  name = AsText(reader.ReadBytes(size));
  return reader.ok();
}

std::string_view ReadRest(wire::ByteReader& reader) {
  return AsText(reader.ReadBytes(reader.left()));
}

void WriteName(wire::ByteWriter& writer, std::string_view name) {
  writer.WriteU8(static_cast<uint8_t>(name.size()));
  writer.WriteBytes(AsBytes(name));
}

std::optional<Frame> DecodeRequest(wire::ByteReader& reader) {
  RequestFrame request;
  const uint8_t flags = reader.ReadU8();
  request.wanted = (flags & kFlagWanted) != 0;
  request.include_self = (flags & kFlagNotForSelf) == 0;
  request.number = reader.ReadU64();
  const size_t count = reader.ReadU16();
  if (count > kRequestTargetsMax) return std::nullopt;
  request.to = reader.ReadBytes(count * kInstanceBytes);
  if (!ReadName(reader, request.channel)) return std::nullopt;
  request.payload = ReadRest(reader);
  return request;
}

}  // namespace

bool RequestFrame::IsFor(const InstanceId& instance) const {
  if (to.empty()) return true;
  for (wire::ByteReader reader(to); reader.left() > 0;) {
    const uint64_t hi = reader.ReadU64();
    const uint64_t lo = reader.ReadU64();
    if (hi == instance.hi && lo == instance.lo) return true;
  }
  return false;
}

std::optional<Frame> Decode(Bytes bytes) {
  wire::ByteReader reader(bytes);
  switch (reader.ReadU8()) {
    case kMessage: {
      MessageFrame message;
      if (!ReadName(reader, message.channel)) return std::nullopt;
      message.payload = ReadRest(reader);
      return message;
    }
    case kRequest:
      return DecodeRequest(reader);
    case kAnswer: {
      AnswerFrame answer;
      answer.code = reader.ReadU8();
      answer.asker.hi = reader.ReadU64();
      answer.asker.lo = reader.ReadU64();
      answer.number = reader.ReadU64();
      if (!reader.ok()) return std::nullopt;
      answer.payload = ReadRest(reader);
      return answer;
    }
    default:
      return std::nullopt;
  }
}

Buffer Encode(const MessageFrame& message) {
  Buffer bytes = Buffer::Allocate(2 + message.channel.size() + message.payload.size());
  wire::ByteWriter writer(bytes.Fill());
  writer.WriteU8(kMessage);
  WriteName(writer, message.channel);
  writer.WriteBytes(AsBytes(message.payload));
  COHORT_CHECK(writer.ok() && writer.room() == 0);
  return bytes;
}

Buffer Encode(const RequestFrame& request, const std::vector<MemberId>& to) {
  Buffer bytes = Buffer::Allocate(13 + kInstanceBytes * to.size() + request.channel.size() +
                                  request.payload.size());
  wire::ByteWriter writer(bytes.Fill());
  writer.WriteU8(kRequest);
  writer.WriteU8(static_cast<uint8_t>((request.wanted ? kFlagWanted : 0) |
                                      (request.include_self ? 0 : kFlagNotForSelf)));
  writer.WriteU64(request.number);
  writer.WriteU16(static_cast<uint16_t>(to.size()));
  for (const MemberId& member : to) {
    writer.WriteU64(member.instance.hi);
    writer.WriteU64(member.instance.lo);
  }
  WriteName(writer, request.channel);
  writer.WriteBytes(AsBytes(request.payload));
  COHORT_CHECK(writer.ok() && writer.room() == 0);
  return bytes;
}

Buffer Encode(const AnswerFrame& answer) {
  Buffer bytes = Buffer::Allocate(26 + answer.payload.size());
  wire::ByteWriter writer(bytes.Fill());
  writer.WriteU8(kAnswer);
  writer.WriteU8(answer.code);
  writer.WriteU64(answer.asker.hi);
  writer.WriteU64(answer.asker.lo);
  writer.WriteU64(answer.number);
  writer.WriteBytes(AsBytes(answer.payload));
  COHORT_CHECK(writer.ok() && writer.room() == 0);
  return bytes;
}

}  // namespace cohort::messaging

#include "wire/stream_framer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::wire {
namespace {

static_assert(kStreamMessageMax <= 0xFFFFFFFF);
constexpr size_t kTypeBytes = 1;  // Counted by `length`, though part of our header.

bool IsKnown(StreamMessage type) {
  return type >= StreamMessage::kHello && type <= StreamMessage::kBye;
}

}  // namespace

Buffer EncodeStreamMessage(StreamMessage type, Bytes body) {
  if (body.size() > kStreamMessageMax - kTypeBytes) return {};
  Buffer message = Buffer::Allocate(kStreamHeaderBytes + body.size());
  ByteWriter writer(message.Fill());
  writer.WriteU32(static_cast<uint32_t>(kTypeBytes + body.size()));
  writer.WriteU8(static_cast<uint8_t>(type));
  writer.WriteBytes(body);
  return message;
}

StreamFramer::Verdict StreamFramer::Feed(Bytes bytes, std::vector<StreamRecord>& out) {
  while (verdict_ == Verdict::kOk) {
    if (header_size_ < kStreamHeaderBytes) {
      if (bytes.empty()) break;
      bytes = bytes.subspan(TakeHeader(bytes));
      if (header_size_ < kStreamHeaderBytes || verdict_ != Verdict::kOk) break;
    }
    if (bytes.empty() && body_size_ != 0) break;
    bytes = bytes.subspan(TakeBody(bytes, out));
  }
  return verdict_;
}

size_t StreamFramer::TakeHeader(Bytes bytes) {
  const size_t taken = std::min(bytes.size(), kStreamHeaderBytes - header_size_);
  std::memcpy(header_.data() + header_size_, bytes.data(), taken);
  header_size_ += taken;
  if (header_size_ == kStreamHeaderBytes) CheckHeader();
  return taken;
}

void StreamFramer::CheckHeader() {
  ByteReader reader(header_);
  const size_t length = reader.ReadU32();
  if (length == 0) {
    verdict_ = Verdict::kEmptyMessage;
  } else if (length > message_max_) {
    verdict_ = Verdict::kTooLong;
  } else if (!IsKnown(static_cast<StreamMessage>(reader.ReadU8()))) {
    verdict_ = Verdict::kUnknownType;
  } else {
    body_size_ = length - kTypeBytes;
  }
}

size_t StreamFramer::TakeBody(Bytes bytes, std::vector<StreamRecord>& out) {
  const size_t taken = std::min(bytes.size(), body_size_ - body_.size());
  const Bytes piece = bytes.first(taken);
  if (body_.size() + taken < body_size_) {
    body_.insert(body_.end(), piece.begin(), piece.end());
    return taken;
  }
  Buffer body = Buffer::Allocate(body_size_);
  const MutableBytes memory = body.Fill();
  std::copy(body_.begin(), body_.end(), memory.begin());
  std::copy(piece.begin(), piece.end(), memory.begin() + static_cast<std::ptrdiff_t>(body_.size()));
  out.push_back({static_cast<StreamMessage>(header_[4]), std::move(body)});
  header_size_ = 0;
  body_size_ = 0;
  std::vector<std::byte>().swap(
      body_);  // A large message must not pin its memory for the stream's life.
  return taken;
}

const char* ToString(StreamFramer::Verdict verdict) {
  switch (verdict) {
    case StreamFramer::Verdict::kOk:
      return "ok";
    case StreamFramer::Verdict::kTooLong:
      return "message too long";
    case StreamFramer::Verdict::kEmptyMessage:
      return "message without a type";
    case StreamFramer::Verdict::kUnknownType:
      return "message of an unknown type";
  }
  return "?";
}

}  // namespace cohort::wire

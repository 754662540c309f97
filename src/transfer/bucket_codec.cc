#include "transfer/bucket_codec.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "map/limits.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");
constexpr size_t kSumBytes = 22;
constexpr size_t kWantBytes = 6;
static_assert(kDigestsBytesMax == kMessageHeaderBytes + 2 + kSumBytes * map::kBucketsPerMap);
static_assert(kMessageHeaderBytes + kWantBytes + kHeldMax * sizeof(uint64_t) <= kControlBytesMax);

size_t BytesOf(const Want& want) { return kWantBytes + want.held.size() * sizeof(uint64_t); }

class Packer {
 public:
  Packer(MessageType type, uint32_t attempt, size_t bytes) : buffer_(Buffer::Allocate(bytes)) {
    Put(static_cast<uint8_t>(type));
    Put(attempt);
  }
  template <class T>
  void Put(T number) {
    std::memcpy(buffer_.Fill().data() + at_, &number, sizeof(number));
    at_ += sizeof(number);
  }
  Buffer Finish() {
    COHORT_CHECK(at_ == buffer_.size());
    return std::move(buffer_);
  }

 private:
  Buffer buffer_;
  size_t at_ = 0;
};

class Unpacker {
 public:
  explicit Unpacker(Bytes message) : rest_(message.subspan(kMessageHeaderBytes)) {}
  size_t left() const { return rest_.size(); }
  // No more than is left.
  template <class T>
  T Take() {
    T number;
    std::memcpy(&number, rest_.data(), sizeof(number));
    rest_ = rest_.subspan(sizeof(number));
    return number;
  }

 private:
  Bytes rest_;
};

}  // namespace

Buffer EncodeDigests(uint32_t attempt, const DigestsMessage& message) {
  Packer packer(MessageType::kDigests, attempt,
                kMessageHeaderBytes + 2 + message.sums.size() * kSumBytes);
  packer.Put(message.map);
  for (const DigestsMessage::Sum& sum : message.sums) {
    packer.Put(sum.bucket);
    packer.Put(sum.entries);
    packer.Put(sum.digest.hi);
    packer.Put(sum.digest.lo);
  }
  return packer.Finish();
}

std::vector<Buffer> EncodeWants(uint32_t attempt, std::span<const Want> wants) {
  std::vector<Buffer> messages;
  while (!wants.empty()) {
    size_t bytes = kMessageHeaderBytes;
    size_t count = 0;
    for (; count < wants.size(); ++count) {
      COHORT_CHECK(wants[count].held.size() <= kHeldMax);
      if (count > 0 && bytes + BytesOf(wants[count]) > kControlBytesMax) break;
      bytes += BytesOf(wants[count]);
    }
    Packer packer(MessageType::kWant, attempt, bytes);
    for (const Want& want : wants.first(count)) {
      packer.Put(want.map);
      packer.Put(want.bucket);
      packer.Put(static_cast<uint16_t>(want.held.size()));
      for (const uint64_t held : want.held) packer.Put(held);
    }
    messages.push_back(packer.Finish());
    wants = wants.subspan(count);
  }
  return messages;
}

std::optional<DigestsMessage> DecodeDigests(Bytes message) {
  if (message.size() < kMessageHeaderBytes + 2 || message.size() > kDigestsBytesMax)
    return std::nullopt;
  Unpacker unpacker(message);
  DigestsMessage digests;
  digests.map = unpacker.Take<uint16_t>();
  if (unpacker.left() % kSumBytes != 0) return std::nullopt;
  digests.sums.reserve(unpacker.left() / kSumBytes);
  size_t least = 0;  // Bucket that may come next.
  while (unpacker.left() > 0) {
    DigestsMessage::Sum sum;
    sum.bucket = unpacker.Take<uint16_t>();
    sum.entries = unpacker.Take<uint32_t>();
    sum.digest.hi = unpacker.Take<uint64_t>();
    sum.digest.lo = unpacker.Take<uint64_t>();
    if (sum.bucket < least || sum.bucket >= map::kBucketsPerMap || sum.entries == 0)
      return std::nullopt;
    least = size_t{sum.bucket} + 1;
    digests.sums.push_back(sum);
  }
  return digests;
}

std::optional<std::vector<Want>> DecodeWant(Bytes message) {
  if (message.size() < kMessageHeaderBytes || message.size() > kControlBytesMax)
    return std::nullopt;
  Unpacker unpacker(message);
  std::vector<Want> wants;
  while (unpacker.left() > 0) {
    if (unpacker.left() < kWantBytes) return std::nullopt;
    Want want;
    want.map = unpacker.Take<uint16_t>();
    want.bucket = unpacker.Take<uint16_t>();
    const size_t held = unpacker.Take<uint16_t>();
    if (want.bucket >= map::kBucketsPerMap || held > kHeldMax ||
        unpacker.left() < held * sizeof(uint64_t)) {
      return std::nullopt;
    }
    want.held.reserve(held);
    for (size_t i = 0; i < held; ++i) want.held.push_back(unpacker.Take<uint64_t>());
    wants.push_back(std::move(want));
  }
  return wants;
}

}  // namespace cohort::transfer

#include "transfer/chunk_codec.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "map/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");
constexpr uint8_t kTombstoneFlag = 1;

}  // namespace

template <class T>
void ChunkWriter::Put(T number) {
  std::memcpy(buffer_.Fill().data() + at_, &number, sizeof(number));
  at_ += sizeof(number);
}

ChunkWriter::ChunkWriter(uint32_t attempt, uint32_t number, uint16_t map, uint32_t buckets,
                         size_t bytes)
    : buffer_(Buffer::Allocate(bytes)) {
  COHORT_CHECK(bytes >= kChunkHeaderBytes);
  Put(static_cast<uint8_t>(MessageType::kChunk));
  Put(attempt);
  Put(number);
  Put(map);
  Put(buckets);
}

// Spec 9.4
void ChunkWriter::Add(std::string_view key, const map::Entry& entry) {
  COHORT_CHECK(ChunkBytesOf(key, entry) <= buffer_.size() - at_);
  AddWithoutValue(key, entry);
  std::byte* out = buffer_.Fill().data() + at_;
  if (!entry.value.empty()) std::memcpy(out, entry.value.data(), entry.value.size());
  at_ += entry.value.size();
}

void ChunkWriter::AddWithoutValue(std::string_view key, const map::Entry& entry) {
  COHORT_CHECK(kChunkEntryBytes + key.size() <= buffer_.size() - at_);
  Put<uint8_t>(entry.tombstone ? kTombstoneFlag : 0);
  Put(static_cast<uint16_t>(key.size()));
  Put(static_cast<uint32_t>(entry.value.size()));
  Put(entry.version.time);
  Put(entry.version.writer);
  Put(entry.view.num);
  Put(entry.view.cid);
  Put(entry.expires_at);
  Put(entry.ttl_ms);
  std::memcpy(buffer_.Fill().data() + at_, key.data(), key.size());
  at_ += key.size();
}

Buffer ChunkWriter::Finish() {
  COHORT_CHECK(at_ == buffer_.size());
  return std::move(buffer_);
}

template <class T>
T ChunkReader::Take() {
  T number;
  std::memcpy(&number, at_, sizeof(number));
  at_ += sizeof(number);
  return number;
}

ChunkReader::ChunkReader(Bytes message)
    : at_(message.data()), end_(message.data() + message.size()) {
  if (message.size() < kChunkHeaderBytes) return;
  at_ += kMessageHeaderBytes;
  number_ = Take<uint32_t>();
  map_ = Take<uint16_t>();
  buckets_ = Take<uint32_t>();
  valid_ = true;
}

std::optional<ChunkReader::Item> ChunkReader::Next() {
  if (!valid_ || at_ == end_) return std::nullopt;
  valid_ = false;  // Until the item is seen to be whole.
  if (static_cast<size_t>(end_ - at_) < kChunkEntryBytes) return std::nullopt;
  Item item;
  const auto flags = Take<uint8_t>();
  const auto key_size = Take<uint16_t>();
  const auto value_size = Take<uint32_t>();
  item.entry.version.time = Take<uint64_t>();
  item.entry.version.writer = Take<uint64_t>();
  item.entry.view.num = Take<uint64_t>();
  item.entry.view.cid = Take<uint64_t>();
  item.entry.expires_at = Take<int64_t>();
  item.entry.ttl_ms = Take<uint64_t>();
  item.entry.tombstone = (flags & kTombstoneFlag) != 0;
  if ((flags & ~kTombstoneFlag) != 0 || key_size > map::kKeyBytesMax ||
      value_size > map::kValueBytesMax ||
      static_cast<size_t>(end_ - at_) < size_t{key_size} + value_size) {
    return std::nullopt;
  }
  const auto* text = reinterpret_cast<const char*>(at_);
  item.key = {text, key_size};
  item.value = {text + key_size, value_size};
  at_ += size_t{key_size} + value_size;
  valid_ = true;
  return item;
}

}  // namespace cohort::transfer

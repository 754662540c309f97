// The body of a chunk: entries of one map, packed by hand because this is what a transfer's speed
// is made of.
//   u8 type | u32 attempt | u32 chunk number | u16 map | u32 buckets | entries
//   entry: u8 flags (bit 0 tombstone) | u16 key size | u32 value size | u64 version time | u64
//   version writer
//          | u64 view num | u64 view cid | i64 expires_at | u64 ttl_ms | key | value
// `buckets`: how many of those that were wanted are complete with this chunk, since the beginning.
// Little-endian. Clause 9.4.
#ifndef COHORT_TRANSFER_CHUNK_CODEC_H_
#define COHORT_TRANSFER_CHUNK_CODEC_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "map/entry.h"

namespace cohort::transfer {

inline constexpr size_t kChunkHeaderBytes = 15;
inline constexpr size_t kChunkEntryBytes = 55;

inline size_t ChunkBytesOf(std::string_view key, const map::Entry& entry) {
  return kChunkEntryBytes + key.size() + entry.value.size();
}

class ChunkWriter {
 public:
  // `bytes`: room for the header and all entries that will be added; exactly so many must be.
  ChunkWriter(uint32_t attempt, uint32_t number, uint16_t map, uint32_t buckets, size_t bytes);
  void Add(std::string_view key, const map::Entry& entry);
  // All of it but the bytes of its value, which must follow where the result goes.
  void AddWithoutValue(std::string_view key, const map::Entry& entry);
  Buffer Finish();

 private:
  template <class T>
  void Put(T number);
  Buffer buffer_;
  size_t at_ = 0;
};

// Reads a chunk in place: nothing is allocated before its sizes are known to be within the message.
class ChunkReader {
 public:
  struct Item {
    std::string_view key;
    std::string_view value;
    map::Entry entry;  // Without its value.
  };

  explicit ChunkReader(Bytes message);
  bool valid() const { return valid_; }  // So far.
  uint32_t number() const { return number_; }
  uint16_t map() const { return map_; }
  uint32_t buckets() const { return buckets_; }
  // The next entry, borrowed from the message; empty at the end and when what follows is malformed
  // (then !valid()).
  std::optional<Item> Next();

 private:
  template <class T>
  T Take();
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  bool valid_ = false;
  uint32_t number_ = 0;
  uint16_t map_ = 0;
  uint32_t buckets_ = 0;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_CHUNK_CODEC_H_

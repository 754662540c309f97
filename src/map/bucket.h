// The entries of a map whose keys fall into one of its buckets, and their sums.
//
// Idea: an entry is seldom in the cache of the processor, and each step towards it that waits for
// the one before costs as much as copying a small value. So a bucket is an array, of few entries in
// maps of ordinary size, and says at its beginning by 16 bits of each key's hash which of them is
// worth a look: the bucket, the entry, its value are all there is to wait for, and of keys of more
// than fifteen bytes the key. Beyond sixteen entries (on average in maps of 65 000) these bits are
// elsewhere, and a look compares those of sixteen entries at once, one step for each sixteen. The
// order of the entries means nothing.
//
// Thread rule: as the map's.
#ifndef COHORT_MAP_BUCKET_H_
#define COHORT_MAP_BUCKET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/block_allocator.h"
#include "base/random.h"
#include "map/entry.h"

namespace cohort::map {

class Bucket {
 public:
  struct Item {
    std::string key;
    Entry entry;
  };

  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }

  // `hash`: the key's, here as everywhere by the map's own function. Null if it is not there.
  // What is found is valid until the next write to the bucket.
  const Entry* Find(uint64_t hash, std::string_view key) const;
  // Puts `entry` in its place, and what was there into `entry`. Nothing changes if it throws.
  struct Exchanged {
    const Entry& put;
    bool was_there = false;
  };
  Exchanged Exchange(uint64_t hash, std::string_view key, Entry& entry);
  // Takes it out, into `entry`. False if it is not there.
  bool Take(uint64_t hash, std::string_view key, Entry& entry);

  Uint128 digest() const { return digest_; }   // Sum of the entries' digests.
  uint32_t marked() const { return marked_; }  // Entries with markers of erased attributes.

  // For who will look for the key soon, each when what the one before asked for has come.
  void Prefetch() const;
  void PrefetchTags() const;
  void PrefetchItem(uint64_t hash) const;

 private:
  friend class Map;  // Which looks at all of them, in an order that it lets nobody see.
  friend std::vector<std::pair<const std::string*, const Entry*>> Sorted(const Bucket& bucket);

  using Tag = uint16_t;
  static constexpr size_t kNone = SIZE_MAX;
  // Other bits than those that choose the bucket.
  static Tag TagOf(uint64_t hash) { return static_cast<Tag>(hash >> 48); }
  // The first one from `at` on that may be the key's; kNone if there is none.
  size_t NextTagged(Tag tag, size_t at) const;
  size_t IndexOf(uint64_t hash, std::string_view key) const;
  const Item* begin() const { return items_.data(); }
  const Item* end() const { return items_.data() + items_.size(); }

  static constexpr size_t kTagsHere = 16;
  absl::InlinedVector<Tag, kTagsHere> tags_;  // By item.
  Uint128 digest_ = 0;
  std::vector<Item, BlockAllocator<Item>> items_;
  uint32_t marked_ = 0;
};

// The entries of `bucket` in key order: its own order must not reach the wire.
using SortedEntries = std::vector<std::pair<const std::string*, const Entry*>>;
SortedEntries Sorted(const Bucket& bucket);

}  // namespace cohort::map

#endif  // COHORT_MAP_BUCKET_H_

// A map as it was at one place in the order. Shares its buckets with the map, which copies a bucket
// before it writes to one that a snapshot still holds; whoever is done with a bucket releases it,
// so that less is copied.
//
// Thread rule: as the map it was taken from.
#ifndef COHORT_MAP_SNAPSHOT_H_
#define COHORT_MAP_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "map/bucket.h"
#include "map/types.h"

namespace cohort::map {

class Snapshot {
 public:
  const std::string& name() const { return name_; }
  const MapState& state() const { return state_; }
  Digest digest() const { return digest_; }
  uint64_t entries() const { return entries_; }  // Tombstones included.
  uint64_t bytes() const { return bytes_; }

  // An entry of it as readers see it.
  Reading ReadingOf(const Entry& entry) const {
    return map::ReadingOf(entry, state_.settings.convergent);
  }

  size_t buckets() const { return buckets_.size(); }
  // Empty if the bucket holds nothing or was released. Valid until released.
  SortedEntries EntriesOf(size_t bucket) const {
    return buckets_[bucket] == nullptr ? SortedEntries() : Sorted(*buckets_[bucket]);
  }
  void Release(size_t bucket) { buckets_[bucket].reset(); }
  // Also of a bucket that was released.
  Digest BucketDigest(size_t bucket) const { return Digest::Of(bucket_digests_[bucket]); }
  size_t EntriesIn(size_t bucket) const {  // 0 once it is released.
    return buckets_[bucket] == nullptr ? 0 : buckets_[bucket]->size();
  }

 private:
  friend class Map;
  std::string name_;
  MapState state_;
  Digest digest_;
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
  std::vector<std::shared_ptr<const Bucket>> buckets_;
  std::vector<Uint128> bucket_digests_;
  std::shared_ptr<const int> ticket_;  // Counts the snapshots alive.
};

}  // namespace cohort::map

#endif  // COHORT_MAP_SNAPSHOT_H_

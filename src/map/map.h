// One named map as its readers, transfers and merges see it: entries in buckets, whatever kind of
// map decides what is in them (ordered_map.h, convergent_map.h).
//
// Idea: keys live in 4096 buckets by a keyed hash that is alike on all members. Buckets are the
// unit of everything that must not stop writers: snapshots copy a bucket before the first later
// write to it, digests are sums kept at each write, scans and transfers walk bucket by bucket.
// Nothing here reads a clock. Reads hide what has expired by the time passed in; only an operation
// deletes it. Docs: docs/protocol/map.md, clauses 8.15 to 8.18.
//
// Limits: limits.h.
// Memory: besides keys and values 128 bytes for each place of a bucket, of which a fifth is free as
// a rule and a third at most, or what erasures leave until it is empty; for an entry 16 of its
// value's block and 2 to 4 of the bucket's tags; 140 a bucket.
// Errors: nothing received from the network is checked by aborting.
// Thread rule: none inside; the owner of the engine calls. Buffers it gives out may leave the
// thread.
#ifndef COHORT_MAP_MAP_H_
#define COHORT_MAP_MAP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "base/random.h"
#include "map/bucket.h"
#include "map/limits.h"
#include "map/map_op.h"
#include "map/output.h"
#include "map/snapshot.h"
#include "map/types.h"

namespace cohort::map {

class Map {
 public:
  struct Options {
    uint64_t hash_key =
        0;            // Of the bucket hash; alike on all members of the group, unknown outside.
    uint32_t id = 0;  // Number of the map in the group.
    MapSettings settings;  // Until a CONFIGURE operation says otherwise. Alike on all members.
  };
  struct Stats {
    uint64_t applied = 0;         // Operations that wrote.
    uint64_t refused = 0;         // Operations with a status that is not OK.
    uint64_t buckets_copied = 0;  // Copy on write.
    uint64_t tombstones_dropped = 0;
    uint64_t evicted = 0;
    uint64_t conflicts = 0;
  };

  Map(std::string name, const Options& options);
  Map(Map&&) = delete;  // Snapshots and callers hold on to it.
  virtual ~Map() = default;

  // Applies a well-formed operation (MapOpDecoder) at its place in the total order. `op.map` is not
  // looked at.
  virtual ApplyResult Apply(const MapOp& op, const Place& place, Output& out) = 0;

  // ---- Reads. `now` hides entries that have expired.
  std::optional<Buffer> Get(std::string_view key, GroupTime now) const;
  std::optional<Reading> GetWithMeta(std::string_view key, GroupTime now) const;
  bool Exists(std::string_view key, GroupTime now) const;
  uint64_t Size() const {
    return live_;
  }  // Entries, expired ones that were not deleted yet included.
  uint64_t Bytes() const {
    return bytes_;
  }  // Keys, values and kEntryOverheadBytes each; what the byte cap is held against.
  // What has expired or was evicted holds until that is settled; in a convergent map.
  uint64_t HiddenBytes() const { return hidden_bytes_; }
  uint64_t Expiring() const { return expiries_.size(); }  // Of Size(): those with a lifetime.
  uint64_t Tombstones() const { return tombstones_.size() + claimed_.size(); }

  struct ScanResult {
    std::vector<std::pair<std::string, Reading>> entries;  // By bucket, inside a bucket by key.
    uint64_t next_cursor = 0;                              // 0: done.
  };
  // Whole buckets from `cursor` (0 to begin) until at least `count` entries are found. A key that
  // stays is seen once.
  ScanResult Scan(uint64_t cursor, size_t count, GroupTime now) const;

  // Up to `max` entries that have expired by `now`, earliest first: the content of an EXPIRE
  // operation.
  struct Due {
    std::string key;
    Version version;
    Version life;
  };
  std::vector<Due> DueForExpiry(GroupTime now, size_t max) const;
  // Up to `max` entries, the least recently used first, without which the map keeps `bytes_max`.
  std::vector<Due> DueForEviction(uint64_t bytes_max, size_t max) const;
  GroupTime NextExpiry() const;  // 0: nothing expires.

  // ---- For MapSet::Foresee(), which goes on with what the first step gave.
  struct Foreseen {
    const Bucket* bucket = nullptr;  // Null: there is no such entry.
    uint64_t hash = 0;
    std::string_view key;
  };
  Foreseen Foresee(std::string_view key) const;

  Digest digest() const;
  Digest BucketDigest(size_t bucket) const { return Digest::Of(SumOf(bucket)); }

  // Empty when kSnapshotsMax are alive.
  std::optional<Snapshot> TakeSnapshot() const;
  // The same without that limit, for who has one of its own.
  Snapshot ShareBuckets() const;

  // ---- For transfers and merges.
  // Puts a received entry in place. False if it is malformed or the key is there already.
  bool Restore(std::string_view key, Entry entry);
  // The same, in the place of what the key has. False if it is malformed.
  bool Replace(std::string_view key, Entry entry);
  void DropBucket(size_t bucket);
  // Holds the entries of `other` as well, sharing its buckets: a state that is perhaps near the one
  // to come. For a map that holds none. False if the two kinds differ or their hashes do.
  bool AdoptEntries(const Map& other);
  size_t BucketOf(std::string_view key) const { return HashOf(key) % kBucketsPerMap; }
  size_t EntriesIn(size_t bucket) const {
    return buckets_[bucket] == nullptr ? 0 : buckets_[bucket]->size();
  }
  void RestoreState(const MapState& state);
  const Entry* Find(
      std::string_view key) const;  // Tombstones and expired ones too. Valid until the next write.
  SortedEntries EntriesOf(size_t bucket) const;  // Valid until the next write.

  const std::string& name() const { return name_; }
  uint32_t id() const { return options_.id; }
  bool convergent() const { return state_.settings.convergent; }
  const MapState& state() const { return state_; }
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;  // Recounts everything: for tests.

 protected:
  ApplyResult ApplyConfigure(const ConfigureOp& op);
  uint64_t HashOf(std::string_view key) const;
  const Entry* FindHashed(uint64_t hash, std::string_view key) const;
  // Makes a write, keeps counts, digests and indexes.
  void Store(uint64_t hash, std::string_view key, Entry entry);
  // Without a tombstone. `key` must not be the entry's own, which goes.
  void Remove(uint64_t hash, std::string_view key);
  void RemoveAll();
  using TombstoneItem = std::pair<Version, uint64_t>;  // (version, hash)
  uint32_t MarkedIn(size_t bucket) const {
    return buckets_[bucket] == nullptr ? 0 : buckets_[bucket]->marked();
  }
  // The key of a tombstone; its own if two share both. Valid until the next write.
  std::string_view FindTombstone(const TombstoneItem& item) const;

  MapState state_;
  Stats stats_;
  uint64_t live_ = 0;
  uint64_t bytes_ = 0;
  uint64_t tombstone_bytes_ = 0;  // Of the keys of tombstones_.
  uint64_t hidden_bytes_ = 0;     // What hidden_ holds besides keys.
  // Hashes stand for keys here: an entry is found again by its bucket, its hash and its time.
  absl::btree_multiset<std::pair<GroupTime, uint64_t>> expiries_;  // (FiledAt(), hash)
  absl::btree_multiset<TombstoneItem> tombstones_;
  // Besides those: tombstones that hold a claim. It is forgotten by name only, because others have
  // perhaps begun a new life of the entry meanwhile.
  absl::btree_multiset<TombstoneItem> claimed_;
  // By the last write, touch or access; kept where the map evicts.
  absl::btree_multiset<std::pair<Version, uint64_t>> uses_;
  absl::btree_multiset<TombstoneItem> hidden_;  // Tombstones of either sort that hold contents.
  uint64_t marked_ = 0;                         // Entries with markers of erased attributes.

 private:
  void IndexUses();  // Anew, for settings that have just come.
  Uint128 SumOf(size_t bucket) const {
    return buckets_[bucket] == nullptr ? 0 : buckets_[bucket]->digest();
  }
  Bucket& MutableBucket(size_t index);
  // What is to be deleted: in an ordered map the entry's version; otherwise its life, as far as it
  // was kept from expiring.
  Due DueOf(std::string_view key, const Entry& entry) const;
  // Whether a tombstone holds contents still: those of a convergent map that has expired.
  bool Hides(const Entry& entry) const;
  // By which it is found in tombstones_: of all that is in it the latest.
  Version TombstoneTime(const Entry& entry) const;
  void Count(uint64_t hash, std::string_view key, const Entry& entry, bool add);
  // When an entry is looked at to be deleted; 0: never. Up to a thousandth of its lifetime after
  // the end of that, so that one which is used all the time is not filed anew all the time.
  static GroupTime FiledAt(const Entry& entry);
  void File(uint64_t hash, GroupTime at, bool add);
  bool IsWellFormed(std::string_view key, const Entry& entry) const;

  const std::string name_;
  const Options options_;
  std::vector<std::shared_ptr<Bucket>> buckets_;  // Null: empty.
  Uint128 root_ = 0;
  std::shared_ptr<const int> ticket_ = std::make_shared<const int>(0);
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MAP_H_

#include "map/map.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/absl_bridge.h"
#include "base/xxhash.h"
#include "map/convergent_entry.h"

namespace cohort::map {
namespace {

size_t IndexOf(uint64_t hash) { return hash % kBucketsPerMap; }

}  // namespace

Map::Map(std::string name, const Options& options)
    : name_(std::move(name)), options_(options), buckets_(kBucketsPerMap) {
  state_.settings = options.settings;
}

ApplyResult Map::ApplyConfigure(const ConfigureOp& op) {
  ApplyResult result;
  if (op.settings.convergent != convergent()) {
    result.status =
        MakeStatus(absl::StatusCode::kFailedPrecondition,
                   "the map " + name_ + " is " + (convergent() ? "a convergent" : "an ordered") +
                       " one already; open it as such, or another name");
    return result;
  }
  if (state_.configured) {
    if (!(state_.settings == op.settings)) {
      result.status = absl::FailedPreconditionError(
          "the map has other settings already; settings are given once, by the first who opens it");
    }
    return result;
  }
  state_.configured = true;
  state_.settings = op.settings;
  IndexUses();
  result.applied = true;
  return result;
}

uint64_t Map::HashOf(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), options_.hash_key);
}

const Entry* Map::FindHashed(uint64_t hash, std::string_view key) const {
  const auto& bucket = buckets_[IndexOf(hash)];
  return bucket == nullptr ? nullptr : bucket->Find(hash, key);
}

// Spec 8.18
Bucket& Map::MutableBucket(size_t index) {
  std::shared_ptr<Bucket>& bucket = buckets_[index];
  if (bucket == nullptr) {
    bucket = std::make_shared<Bucket>();
  } else if (bucket.use_count() > 1) {  // A snapshot holds it.
    bucket = std::make_shared<Bucket>(*bucket);
    ++stats_.buckets_copied;
  }
  return *bucket;
}

void Map::Store(uint64_t hash, std::string_view key, Entry entry) {
  entry.digest = DigestOf(key, entry);
  entry.has_markers = convergent() && HasMarkers(entry.value);
  entry.left_out = convergent() ? BytesLeftOut(entry.value) : 0;
  const auto [put, was_there] = MutableBucket(IndexOf(hash)).Exchange(hash, key, entry);
  Count(hash, key, put, true);
  if (was_there) Count(hash, key, entry, false);
  const GroupTime before = was_there ? FiledAt(entry) : 0;
  const GroupTime after = FiledAt(put);
  if (before == after) return;
  File(hash, after, true);
  File(hash, before, false);
}

void Map::Remove(uint64_t hash, std::string_view key) {
  const size_t index = IndexOf(hash);
  Bucket& bucket = MutableBucket(index);
  Entry gone;
  if (bucket.Take(hash, key, gone)) {
    Count(hash, key, gone, false);
    File(hash, FiledAt(gone), false);
  }
  if (bucket.empty()) buckets_[index] = nullptr;
}

bool Map::Hides(const Entry& entry) const {
  return convergent() && entry.tombstone && HasContents(entry.value);
}

Version Map::TombstoneTime(const Entry& entry) const {
  if (!convergent()) return entry.version;
  const std::optional<Registers> registers = ParseRegisters(entry.value);
  return registers.has_value() ? std::max(entry.version, registers->Latest()) : entry.version;
}

void Map::Count(uint64_t hash, std::string_view key, const Entry& entry, bool add) {
  root_ = add ? root_ + entry.digest : root_ - entry.digest;
  if (entry.has_markers) marked_ += add ? 1 : -1;
  if (entry.tombstone) {
    const auto item = std::pair(TombstoneTime(entry), hash);
    const bool hides = Hides(entry);
    const bool claimed = convergent() && HasClaim(entry.value);
    auto& tombstones = claimed ? claimed_ : tombstones_;
    const uint64_t key_bytes = claimed ? 0 : key.size();
    const uint64_t contents = hides ? entry.value.size() + entry.left_out : 0;
    if (add) {
      tombstones.insert(item);
      if (hides) hidden_.insert(item);
      tombstone_bytes_ += key_bytes;
      hidden_bytes_ += contents;
    } else {
      tombstones.erase(tombstones.find(item));
      if (hides) hidden_.erase(hidden_.find(item));
      tombstone_bytes_ -= key_bytes;
      hidden_bytes_ -= contents;
    }
    return;
  }
  live_ = add ? live_ + 1 : live_ - 1;
  bytes_ = add ? bytes_ + CostOf(key, entry) : bytes_ - CostOf(key, entry);
  if (state_.settings.evicts) {
    const auto use = std::pair(DueOf(key, entry).version, hash);
    if (add) {
      uses_.insert(use);
    } else {
      uses_.erase(uses_.find(use));
    }
  }
}

GroupTime Map::FiledAt(const Entry& entry) {
  if (entry.tombstone || entry.expires_at == 0) return 0;
  const auto step = static_cast<GroupTime>(std::bit_floor(entry.ttl_ms / kExpiryStepsMin + 1));
  return (entry.expires_at + step - 1) / step * step;
}

void Map::File(uint64_t hash, GroupTime at, bool add) {
  if (at == 0) return;
  if (add) {
    expiries_.insert({at, hash});
  } else {
    expiries_.erase(expiries_.find({at, hash}));
  }
}

void Map::RemoveAll() {
  buckets_.assign(kBucketsPerMap, nullptr);
  root_ = 0;
  live_ = bytes_ = tombstone_bytes_ = hidden_bytes_ = marked_ = 0;
  expiries_.clear();
  uses_.clear();
  tombstones_.clear();
  claimed_.clear();
  hidden_.clear();
}

void Map::RestoreState(const MapState& state) {
  state_ = state;
  IndexUses();
}

void Map::IndexUses() {
  uses_.clear();
  for (size_t bucket = 0; state_.settings.evicts && bucket < kBucketsPerMap; ++bucket) {
    for (const auto& [key, entry] : EntriesOf(bucket)) {
      if (!entry->tombstone) uses_.insert({DueOf(*key, *entry).version, HashOf(*key)});
    }
  }
}

std::string_view Map::FindTombstone(const TombstoneItem& item) const {
  const auto& [version, hash] = item;
  std::string_view oldest;
  for (const auto& [key, entry] : *buckets_[IndexOf(hash)]) {
    // Two keys of one hash and version: the smaller goes first, on all members alike.
    if (!entry.tombstone || TombstoneTime(entry) != version || HashOf(key) != hash) continue;
    if (oldest.empty() || key < oldest) oldest = key;
  }
  return oldest;
}

Digest Map::digest() const {
  const uint64_t words[] = {
      state_.settings.bytes_max,
      state_.settings.tombstones_max,
      state_.settings.tombstone_bytes_max,
      state_.settings.tombstone_horizon_ms,
      (state_.configured ? 1u : 0u) | (convergent() ? 2u : 0u) | (state_.settings.evicts ? 4u : 0u),
      state_.cleared.time,
      state_.cleared.writer,
      state_.forgotten,
      state_.greatest,
      state_.epoch,
      state_.caretaker,
      XXH3_64bits(name_.data(), name_.size())};
  const XXH128_hash_t hash = XXH3_128bits(words, sizeof(words));
  return Digest::Of(root_ + ((static_cast<Uint128>(hash.high64) << 64) | hash.low64));
}

// Spec 8.18
std::optional<Snapshot> Map::TakeSnapshot() const {
  if (ticket_.use_count() > static_cast<long>(kSnapshotsMax)) return std::nullopt;
  Snapshot snapshot = ShareBuckets();
  snapshot.bucket_digests_.reserve(kBucketsPerMap);
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket)
    snapshot.bucket_digests_.push_back(SumOf(bucket));
  snapshot.ticket_ = ticket_;
  return snapshot;
}

Snapshot Map::ShareBuckets() const {
  Snapshot snapshot;
  snapshot.name_ = name_;
  snapshot.state_ = state_;
  snapshot.digest_ = digest();
  snapshot.entries_ = live_ + Tombstones();
  snapshot.bytes_ = bytes_ + tombstone_bytes_ + hidden_bytes_;
  snapshot.buckets_.assign(buckets_.begin(), buckets_.end());
  return snapshot;
}

bool Map::IsWellFormed(std::string_view key, const Entry& entry) const {
  const bool in_bounds = !key.empty() && key.size() <= kKeyBytesMax &&
                         entry.value.size() <= kValueBytesMax &&
                         (entry.version.time != 0 || (convergent() && entry.tombstone)) &&
                         entry.version.time <= state_.greatest && entry.expires_at >= 0 &&
                         entry.expires_at <= kGroupTimeMaxMs && entry.ttl_ms <= kTtlMaxMs;
  if (!in_bounds) return false;
  if (convergent()) {
    const std::optional<Registers> registers = ParseRegisters(entry.value);
    return registers.has_value() && registers->Latest().time <= state_.greatest &&
           EntryOf(*registers, entry.version).Says(entry);
  }
  return !entry.tombstone || (entry.value.empty() && entry.expires_at == 0 && entry.ttl_ms == 0);
}

bool Map::Restore(std::string_view key, Entry entry) {
  const uint64_t hash = HashOf(key);
  if (!IsWellFormed(key, entry) || FindHashed(hash, key) != nullptr) return false;
  Store(hash, key, std::move(entry));
  return true;
}

bool Map::Replace(std::string_view key, Entry entry) {
  if (!IsWellFormed(key, entry)) return false;
  Store(HashOf(key), key, std::move(entry));
  return true;
}

void Map::DropBucket(size_t bucket) {
  const std::shared_ptr<Bucket> dropped = std::move(buckets_[bucket]);
  buckets_[bucket] = nullptr;
  if (dropped == nullptr) return;
  for (const auto& [key, entry] : *dropped) {
    const uint64_t hash = HashOf(key);
    Count(hash, key, entry, false);
    File(hash, FiledAt(entry), false);
  }
}

bool Map::AdoptEntries(const Map& other) {
  if (convergent() != other.convergent() || options_.hash_key != other.options_.hash_key ||
      live_ + Tombstones() > 0) {
    return false;
  }
  buckets_ = other.buckets_;
  root_ = other.root_;
  live_ = other.live_;
  bytes_ = other.bytes_;
  tombstone_bytes_ = other.tombstone_bytes_;
  hidden_bytes_ = other.hidden_bytes_;
  expiries_ = other.expiries_;
  tombstones_ = other.tombstones_;
  claimed_ = other.claimed_;
  hidden_ = other.hidden_;
  marked_ = other.marked_;
  IndexUses();
  return true;
}

}  // namespace cohort::map

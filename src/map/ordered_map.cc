#include "map/ordered_map.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "map/transaction.h"

namespace cohort::map {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

uint64_t CostOf(std::string_view key, const Entry& entry) {
  return key.size() + entry.value.size() + kEntryOverheadBytes;
}

size_t BucketOf(uint64_t hash) { return hash % kBucketsPerMap; }

}  // namespace

OrderedMap::OrderedMap(std::string name, const Options& options)
    : name_(std::move(name)),
      options_(options),
      buckets_(kBucketsPerMap),
      bucket_digests_(kBucketsPerMap, 0) {
  state_.settings = options.settings;
}

// Spec 8.3
ApplyResult OrderedMap::Apply(const MapOp& op, const Place& place, Output& out) {
  ApplyResult result = std::visit(
      Overloaded{
          [&](const ClearOp&) { return ApplyClear(op, place, out); },
          [&](const ExpireOp& expire) { return ApplyExpire(expire, op.hlc, place, out); },
          [&](const MergeOp& merge) { return ApplyMerge(merge, place, out); },
          [&](const ConfigureOp& configure) { return ApplyConfigure(configure); },
          [&](const BatchOp& batch) { return ApplyBatch(batch, op.hlc, place, out); },
          [&](const auto& item) {
            Transaction transaction(*this, op.hlc, place, 1);
            ApplyResult judged = transaction.Judge(item);
            for (Draft& draft : transaction.TakeDrafts()) Commit(std::move(draft), place, out);
            return judged;
          },
      },
      op.body);
  DropTombstones(static_cast<GroupTime>(op.hlc >> 16));
  if (result.applied) ++stats_.applied;
  if (!result.status.ok()) ++stats_.refused;
  return result;
}

// Spec 8.9
ApplyResult OrderedMap::ApplyBatch(const BatchOp& batch, uint64_t hlc, const Place& place,
                                   Output& out) {
  Transaction transaction(*this, hlc, place, batch.items.size());
  ApplyResult result;
  result.items.reserve(batch.items.size());
  for (const BatchItem& item : batch.items) {
    ApplyResult judged =
        std::visit([&transaction](const auto& op) { return transaction.Judge(op); }, item);
    if (!judged.status.ok()) {
      const std::string why = "nothing of the batch was applied: item " +
                              std::to_string(result.items.size()) + ": " +
                              std::string(ToStd(judged.status.message()));
      ApplyResult refused;
      refused.status = MakeStatus(judged.status.code(), why);
      refused.number = static_cast<int64_t>(result.items.size());
      return refused;
    }
    result.applied = result.applied || judged.applied;
    result.items.push_back(std::move(judged));
  }
  for (Draft& draft : transaction.TakeDrafts()) Commit(std::move(draft), place, out);
  result.number = static_cast<int64_t>(result.items.size());
  return result;
}

// Spec 8.10
ApplyResult OrderedMap::ApplyClear(const MapOp& op, const Place& place, Output& out) {
  ApplyResult result;
  result.applied = true;
  result.number = static_cast<int64_t>(live_);
  state_.cleared = {std::max(op.hlc, state_.greatest + 1), WriterWord(place.writer)};
  state_.forgotten = state_.greatest = state_.cleared.time;
  buckets_.assign(kBucketsPerMap, nullptr);
  bucket_digests_.assign(kBucketsPerMap, 0);
  root_ = 0;
  live_ = bytes_ = tombstone_bytes_ = 0;
  expiries_.clear();
  tombstones_.clear();
  if (out.wants_changes) {
    out.changes.push_back({options_.id, ChangeCause::kClear, {}, {}, state_.cleared, place.writer});
  }
  return result;
}

// Spec 8.14
ApplyResult OrderedMap::ApplyExpire(const ExpireOp& op, uint64_t hlc, const Place& place,
                                    Output& out) {
  ApplyResult result;
  for (const ExpireOp::Key& expired : op.keys) {
    const uint64_t hash = HashOf(expired.key);
    const Entry* entry = FindHashed(hash, expired.key);
    if (entry == nullptr || entry->tombstone || entry->version != expired.version ||
        !entry->IsExpired(static_cast<GroupTime>(hlc >> 16))) {
      continue;
    }
    // The tombstone has the version of what expired: a later write of another side outlives the
    // expiry, an older one does not come back.
    Draft draft;
    draft.key = expired.key;
    draft.hash = hash;
    draft.cause = ChangeCause::kExpire;
    draft.entry.version = expired.version;
    draft.entry.view = place.view;
    draft.entry.tombstone = true;
    Commit(std::move(draft), place, out);
    ++result.number;
  }
  result.applied = result.number > 0;
  return result;
}

ApplyResult OrderedMap::ApplyConfigure(const ConfigureOp& op) {
  ApplyResult result;
  if (state_.configured) {
    if (!(state_.settings == op.settings)) {
      result.status = absl::FailedPreconditionError(
          "the map has other settings already; settings are given once, by the first who opens it");
    }
    return result;
  }
  state_.configured = true;
  state_.settings = op.settings;
  result.applied = true;
  return result;
}

uint64_t OrderedMap::HashOf(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), options_.hash_key);
}

const Entry* OrderedMap::FindHashed(uint64_t hash, std::string_view key) const {
  const auto& bucket = buckets_[BucketOf(hash)];
  if (bucket == nullptr) return nullptr;
  const auto found = bucket->find(ToAbsl(key));
  return found == bucket->end() ? nullptr : &found->second;
}

// Spec 8.18
Bucket& OrderedMap::MutableBucket(size_t index) {
  std::shared_ptr<Bucket>& bucket = buckets_[index];
  if (bucket == nullptr) {
    bucket = std::make_shared<Bucket>();
  } else if (bucket.use_count() > 1) {  // A snapshot holds it.
    bucket = std::make_shared<Bucket>(*bucket);
    ++stats_.buckets_copied;
  }
  return *bucket;
}

void OrderedMap::Commit(Draft draft, const Place& place, Output& out) {
  state_.greatest = std::max(state_.greatest, draft.entry.version.time);
  if (draft.feed && out.wants_changes) {
    Change& change = out.changes.emplace_back();
    change.map = options_.id;
    change.cause = draft.cause;
    change.key = draft.key;
    if (!draft.entry.tombstone) change.value = draft.entry.value;
    change.version = draft.entry.version;
    change.writer = place.writer;
  }
  Store(draft.hash, draft.key, std::move(draft.entry));
}

void OrderedMap::Store(uint64_t hash, std::string_view key, Entry entry) {
  entry.digest = DigestOf(key, entry);
  const auto [slot, inserted] = MutableBucket(BucketOf(hash)).try_emplace(ToAbsl(key));
  if (!inserted) Count(hash, key, slot->second, false);
  slot->second = std::move(entry);
  Count(hash, key, slot->second, true);
}

void OrderedMap::Remove(uint64_t hash, std::string_view key) {
  const size_t index = BucketOf(hash);
  Bucket& bucket = MutableBucket(index);
  const auto found = bucket.find(ToAbsl(key));
  if (found == bucket.end()) return;
  Count(hash, key, found->second, false);
  bucket.erase(found);
  if (bucket.empty()) buckets_[index] = nullptr;
}

void OrderedMap::Count(uint64_t hash, std::string_view key, const Entry& entry, bool add) {
  Uint128& digest = bucket_digests_[BucketOf(hash)];
  digest = add ? digest + entry.digest : digest - entry.digest;
  root_ = add ? root_ + entry.digest : root_ - entry.digest;
  if (entry.tombstone) {
    const auto item = std::pair(entry.version, hash);
    if (add) {
      tombstones_.insert(item);
      tombstone_bytes_ += key.size();
    } else {
      tombstones_.erase(tombstones_.find(item));
      tombstone_bytes_ -= key.size();
    }
    return;
  }
  live_ = add ? live_ + 1 : live_ - 1;
  bytes_ = add ? bytes_ + CostOf(key, entry) : bytes_ - CostOf(key, entry);
  if (entry.expires_at == 0) return;
  const auto item = std::pair(entry.expires_at, hash);
  if (add) {
    expiries_.insert(item);
  } else {
    expiries_.erase(expiries_.find(item));
  }
}

// Spec 8.16
void OrderedMap::DropTombstones(GroupTime now) {
  while (!tombstones_.empty()) {
    const auto [version, hash] = *tombstones_.begin();
    const auto erased_at = static_cast<GroupTime>(version.time >> 16);
    const bool is_old = now > erased_at && static_cast<uint64_t>(now - erased_at) >
                                               state_.settings.tombstone_horizon_ms;
    if (!is_old && tombstones_.size() <= state_.settings.tombstones_max &&
        tombstone_bytes_ <= state_.settings.tombstone_bytes_max) {
      return;
    }
    std::string oldest;
    for (const auto& [key, entry] : *buckets_[BucketOf(hash)]) {
      // Two keys of one hash and version: the smaller goes first, on all members alike.
      if (!entry.tombstone || entry.version != version || HashOf(key) != hash) continue;
      if (oldest.empty() || key < oldest) oldest = key;
    }
    state_.forgotten = std::max(state_.forgotten, version.time);
    Remove(hash, oldest);
    ++stats_.tombstones_dropped;
  }
}

Digest OrderedMap::digest() const {
  const uint64_t words[] = {state_.settings.bytes_max,
                            state_.settings.tombstones_max,
                            state_.settings.tombstone_bytes_max,
                            state_.settings.tombstone_horizon_ms,
                            state_.configured ? 1u : 0u,
                            state_.cleared.time,
                            state_.cleared.writer,
                            state_.forgotten,
                            state_.greatest,
                            XXH3_64bits(name_.data(), name_.size())};
  const XXH128_hash_t hash = XXH3_128bits(words, sizeof(words));
  return Digest::Of(root_ + ((static_cast<Uint128>(hash.high64) << 64) | hash.low64));
}

// Spec 8.18
std::optional<Snapshot> OrderedMap::TakeSnapshot() const {
  if (ticket_.use_count() > static_cast<long>(kSnapshotsMax)) return std::nullopt;
  Snapshot snapshot;
  snapshot.name_ = name_;
  snapshot.state_ = state_;
  snapshot.digest_ = digest();
  snapshot.entries_ = live_ + tombstones_.size();
  snapshot.bytes_ = bytes_ + tombstone_bytes_;
  snapshot.buckets_.assign(buckets_.begin(), buckets_.end());
  snapshot.ticket_ = ticket_;
  return snapshot;
}

bool OrderedMap::Restore(std::string_view key, Entry entry) {
  const bool well_formed =
      !key.empty() && key.size() <= kKeyBytesMax && entry.value.size() <= kValueBytesMax &&
      entry.version.time != 0 && entry.version.time <= state_.greatest && entry.expires_at >= 0 &&
      entry.expires_at <= kGroupTimeMaxMs && entry.ttl_ms <= kTtlMaxMs &&
      !(entry.tombstone && (!entry.value.empty() || entry.expires_at != 0 || entry.ttl_ms != 0));
  const uint64_t hash = HashOf(key);
  if (!well_formed || FindHashed(hash, key) != nullptr) return false;
  Store(hash, key, std::move(entry));
  return true;
}

}  // namespace cohort::map

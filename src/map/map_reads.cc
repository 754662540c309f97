// The reading half of Map: lookups, scans, what is due to expire, and the recount for tests.
#include <algorithm>
#include <utility>

#include "map/convergent_entry.h"
#include "map/map.h"

namespace cohort::map {

const Entry* Map::Find(std::string_view key) const { return FindHashed(HashOf(key), key); }

std::optional<Buffer> Map::Get(std::string_view key, GroupTime now) const {
  const Entry* entry = Find(key);
  if (entry == nullptr || !entry->IsVisible(now)) return std::nullopt;
  return ReadingOf(*entry, convergent()).value;
}

std::optional<Reading> Map::GetWithMeta(std::string_view key, GroupTime now) const {
  const Entry* entry = Find(key);
  if (entry == nullptr || !entry->IsVisible(now)) return std::nullopt;
  return ReadingOf(*entry, convergent());
}

bool Map::Exists(std::string_view key, GroupTime now) const {
  const Entry* entry = Find(key);
  return entry != nullptr && entry->IsVisible(now);
}

SortedEntries Map::EntriesOf(size_t bucket) const {
  return buckets_[bucket] == nullptr ? SortedEntries() : Sorted(*buckets_[bucket]);
}

// Spec 8.17
Map::ScanResult Map::Scan(uint64_t cursor, size_t count, GroupTime now) const {
  ScanResult result;
  for (uint64_t bucket = cursor; bucket < kBucketsPerMap; ++bucket) {
    if (result.entries.size() >= std::max<size_t>(count, 1)) {
      result.next_cursor = bucket;
      return result;
    }
    for (const auto& [key, entry] : EntriesOf(bucket)) {
      if (!entry->IsVisible(now)) continue;
      result.entries.emplace_back(*key, ReadingOf(*entry, convergent()));
    }
  }
  return result;
}

std::vector<Map::Due> Map::DueForExpiry(GroupTime now, size_t max) const {
  std::vector<Due> due;
  for (auto item = expiries_.begin(); item != expiries_.end() && item->first <= now; ++item) {
    if (due.size() >= std::min(max, kExpireKeysMax)) break;
    // Several keys of one hash and instant stand side by side: one walk over the bucket finds them
    // all.
    if (item != expiries_.begin() && *std::prev(item) == *item) continue;
    for (const auto& [key, entry] : EntriesOf(item->second % kBucketsPerMap)) {
      if (FiledAt(*entry) != item->first || HashOf(*key) != item->second) {
        continue;
      }
      due.push_back(DueOf(*key, *entry));
    }
  }
  return due;
}

Map::Due Map::DueOf(std::string_view key, const Entry& entry) const {
  Due due{std::string(key), entry.version, {}};
  if (!convergent()) return due;
  const std::optional<Registers> registers = ParseRegisters(entry.value);
  if (!registers.has_value()) return due;
  due.version = registers->Activity();
  due.life = registers->created;
  return due;
}

std::vector<Map::Due> Map::DueForEviction(uint64_t bytes_max, size_t max) const {
  std::vector<Due> due;
  uint64_t bytes = bytes_;
  for (auto item = uses_.begin(); item != uses_.end() && bytes > bytes_max; ++item) {
    if (due.size() >= max) break;
    if (item != uses_.begin() && *std::prev(item) == *item) continue;  // As in DueForExpiry().
    for (const auto& [key, entry] : EntriesOf(item->second % kBucketsPerMap)) {
      if (entry->tombstone || HashOf(*key) != item->second) continue;
      Due one = DueOf(*key, *entry);
      if (one.version != item->first) continue;
      bytes -= std::min(bytes, CostOf(*key, *entry));
      due.push_back(std::move(one));
    }
  }
  return due;
}

GroupTime Map::NextExpiry() const { return expiries_.empty() ? 0 : expiries_.begin()->first; }

namespace {

// Whether what is said of the value of a convergent map's entry is in it.
bool KnowsItsValue(const Entry& entry) {
  const std::optional<Registers> registers = ParseRegisters(entry.value);
  return registers.has_value() && entry.has_markers == registers->HasMarkers() &&
         entry.value.size() + entry.left_out == registers->CountedBytes() &&
         (!entry.is_one_life ||
          (IsNothingElse(*registers, entry.version) && registers->view == entry.view.num));
}

}  // namespace

bool Map::IsConsistent() const {
  Uint128 root = 0;
  uint64_t live = 0, bytes = 0, tombstones = 0, tombstone_bytes = 0, expiring = 0, marked = 0,
           hidden = 0, hidden_bytes = 0;
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    Uint128 sum = 0;
    uint32_t marked_here = 0;
    for (const auto& [key, entry] : EntriesOf(bucket)) {
      const uint64_t hash = HashOf(*key);
      if (hash % kBucketsPerMap != bucket || entry->digest != DigestOf(*key, *entry)) return false;
      if (FindHashed(hash, *key) != entry) return false;
      if (entry->version.time > state_.greatest) return false;
      sum += entry->digest;
      if (convergent()) {
        if (!IsWellFormed(*key, *entry) || !KnowsItsValue(*entry)) return false;
        marked_here += HasMarkers(entry->value) ? 1 : 0;
      }
      if (entry->tombstone) {
        ++tombstones;
        const bool hides = Hides(*entry);
        hidden += hides ? 1 : 0;
        hidden_bytes += hides ? entry->value.size() + entry->left_out : 0;
        const auto item = std::pair(TombstoneTime(*entry), hash);
        const bool claimed = convergent() && HasClaim(entry->value);
        tombstone_bytes += claimed ? 0 : key->size();
        if (!(claimed ? claimed_ : tombstones_).contains(item) ||
            (hides && !hidden_.contains(item)))
          return false;
        continue;
      }
      ++live;
      bytes += CostOf(*key, *entry);
      if (state_.settings.evicts && !uses_.contains({DueOf(*key, *entry).version, hash}))
        return false;
      if (entry->expires_at == 0) continue;
      ++expiring;
      if (!expiries_.contains({FiledAt(*entry), hash})) return false;
    }
    const bool adds_up = buckets_[bucket] == nullptr || buckets_[bucket]->marked() == marked_here;
    if (sum != SumOf(bucket) || !adds_up) return false;
    root += sum;
    marked += marked_here;
  }
  return root == root_ && marked == marked_ && live == live_ && bytes == bytes_ &&
         uses_.size() == (state_.settings.evicts ? live_ : 0) && tombstones == Tombstones() &&
         hidden == hidden_.size() && hidden_bytes == hidden_bytes_ &&
         tombstone_bytes == tombstone_bytes_ && expiring == expiries_.size() &&
         state_.forgotten <= state_.greatest && state_.cleared.time <= state_.greatest;
}

}  // namespace cohort::map

#include "map/merge_planner.h"

#include <algorithm>
#include <set>
#include <utility>

#include "map/map_op_codec.h"

namespace cohort::map {
namespace {

// Fields of one merged entry on the wire, generously.
constexpr size_t kEntryFieldBytes = 80;

}  // namespace

MergePlanner::MergePlanner(const MapSet& carried, const ViewHistory& current, uint64_t horizon_ms,
                           size_t first_bucket)
    : carried_(&carried),
      base_(carried.history().CommonWith(current)),
      horizon_ms_(horizon_ms),
      first_bucket_(first_bucket % kBucketsPerMap) {}

uint64_t MergePlanner::BaseNumber() const {
  return base_.kind == ViewHistory::Base::Kind::kKnown ? base_.last.num : 0;
}

// Spec 8.25
void MergePlanner::PlanEntry(const std::string& key, const Entry& theirs, const Entry* ours,
                             GroupTime now) {
  const bool left_alone = theirs.view.num < BaseNumber();
  if (left_alone) return;
  // Spec 8.27
  if (base_.kind == ViewHistory::Base::Kind::kForgotten && theirs.expires_at == 0) {
    const auto written = static_cast<GroupTime>(theirs.version.time >> 16);
    if (now > written && static_cast<uint64_t>(now - written) > horizon_ms_) {
      ++stats_.dropped_stale;
      return;
    }
  }
  // Erased and expired keys travel as tombstones, also where nobody has the key: a third side may
  // still bring an older value of it.
  if (theirs.tombstone || theirs.IsExpired(now)) {
    if (ours != nullptr && ours->tombstone && theirs.version <= ours->version) return;
    Entry erased;
    erased.version = theirs.version;
    erased.tombstone = true;
    ready_.push_back({key, std::move(erased)});
    return;
  }
  if (ours != nullptr && ours->version == theirs.version &&
      ours->value.text() == theirs.value.text() && ours->tombstone == theirs.tombstone) {
    return;
  }
  ready_.push_back({key, theirs});
}

void MergePlanner::PlanBucket(size_t bucket, const OrderedMap& theirs, const OrderedMap* ours,
                              GroupTime now) {
  if (ours != nullptr && ours->BucketDigest(bucket) == theirs.BucketDigest(bucket)) return;
  for (const auto& [key, entry] : theirs.EntriesOf(bucket)) {
    PlanEntry(*key, *entry, ours == nullptr ? nullptr : ours->Find(*key), now);
  }
  if (ours == nullptr || base_.kind != ViewHistory::Base::Kind::kKnown) return;
  // What this side left alone and the other one no longer has was erased there, with or without a
  // tombstone.
  for (const auto& [key, entry] : ours->EntriesOf(bucket)) {
    if (entry->tombstone || entry->view.num >= BaseNumber() || theirs.Find(*key) != nullptr)
      continue;
    Entry erased;
    // The least version above ours: whatever is written here meanwhile outlives it.
    erased.version = {entry->version.time + 1, 0};
    erased.tombstone = true;
    ready_.push_back({*key, std::move(erased)});
    ++stats_.inferred;
  }
}

// Fills `ready_` from the next bucket that has something to say; false when all maps are done.
bool MergePlanner::Advance(const MapSet& current, GroupTime now) {
  ready_.clear();
  ready_at_ = 0;
  for (; map_ < carried_->size(); ++map_, swept_ = 0) {
    const OrderedMap& theirs = *carried_->Get(map_);
    const OrderedMap* ours = current.Find(theirs.name());
    // The clear travels with the first entries of its map, or alone.
    if (swept_ == 0 && NeedsCleared(theirs, ours)) clear_pending_ = true;
    while (swept_ < kBucketsPerMap) {
      PlanBucket((first_bucket_ + swept_) % kBucketsPerMap, theirs, ours, now);
      ++swept_;
      if (!ready_.empty()) return true;
    }
    if (clear_pending_) return true;
  }
  return false;
}

bool MergePlanner::NeedsCleared(const OrderedMap& theirs, const OrderedMap* ours) const {
  const Version cleared = theirs.state().cleared;
  return cleared != Version::None() && base_.kind != ViewHistory::Base::Kind::kForgotten &&
         (ours == nullptr || ours->state().cleared < cleared);
}

// Maps that only this side has opened, empty ones too: their users go on with them.
std::optional<Buffer> MergePlanner::NextConfigure(const MapSet& current, uint64_t hlc) {
  while (configured_ < carried_->size()) {
    const OrderedMap& theirs = *carried_->Get(configured_++);
    const OrderedMap* ours = current.Find(theirs.name());
    if (!theirs.state().configured || (ours != nullptr && ours->state().configured)) continue;
    return EncodeMapOp(
        {.map = theirs.name(), .hlc = hlc, .body = ConfigureOp{theirs.state().settings}});
  }
  return std::nullopt;
}

std::optional<Buffer> MergePlanner::Next(const MapSet& current, uint64_t hlc) {
  if (done_) return std::nullopt;
  if (std::optional<Buffer> configure = NextConfigure(current, hlc)) return configure;
  const auto now = static_cast<GroupTime>(hlc >> 16);
  MapOp op;
  op.hlc = hlc;
  MergeOp merge;
  merge.subgroup = carried_->history().last();
  merge.base = BaseNumber();
  std::vector<Owned> taken;
  std::string name;
  size_t bytes = 0;
  while (true) {
    if (ready_at_ == ready_.size() && !clear_pending_) {
      // Another map's entries go into another operation.
      const bool map_changes = !name.empty() && swept_ >= kBucketsPerMap;
      if (map_changes || !Advance(current, now)) break;
      if (!name.empty() && carried_->Get(map_)->name() != name) break;
    }
    name = carried_->Get(map_)->name();
    if (std::exchange(clear_pending_, false)) merge.cleared = carried_->Get(map_)->state().cleared;
    if (ready_at_ == ready_.size()) continue;
    Owned& next = ready_[ready_at_];
    const size_t size = next.key.size() + next.entry.value.size() + kEntryFieldBytes;
    if (!taken.empty() && (bytes + size > kMergeBytesAim || taken.size() >= kMergeEntriesMax))
      break;
    bytes += size;
    taken.push_back(std::move(next));
    ++ready_at_;
  }
  merge.last = name.empty();
  done_ = merge.last;
  if (merge.last) name = carried_->size() > 0 ? carried_->Get(0)->name() : "main";
  for (const Owned& owned : taken) {
    merge.entries.push_back({owned.key, owned.entry.value.text(), owned.entry.version,
                             owned.entry.expires_at, owned.entry.ttl_ms, owned.entry.tombstone});
  }
  stats_.published += taken.size();
  op.map = name;
  op.body = std::move(merge);
  return EncodeMapOp(op);
}

uint64_t MergePlanner::CountDropped(const MapSet& carried, const MapSet& current) {
  uint64_t dropped = 0;
  for (uint32_t id = 0; id < carried.size(); ++id) {
    const OrderedMap& theirs = *carried.Get(id);
    const OrderedMap* ours = current.Find(theirs.name());
    for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
      if (ours != nullptr && ours->BucketDigest(bucket) == theirs.BucketDigest(bucket)) continue;
      for (const auto& [key, entry] : theirs.EntriesOf(bucket)) {
        if (entry->tombstone) continue;
        const Entry* held = ours == nullptr ? nullptr : ours->Find(*key);
        if (held == nullptr || held->version != entry->version) ++dropped;
      }
    }
  }
  return dropped;
}

}  // namespace cohort::map

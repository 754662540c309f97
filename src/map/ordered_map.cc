#include "map/ordered_map.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "base/overloaded.h"
#include "map/transaction.h"

namespace cohort::map {
namespace {

ApplyResult NeedsConvergent(const char* why) {
  ApplyResult refused;
  refused.status = absl::FailedPreconditionError(why);
  return refused;
}

}  // namespace

// Spec 8.3
ApplyResult OrderedMap::Apply(const MapOp& op, const Place& place, Output& out) {
  ApplyResult result = std::visit(
      Overloaded{
          [&](const ClearOp&) { return ApplyClear(op, place, out); },
          [&](const ExpireOp& expire) { return ApplyExpire(expire, op.hlc, place, out); },
          [&](const MergeOp& merge) { return ApplyMerge(merge, place, out); },
          [&](const ConfigureOp& configure) { return ApplyConfigure(configure); },
          [&](const PurgeOp&) { return NeedsConvergent("an ordered map forgets by itself"); },
          [&](const ClaimOp&) {
            return NeedsConvergent("entries of an ordered map have no owner: use a lock, or PutIf");
          },
          [&](const DeltaOp&) {
            return NeedsConvergent("entries of an ordered map have no attributes");
          },
          [&](const BatchOp& batch) { return ApplyBatch(batch, op.hlc, place, out); },
          [&](const auto& item) {
            Transaction transaction(*this, op.hlc, place, 1);
            ApplyResult judged = transaction.Judge(item);
            for (Draft& draft : transaction.TakeDrafts()) Commit(std::move(draft), place, out);
            return judged;
          },
      },
      op.body);
  Evict(place, out);
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
  RemoveAll();
  if (out.wants_changes) {
    out.changes.push_back({id(), ChangeCause::kClear, {}, {}, state_.cleared, place.writer});
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
    End(expired.key, hash, expired.version, ChangeCause::kExpire, place, out);
    ++result.number;
  }
  result.applied = result.number > 0;
  return result;
}

// The tombstone has the version of what went: a later write of another side outlives that, an older
// one does not come back.
void OrderedMap::End(std::string_view key, uint64_t hash, const Version& version, ChangeCause cause,
                     const Place& place, Output& out) {
  Draft draft;
  draft.key = key;
  draft.hash = hash;
  draft.cause = cause;
  draft.entry.version = version;
  draft.entry.view = place.view;
  draft.entry.tombstone = true;
  Commit(std::move(draft), place, out);
}

// Spec 8.12
void OrderedMap::Evict(const Place& place, Output& out) {
  const uint64_t cap = state_.settings.bytes_max;
  while (state_.settings.evicts && cap != 0 && bytes_ > cap) {
    for (const Due& due : DueForEviction(cap, kExpireKeysMax)) {
      End(due.key, HashOf(due.key), due.version, ChangeCause::kEvict, place, out);
      ++stats_.evicted;
    }
  }
}

void OrderedMap::Commit(Draft draft, const Place& place, Output& out) {
  state_.greatest = std::max(state_.greatest, draft.entry.version.time);
  if (draft.feed && out.wants_changes) {
    Change& change = out.changes.emplace_back();
    change.map = id();
    change.cause = draft.cause;
    change.key = draft.key;
    if (!draft.entry.tombstone) change.value = draft.entry.value;
    change.version = draft.entry.version;
    change.writer = place.writer;
  }
  Store(draft.hash, draft.key, std::move(draft.entry));
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
    const std::string oldest(FindTombstone({version, hash}));
    state_.forgotten = std::max(state_.forgotten, version.time);
    Remove(hash, oldest);
    ++stats_.tombstones_dropped;
  }
}

}  // namespace cohort::map

// The merging half of OrderedMap: a MERGE operation at its place in the order.
#include <algorithm>
#include <utility>

#include "map/ordered_map.h"

namespace cohort::map {
namespace {

bool SameContent(const MergeEntry& theirs, const Entry& ours) {
  return theirs.tombstone == ours.tombstone && theirs.value == ours.value.text();
}

// Which of two entries of one version stays: only two sides of a partition that ordered their last
// common operations differently can get there. A value before an erase, then the greater bytes.
bool TheirsIsGreater(const MergeEntry& theirs, const Entry& ours) {
  if (theirs.tombstone != ours.tombstone) return ours.tombstone;
  return theirs.value > ours.value.text();
}

}  // namespace

// Spec 8.24
ApplyResult OrderedMap::ApplyMerge(const MergeOp& op, const Place& place, Output& out) {
  ApplyResult result;
  if (op.convergent) {  // Its values are registers, and no user's.
    if (op.last) out.merged.push_back({op.subgroup, place.writer});
    result.status = absl::FailedPreconditionError(
        "the other side has opened this map as a convergent one: its entries are left out");
    return result;
  }
  result.number = static_cast<int64_t>(MergeCleared(op, place, out));
  for (const MergeEntry& theirs : op.entries) {
    if (MergeOne(theirs, op, place, out)) ++result.number;
  }
  result.applied = result.number > 0;
  out.merge.CountTaken(static_cast<uint64_t>(result.number));
  if (op.last) out.merged.push_back({op.subgroup, place.writer});
  return result;
}

// Spec 8.26
uint64_t OrderedMap::MergeCleared(const MergeOp& op, const Place& place, Output& out) {
  if (op.cleared <= state_.cleared) return 0;
  state_.cleared = op.cleared;
  state_.forgotten = std::max(state_.forgotten, op.cleared.time);
  state_.greatest = std::max(state_.greatest, op.cleared.time);
  uint64_t removed = 0;
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    std::vector<std::string> doomed;
    for (const auto& [key, entry] : EntriesOf(bucket)) {
      if (entry->version >= op.cleared) continue;
      doomed.push_back(*key);
      if (entry->tombstone) continue;
      ++removed;
      if (entry->view.num >= op.base) {
        out.merge.Add({.map = id(),
                       .key = *key,
                       .winner = op.cleared,
                       .loser = entry->version,
                       .loser_bytes = entry->value.size(),
                       .winner_erased = true});
        ++stats_.conflicts;
      }
      if (out.wants_changes) {
        out.changes.push_back({id(), ChangeCause::kMerge, *key, {}, op.cleared, place.writer});
      }
    }
    for (const std::string& key : doomed) Remove(HashOf(key), key);
  }
  return removed;
}

bool OrderedMap::MergeOne(const MergeEntry& theirs, const MergeOp& op, const Place& place,
                          Output& out) {
  const uint64_t hash = HashOf(theirs.key);
  const Entry* ours = FindHashed(hash, theirs.key);
  const auto report = [&](const Version& winner, bool winner_erased, const Version& loser,
                          uint64_t loser_bytes, bool loser_erased, bool loser_carried) {
    out.merge.Add({.map = id(),
                   .key = std::string(theirs.key),
                   .winner = winner,
                   .loser = loser,
                   .loser_bytes = loser_bytes,
                   .loser_erased = loser_erased,
                   .winner_erased = winner_erased,
                   .resolved = theirs.replaces != Version::None(),
                   .loser_carried = loser_carried});
    ++stats_.conflicts;
  };
  const bool resolved = theirs.replaces != Version::None();
  // Written since the resolver saw it: who sent this sees that, and asks the resolver again.
  if (resolved && (ours == nullptr || ours->version != theirs.replaces)) return false;
  if (theirs.version < state_.cleared) {
    if (!theirs.tombstone) {
      report(state_.cleared, true, theirs.version, theirs.value.size(), false, true);
    }
    return false;
  }
  if (ours != nullptr) {
    const bool same = SameContent(theirs, *ours);
    const bool theirs_wins = ours->version != theirs.version
                                 ? ours->version < theirs.version
                                 : !same && TheirsIsGreater(theirs, *ours);
    const bool we_wrote = ours->view.num >= op.base;
    if (!theirs_wins) {
      if (!same && we_wrote) {
        report(ours->version, ours->tombstone, theirs.version, theirs.value.size(),
               theirs.tombstone, true);
      }
      return false;
    }
    if (!same && we_wrote) {
      report(theirs.version, theirs.tombstone, ours->version, ours->value.size(), ours->tombstone,
             false);
    }
  }
  // Of a key that is gone on both sides the later erasure is remembered, and told: a third side may
  // bring a write from between the two.
  Draft draft;
  draft.key = theirs.key;
  draft.hash = hash;
  draft.cause = ChangeCause::kMerge;
  draft.entry.value = Buffer::CopyOf(theirs.value);
  draft.entry.version = theirs.version;
  draft.entry.view = place.view;
  draft.entry.expires_at = theirs.expires_at;
  draft.entry.ttl_ms = theirs.ttl_ms;
  draft.entry.tombstone = theirs.tombstone;
  Commit(std::move(draft), place, out);
  return true;
}

}  // namespace cohort::map

// The ordered map: a deterministic state machine. Every member applies the same operations at the
// same places of the total order and therefore holds the same entries, gives the same results and
// has the same digest.
//
// The time of an operation is the one its writer put into it, so that expiry and conditions are
// judged alike everywhere. Reads hide what has expired; only an EXPIRE operation deletes it.
//
// Versions: an entry's version is max(writer's time, time of the entry before + 1), so it grows
// with every write of a key (across merges excepted, where the greater one wins). Docs:
// docs/protocol/map.md, clauses 8.x.
//
// Limits, errors, threads: as map.h says; errors are in ApplyResult.
#ifndef COHORT_MAP_ORDERED_MAP_H_
#define COHORT_MAP_ORDERED_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "map/map.h"

namespace cohort::map {

class OrderedMap : public Map {
 public:
  using Map::Map;

  ApplyResult Apply(const MapOp& op, const Place& place, Output& out) override;

 private:
  // A write that was judged and not yet made.
  struct Draft {
    std::string_view key;
    uint64_t hash = 0;
    Entry entry;
    ChangeCause cause = ChangeCause::kPut;
    bool feed = true;  // Touches are not fed.
  };
  class Transaction;  // The drafts of one operation (transaction.h).

  ApplyResult ApplyBatch(const BatchOp& op, uint64_t hlc, const Place& place, Output& out);
  ApplyResult ApplyClear(const MapOp& op, const Place& place, Output& out);
  ApplyResult ApplyExpire(const ExpireOp& op, uint64_t hlc, const Place& place, Output& out);
  ApplyResult ApplyMerge(const MergeOp& op, const Place& place, Output& out);
  bool MergeOne(const MergeEntry& theirs, const MergeOp& op, const Place& place, Output& out);
  uint64_t MergeCleared(const MergeOp& op, const Place& place, Output& out);

  void Commit(Draft draft, const Place& place, Output& out);
  // Leaves a tombstone of `version` in place of an entry.
  void End(std::string_view key, uint64_t hash, const Version& version, ChangeCause cause,
           const Place& place, Output& out);
  // Makes the map fit its cap again, where it evicts.
  void Evict(const Place& place, Output& out);
  void DropTombstones(GroupTime now);
};

}  // namespace cohort::map

#endif  // COHORT_MAP_ORDERED_MAP_H_

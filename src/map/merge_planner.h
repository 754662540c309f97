// Brings the entries of a carried state (the other side of a healed partition) into the group's, as
// ordered MERGE operations.
//
// Every carrier runs a planner, once it is synced: it compares bucket digests, and of the buckets
// that differ publishes the entries its side wrote (or erased) since the sides parted. Every member
// settles each of them by version at the operation's place (OrderedMap::ApplyMerge), so it does not
// matter what was written in between, and what another carrier of the same side has published is
// not sent again. Carriers that came together begin at different buckets and so share the work,
// while each of them goes through all: one that dies, or holds something of its own, makes no
// difference.
//
// What decides who wrote a key is the view of its last write against the last view both sides were
// in, so a key that was erased on one side and left alone on the other stays erased even when its
// tombstone is long gone.
//
// Where a map has a resolver, what both sides have written goes to it here, and its result travels
// with the version of the group's entry that it has seen. An ordered map takes it only there; who
// sent it looks whether it did, and else asks the resolver again, kResolveTriesMax times.
//
// Limits: operations below kMergeBytesAim unless one entry is larger. Thread rule: as MapSet.
#ifndef COHORT_MAP_MERGE_PLANNER_H_
#define COHORT_MAP_MERGE_PLANNER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "map/convergent_entry.h"
#include "map/map_set.h"
#include "map/resolver.h"

namespace cohort::map {

inline constexpr int kResolveTriesMax = 8;

class MergePlanner {
 public:
  struct Stats {
    uint64_t published = 0;  // Entries put into operations.
    uint64_t inferred = 0;   // Erasures inferred from the history, tombstone gone.
    uint64_t dropped_stale =
        0;  // Entries older than the horizon when nobody knows where the sides parted.
    uint64_t resolved = 0;  // Values that came of a resolver.
  };

  // `carried` must outlive the planner. `horizon_ms`: see clause 8.27. The sweep over each map's
  // buckets begins at `first_bucket`, below kBucketsPerMap.
  // `resolvers`, if any, outlive it too, and are called by Next(). `joined_in`: the number of the
  // view in which this side came to the group; 0: the last of `current`.
  MergePlanner(const MapSet& carried, const ViewHistory& current, uint64_t horizon_ms,
               size_t first_bucket = 0, const Resolvers* resolvers = nullptr,
               uint64_t joined_in = 0);

  // The next operation to send in total order, planned against `current`; empty when done. The last
  // one of all carries the mark `last`, and there is always one. `hlc`: the sender's hybrid logical
  // time now.
  std::optional<Buffer> Next(const MapSet& current, uint64_t hlc);
  bool done() const { return done_; }
  // Whether Next() must not be called before what it put out last is applied to `current`: it holds
  // what a resolver has made of entries that may have been written to meanwhile.
  bool waits() const { return !unsettled_.empty(); }

  const Stats& stats() const { return stats_; }

  // Policy::kPrimary: nothing is merged; how many entries of `carried` the group does not hold in
  // the same version.
  static uint64_t CountDropped(const MapSet& carried, const MapSet& current);

 private:
  uint64_t BaseNumber() const;
  bool NeedsCleared(const Map& theirs, const Map* ours) const;
  void PlanRegisters(const std::string& key, const Entry& theirs, const Entry* ours, GroupTime now);
  Version LeaveOutOld(const Entry& theirs, const Registers& held, Registers& registers);
  std::optional<std::string> Resolve(const BothWritten& both) const;
  bool PlanResolved(const std::string& key, const Entry& theirs, const Entry* ours, GroupTime now);
  Version ResolveAttributes(const std::string& key, Registers& registers, const Registers& held,
                            std::deque<std::string>& values);
  std::optional<Buffer> NextAgain(const MapSet& current, uint64_t hlc);
  const Resolver* ResolverOf(std::string_view map) const;
  void PlanBucket(size_t bucket, const Map& theirs, const Map* ours, GroupTime now);
  void PlanEntry(const std::string& key, const Entry& theirs, const Entry* ours, GroupTime now);
  struct Owned;
  // An operation on `map` with these entries.
  std::optional<Buffer> Encode(const std::string& map, MergeOp merge,
                               const std::vector<Owned>& taken, uint64_t hlc);
  bool Advance(const MapSet& current, GroupTime now);
  std::optional<Buffer> NextConfigure(const MapSet& current, uint64_t hlc);

  const MapSet* carried_;
  ViewHistory::Base base_;
  bool group_went_on_;  // After the base, before the merge.
  uint64_t horizon_ms_;
  Stats stats_;
  uint32_t configured_ = 0;  // Maps whose settings the group has, or was sent.
  uint32_t map_ = 0;
  size_t first_bucket_;
  size_t swept_ = 0;  // Buckets of map_.
  bool done_ = false;
  bool clear_pending_ = false;  // The clear of map_ was not sent yet.
  // Entries planned and not yet sent; keys and values are owned here, because `current` may change
  // between calls.
  struct Owned {
    std::string key;
    Entry entry;
    Version replaces{};
    int tries = 0;  // Of a resolver.
  };
  std::vector<Owned> ready_;
  size_t ready_at_ = 0;
  const Resolvers* resolvers_;
  const Resolver* resolver_ = nullptr;  // Of the map whose entries are planned.
  int tries_ = 0;                       // Of the entry that is planned.
  // Of the operation put out last, what a resolver has made, and where it went.
  std::vector<Owned> unsettled_;
  std::string unsettled_map_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MERGE_PLANNER_H_

// What a verification compares of convergent maps: all of them as they were at one place of the
// total order, with what was written to them before each writer's mark, and nothing that was
// written after it (Spec 8.32).
//
// Idea: operations of convergent maps are joins, so it does not matter when they are joined. A
// snapshot of the place is shared with the maps, which go on; what arrives and belongs to it is
// gathered apart, and both are joined at the end, only where something was gathered.
//
// Limits: kMarkedBytesMax gathered. Cost: the snapshot 64 KiB a map, and of buckets that are
// written to meanwhile a copy; JoinedDigest() joins what was gathered, or all of a map that was
// cleared. Threads: as the maps'.
#ifndef COHORT_MAP_MARKED_STATE_H_
#define COHORT_MAP_MARKED_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/buffer.h"
#include "map/convergent_stamp.h"
#include "map/map_set.h"
#include "map/snapshot.h"
#include "map/types.h"

namespace cohort::map {

class MarkedState {
 public:
  // As `maps` are now.
  explicit MarkedState(const MapSet& maps);

  // An operation, as it was sent, with its stamp. Beyond the limit nothing is kept any more, and
  // there will be no digest.
  void Join(Bytes message, const ConvergentPlace& place);
  // Over all convergent maps, as MapSet::ConvergentDigest() of a set that holds this; empty beyond
  // the limit.
  std::optional<Digest> JoinedDigest() const;
  size_t bytes() const { return bytes_; }  // Gathered, with what an operation costs besides.

 private:
  struct One {
    uint32_t id = 0;
    Snapshot base;
  };
  Digest DigestOf(const One& one) const;

  const MapSet::Options options_;
  std::vector<One> maps_;
  MapSet gathered_;  // Has no maps, so all that is joined to it is kept apart by name.
  size_t bytes_ = 0;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MARKED_STATE_H_

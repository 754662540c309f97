// What applying operations puts out, in order. The engine drains it.
#ifndef COHORT_MAP_OUTPUT_H_
#define COHORT_MAP_OUTPUT_H_

#include <vector>

#include "map/merge_report.h"
#include "map/types.h"

namespace cohort::map {

// The last MERGE operation of one carrier of another side was applied.
struct SideMerged {
  ViewId subgroup;  // The last view of the state it carried.
  MemberId carrier;
  bool operator==(const SideMerged&) const = default;
};

struct Output {
  bool wants_changes = true;  // Set by the engine: false saves the copies when nobody listens.
  std::vector<Change> changes;
  MergeReport merge;
  std::vector<SideMerged> merged;
  // A DELTA came whose base was here under its stamp, but is another value: this replica differs.
  bool differs = false;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_OUTPUT_H_

// A write to attributes of an entry by a delta: what its writer has to know of the entry, and what
// it makes of that (Spec 11.24, 11.25).
//
// Idea: planning looks at the map and shares the values that are there; the deltas are made of
// those without the map, which others use meanwhile.
//
// Thread rule: values. Errors: none; whoever gets no delta writes whole.
#ifndef COHORT_MAP_DELTA_PLAN_H_
#define COHORT_MAP_DELTA_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "map/convergent_op.h"
#include "map/map_op.h"
#include "map/types.h"

namespace cohort::map {

struct DeltaPlan {
  struct Base {
    size_t write = 0;  // The number of the item's write that has it.
    Version version;
    Buffer value;
  };
  uint64_t epoch = 0;
  Version life;
  std::vector<Base> bases;  // At least one.
};

// A DeltaOp that owns its strings.
struct Delta {
  struct Write {
    std::string name;
    std::string value;
    bool absent = false;
    Version base;
    uint32_t size = 0;
    uint64_t hash = 0;
  };
  std::string key;
  uint64_t epoch = 0;
  Version life;
  GroupTime accessed_at = 0;
  std::vector<Write> writes;

  DeltaOp op() const;  // Borrows.
};

// `item` by `plan`. Empty when that would save less than half of the bytes.
std::optional<Delta> MakeDelta(const DeltaPlan& plan, const ConvergentItem& item);

}  // namespace cohort::map

#endif  // COHORT_MAP_DELTA_PLAN_H_

// Sides of a partition that hold a convergent map, for tests of merges.
#ifndef COHORT_TESTS_MAP_CONVERGENT_SIDES_H_
#define COHORT_TESTS_MAP_CONVERGENT_SIDES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "map/convergent_op_codec.h"
#include "map/map_builders.h"

namespace cohort::map {

inline void OpenConvergent(Replica& side) {
  ConfigureOp configure;
  configure.settings.convergent = true;
  side.Do(configure);
}

inline ConvergentMap& MapOf(Replica& side) {
  return static_cast<ConvergentMap&>(*side.maps().Find("m"));
}

// `writer` writes, on `side` alone; how that ended. `by_right`: as the entry's owner; `brings`:
// what it has not merged yet.
inline absl::Status WriteOn(Replica& side, uint64_t writer, const ConvergentRequest& request,
                            GroupTime now, bool by_right = false, const MapSet* brings = nullptr) {
  const absl::StatusOr<ConvergentOp> op =
      PrepareConvergent(MapOf(side), request, now, {.by_owner = by_right});
  if (!op.ok()) return op.status();
  const Buffer bytes = EncodeConvergentOp(*op);
  std::vector<std::byte> stamp(StampBytes(op->Lives()));
  return side.maps()
      .Write(bytes, std::max(HlcAt(now), MapOf(side).state().greatest) + 1,
             {Writer(writer), side.view()}, brings, stamp, side.out())
      .status;
}

inline std::string AttributeOn(Replica& side, std::string_view key, std::string_view name,
                               GroupTime now = 5000) {
  const std::optional<Buffer> value = MapOf(side).GetAttribute(key, name, now);
  return value.has_value() ? std::string(value->text()) : "(absent)";
}

}  // namespace cohort::map

#endif  // COHORT_TESTS_MAP_CONVERGENT_SIDES_H_

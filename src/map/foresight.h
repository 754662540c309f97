// Which entry an operation is about, told from its bytes before it is decoded, so that its memory
// is on the way to the processor's cache before its turn comes.
//
// Idea: to find an entry of a large map is a chain of four or five cache misses, and the operations
// of a cut come together: step by step for all of them, their misses pass at the same time.
// Thread rule: none inside; the owner of the maps calls.
#ifndef COHORT_MAP_FORESIGHT_H_
#define COHORT_MAP_FORESIGHT_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/buffer.h"

namespace cohort::map {

// So many at a time: more would push out of the cache what the first ones brought.
inline constexpr size_t kForeseenMax = 8;

struct Target {
  std::string_view map;
  std::string_view key;
};

// The target of a single write, of either kind of map; anything or nothing for what is none. A
// guess, to be used for nothing that matters.
std::optional<Target> TargetOf(Bytes operation);

}  // namespace cohort::map

#endif  // COHORT_MAP_FORESIGHT_H_

// Counters of one engine, copied out under its lock.
#ifndef COHORT_ENGINE_ENGINE_STATS_H_
#define COHORT_ENGINE_ENGINE_STATS_H_

#include <cstdint>
#include <map>
#include <string>

namespace cohort::engine {

// By name, "layer.counter", ordered; the words of a name are joined by underscores.
using EngineStats = std::map<std::string, uint64_t>;

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_ENGINE_STATS_H_

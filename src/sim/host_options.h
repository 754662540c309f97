// What the processes of a run are told at their start, and when they start: small limits, a short
// memory, clocks that disagree, restarts in a hurry. Drawn from the seed by a stream of random
// numbers of its own, so that a dimension more leaves all other draws of a seed as they were.
#ifndef COHORT_SIM_HOST_OPTIONS_H_
#define COHORT_SIM_HOST_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/instant.h"
#include "cohort/view.h"
#include "engine/options.h"

namespace cohort::sim {

struct HostOptions {
  bool tie_breaker = false;  // Under Policy::kPrimary: node-0.
  Duration stalled_after = milliseconds(2000);
  size_t joiner_queue_bytes_max = 0;  // 0 here and below: as the engine has it.
  size_t send_queue_bytes_max = 0;
  size_t map_bytes_max = 0;         // Writes are refused at it, which is no failure.
  size_t receive_buffer_bytes = 0;  // Of every host; what the host draws for itself, if 0.
  size_t large_message_min = 0;     // With a queue, and so much under way, in proportion.
  size_t transfer_chunk_bytes = 0;  // Then several members send each state, however small.
  Duration tombstone_horizon{};
  bool bulk_start = false;        // All but the first host start at the same moment.
  bool quick_restarts = false;    // Who was killed or has left is back within milliseconds.
  bool drains = false;            // Who leaves proves first that another member holds the same.
  std::set<size_t> without_data;  // These hosts' members hold none ...
  bool votes = true;              // ... and have votes all the same.
  std::vector<int64_t> wall_clock_ms;  // How far each host's time of day is off.

  // Sets what differs from `engine`'s defaults.
  void Apply(Policy policy, engine::EngineOptions& engine) const;
  std::string ToString() const;
};
// The largest datagrams of the hosts' interfaces, for the mix `jumbo`: mostly all large alike.
std::vector<size_t> DrawDatagramSizes(uint64_t seed, size_t hosts);
HostOptions DrawHostOptions(uint64_t seed, size_t hosts);

}  // namespace cohort::sim

#endif  // COHORT_SIM_HOST_OPTIONS_H_

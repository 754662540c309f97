// Carries datagrams between hosts: delayed, lost, doubled, reordered, damaged as the links say.
//
// The idea: one copy of a turn's arena, shared by every receiver of every packet as slices; a
// packet on its way is one task of the scheduler. Each host sends at a finite rate through a finite
// queue.
#ifndef COHORT_SIM_DATAGRAM_NETWORK_H_
#define COHORT_SIM_DATAGRAM_NETWORK_H_

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "engine/io.h"
#include "sim/links.h"
#include "sim/scheduler.h"

namespace cohort::sim {

struct DatagramNetworkOptions {
  uint64_t bytes_per_second = 125'000'000;     // Of each host's interface.
  Duration send_queue_max = milliseconds(20);  // Longer waits in the interface's queue are drops.
  bool loopback = false;  // A sender hears its own multicast, as with several members on one host.
  Duration echo_delay_max = seconds(8);  // How late a duplicate may come.
};

class DatagramNetwork {
 public:
  struct Stats {
    uint64_t sent = 0;     // Packets handed in.
    uint64_t carried = 0;  // Arrivals scheduled.
    uint64_t lost = 0;
    uint64_t cut = 0;
    uint64_t large = 0;      // Of `sent`.
    uint64_t too_large = 0;  // For the way.
    uint64_t duplicated = 0;
    uint64_t corrupted = 0;
    uint64_t overflowed = 0;  // Dropped by a full send queue.
  };

  DatagramNetwork(const DatagramNetworkOptions& options, Links& links, uint64_t seed)
      : options_(options), links_(links), random_(seed), free_at_(links.hosts()) {}

  // Puts the first `count` packets of `packets` on their way.
  void Send(HostIndex from, const engine::Packets& packets, size_t count, Scheduler& scheduler);

  const Stats& stats() const { return stats_; }

 private:
  void Route(HostIndex from, HostIndex to, bool multicast, Instant leaves, const Buffer& data,
             Scheduler& scheduler);
  Buffer Damage(const Buffer& data);

  DatagramNetworkOptions options_;
  Links& links_;
  Random random_;
  std::vector<Instant> free_at_;  // When each host's interface has sent what it was given.
  Stats stats_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_DATAGRAM_NETWORK_H_

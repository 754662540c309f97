// What a member has counted since it started. Values; taken at one moment under the lock.
#ifndef COHORT_STATS_H_
#define COHORT_STATS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cohort/ids.h"

namespace cohort {

struct MapStats {
  std::string name;
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

struct GroupStats {
  // Sockets. Batches: system calls that moved them.
  uint64_t datagrams_sent = 0;
  uint64_t datagrams_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t send_batches = 0;
  uint64_t receive_batches = 0;
  uint64_t datagrams_unsent =
      0;  // Given up because the kernel had no room, or no route. The protocol repairs.
  uint64_t datagrams_lost_here = 0;   // Arrived, but the socket's buffer was full.
  uint64_t receive_buffer_bytes = 0;  // Granted by the kernel for each UDP socket.
  // Lifelines.
  uint64_t streams_open = 0;
  uint64_t handshakes_failed = 0;
  uint64_t stream_bytes_sent = 0;
  uint64_t stream_bytes_received = 0;
  // Callbacks.
  uint64_t upcalls_waiting = 0;
  uint64_t upcall_bytes_waiting = 0;
  uint64_t upcalls_dropped = 0;   // Beyond GroupOptions::delivery_queue_bytes_max.
  uint64_t commands_waiting = 0;  // Calls that have not reached their acknowledgement.

  std::vector<MapStats> maps;
  // Everything the layers count, as "layer.what", for example "rmcast.repairs_sent". Names may come
  // and go with releases.
  std::map<std::string, uint64_t> counters;
};

}  // namespace cohort

#endif  // COHORT_STATS_H_

// A host of the simulated cluster: an address and a name that stay, a process that comes and goes,
// its clock and what its kernel holds for it.
#ifndef COHORT_SIM_HOST_H_
#define COHORT_SIM_HOST_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/trace.h"
#include "sim/node.h"
#include "sim/scheduler.h"
#include "sim/stream_network.h"
#include "sim/workload.h"

namespace cohort::sim {

// A process's steady clock: starts anywhere, runs a little fast or slow.
class LocalClock {
 public:
  LocalClock() = default;
  LocalClock(Instant start, Instant reading, int64_t drift_ppm)
      : start_(start), reading_(reading), drift_ppm_(drift_ppm) {}

  int64_t drift_ppm() const { return drift_ppm_; }
  Instant Read(Instant now) const {
    const int64_t passed = (now - start_).count();
    return reading_ + Duration(passed + Scale(passed, drift_ppm_));
  }
  // The first moment at which Read() gives `reading` or more.
  Instant When(Instant reading) const {
    if (reading.is_infinite()) return Instant::Infinite();
    const int64_t wanted = (reading - reading_).count();
    // Each step leaves of the error what the drift is of one: a few are exact but for rounding.
    Instant at = start_ + Duration(wanted - Scale(wanted, drift_ppm_));
    for (int step = 0; step < 4; ++step) at = at - (Read(at) - reading);
    while (Read(at) < reading) at = at + Duration(1);
    return at;
  }

 private:
  static int64_t Scale(int64_t ns, int64_t ppm) {
    return ns / 1'000'000 * ppm + ns % 1'000'000 * ppm / 1'000'000;
  }
  Instant start_;
  Instant reading_;
  int64_t drift_ppm_ = 0;
};

struct Host {
  struct Arrival {
    HostIndex from = 0;
    bool multicast = false;
    Buffer data;
  };

  HostIndex index = 0;
  std::string name;
  ProcessNumber process = 0;  // The last one; alive while `node` is set.
  std::unique_ptr<TraceSink> trace;
  std::unique_ptr<Node> node;
  // The node's view as it began: who was synced then has a vote in it. Empty outside the group.
  View installed;
  LocalClock clock;
  Duration timer_lateness{};
  bool memory_is_big = false;  // Killed, its sockets stay open for a while.

  std::deque<Arrival> inbox;
  size_t inbox_bytes = 0;
  size_t inbox_bytes_max = 0;
  uint32_t drops = 0;
  bool wake_scheduled = false;
  Instant timer_at = Instant::Infinite();
  uint32_t idle_turns = 0;  // Of its timer, in a row: due before and after, and nothing done.
  std::vector<StreamDelivery> held;  // Stream events that came while the process was stopped.

  std::optional<Workload> workload;
  bool working = false;
  std::optional<Duration> crash_amid_output;  // And then stay away for so long.
  std::optional<Duration> leaving;            // Back after this.
  uint64_t leave_command = 0;
  uint64_t drain_command = 0;  // The proof that must come first, while it is under way.
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_HOST_H_

// Virtual time: a queue of tasks ordered by time and, at one instant, by the order in which they
// were added. Nothing else decides what happens next, so a seed replays exactly.
//
// Tasks are plain values, not closures: no allocation per task beyond the slab that holds them.
// Threads: confined to one.
#ifndef COHORT_SIM_SCHEDULER_H_
#define COHORT_SIM_SCHEDULER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"

namespace cohort::sim {

// Index of a host in the simulated cluster. A host runs one process at a time, always under the
// same name and address.
using HostIndex = uint32_t;

struct Task {
  enum class Kind : uint8_t {
    kPacket,       // host receives `data` from host `number`; flag: it was multicast.
    kWake,         // host reads its socket.
    kTimer,        // host's next deadline.
    kStreamFlush,  // Stream connection `number`, direction `flag`.
    kStreamStep,   // Stream connection `number` takes its next step of opening or breaking.
    kFault,        // Fault `number` begins its next episode.
    kFaultEnd,     // Episode `number` ends.
    kUnreachable,  // host learns that nobody listens at host `number`.
    kWork,         // host's workload acts.
    kProcess,      // host: change of process state, `number` says which (cluster.cc).
    kTenants,      // Tenants (tenants.h) have something to do.
    kPhase,        // The run enters phase `number`.
  };
  Kind kind = Kind::kPhase;
  bool flag = false;
  HostIndex host = 0;
  uint64_t number = 0;
  Buffer data;
};

class Scheduler {
 public:
  Instant now() const { return now_; }
  bool empty() const { return heap_.empty(); }
  // Time of the next task. Requires: not empty.
  Instant next() const { return Instant::FromNanos(heap_.front().at); }
  uint64_t executed() const { return executed_; }

  // Runs `task` at `at`, or now if that has passed.
  void At(Instant at, Task task);
  void After(Duration delay, Task task) { At(now_ + delay, std::move(task)); }
  // Takes the next task and moves the clock to it. Requires: not empty.
  Task Pop();

 private:
  struct Entry {
    int64_t at;
    uint64_t order;
    uint32_t slot;
    bool operator>(const Entry& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  Instant now_;
  uint64_t added_ = 0;
  uint64_t executed_ = 0;
  std::vector<Entry> heap_;  // Smallest first.
  std::vector<Task> slab_;
  std::vector<uint32_t> free_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_SCHEDULER_H_

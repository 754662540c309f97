// What the user of one process does: writes a map, sends messages to the group. Drawn from one
// stream of random numbers; what it drew for a seed changes during the run, so that no dimension
// stays fixed.
#ifndef COHORT_SIM_WORKLOAD_H_
#define COHORT_SIM_WORKLOAD_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/random.h"
#include "engine/command.h"
#include "sim/checker.h"
#include "sim/node.h"

namespace cohort::sim {

struct WorkloadOptions {
  Duration interval_mean = milliseconds(40);  // Between commands of one process.
  double messages = 0.4;                      // Share of commands that are messages to the group.
  double shared_keys = 0.5;                   // Share of writes to keys that others write too.
  double big = 0.001;                         // Share of values and messages of up to 200 KiB.
  double expiring = 0.1;                      // Share of puts with a time to live.
  double verifications = 0.02;                // Share of commands that ask whether all are equal.
  double conditional = 0.2;                   // Share of writes that are increments or puts-if.
  double burst = 0.25;         // Share of commands that follow the one before at once.
  uint32_t maps = 1;           // Used; each process opens a map when it needs it.
  bool convergent = false;     // The last of them is a convergent one.
  bool evicts = false;         // All but the first evict when they are full.
  double owned = 0;            // Share of convergent writes by the owner of an entry, large ones.
  uint32_t keys = 40;          // Of each process, and shared.
  uint32_t pending_max = 200;  // A user stops when so many commands are not done.
};
WorkloadOptions DrawWorkload(Random& random);
void DrawMoreWorkload(uint64_t seed, WorkloadOptions& options);
// Lengthens the pauses of what makes more work than most by far, but for one seed in ten, of
// both policies where they take turns: else a quarter of the seeds makes most of the events of all.
void TemperWorkload(uint64_t seed, HostIndex members, WorkloadOptions& options);

// The maps of a run, as many as WorkloadOptions::maps. A key is used in one map only, so that who
// watches need not know which.
inline constexpr const char* kMapNames[] = {"main", "second", "third"};

class Workload {
 public:
  struct Planned {
    engine::Command command;
    IssuedCommand issued;
  };

  Workload(const WorkloadOptions& options, HostIndex host, ProcessNumber process, uint64_t seed)
      : options_(options), host_(host), process_(process), random_(seed) {}

  // The next command, if the user wants one now and the node can take it. `pending`: commands not
  // done yet.
  std::optional<Planned> Next(Instant now, Node& node, size_t pending);
  Duration DrawPause();
  // The leave command that ends a process in good order.
  Planned Leave();
  // Before it, in runs that drain: another member must be shown to hold what this one does.
  Planned ProveForLeave();
  void OnDone(const engine::DoneUpcall& done);

 private:
  Planned OpenTheMap(uint32_t map);
  Planned Message();
  Planned Verification();
  Planned Write(Instant now, Node& node, uint32_t which, uint32_t map);
  // Into the convergent map. Nothing when its writer would not send any.
  std::optional<Planned> Join(Instant now, Node& node, uint32_t which, uint32_t map);
  // Of entries that only their owners write to, one write after the other: whole, or by deltas.
  std::optional<Planned> WriteOwned(Instant now, Node& node, uint32_t map);
  std::string DrawKey(uint32_t which);
  std::string DrawValue();
  size_t DrawSize();
  uint64_t DrawWrite();

  WorkloadOptions options_;
  HostIndex host_;
  ProcessNumber process_;
  Random random_;
  uint64_t next_id_ = 1;
  uint64_t opening_ = 0;             // The pending OpenMap, if not 0 ...
  bool opening_convergent_ = false;  // ... and whether it is of the convergent map.
  bool opened_ = false;              // All members had the convergent map once.
  Version last_version_;             // Of some write of ours, for conditions.
  uint64_t owned_pending_ = 0;       // Our write to an owned entry that is not done, if not 0 ...
  std::string owned_key_;            // ... to which ...
  bool owned_is_claim_ = false;      // ... or whether it is a claim.
  std::set<std::string> at_rest_;    // Owned entries our last write to which has succeeded.
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_WORKLOAD_H_

// Which faults a seed brings, and how hard: drawn once, printed in full with every failure.
#ifndef COHORT_SIM_FAULT_PLAN_H_
#define COHORT_SIM_FAULT_PLAN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/random.h"

namespace cohort::sim {

enum class FaultKind : uint8_t {
  kLoss,           // Random loss, on all links or those of one host.
  kBurst,          // Bursts of loss.
  kMulticastLoss,  // Only multicast is lost.
  kDuplicate,      // Packets come twice, some of them seconds later.
  kReorder,        // Packets are held back.
  kCorrupt,        // Packets are damaged.
  kSlow,           // Delays grow, both ways or one.
  kNarrow,         // Large datagrams vanish.
  kOneWay,         // Some links carry nothing in one direction.
  kPartition,      // The hosts fall into two to four parts.
  kFlap,           // One host is cut off and back again, many times.
  kSwizzle,        // Links are cut one by one and heal in another order.
  kPause,          // A process is stopped (SIGSTOP) and continues.
  kCrash,  // A process is killed, somewhere between two of its outputs, and restarted later.
  kCrashAtChange,  // The same, of the member that leads a view change or has just taken a step of
                   // one.
  kPowerLoss,      // A host goes without a word.
  kLeave,          // A member leaves by its own wish and comes back later.
  kCount,
};
const char* ToString(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kLoss;
  double strength = 0;     // 0 to 1; what it means depends on the kind.
  Duration interval_mean;  // Between episodes.
  Duration length_mean;    // Of an episode.
};

struct FaultPlan {
  std::vector<Fault> faults;
  double loss = 0;         // On all links, all the time.
  bool one_pause = false;  // One process at a time stands still.
  std::string ToString() const;
};

// Mixes: "mixed" two to five kinds; "none"; "loss" (at most 10 %, so that nobody may be convicted),
// "network", "partition", "crash", "churn", "pause", "patience" and "jumbo" (as in FaultMix). Each
// kind's name is a mix of that kind alone. Unknown names give an empty optional.
struct FaultMix {
  std::vector<FaultKind> kinds;
  bool gentle = false;  // Losses up to 10 % and nothing worse: every conviction is a false one.
  bool all = false;     // Use all kinds instead of drawing two to five.
  // A long watch: a tenth of all packets is lost, on all links, all the time; a process stands
  // still for up to ten seconds now and then, one at a time; users do little, so that hours pass
  // quickly.
  bool patience = false;
  // Hosts whose interfaces take large datagrams, some that do not, and ways that become narrow.
  bool jumbo = false;
  bool sessions = false;  // Tenants in all processes that hold data (tenants.h): session stores.
};
bool FindMix(std::string_view name, FaultMix& mix);
std::string MixNames();

FaultPlan DrawFaultPlan(const FaultMix& mix, Random& random);

}  // namespace cohort::sim

#endif  // COHORT_SIM_FAULT_PLAN_H_

// Carries out a fault plan: begins episodes, picks their victims, ends them. Everything by one
// stream of random numbers.
#ifndef COHORT_SIM_FAULT_INJECTOR_H_
#define COHORT_SIM_FAULT_INJECTOR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "sim/fault_plan.h"
#include "sim/host_table.h"
#include "sim/links.h"
#include "sim/scheduler.h"

namespace cohort::sim {

// What the injector can do to processes. The cluster is one.
class FaultTarget {
 public:
  virtual ~FaultTarget() = default;
  virtual const HostTable& hosts() const = 0;
  // False if the promises under test would not survive the death of this process.
  virtual bool MayCrash(HostIndex host) const = 0;
  // Kills the process of `host` amid its next output; it starts again after `away`.
  virtual void CrashAmidOutput(HostIndex host, Duration away) = 0;
  // Kills whoever takes the next step of a view change, or its coordinator.
  virtual void CrashAtViewChange(Duration away) = 0;
  virtual void LosePower(HostIndex host, Duration away) = 0;
  virtual void Pause(HostIndex host) = 0;
  virtual void Resume(HostIndex host) = 0;
  virtual void Leave(HostIndex host, Duration away) = 0;
  // For the timeline.
  virtual void Note(const std::string& text) = 0;
};

class FaultInjector {
 public:
  FaultInjector(FaultPlan plan, Links& links, uint64_t seed)
      : plan_(std::move(plan)), links_(links), random_(seed) {}

  // Schedules the first episode of every fault.
  void Begin(Scheduler& scheduler);
  void OnFault(uint64_t fault, Scheduler& scheduler, FaultTarget& target);
  void OnFaultEnd(uint64_t episode, Scheduler& scheduler, FaultTarget& target);
  // No more episodes; those under way end now.
  void Stop(FaultTarget& target);

  const FaultPlan& plan() const { return plan_; }
  uint64_t episodes() const { return episodes_.size(); }

 private:
  using Pair = std::pair<HostIndex, HostIndex>;
  struct Episode {
    FaultKind kind = FaultKind::kLoss;
    std::vector<Pair> links;
    HostIndex host = 0;
    uint32_t repeats = 0;  // Flaps left.
    bool on = true;
    Duration period{};
  };

  Duration Draw(Duration mean);
  HostIndex AnyHost();
  std::vector<Pair> SomeLinks();
  void SetLoss(double loss);  // On all links.
  bool IsAnyPaused(const FaultTarget& target) const;
  void BeginOnLinks(const Fault& fault, Episode& episode);
  void Degrade(const Fault& fault, const Pair& pair);
  void CutParts(Episode& episode);
  void BeginOnProcess(const Fault& fault, Episode& episode, Duration length, FaultTarget& target);
  void End(Episode& episode, FaultTarget& target);
  void Restore(FaultKind kind, const Pair& pair);
  void Cut(const Episode& episode, int change);
  std::string Describe(const Episode& episode) const;

  FaultPlan plan_;
  Links& links_;
  Random random_;
  bool stopped_ = false;
  std::vector<Episode> episodes_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_FAULT_INJECTOR_H_

// A whole group in one thread: hosts with processes, clocks and sockets, the networks between them,
// faults, users, and checkers that watch it all.
//
// A run has phases: the processes start; faults; faults stop, everything restarts, the group must
// converge (I22); users go on for a while and nothing may fail any more; users stop, replicas must
// become equal (I18); the checkers judge what can be judged only at the end.
//
// Everything follows from ClusterOptions: the same options give the same run, event by event;
// hash() tells two apart.
#ifndef COHORT_SIM_CLUSTER_H_
#define COHORT_SIM_CLUSTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "engine/io.h"
#include "sim/check_detection.h"
#include "sim/check_messages.h"
#include "sim/check_writes.h"
#include "sim/checker.h"
#include "sim/datagram_network.h"
#include "sim/fault_injector.h"
#include "sim/fault_plan.h"
#include "sim/host.h"
#include "sim/host_options.h"
#include "sim/host_table.h"
#include "sim/links.h"
#include "sim/node.h"
#include "sim/scheduler.h"
#include "sim/sometimes.h"
#include "sim/stream_network.h"
#include "sim/tenants.h"
#include "sim/timeline.h"

namespace cohort::sim {

struct ClusterOptions {
  uint64_t seed = 1;
  size_t members = 5;
  Duration length =
      seconds(60);  // At least 20 s: the last 12 belong to the phases after the faults.
  Policy policy = Policy::kAvailable;
  std::string mix = "mixed";
  double fault_free = 0.05;  // Share of seeds without faults, whatever the mix.
  NodeFactory factory;
  TenantFactory tenants;       // For the mix `sessions`.
  size_t timeline_events = 0;  // Kept for the timeline; 0: none.
  bool timeline_chunks = false;
};

// How long the group may take once nothing is wrong any more.
inline constexpr Duration kConvergeMax = seconds(5);
inline constexpr Duration kSyncMax = seconds(15);
inline constexpr Duration kFinishMax = seconds(5);

class Cluster : private FaultTarget, private TenantWorld {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster() override;

  void Run();

  const Violations& violations() const { return violations_; }
  const Sometimes& sometimes() const { return *sometimes_; }
  const WriteChecker& writes() const { return *writes_; }
  // Null but in the mix `patience`.
  const DetectionChecker* detection() const { return detection_; }
  const DatagramNetwork::Stats& network() const { return datagrams_->stats(); }
  // Null but in the mix `sessions`.
  const Tenants* tenants() const { return tenants_.get(); }
  uint64_t events() const { return scheduler_.executed(); }
  Duration simulated() const { return scheduler_.now() - Instant::Zero(); }
  uint64_t hash() const { return hash_; }
  // The drawn configuration in words, and the line of the command that replays it.
  std::string Configuration() const;
  std::string timeline() const { return timeline_ ? timeline_->ToString() : std::string(); }

 private:
  enum class Phase : uint8_t { kFaults = 1, kHeal, kWatch, kDone };
  enum class Change : uint64_t { kStart, kSocketsClose, kRestart };
  class Trace;

  void MakeHosts();
  void MakeCheckers();
  void Dispatch(Task& task);
  void OnPhase(Phase phase);

  // Turns of a node.
  template <class Input>
  void Turn(Host& host, Input&& input) {
    BeginTurn();
    input(host.clock.Read(scheduler_.now()), output_);
    EndTurn(host);
  }
  void BeginTurn();
  void EndTurn(Host& host);
  void Drain(Host& host);
  void HandUp(Host& host, engine::Output& out);
  bool MayFailHealed(const Host& host, const engine::DoneUpcall& done) const;
  void StrikeDonor(const Event& started);
  void Reread(Host& host);
  void RereadMap(Host& host, uint32_t map);
  void Arm(Host& host);
  void OnPacket(Host& host, Task& task);
  void OnWake(Host& host);
  void OnTimer(Host& host);
  void OnWork(Host& host);
  bool Execute(Host& host, Workload::Planned planned);
  void SetDraining(Host& host, bool draining);
  void OnDrained(Host& host, const absl::Status& proof);
  void Deliver(StreamNetwork::Deliveries& deliveries);

  // Processes (cluster_processes.cc).
  void StartProcess(Host& host);
  void EndProcess(Host& host, ProcessChange change, Duration away);
  void OnProcessTask(Host& host, Change change);
  void ResumeHost(Host& host);

  // FaultTarget.
  const HostTable& hosts() const override { return table_; }
  bool MayCrash(HostIndex host) const override;
  void CrashAmidOutput(HostIndex host, Duration away) override;
  void CrashAtViewChange(Duration away) override;
  void LosePower(HostIndex host, Duration away) override;
  void Pause(HostIndex host) override;
  void Resume(HostIndex host) override;
  void Leave(HostIndex host, Duration away) override;
  void Note(const std::string& text) override;

  // TenantWorld (cluster_processes.cc).
  Instant now() const override { return scheduler_.now(); }
  Instant LocalNow(HostIndex host) const override {
    return hosts_[host]->clock.Read(scheduler_.now());
  }
  Node* NodeOf(HostIndex host) const override { return hosts_[host]->node.get(); }
  bool IsRunning(HostIndex host) const override { return table_[host].state != HostState::kPaused; }
  absl::Status ExecuteForTenant(HostIndex host, const engine::Command& command) override;
  void RunTenantsAt(Instant at) override {
    scheduler_.At(at, {Task::Kind::kTenants, false, 0, 0, {}});
  }
  void NoteAt(HostIndex host, const std::string& text) override;

  // What must be so in the end (cluster_end.cc).
  void Heal();
  void Watch();
  void Again();  // Watch() after a while.
  bool HoldsData(const Host& host) const {
    return !host_options_.without_data.contains(host.index);
  }
  bool HasVote(const View& view, const Member& member) const;
  bool IsOneView() const;
  bool HaveSameMembers() const;
  bool IsSynced() const;
  bool IsMerging() const;
  bool IsQuiet() const;
  bool AreReplicasEqual() const;
  bool IsQuorumLost() const;
  void NoteRejoinWaits();
  void CheckReplicas();
  std::optional<uint64_t> DigestOf(const Host& host) const;
  void Finish();
  void Complain(const char* invariant, const std::string& what);
  std::string Describe() const;

  void Observe(Host& host, const TraceRecord& record);
  Moment At(const Host& host) const { return {scheduler_.now(), host.index, host.process}; }
  void Hash(uint64_t a, uint64_t b);

  ClusterOptions options_;
  Random random_;
  Scheduler scheduler_;
  HostTable table_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<DatagramNetwork> datagrams_;
  std::unique_ptr<StreamNetwork> streams_;
  std::unique_ptr<FaultInjector> injector_;
  WorkloadOptions workload_;
  HostOptions host_options_;
  std::vector<std::unique_ptr<Host>> hosts_;
  bool calm_ = false;  // No fault at all in this run.

  Violations violations_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  Sometimes* sometimes_ = nullptr;
  WriteChecker* writes_ = nullptr;
  DetectionChecker* detection_ = nullptr;
  Checker* counters_ = nullptr;  // Under kPrimary.
  Timeline* timeline_ = nullptr;
  uint64_t hash_ = 0;

  ProcessNumber processes_ = 0;
  engine::Output output_;
  StreamNetwork::Deliveries deliveries_;
  std::optional<Duration> crash_at_change_;
  std::optional<HostIndex> struck_;            // By crash_at_change_, during the turn under way.
  std::optional<Duration> crash_at_transfer_;  // Of the next member that is to send its state.
  Instant same_instant_;
  uint32_t turns_at_instant_ = 0;

  View latest_;  // Of all that were installed.

  // The phases after the faults.
  bool healed_ = false;
  bool done_ = false;
  Instant healed_at_ = Instant::Infinite();
  Duration longest_rejoin_wait_{};
  Instant one_view_since_ = Instant::Infinite();
  Instant amid_views_since_ =
      Instant::Infinite();  // While not all are in the same one, at the end.
  Instant converged_at_ = Instant::Infinite();
  Instant synced_at_ = Instant::Infinite();
  std::set<std::pair<ProcessNumber, uint64_t>> asked_when_healed_;  // Commands.
  Instant stopped_at_ = Instant::Infinite();
  Instant quiet_at_ = Instant::Infinite();

  std::unique_ptr<Tenants> tenants_;  // Uses all of the above.
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CLUSTER_H_

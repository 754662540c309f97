// What stands behind a SimGroup: hosts with one process each, the simulated networks between them,
// and virtual time. sim::Cluster is the same world with random faults, users and checkers; here the
// test is the user and decides the faults.
//
// The idea: Step() takes the scheduler's next task and gives it to an engine; what the engine puts
// out is carried by the networks, what it tells its user is queued, and queued callbacks run
// between two steps, never inside a turn. So a callback may call anything that does not step.
//
// Threads: one.
#ifndef COHORT_TESTING_SIM_WORLD_H_
#define COHORT_TESTING_SIM_WORLD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cohort/testing/sim_group.h"
#include "engine/engine.h"
#include "map/convergent_map.h"
#include "map/map.h"
#include "runtime/map_calls.h"
#include "sim/datagram_network.h"
#include "sim/host.h"
#include "sim/host_table.h"
#include "sim/links.h"
#include "sim/scheduler.h"
#include "sim/stream_network.h"
#include "sim/timeline.h"
#include "testing/sim_channels.h"
#include "testing/sim_locks.h"

namespace cohort::testing {

inline sim::HostIndex HostOf(size_t member) { return static_cast<sim::HostIndex>(member); }

class SimWorld : public std::enable_shared_from_this<SimWorld> {
 public:
  // One who subscribed to a map at a member. Ends with the process or its subscription.
  struct Subscriber {
    std::string map;
    std::function<bool(std::string_view key)> wanted;  // Empty: every change.
    std::function<void(const Change&)> on_change;
    bool cancelled = false;
  };

  SimWorld(const std::vector<std::string>& names, const SimOptions& options);
  ~SimWorld();

  // Ends the process, if there is no such member.
  sim::HostIndex Find(std::string_view name) const;
  absl::Duration now() const { return absl::Nanoseconds(scheduler_.now().nanos()); }
  // The next event, and the callbacks it caused. Refuses inside a callback.
  void Step();
  void RunFor(absl::Duration duration);
  bool RunUntil(const std::function<bool()>& condition, absl::Duration timeout);
  bool IsOneView() const;

  // Null: no process.
  const engine::Engine* EngineOf(sim::HostIndex host) const { return hosts_[host].engine.get(); }
  const std::vector<Event>& EventsOf(sim::HostIndex host) const { return hosts_[host].events; }
  bool OpenMap(sim::HostIndex host, std::string_view map, const MapOptions& options = {});
  // Calls read(map, engine, group time) unless there is no complete state.
  template <class Function>
  bool Read(sim::HostIndex host, std::string_view map, Function&& read) const {
    const engine::Engine* const engine = EngineOf(host);
    const std::optional<uint32_t> id = engine != nullptr ? engine->MapId(map) : std::nullopt;
    const map::Map* found = id ? engine->FindMap(*id) : nullptr;
    if (found == nullptr) return false;
    read(*found, *engine, engine->GroupTimeMs(LocalNow(host)));
    return true;
  }
  // Calls read(map, engine, group time), which gives a status, of a convergent map.
  template <class Function>
  absl::Status ReadConvergent(sim::HostIndex host, std::string_view map, Function&& read) const {
    const engine::Engine* const engine = EngineOf(host);
    if (engine == nullptr) return absl::UnavailableError("this member has no process");
    const auto found = runtime::FindConvergent(*engine, map);
    if (!found.ok()) return found.status();
    return read(**found, *engine, engine->GroupTimeMs(LocalNow(host)));
  }
  WriteResult Write(sim::HostIndex host, std::string_view map,
                    absl::StatusOr<runtime::MapBody> body, const WriteOptions& options);
  absl::Status WriteAsync(sim::HostIndex host, std::string_view map,
                          absl::StatusOr<runtime::MapBody> body, const WriteOptions& options,
                          WriteCallback done);
  // What only a convergent map can do.
  using ConvergentRequest = absl::StatusOr<map::ConvergentRequest>;
  WriteResult WriteConvergent(sim::HostIndex host, std::string_view map, ConvergentRequest request,
                              const WriteOptions& options);
  absl::Status WriteConvergentAsync(sim::HostIndex host, std::string_view map,
                                    ConvergentRequest request, const WriteOptions& options,
                                    WriteCallback done);
  WriteResult Claim(sim::HostIndex host, std::string_view map, std::string_view key,
                    const WriteOptions& options);
  absl::Status ClaimAsync(sim::HostIndex host, std::string_view map, std::string_view key,
                          const WriteOptions& options, WriteCallback done);
  Subscription Subscribe(sim::HostIndex host, Subscriber subscriber);

  // Of the process that runs; null: there is none.
  SimChannels* ChannelsOf(sim::HostIndex host) const { return hosts_[host].channels.get(); }
  // Of the process that runs, in the map `map`, which is opened if need be. Errors: kCancelled (no
  // process), kFailedPrecondition (paused), kUnavailable (the map cannot be opened).
  absl::StatusOr<std::shared_ptr<SimLocks>> LocksOf(sim::HostIndex host, std::string_view map);
  absl::Status Execute(sim::HostIndex index, engine::Command command, absl::Duration timeout,
                       bool waits, WriteCallback done);
  WriteResult Wait(sim::HostIndex index, engine::Command command, absl::Duration timeout);
  // As Execute, with all that the engine says of the outcome.
  using DoneCallback = std::function<void(const engine::DoneUpcall&)>;
  absl::Status Ask(sim::HostIndex index, engine::Command command, absl::Duration timeout,
                   bool waits, DoneCallback done);
  // A command whose outcome goes to nobody, or has a number of its own.
  absl::Status Post(sim::HostIndex index, const engine::Command& command);
  bool in_callback() const { return in_callback_; }
  // Runs what is queued, then steps until `condition` holds.
  void StepUntil(const std::function<bool()>& condition);

  void Kill(sim::HostIndex host);
  void Start(sim::HostIndex host);
  void Pause(sim::HostIndex host);
  void Resume(sim::HostIndex host);
  sim::HostState StateOf(sim::HostIndex host) const { return table_[host].state; }
  sim::Links& links() { return *links_; }
  void Note(const std::string& text) { timeline_->Note(scheduler_.now(), text); }
  const SimOptions& options() const { return options_; }
  // Which column of the timeline is whose, and the timeline.
  std::string Report() const;

 private:
  enum class Change : uint64_t { kStart, kSocketsClose };
  class Trace;
  struct Host {
    std::string name;
    std::unique_ptr<TraceSink> trace;
    std::unique_ptr<engine::Engine> engine;
    View installed;  // As it began: who was synced then has a vote in it.
    sim::LocalClock clock;
    std::deque<sim::Host::Arrival> inbox;
    size_t inbox_bytes = 0;
    uint32_t drops = 0;
    bool wake_scheduled = false;
    Instant timer_at = Instant::Infinite();
    std::vector<sim::StreamDelivery> held;  // Came while the process was paused.
    std::vector<Event> events;
    std::list<std::shared_ptr<Subscriber>> subscribers;
    std::set<std::string, std::less<>> resolved;  // Maps whose resolver this process was given.
    std::shared_ptr<SimChannels> channels;
    std::map<std::string, std::shared_ptr<SimLocks>, std::less<>> locks;  // By map.
  };
  struct Call {
    sim::HostIndex host = 0;
    sim::ProcessNumber process = 0;
    bool waits = false;  // The test itself waits, so it hears of the process's end.
    DoneCallback done;
  };

  void Dispatch(sim::Task& task);
  lock::LockTable::Seen ReadLock(sim::HostIndex index, std::string_view map,
                                 std::string_view name) const;
  absl::Status WriteLock(sim::HostIndex index, std::string_view map,
                         const lock::LockTable::Write& write, WriteCallback done);
  std::shared_ptr<SimLocks> NewLocks(sim::HostIndex index, const std::string& map);
  void TellLocks(sim::HostIndex index, const std::function<void(SimLocks&)>& tell);
  void OnDeadline(sim::HostIndex index);
  void OnPacket(sim::HostIndex index, sim::Task& task);
  void OnWake(sim::HostIndex index);
  void OnTimer(sim::HostIndex index);
  void OnUnreachable(sim::HostIndex index, sim::HostIndex peer);
  void Deliver(sim::StreamNetwork::Deliveries deliveries);
  template <class Input>
  void Turn(sim::HostIndex index, Input&& input);
  void HandUp(sim::HostIndex index, engine::Output& out);
  std::shared_ptr<SimChannels> NewChannels(sim::HostIndex index);
  void HandChange(sim::HostIndex index, engine::ChangeUpcall& change);
  void Arm(sim::HostIndex index);
  void RunCallbacks();
  // An empty operation: there is nothing to do.
  using NewCommand = absl::StatusOr<engine::MapWrite>;
  NewCommand NewWrite(sim::HostIndex index, std::string_view map,
                      absl::StatusOr<runtime::MapBody> body, const WriteOptions& options);
  NewCommand NewConvergentWrite(sim::HostIndex index, std::string_view map,
                                ConvergentRequest request, const WriteOptions& options) const;
  absl::StatusOr<engine::ClaimEntry> NewClaim(sim::HostIndex index, std::string_view map,
                                              std::string_view key) const;
  WriteResult Finish(sim::HostIndex index, NewCommand command, const WriteOptions& options);
  absl::Status Begin(sim::HostIndex index, NewCommand command, const WriteOptions& options,
                     WriteCallback done);
  void Answer(engine::DoneUpcall done);
  void Fail(uint64_t command, absl::Status status);
  bool IsProcess(sim::HostIndex index, sim::ProcessNumber process) const;
  Instant LocalNow(sim::HostIndex host) const { return hosts_[host].clock.Read(scheduler_.now()); }
  sim::Moment At(sim::HostIndex host) const {
    return {scheduler_.now(), host, table_[host].process};
  }

  const SimOptions options_;
  Random random_;
  sim::Scheduler scheduler_;
  sim::HostTable table_;
  std::unique_ptr<sim::Links> links_;
  std::unique_ptr<sim::DatagramNetwork> datagrams_;
  std::unique_ptr<sim::StreamNetwork> streams_;
  sim::Violations violations_;  // None: no invariants are checked here.
  std::unique_ptr<sim::Timeline> timeline_;
  std::vector<Host> hosts_;
  sim::ProcessNumber processes_ = 0;
  uint64_t marks_ = 0;        // Moments that somebody steps to ...
  uint64_t mark_passed_ = 0;  // ... and the last one passed.
  uint64_t commands_ = 0;
  std::map<uint64_t, Call> calls_;
  std::deque<std::function<void()>> callbacks_;
  bool in_callback_ = false;
  engine::Output output_;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_WORLD_H_

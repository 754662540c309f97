#include "sim/cluster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/check_counters.h"
#include "sim/check_delivery.h"
#include "sim/check_limits.h"
#include "sim/check_nonces.h"
#include "sim/check_views.h"
#include "sim/words.h"

namespace cohort::sim {
namespace {

constexpr Duration kFaultsBegin = seconds(3);
constexpr Duration kAfterFaults = seconds(12);
constexpr size_t kBatchMax = 64;  // Datagrams a process reads at once.
constexpr Duration kBulkStart = seconds(1);
constexpr uint32_t kTurnsAtInstantMax = 200'000;
constexpr uint32_t kIdleTurnsMax = 1000;  // In a row.

}  // namespace

// Tells the cluster what the engine of one process does.
class Cluster::Trace : public TraceSink {
 public:
  Trace(Cluster& cluster, Host& host) : cluster_(cluster), host_(host) {}
  void On(const TraceRecord& record) override { cluster_.Observe(host_, record); }

 private:
  Cluster& cluster_;
  Host& host_;
};

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)), random_(options_.seed), table_(options_.members) {
  const bool wide = random_.Chance(0.15);
  links_ = std::make_unique<Links>(options_.members, microseconds(20),
                                   wide ? milliseconds(5) : microseconds(400), random_);
  DatagramNetworkOptions network;
  network.loopback = random_.Chance(0.2);
  datagrams_ = std::make_unique<DatagramNetwork>(network, *links_, random_.Next());
  streams_ =
      std::make_unique<StreamNetwork>(StreamNetworkOptions(), *links_, table_, random_.Next());
  FaultMix mix;
  FindMix(options_.mix, mix);
  FaultPlan plan = DrawFaultPlan(mix, random_);
  if (random_.Chance(options_.fault_free) && !mix.patience) plan.faults.clear();
  calm_ = plan.faults.empty();
  injector_ = std::make_unique<FaultInjector>(std::move(plan), *links_, random_.Next());
  workload_ = DrawWorkload(random_);
  DrawMoreWorkload(options_.seed, workload_);
  if (mix.patience) {
    workload_.interval_mean = seconds(10);
    workload_.burst = 0;
  }
  host_options_ = DrawHostOptions(options_.seed, options_.members);
  if (mix.jumbo) {
    const std::vector<size_t> sizes = DrawDatagramSizes(options_.seed, options_.members);
    for (HostIndex host = 0; host < sizes.size(); ++host) links_->SetDatagramMax(host, sizes[host]);
    workload_.big = std::max(workload_.big, 0.01);
  }
  TemperWorkload(options_.seed, options_.members, workload_);
  MakeCheckers();
  if (mix.sessions) {
    COHORT_CHECK(options_.tenants != nullptr);
    // What crosses a merge of groups that formed apart ends early or late by the difference, as
    // docs/status.md tells.
    for (int64_t& off : host_options_.wall_clock_ms) off = 0;
    workload_.interval_mean = std::max<Duration>(workload_.interval_mean, milliseconds(300));
    TenantWorld& world = *this;
    tenants_ = options_.tenants(
        world, {options_.seed, options_.members, host_options_.tombstone_horizon, options_.policy},
        violations_);
  }
  if (!host_options_.without_data.empty()) sometimes_->Count("runs with a member without data");
  if (!host_options_.votes) sometimes_->Count("runs with a member without a vote");
  if (host_options_.tombstone_horizon != Duration()) writes_->RemovalsMayBeForgotten();
  const auto& off = host_options_.wall_clock_ms;
  if (std::any_of(off.begin(), off.end(), [](int64_t ms) { return ms != 0; }))
    writes_->ClocksDiffer();
  if (calm_ || mix.gentle) {
    auto detection = std::make_unique<DetectionChecker>(violations_, mix.patience);
    if (mix.patience) detection_ = detection.get();
    checkers_.push_back(std::move(detection));
  }

  MakeHosts();
  scheduler_.After(kFaultsBegin,
                   {Task::Kind::kPhase, false, 0, static_cast<uint64_t>(Phase::kFaults), {}});
  scheduler_.After(std::max<Duration>(options_.length - kAfterFaults, kFaultsBegin + seconds(1)),
                   {Task::Kind::kPhase, false, 0, static_cast<uint64_t>(Phase::kHeal), {}});
}

Cluster::~Cluster() = default;

void Cluster::MakeHosts() {
  const bool drifts = random_.Chance(0.3);
  const bool slow_start = random_.Chance(0.3);
  for (HostIndex index = 0; index < options_.members; ++index) {
    auto host = std::make_unique<Host>();
    host->index = index;
    host->name = "node-" + std::to_string(index);
    host->timer_lateness = random_.Chance(0.8) ? microseconds(100) : milliseconds(4);
    host->memory_is_big = random_.Chance(0.3);
    host->inbox_bytes_max = random_.Chance(0.3) ? 212'992 : 4 << 20;
    if (host_options_.receive_buffer_bytes != 0) {
      host->inbox_bytes_max = host_options_.receive_buffer_bytes;
    }
    const int64_t ppm = drifts ? 10'000 : 50;
    host->clock = LocalClock(Instant::Zero(), Instant::Zero(),
                             static_cast<int64_t>(random_.Below(2 * ppm + 1)) - ppm);
    host->trace = std::make_unique<Trace>(*this, *host);
    hosts_.push_back(std::move(host));
    Duration late =
        random_.Between(Duration(0), slow_start ? Duration(seconds(2)) : milliseconds(200));
    if (host_options_.bulk_start) late = index == 0 ? Duration(0) : kBulkStart;
    scheduler_.After(
        late, {Task::Kind::kProcess, false, index, static_cast<uint64_t>(Change::kStart), {}});
  }
}

void Cluster::MakeCheckers() {
  checkers_.push_back(std::make_unique<ViewChecker>(options_.policy, violations_));
  checkers_.push_back(std::make_unique<DeliveryChecker>(violations_));
  checkers_.push_back(std::make_unique<NonceChecker>(violations_));
  checkers_.push_back(std::make_unique<LimitChecker>(violations_));
  checkers_.push_back(std::make_unique<MessageChecker>(violations_));
  auto writes = std::make_unique<WriteChecker>(options_.policy, violations_);
  writes_ = writes.get();
  checkers_.push_back(std::move(writes));
  if (options_.policy == Policy::kPrimary) {
    checkers_.push_back(std::make_unique<CounterChecker>(violations_));
    counters_ = checkers_.back().get();
  }
  auto sometimes = std::make_unique<Sometimes>();
  sometimes_ = sometimes.get();
  checkers_.push_back(std::move(sometimes));
  if (options_.timeline_events > 0) {
    auto timeline = std::make_unique<Timeline>(options_.members, options_.timeline_events,
                                               options_.timeline_chunks, violations_);
    timeline_ = timeline.get();
    checkers_.push_back(std::move(timeline));
  }
}

void Cluster::Run() {
  // A run ends by its phases; this bound only catches a mistake in them.
  const Instant limit = Instant::Zero() + options_.length + seconds(120);
  while (!done_ && !scheduler_.empty() && scheduler_.next() <= limit) {
    Task task = scheduler_.Pop();
    Dispatch(task);
    if (tenants_ != nullptr) tenants_->Run();
  }
}

void Cluster::Dispatch(Task& task) {
  Host& host = *hosts_[task.host];
  switch (task.kind) {
    case Task::Kind::kPacket:
      return OnPacket(host, task);
    case Task::Kind::kWake:
      return OnWake(host);
    case Task::Kind::kTimer:
      return OnTimer(host);
    case Task::Kind::kStreamFlush:
      deliveries_.clear();
      streams_->OnFlush(task.number, task.flag, scheduler_, deliveries_);
      return Deliver(deliveries_);
    case Task::Kind::kStreamStep:
      deliveries_.clear();
      streams_->OnStep(task.number, scheduler_, deliveries_);
      return Deliver(deliveries_);
    case Task::Kind::kFault:
      return injector_->OnFault(task.number, scheduler_, *this);
    case Task::Kind::kFaultEnd:
      return injector_->OnFaultEnd(task.number, scheduler_, *this);
    case Task::Kind::kUnreachable: {
      if (table_[host.index].state != HostState::kRunning) return;
      engine::HostEvent event;
      event.kind = engine::HostEvent::Kind::kUnreachable;
      event.peer = AddressOf(static_cast<HostIndex>(task.number));
      return Turn(host,
                  [&](Instant now, engine::Output& out) { host.node->OnHost(now, event, out); });
    }
    case Task::Kind::kWork:
      return OnWork(host);
    case Task::Kind::kProcess:
      return OnProcessTask(host, static_cast<Change>(task.number));
    case Task::Kind::kTenants:
      return;  // Run() sees to them.
    case Task::Kind::kPhase:
      return OnPhase(static_cast<Phase>(task.number));
  }
}

void Cluster::OnPhase(Phase phase) {
  switch (phase) {
    case Phase::kFaults:
      Note("faults begin: " + injector_->plan().ToString());
      injector_->Begin(scheduler_);
      return;
    case Phase::kHeal:
      return Heal();
    case Phase::kWatch:
      return Watch();
    case Phase::kDone:
      done_ = true;
  }
}

// ---- Turns --------------------------------------------------------------------------------------

void Cluster::BeginTurn() {
  output_.packets.Clear();
  output_.streams.clear();
  output_.upcalls.clear();
}

void Cluster::EndTurn(Host& host) {
  Drain(host);
  if (scheduler_.now() != same_instant_) {
    same_instant_ = scheduler_.now();
    turns_at_instant_ = 0;
  } else if (++turns_at_instant_ == kTurnsAtInstantMax) {
    Complain("I22", "the group spins without progress");
    done_ = true;
  }
}

// Carries out what a turn has put into output_. A process that is to crash does so between two of
// its outputs.
void Cluster::Drain(Host& host) {
  const size_t packets = output_.packets.packets.size();
  const size_t total = packets + output_.streams.size();
  size_t carried = total;
  if (struck_.has_value()) {
    if (MayCrash(*struck_)) {
      host.crash_amid_output = std::exchange(crash_at_change_, std::nullopt);
    }
    struck_.reset();
  }
  const bool crash = host.crash_amid_output.has_value() && !output_.IsEmpty();
  if (crash) carried = random_.Below(total + 1);
  datagrams_->Send(host.index, output_.packets, std::min(carried, packets), scheduler_);
  for (size_t i = 0; packets + i < carried; ++i) {
    streams_->OnAction(host.index, host.process, output_.streams[i], scheduler_);
  }
  // What its user was told before the crash counts; so he may be told only after everything has
  // left.
  if (!crash || (carried == total && random_.Chance(0.5))) HandUp(host, output_);
  if (crash && host.node != nullptr) {
    EndProcess(host, ProcessChange::kCrashed, *host.crash_amid_output);
  }
  if (host.node != nullptr) Arm(host);
}

void Cluster::HandUp(Host& host, engine::Output& out) {
  const Moment moment = At(host);
  bool left = false;
  bool reread = false;
  std::optional<absl::Status> drained;
  for (const engine::Upcall& upcall : out.upcalls) {
    if (tenants_ != nullptr) tenants_->OnUpcall(host.index, upcall);
    if (tenants_ != nullptr && tenants_->IsOwn(upcall)) continue;
    if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
      if (reread) continue;  // What was read after the turn holds it already.
      if (change->cause == engine::ChangeUpcall::Cause::kSync) {
        reread = true;
        Reread(host);
        continue;
      }
    }
    for (const auto& checker : checkers_) checker->OnUpcall(moment, upcall);
    Hash(upcall.index() + 100, host.process);
    if (const auto* view = std::get_if<engine::ViewUpcall>(&upcall)) {
      host.installed = view->view;
      if (latest_.id.num < view->view.id.num) latest_ = view->view;
    }
    if (const auto* event = std::get_if<engine::EventUpcall>(&upcall); event != nullptr) {
      if (event->event.kind == EventKind::kExcluded) host.installed = {};
      // The joiner's own has the size of the state, the donor's has not.
      if (event->event.kind == EventKind::kTransferStarted && event->event.number > 0)
        StrikeDonor(event->event);
    }
    const auto* done = std::get_if<engine::DoneUpcall>(&upcall);
    if (done == nullptr) continue;
    Hash(done->command, static_cast<uint64_t>(done->status.raw_code()));
    if (host.workload.has_value()) host.workload->OnDone(*done);
    left |= done->command == host.leave_command && host.leaving.has_value();
    if (host.drain_command != 0 && done->command == host.drain_command) drained = done->status;
    if (absl::IsDataLoss(done->status)) Complain("I18", host.name + ": " + done->status.ToString());
    if (done->replicas > 0 && !done->view.IsZero()) sometimes_->Count("verifications");
    const bool may_fail = synced_at_.is_infinite() || done->status.ok() || !done->applied ||
                          MayFailHealed(host, *done);
    if (!may_fail) {
      Complain("I22", host.name + ": command " + std::to_string(done->command) +
                          " failed in a healed group: " + std::string(done->status.ToString()));
    }
  }
  if (left) return EndProcess(host, ProcessChange::kLeft, *host.leaving);
  // `out` is the next turn's from here on.
  if (drained.has_value()) OnDrained(host, *drained);
}

// Once all are synced commands succeed, but for these.
bool Cluster::MayFailHealed(const Host& host, const engine::DoneUpcall& done) const {
  const absl::Status& status = done.status;
  // A map that is full, because this run's are small, refuses writes by the order of the group.
  const bool small = host_options_.map_bytes_max != 0 || workload_.maps > 1;
  if (absl::IsResourceExhausted(status)) return small;
  // Only verifications have a deadline; this one was asked for while there were faults, or several
  // views; or more is asked and written than can be compared (Spec 8.32).
  const bool busy = status.message().substr(0, 17) == "members were busy";
  return absl::IsDeadlineExceeded(status) &&
         (busy || !asked_when_healed_.contains({host.process, done.command}));
}

// The user of maps whose state was replaced, which all are together, reads them as a whole.
void Cluster::Reread(Host& host) {
  writes_->OnStateReplaced(At(host));
  for (uint32_t map = 0; map < workload_.maps; ++map) RereadMap(host, map);
  writes_->OnStateReread(At(host));
}

void Cluster::RereadMap(Host& host, uint32_t map) {
  const Moment moment = At(host);
  const std::optional<uint32_t> number = host.node->MapId(kMapNames[map]);
  if (!number.has_value()) return;
  const auto entries = host.node->ReadMap(*number);
  if (!entries.has_value()) return;
  engine::ChangeUpcall change;
  change.map = map;
  change.cause = engine::ChangeUpcall::Cause::kSync;
  for (const Node::Entry& entry : *entries) {
    change.key = entry.key;
    change.value = entry.value;
    change.version = entry.version;
    writes_->OnUpcall(moment, change);
    if (counters_ != nullptr) counters_->OnUpcall(moment, change);
  }
}

void Cluster::Arm(Host& host) {
  if (table_[host.index].state != HostState::kRunning) return;
  const Instant due = host.clock.When(host.node->NextDeadline());
  if (due.is_infinite()) return;
  const Instant at = std::max(due, scheduler_.now() + microseconds(1));
  if (at >= host.timer_at) return;
  host.timer_at = at + random_.Between(Duration(0), host.timer_lateness);
  scheduler_.At(host.timer_at, {Task::Kind::kTimer, false, host.index, 0, {}});
}

void Cluster::OnTimer(Host& host) {
  if (scheduler_.now() < host.timer_at) return;  // Another one was set since.
  host.timer_at = Instant::Infinite();
  if (table_[host.index].state != HostState::kRunning) return;
  if (host.node->NextDeadline() > host.clock.Read(scheduler_.now())) return Arm(host);
  Turn(host, [&](Instant now, engine::Output& out) {
    host.node->OnTimer(now, out);
    const bool is_idle = out.IsEmpty() && host.node->NextDeadline() <= now;
    host.idle_turns = is_idle ? host.idle_turns + 1 : 0;
    if (host.idle_turns == kIdleTurnsMax) Complain("I22", host.name + " is due, and does nothing");
  });
}

void Cluster::OnPacket(Host& host, Task& task) {
  const HostState state = table_[host.index].state;
  if (state == HostState::kDown && !task.flag) {
    const HostIndex from = static_cast<HostIndex>(task.number);
    if (!links_->IsCut(host.index, from)) {
      scheduler_.After(links_->DrawDelay(host.index, from, random_),
                       {Task::Kind::kUnreachable, false, from, host.index, {}});
    }
    return;
  }
  if (state != HostState::kRunning && state != HostState::kPaused) return;
  if (host.inbox_bytes + task.data.size() > host.inbox_bytes_max) {
    ++host.drops;
    return;
  }
  host.inbox_bytes += task.data.size();
  host.inbox.push_back({static_cast<HostIndex>(task.number), task.flag, std::move(task.data)});
  if (state == HostState::kPaused || host.wake_scheduled) return;
  host.wake_scheduled = true;
  scheduler_.After(random_.Between(Duration(microseconds(5)), Duration(microseconds(60))),
                   {Task::Kind::kWake, false, host.index, 0, {}});
}

void Cluster::OnWake(Host& host) {
  host.wake_scheduled = false;
  if (table_[host.index].state != HostState::kRunning) return;
  if (host.drops > 0) {
    engine::HostEvent event;
    event.kind = engine::HostEvent::Kind::kSocketDrops;
    event.count = std::exchange(host.drops, 0);
    Turn(host, [&](Instant now, engine::Output& out) { host.node->OnHost(now, event, out); });
    if (host.node == nullptr) return;
  }
  std::vector<Buffer> held;
  std::vector<engine::Datagram> datagrams;
  while (!host.inbox.empty() && datagrams.size() < kBatchMax) {
    Host::Arrival arrival = std::move(host.inbox.front());
    host.inbox.pop_front();
    host.inbox_bytes -= arrival.data.size();
    datagrams.push_back({AddressOf(arrival.from), arrival.multicast, arrival.data.bytes()});
    held.push_back(std::move(arrival.data));
  }
  if (datagrams.empty()) return;
  if (!host.inbox.empty()) {
    host.wake_scheduled = true;
    scheduler_.After(microseconds(30), {Task::Kind::kWake, false, host.index, 0, {}});
  }
  Turn(host,
       [&](Instant now, engine::Output& out) { host.node->OnDatagrams(now, datagrams, out); });
}

void Cluster::Deliver(StreamNetwork::Deliveries& deliveries) {
  StreamNetwork::Deliveries now_due = std::move(deliveries);
  deliveries.clear();
  for (StreamDelivery& delivery : now_due) {
    Host& host = *hosts_[delivery.host];
    const HostStatus& status = table_[delivery.host];
    if (host.node == nullptr || status.process != delivery.process) continue;
    if (status.state == HostState::kPaused) {
      host.held.push_back(std::move(delivery));
      continue;
    }
    Turn(host,
         [&](Instant now, engine::Output& out) { host.node->OnStream(now, delivery.event, out); });
  }
}

void Cluster::OnWork(Host& host) {
  if (host.node == nullptr || !host.working) return;
  if (table_[host.index].state == HostState::kRunning && !host.leaving.has_value()) {
    auto planned = host.workload->Next(host.clock.Read(scheduler_.now()), *host.node,
                                       writes_->Pending(host.process));
    if (planned.has_value()) Execute(host, *std::move(planned));
  }
  if (host.node == nullptr) return;
  scheduler_.After(host.workload->DrawPause(), {Task::Kind::kWork, false, host.index, 0, {}});
}

bool Cluster::Execute(Host& host, Workload::Planned planned) {
  absl::Status status;
  Turn(host, [&](Instant now, engine::Output& out) {
    status = host.node->Execute(now, planned.command, out);
    if (!status.ok()) return;
    for (const auto& checker : checkers_) checker->OnIssued(At(host), planned.issued);
    if (!synced_at_.is_infinite()) asked_when_healed_.insert({host.process, planned.issued.id});
  });
  Hash(planned.issued.id, static_cast<uint64_t>(status.raw_code()));
  if (!status.ok() && !synced_at_.is_infinite() &&
      status.code() != absl::StatusCode::kResourceExhausted) {
    Complain("I22",
             host.name + " refuses a command in a healed group: " + std::string(status.ToString()));
  }
  return status.ok();
}

void Cluster::Note(const std::string& text) {
  if (timeline_ != nullptr) timeline_->Note(scheduler_.now(), text);
}

// ---- Watching -----------------------------------------------------------------------------------

void Cluster::Hash(uint64_t a, uint64_t b) {
  hash_ = (hash_ ^ a) * 0x9E3779B97F4A7C15u;
  hash_ = (hash_ ^ (hash_ >> 32) ^ b) * 0xBF58476D1CE4E5B9u;
}

void Cluster::Observe(Host& host, const TraceRecord& record) {
  const Moment moment = At(host);
  for (const auto& checker : checkers_) checker->OnTrace(moment, record);
  Hash(static_cast<uint64_t>(moment.at.nanos()),
       (uint64_t{host.process} << 8) | static_cast<uint64_t>(record.kind));
  Hash(record.seq ^ record.packet ^ record.number ^ record.digest, record.view.cid ^ record.subkey);
  const bool step = record.kind == TraceKind::kWedged || record.kind == TraceKind::kPromised ||
                    record.kind == TraceKind::kAccepted;
  if (step && crash_at_change_.has_value() && random_.Chance(0.3)) struck_ = host.index;
  const bool wrong = record.kind == TraceKind::kConvicted || record.kind == TraceKind::kExcluded;
  if (calm_ && wrong && record.cause != ViewCause::kLeft) {
    Complain("canary", host.name + " in a run without faults: " + Words(record));
  }
}

}  // namespace cohort::sim

#include "testing/sim_world.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cohort::testing {

using sim::HostIndex;
using sim::HostState;
using sim::Task;

namespace {

constexpr size_t kBatchMax = 64;  // Datagrams a process reads at once.
constexpr size_t kInboxBytesMax = size_t{4} << 20;
constexpr absl::Duration kStartMax = absl::Seconds(60);
constexpr Duration kWebSessionsStall = milliseconds(800);

[[noreturn]] void Mistake(const std::string& text) {
  std::fprintf(stderr, "SimGroup: %s\n", text.c_str());
  std::abort();
}

Duration ToDuration(absl::Duration duration) {
  const absl::Duration clamped = std::clamp(duration, absl::ZeroDuration(), absl::Hours(24 * 365));
  return Duration(absl::ToInt64Nanoseconds(clamped));
}

WriteResult Failed(absl::Status status) {
  WriteResult result;
  result.status = std::move(status);
  return result;
}

absl::Status InCallback() {
  return absl::FailedPreconditionError(
      "what waits would stop time inside a callback: use the Async form");
}

}  // namespace

class SimWorld::Trace : public TraceSink {
 public:
  Trace(SimWorld& world, HostIndex host) : world_(world), host_(host) {}
  void On(const TraceRecord& record) override {
    world_.timeline_->OnTrace(world_.At(host_), record);
  }

 private:
  SimWorld& world_;
  HostIndex host_;
};

SimWorld::SimWorld(const std::vector<std::string>& names, const SimOptions& options)
    : options_(options), random_(options.seed), table_(names.size()), hosts_(names.size()) {
  if (names.empty() || names.size() > kSimMembersMax)
    Mistake("give it 1 to " + std::to_string(kSimMembersMax) + " names");
  links_ = std::make_unique<sim::Links>(names.size(), microseconds(20), microseconds(400), random_);
  datagrams_ = std::make_unique<sim::DatagramNetwork>(sim::DatagramNetworkOptions(), *links_,
                                                      random_.Next());
  streams_ = std::make_unique<sim::StreamNetwork>(sim::StreamNetworkOptions(), *links_, table_,
                                                  random_.Next());
  timeline_ =
      std::make_unique<sim::Timeline>(names.size(), kSimTimelineLinesMax, false, violations_);
  for (HostIndex index = 0; index < names.size(); ++index) {
    const std::string& name = names[index];
    if (name.empty() || name.size() > kNameBytesMax)
      Mistake("a name has 1 to " + std::to_string(kNameBytesMax) + " bytes");
    if (std::count(names.begin(), names.end(), name) != 1) Mistake("two members named " + name);
    hosts_[index].name = name;
    hosts_[index].trace = std::make_unique<Trace>(*this, index);
    scheduler_.After(
        random_.Between(Duration(0), Duration(milliseconds(200))),
        {Task::Kind::kProcess, false, index, static_cast<uint64_t>(Change::kStart), {}});
  }
  if (!RunUntil([this] { return IsOneView(); }, kStartMax))
    Mistake("the members did not come into one view:\n" + Report());
}

SimWorld::~SimWorld() = default;

HostIndex SimWorld::Find(std::string_view name) const {
  std::string known;
  for (HostIndex index = 0; index < hosts_.size(); ++index) {
    if (hosts_[index].name == name) return index;
    known += " " + hosts_[index].name;
  }
  Mistake("no member is named '" + std::string(name) + "'; there are:" + known);
}

// ---- Time.

void SimWorld::Step() {
  if (in_callback_) Mistake("time cannot be run inside a callback");
  Task task = scheduler_.Pop();
  Dispatch(task);
  RunCallbacks();
}

void SimWorld::RunFor(absl::Duration duration) {
  const uint64_t mark = ++marks_;
  scheduler_.After(ToDuration(duration), {Task::Kind::kPhase, true, 0, mark, {}});
  while (mark_passed_ != mark) Step();
}

bool SimWorld::RunUntil(const std::function<bool()>& condition, absl::Duration timeout) {
  const uint64_t mark = ++marks_;
  scheduler_.After(ToDuration(timeout), {Task::Kind::kPhase, true, 0, mark, {}});
  while (!condition()) {
    if (mark_passed_ == mark) return false;
    Step();
  }
  return true;
}

bool SimWorld::IsOneView() const {
  const auto is_synced = [](const Member& member) { return member.synced; };
  const View* first = nullptr;
  size_t alive = 0;
  for (const Host& host : hosts_) {
    if (host.engine == nullptr) continue;
    ++alive;
    const View& view = host.engine->view();
    if (first == nullptr) first = &view;
    if (view.id != first->id || !host.engine->synced() || !host.engine->writable() ||
        host.engine->merging())
      return false;
    // A view without votes for all is soon followed by one that has them.
    const View& votes = options_.policy == Policy::kPrimary ? host.installed : view;
    if (!std::all_of(votes.members.begin(), votes.members.end(), is_synced)) return false;
  }
  return first != nullptr && first->members.size() == alive;
}

void SimWorld::Dispatch(Task& task) {
  sim::StreamNetwork::Deliveries deliveries;
  switch (task.kind) {
    case Task::Kind::kPacket:
      return OnPacket(task.host, task);
    case Task::Kind::kWake:
      return OnWake(task.host);
    case Task::Kind::kTimer:
      return OnTimer(task.host);
    case Task::Kind::kStreamFlush:
      streams_->OnFlush(task.number, task.flag, scheduler_, deliveries);
      return Deliver(std::move(deliveries));
    case Task::Kind::kStreamStep:
      streams_->OnStep(task.number, scheduler_, deliveries);
      return Deliver(std::move(deliveries));
    case Task::Kind::kUnreachable:
      return OnUnreachable(task.host, static_cast<HostIndex>(task.number));
    case Task::Kind::kProcess:
      if (static_cast<Change>(task.number) == Change::kStart) return Start(task.host);
      if (table_[task.host].state != HostState::kDying) return;
      table_[task.host].state = HostState::kDown;
      return streams_->OnProcessGone(task.host, table_[task.host].process, scheduler_);
    case Task::Kind::kPhase:
      mark_passed_ = task.number;
      return;
    case Task::Kind::kWork:  // The time of a call is up, or of a request.
      if (task.flag) {
        if (IsProcess(task.host, static_cast<sim::ProcessNumber>(task.number)))
          OnDeadline(task.host);
        return;
      }
      return Fail(task.number,
                  absl::DeadlineExceededError("not acknowledged in time; the outcome is unknown"));
    case Task::Kind::kFault:
    case Task::Kind::kFaultEnd:
    case Task::Kind::kTenants:
      return;
  }
}

// ---- Turns.

template <class Input>
void SimWorld::Turn(HostIndex index, Input&& input) {
  output_.packets.Clear();
  output_.streams.clear();
  output_.upcalls.clear();
  input(*hosts_[index].engine, LocalNow(index), output_);
  datagrams_->Send(index, output_.packets, output_.packets.packets.size(), scheduler_);
  for (const engine::StreamAction& action : output_.streams)
    streams_->OnAction(index, table_[index].process, action, scheduler_);
  HandUp(index, output_);
  Arm(index);
}

void SimWorld::HandUp(HostIndex index, engine::Output& out) {
  Host& host = hosts_[index];
  for (engine::Upcall& upcall : out.upcalls) {
    timeline_->OnUpcall(At(index), upcall);
    if (auto* done = std::get_if<engine::DoneUpcall>(&upcall)) {
      if (host.channels->OnDone(*done)) continue;
      Answer(std::move(*done));
    } else if (auto* view = std::get_if<engine::ViewUpcall>(&upcall)) {
      host.channels->OnView(view->view);
      host.installed = std::move(view->view);
      TellLocks(index, [](SimLocks& locks) { locks.Look(); });
    } else if (auto* message = std::get_if<engine::MessageUpcall>(&upcall)) {
      if (message->channel) host.channels->OnMessage(host.engine->view(), *message);
    } else if (auto* event = std::get_if<engine::EventUpcall>(&upcall)) {
      if (host.events.size() == kSimEventsMax) host.events.erase(host.events.begin());
      TellLocks(index, [kind = event->event.kind](SimLocks& locks) { locks.OnEvent(kind); });
      host.events.push_back(std::move(event->event));
    } else if (auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
      HandChange(index, *change);
    }
  }
}

void SimWorld::HandChange(HostIndex index, engine::ChangeUpcall& change) {
  std::string gone;
  const std::string_view name = engine::TakeMapName(*hosts_[index].engine, change, gone);
  const auto shared = std::make_shared<engine::ChangeUpcall>(std::move(change));
  for (const std::shared_ptr<Subscriber>& subscriber : hosts_[index].subscribers) {
    if (subscriber->map != name) continue;
    callbacks_.push_back([subscriber, shared] {
      cohort::Change told;
      told.cause = static_cast<ChangeCause>(shared->cause);
      told.key = shared->key;
      if (shared->value) told.value = shared->value->text();
      told.version = shared->version;
      told.writer = shared->writer;
      const bool wanted = !subscriber->wanted || runtime::Concerns(told, subscriber->wanted);
      if (wanted && !subscriber->cancelled) subscriber->on_change(told);
    });
  }
}

void SimWorld::Arm(HostIndex index) {
  Host& host = hosts_[index];
  if (table_[index].state != HostState::kRunning) return;
  const Instant due = host.clock.When(host.engine->NextDeadline());
  if (due.is_infinite()) return;
  const Instant at = std::max(due, scheduler_.now() + microseconds(1));
  if (at >= host.timer_at) return;
  host.timer_at = at + random_.Between(Duration(0), Duration(microseconds(100)));
  scheduler_.At(host.timer_at, {Task::Kind::kTimer, false, index, 0, {}});
}

void SimWorld::OnTimer(HostIndex index) {
  Host& host = hosts_[index];
  if (scheduler_.now() < host.timer_at) return;  // Another one was set since.
  host.timer_at = Instant::Infinite();
  if (table_[index].state != HostState::kRunning) return;
  if (host.engine->NextDeadline() > LocalNow(index)) return Arm(index);
  Turn(index,
       [](engine::Engine& engine, Instant now, engine::Output& out) { engine.OnTimer(now, out); });
}

void SimWorld::OnDeadline(HostIndex index) {
  Host& host = hosts_[index];
  host.channels->OnTimer(scheduler_.now());
  for (const auto& [map, locks] : host.locks) locks->OnTimer(scheduler_.now());
}

void SimWorld::OnPacket(HostIndex index, Task& task) {
  Host& host = hosts_[index];
  const HostState state = table_[index].state;
  const HostIndex from = static_cast<HostIndex>(task.number);
  if (state == HostState::kDown && !task.flag && !links_->IsCut(index, from)) {
    scheduler_.After(links_->DrawDelay(index, from, random_),
                     {Task::Kind::kUnreachable, false, from, index, {}});
  }
  if (state != HostState::kRunning && state != HostState::kPaused) return;
  if (host.inbox_bytes + task.data.size() > kInboxBytesMax) {
    ++host.drops;
    return;
  }
  host.inbox_bytes += task.data.size();
  host.inbox.push_back({from, task.flag, std::move(task.data)});
  if (state == HostState::kPaused || host.wake_scheduled) return;
  host.wake_scheduled = true;
  scheduler_.After(random_.Between(Duration(microseconds(5)), Duration(microseconds(60))),
                   {Task::Kind::kWake, false, index, 0, {}});
}

void SimWorld::OnWake(HostIndex index) {
  Host& host = hosts_[index];
  host.wake_scheduled = false;
  if (table_[index].state != HostState::kRunning) return;
  if (host.drops > 0) {
    engine::HostEvent event;
    event.kind = engine::HostEvent::Kind::kSocketDrops;
    event.count = std::exchange(host.drops, 0);
    Turn(index, [&](engine::Engine& engine, Instant now, engine::Output& out) {
      engine.OnHost(now, event, out);
    });
  }
  std::vector<Buffer> held;
  std::vector<engine::Datagram> datagrams;
  while (!host.inbox.empty() && datagrams.size() < kBatchMax) {
    sim::Host::Arrival arrival = std::move(host.inbox.front());
    host.inbox.pop_front();
    host.inbox_bytes -= arrival.data.size();
    datagrams.push_back({sim::AddressOf(arrival.from), arrival.multicast, arrival.data.bytes()});
    held.push_back(std::move(arrival.data));
  }
  if (datagrams.empty()) return;
  if (!host.inbox.empty()) {
    host.wake_scheduled = true;
    scheduler_.After(microseconds(30), {Task::Kind::kWake, false, index, 0, {}});
  }
  Turn(index, [&](engine::Engine& engine, Instant now, engine::Output& out) {
    engine.OnDatagrams(now, datagrams, out);
  });
}

void SimWorld::OnUnreachable(HostIndex index, HostIndex peer) {
  if (table_[index].state != HostState::kRunning) return;
  engine::HostEvent event;
  event.kind = engine::HostEvent::Kind::kUnreachable;
  event.peer = sim::AddressOf(peer);
  Turn(index, [&](engine::Engine& engine, Instant now, engine::Output& out) {
    engine.OnHost(now, event, out);
  });
}

void SimWorld::Deliver(sim::StreamNetwork::Deliveries deliveries) {
  for (sim::StreamDelivery& delivery : deliveries) {
    if (!IsProcess(delivery.host, delivery.process)) continue;
    if (table_[delivery.host].state == HostState::kPaused) {
      hosts_[delivery.host].held.push_back(std::move(delivery));
      continue;
    }
    Turn(delivery.host, [&](engine::Engine& engine, Instant now, engine::Output& out) {
      engine.OnStream(now, delivery.event, out);
    });
  }
}

// ---- Processes.

bool SimWorld::IsProcess(HostIndex index, sim::ProcessNumber process) const {
  return hosts_[index].engine != nullptr && table_[index].process == process;
}

void SimWorld::Start(HostIndex index) {
  Host& host = hosts_[index];
  if (host.engine != nullptr) return;
  if (table_[index].state == HostState::kDying) {  // The port is still taken.
    scheduler_.After(
        milliseconds(1),
        {Task::Kind::kProcess, false, index, static_cast<uint64_t>(Change::kStart), {}});
    return;
  }
  table_[index] = {HostState::kRunning, ++processes_};
  engine::EngineOptions options;
  options.group = "simulated";
  options.name = host.name;
  options.address = sim::AddressOf(index);
  options.key.emplace();
  options.key->fill(static_cast<std::byte>(options_.seed));
  options.policy = options_.policy;
  if (options_.policy == Policy::kPrimary)
    options.initial_members = static_cast<uint32_t>(hosts_.size());
  if (options_.failure_profile == FailureProfile::kWebSessions)
    options.stalled_after = kWebSessionsStall;
  options.receive_buffer_bytes = kInboxBytesMax;
  options.trace = host.trace.get();
  std::array<std::byte, 32> entropy;
  for (size_t i = 0; i < entropy.size(); i += sizeof(uint64_t)) {
    const uint64_t word = random_.Next();
    std::memcpy(entropy.data() + i, &word, sizeof word);
  }
  const int64_t drift_ppm = static_cast<int64_t>(random_.Below(101)) - 50;
  const Duration reading = seconds(random_.Below(1000));
  host.clock = sim::LocalClock(scheduler_.now(), Instant::Zero() + reading, drift_ppm);
  host.timer_at = Instant::Infinite();
  host.events.clear();
  host.installed = {};
  host.engine = std::make_unique<engine::Engine>(options, entropy);
  host.resolved.clear();
  host.channels = NewChannels(index);
  timeline_->OnProcess(At(index), sim::ProcessChange::kStarted);
  // The host's own clock of the day is a little wrong.
  const int64_t unix_ms = 1'700'000'000'000 + scheduler_.now().nanos() / 1'000'000 +
                          static_cast<int64_t>(random_.Below(200)) - 100;
  Turn(index, [&](engine::Engine& engine, Instant now, engine::Output& out) {
    engine.Start(now, unix_ms, out);
  });
}

std::shared_ptr<SimChannels> SimWorld::NewChannels(HostIndex index) {
  const sim::ProcessNumber process = table_[index].process;
  return std::make_shared<SimChannels>(
      hosts_[index].engine->self().instance,
      SimChannels::Host{
          [this, index](const engine::Command& command) { return Post(index, command); },
          [this](std::function<void()> callback) { callbacks_.push_back(std::move(callback)); },
          [this, index, process](Instant deadline) {
            scheduler_.At(deadline, {Task::Kind::kWork, true, index, process, {}});
          },
          [this] { return scheduler_.now(); }});
}

void SimWorld::Kill(HostIndex index) {
  Host& host = hosts_[index];
  if (host.engine == nullptr) return;
  timeline_->OnProcess(At(index), sim::ProcessChange::kCrashed);
  host.engine.reset();
  host.inbox.clear();
  host.inbox_bytes = 0;
  host.drops = 0;
  host.held.clear();
  for (const auto& subscriber : host.subscribers) subscriber->cancelled = true;
  host.subscribers.clear();
  host.channels->Kill();
  host.channels.reset();
  for (const auto& [map, locks] : host.locks) locks->Kill();
  host.locks.clear();
  table_[index].state = HostState::kDying;
  scheduler_.After(
      random_.Between(Duration(microseconds(100)), Duration(milliseconds(2))),
      {Task::Kind::kProcess, false, index, static_cast<uint64_t>(Change::kSocketsClose), {}});
  for (auto it = calls_.begin(); it != calls_.end();) {
    const uint64_t command = it->first;
    const bool ends = it->second.host == index;
    const bool waits = it->second.waits;
    ++it;
    if (!ends) continue;
    if (waits) {
      Fail(command, absl::CancelledError("the process of this member was killed"));
    } else {
      calls_.erase(command);
    }
  }
}

void SimWorld::Pause(HostIndex index) {
  if (table_[index].state != HostState::kRunning) return;
  table_[index].state = HostState::kPaused;
  timeline_->OnProcess(At(index), sim::ProcessChange::kPaused);
}

// Everything that waited comes at once: the clock has jumped, sockets and streams are full.
void SimWorld::Resume(HostIndex index) {
  if (table_[index].state != HostState::kPaused) return;
  Host& host = hosts_[index];
  table_[index].state = HostState::kRunning;
  timeline_->OnProcess(At(index), sim::ProcessChange::kResumed);
  if (!host.wake_scheduled && (!host.inbox.empty() || host.drops > 0)) {
    host.wake_scheduled = true;
    scheduler_.After(microseconds(50), {Task::Kind::kWake, false, index, 0, {}});
  }
  host.timer_at = Instant::Infinite();
  Arm(index);
  Deliver(std::exchange(host.held, {}));
}

// ---- Calls.

void SimWorld::RunCallbacks() {
  if (in_callback_) return;
  while (!callbacks_.empty()) {
    const std::function<void()> callback = std::move(callbacks_.front());
    callbacks_.pop_front();
    in_callback_ = true;
    callback();
    in_callback_ = false;
  }
}

void SimWorld::Fail(uint64_t command, absl::Status status) {
  Answer({.command = command, .status = std::move(status)});
}

void SimWorld::Answer(engine::DoneUpcall done) {
  const auto it = calls_.find(done.command);
  if (it == calls_.end()) return;
  Call call = std::move(it->second);
  calls_.erase(it);
  if (!call.done) return;
  callbacks_.push_back([this, call = std::move(call), done = std::move(done)] {
    // A process that was killed since hears nothing any more.
    if (call.waits || IsProcess(call.host, call.process)) call.done(done);
  });
}

absl::Status SimWorld::Execute(HostIndex index, engine::Command command, absl::Duration timeout,
                               bool waits, WriteCallback done) {
  DoneCallback told;
  if (done) {
    told = [done = std::move(done)](const engine::DoneUpcall& upcall) {
      WriteResult result = Failed(upcall.status);
      result.version = upcall.version;
      result.number = upcall.number;
      result.replicas = upcall.replicas;
      done(result);
    };
  }
  return Ask(index, std::move(command), timeout, waits, std::move(told));
}

absl::Status SimWorld::Ask(HostIndex index, engine::Command command, absl::Duration timeout,
                           bool waits, DoneCallback done) {
  if (hosts_[index].engine == nullptr) return absl::CancelledError("this member has no process");
  if (table_[index].state == HostState::kPaused)
    return absl::FailedPreconditionError("this member is paused: nothing runs in it");
  const uint64_t id = ++commands_;
  engine::SetId(command, id);
  calls_[id] = {index, table_[index].process, waits, std::move(done)};
  absl::Status status;
  Turn(index, [&](engine::Engine& engine, Instant now, engine::Output& out) {
    status = engine.Execute(now, command, out);
  });
  if (!status.ok()) {
    calls_.erase(id);
    return status;
  }
  scheduler_.After(ToDuration(waits ? std::min(timeout, kSimWaitMax) : timeout),
                   {Task::Kind::kWork, false, index, id, {}});
  return status;
}

WriteResult SimWorld::Wait(HostIndex index, engine::Command command, absl::Duration timeout) {
  if (in_callback_) return Failed(InCallback());
  std::optional<WriteResult> answer;
  absl::Status status = Execute(index, std::move(command), timeout, true,
                                [&answer](const WriteResult& result) { answer = result; });
  if (!status.ok()) return Failed(std::move(status));
  StepUntil([&answer] { return answer.has_value(); });
  return *std::move(answer);
}

void SimWorld::StepUntil(const std::function<bool()>& condition) {
  RunCallbacks();
  while (!condition()) Step();
}

absl::Status SimWorld::Post(HostIndex index, const engine::Command& command) {
  if (hosts_[index].engine == nullptr) return absl::CancelledError("this member has no process");
  if (table_[index].state == HostState::kPaused)
    return absl::FailedPreconditionError("this member is paused: nothing runs in it");
  absl::Status status;
  Turn(index, [&](engine::Engine& engine, Instant now, engine::Output& out) {
    status = engine.Execute(now, command, out);
  });
  return status;
}

std::string SimWorld::Report() const {
  std::string text = "columns:";
  for (HostIndex index = 0; index < hosts_.size(); ++index)
    text += " " + std::to_string(index % 10) + " is " + hosts_[index].name;
  return text + "\n" + timeline_->ToString();
}

}  // namespace cohort::testing

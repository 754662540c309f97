// How processes of the cluster start, end, stop and leave.
#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/cluster.h"

namespace cohort::sim {
namespace {

// Each host has been up for so much longer than the one before, the first for minutes: an engine's
// clock is its host's.
constexpr Duration kUptimeStep = std::chrono::hours(24 * 40);

}  // namespace

void Cluster::StartProcess(Host& host) {
  host.process = ++processes_;
  table_[host.index] = {HostState::kRunning, host.process};
  engine::EngineOptions options;
  options.group = "swarm";
  // Encrypted like any group: a flipped bit must be noticed, and packet numbers are checked.
  options.key.emplace();
  options.key->fill(static_cast<std::byte>(options_.seed));
  options.name = host.name;
  options.address = AddressOf(host.index);
  options.policy = options_.policy;
  if (options_.policy == Policy::kPrimary) {
    const size_t observers = host_options_.votes ? 0 : host_options_.without_data.size();
    options.initial_members = static_cast<uint32_t>(options_.members - observers);
  }
  options.receive_buffer_bytes = host.inbox_bytes_max;
  host_options_.Apply(options_.policy, options);
  options.datagram_bytes_max = links_->datagram_max(host.index);
  options.without_data = !HoldsData(host);
  options.votes = HoldsData(host) || host_options_.votes;
  options.trace = host.trace.get();
  Entropy entropy;
  for (size_t i = 0; i < entropy.size(); i += 8) {
    const uint64_t word = random_.Next();
    std::memcpy(entropy.data() + i, &word, 8);
  }
  const Duration up = host.index * kUptimeStep + milliseconds(random_.Below(1'000'000));
  host.clock = LocalClock(scheduler_.now(), Instant::Zero() + up, host.clock.drift_ppm());
  host.node = options_.factory(options, entropy);
  for (uint32_t map = 0; map < workload_.maps; ++map) host.node->WatchMap(kMapNames[map]);
  WorkloadOptions work = workload_;
  if (!HoldsData(host)) {
    work.messages = 1;
    work.verifications = 0;
  }
  host.workload.emplace(work, host.index, host.process, random_.Next());
  host.timer_at = Instant::Infinite();
  for (const auto& checker : checkers_) checker->OnProcess(At(host), ProcessChange::kStarted);
  // Wall clocks of one network agree to within seconds, as a rule.
  const int64_t unix_ms = 1'700'000'000'000 + scheduler_.now().nanos() / 1'000'000 +
                          static_cast<int64_t>(random_.Below(2000)) - 1000 +
                          host_options_.wall_clock_ms[host.index];
  Turn(host, [&](Instant now, engine::Output& out) { host.node->Start(now, unix_ms, out); });
  if (host.node == nullptr) return;
  if (tenants_ != nullptr && HoldsData(host)) tenants_->OnStarted(host.index, host.process);
  if (!stopped_at_.is_infinite()) return;
  host.working = true;
  scheduler_.After(host.workload->DrawPause(), {Task::Kind::kWork, false, host.index, 0, {}});
}

void Cluster::EndProcess(Host& host, ProcessChange change, Duration away) {
  for (const auto& checker : checkers_) checker->OnProcess(At(host), change);
  if (tenants_ != nullptr) tenants_->OnEnded(host.index);
  host.node.reset();
  host.workload.reset();
  host.installed = {};
  host.working = false;
  host.inbox.clear();
  host.inbox_bytes = 0;
  host.drops = 0;
  host.held.clear();
  host.crash_amid_output.reset();
  host.leaving.reset();
  host.leave_command = 0;
  host.drain_command = 0;
  const Task restart{
      Task::Kind::kProcess, false, host.index, static_cast<uint64_t>(Change::kRestart), {}};
  if (change == ProcessChange::kPowerLost) {
    table_[host.index].state = HostState::kPowerless;
    streams_->OnPowerLost(host.index, host.process);
  } else {
    table_[host.index].state = HostState::kDying;
    const Duration closing =
        host.memory_is_big && change == ProcessChange::kCrashed
            ? random_.Between(Duration(milliseconds(1)), Duration(milliseconds(700)))
            : random_.Between(Duration(microseconds(100)), Duration(milliseconds(2)));
    scheduler_.After(closing, {Task::Kind::kProcess,
                               false,
                               host.index,
                               static_cast<uint64_t>(Change::kSocketsClose),
                               {}});
  }
  if (healed_) away = std::min<Duration>(away, milliseconds(200));
  if (host_options_.quick_restarts) away = std::min<Duration>(away, milliseconds(3));
  scheduler_.After(away, restart);
}

void Cluster::OnProcessTask(Host& host, Change change) {
  HostStatus& status = table_[host.index];
  switch (change) {
    case Change::kStart:
      return StartProcess(host);
    case Change::kSocketsClose:
      if (status.state != HostState::kDying) return;
      status.state = HostState::kDown;
      streams_->OnProcessGone(host.index, host.process, scheduler_);
      return;
    case Change::kRestart:
      if (host.node != nullptr || host.process == 0) return;
      if (status.state == HostState::kDying) {  // The port is still taken.
        scheduler_.After(
            milliseconds(20),
            {Task::Kind::kProcess, false, host.index, static_cast<uint64_t>(Change::kRestart), {}});
        return;
      }
      return StartProcess(host);
  }
}

void Cluster::CrashAmidOutput(HostIndex index, Duration away) {
  Host& host = *hosts_[index];
  if (host.node == nullptr) return;
  if (table_[index].state == HostState::kPaused) {
    EndProcess(host, ProcessChange::kCrashed, away);
  } else {
    host.crash_amid_output = away;
  }
}

void Cluster::CrashAtViewChange(Duration away) {
  (random_.Chance(0.5) ? crash_at_change_ : crash_at_transfer_) = away;
}

// A member has begun to receive the state.
void Cluster::StrikeDonor(const Event& started) {
  for (const auto& host : hosts_) {
    if (!crash_at_transfer_.has_value() || host->name != started.subject_name) continue;
    if (MayCrash(host->index))
      CrashAmidOutput(host->index, *std::exchange(crash_at_transfer_, std::nullopt));
  }
}

void Cluster::LosePower(HostIndex index, Duration away) {
  if (hosts_[index]->node != nullptr) EndProcess(*hosts_[index], ProcessChange::kPowerLost, away);
}

void Cluster::Pause(HostIndex index) {
  table_[index].state = HostState::kPaused;
  for (const auto& checker : checkers_) {
    checker->OnProcess(At(*hosts_[index]), ProcessChange::kPaused);
  }
}

void Cluster::Resume(HostIndex index) {
  if (table_[index].state != HostState::kPaused) return;
  ResumeHost(*hosts_[index]);
}

// Everything that waited comes at once: the clock has jumped, sockets and streams are full.
void Cluster::ResumeHost(Host& host) {
  table_[host.index].state = HostState::kRunning;
  for (const auto& checker : checkers_) checker->OnProcess(At(host), ProcessChange::kResumed);
  if (!host.wake_scheduled && (!host.inbox.empty() || host.drops > 0)) {
    host.wake_scheduled = true;
    scheduler_.After(random_.Between(Duration(0), Duration(microseconds(100))),
                     {Task::Kind::kWake, false, host.index, 0, {}});
  }
  host.timer_at = Instant::Infinite();
  Arm(host);
  StreamNetwork::Deliveries held = std::move(host.held);
  host.held.clear();
  Deliver(held);
}

// In good order: with nothing under way that only this process holds, if it drains first.
void Cluster::Leave(HostIndex index, Duration away) {
  Host& host = *hosts_[index];
  if (host.node == nullptr || host.leaving.has_value() || host.node->view().members.empty()) return;
  host.leaving = away;
  if (!host_options_.drains || !HoldsData(host)) return OnDrained(host, absl::OkStatus());
  SetDraining(host, true);
  if (host.node == nullptr) return;
  Workload::Planned proof = host.workload->ProveForLeave();
  host.drain_command = proof.issued.id;
  if (!Execute(host, std::move(proof)) && host.node != nullptr) {
    OnDrained(host, absl::UnavailableError("not taken"));
  }
}

void Cluster::SetDraining(Host& host, bool draining) {
  Turn(host, [&](Instant now, engine::Output& out) {
    static_cast<void>(host.node->Execute(now, engine::SetDraining{draining}, out));
  });
}

// Who cannot prove it stays, as Group::Drain does.
void Cluster::OnDrained(Host& host, const absl::Status& proof) {
  if (std::exchange(host.drain_command, 0) != 0) {
    sometimes_->Count(proof.ok() ? "drains proven" : "drains given up");
  }
  if (!proof.ok()) {
    host.leaving.reset();
    return SetDraining(host, false);
  }
  Workload::Planned planned = host.workload->Leave();
  host.leave_command = planned.issued.id;
  if (!Execute(host, std::move(planned)) && host.node != nullptr) host.leaving.reset();
}

// ---- Tenants.

absl::Status Cluster::ExecuteForTenant(HostIndex index, const engine::Command& command) {
  Host& host = *hosts_[index];
  absl::Status status;
  Turn(host,
       [&](Instant now, engine::Output& out) { status = host.node->Execute(now, command, out); });
  return status;
}

void Cluster::NoteAt(HostIndex host, const std::string& text) {
  Note(hosts_[host]->name + " session " + text);
}

}  // namespace cohort::sim

// What a group of real processes does: throughput of pipelined puts, latency of SYNC puts and of
// requests that all answer, speed of a state transfer.
//
//   group_bench replica [common flags] [--heap-mib N]
//     a member that only holds the state, and N MiB besides; ends on SIGTERM
//   group_bench writer [common flags] [--seconds S] [--size BYTES] [--keys N] [--members M]
//     [--in-flight N] [--skip-rate] [--kind ordered|convergent] [--others PID,PID]
//     puts into an ordered map, then into a convergent one, or only into that kind; --others: the
//     processes of the other members, whose CPU counts as well
//   group_bench groups [writer's flags]
//     puts into an ordered map of each of --busy groups at once, one thread for each group
//   group_bench joiner [common flags] [--members M]
//     joins, and times how long the whole state takes
//   group_bench steady [writer's flags] [--per-second R]
//     fills the ordered map, then puts R a second, and tells apart how long those took that began
//     while a member was receiving the state; ends when its standard input does
//   group_bench joins [common flags] [--joins N]
//     joins and leaves N times, and times Group::Join: until it is in the view and holds the state
//
// Common: --group G --name N --bind ADDR[:PORT] --multicast ADDR:PORT --key-file F | --plaintext
// and of replica and groups: --groups N, so many groups G-0, G-1, ... in the process, which share
// their sockets, or have their own with --own-sockets; --busy M of them are written to (all).
// The writer waits until M members are synced (itself included). Prints words, then one line of
// JSON a measurement.
#include <cohort/cohort.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What a process (0: this one) has used of the CPU, in microseconds: the machine's other load
// touches it less than it touches the time.
double CpuMicros(pid_t process = 0) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

double CpuMicrosOf(const std::vector<pid_t>& processes) {
  double micros = CpuMicros();
  for (const pid_t process : processes) micros += CpuMicros(process);
  return micros;
}

std::vector<pid_t> ToPids(const std::string& text) {
  std::vector<pid_t> pids;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) pids.push_back(std::stoi(word));
  return pids;
}

struct Flags {
  std::string role;
  cohort::GroupOptions group;
  double seconds = 5;
  size_t size = 1024;
  size_t keys = 10'000;
  size_t members = 3;
  size_t in_flight = 2048;
  size_t heap_mib = 0;  // Held by a replica in blocks of 1 KiB, as values would be.
  bool rate = true;
  size_t groups = 1;
  size_t busy = 0;  // 0: all.
  double per_second = 1000;
  bool own_sockets = false;
  size_t joins = 10;
  std::string kind;  // Empty: both.
  std::vector<pid_t> others;
};

Flags ReadFlags(int argc, char** argv) {
  Flags flags;
  flags.group.group = "bench";
  cohort::ChannelOptions echo;
  echo.name = "bench";
  echo.on_request = [](const cohort::ReceivedRequest& request, cohort::Responder responder) {
    responder.Answer(request.payload).IgnoreError();
  };
  flags.group.channels.push_back(echo);
  if (argc > 1) flags.role = argv[1];
  flags.group.name = flags.role + "-" + std::to_string(getpid());
  for (int i = 2; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--plaintext") {
      flags.group.allow_plaintext = cohort::AllowPlaintext::kNetwork;
      continue;
    }
    if (name == "--skip-rate" || name == "--own-sockets") {
      (name == "--skip-rate" ? flags.rate : flags.own_sockets) = name == "--own-sockets";
      continue;
    }
    if (i + 1 >= argc) break;
    const std::string value = argv[++i];
    if (name == "--group") flags.group.group = value;
    if (name == "--name") flags.group.name = value;
    if (name == "--bind") flags.group.bind = value;
    if (name == "--multicast") flags.group.multicast = value;
    if (name == "--key-file") flags.group.key_file = value;
    if (name == "--seconds") flags.seconds = std::stod(value);
    if (name == "--size") flags.size = std::stoul(value);
    if (name == "--keys") flags.keys = std::stoul(value);
    if (name == "--members") flags.members = std::stoul(value);
    if (name == "--heap-mib") flags.heap_mib = std::stoul(value);
    if (name == "--in-flight") flags.in_flight = std::stoul(value);
    if (name == "--groups") flags.groups = std::stoul(value);
    if (name == "--busy") flags.busy = std::stoul(value);
    if (name == "--per-second") flags.per_second = std::stod(value);
    if (name == "--joins") flags.joins = std::stoul(value);
    if (name == "--kind") flags.kind = value;
    if (name == "--others") flags.others = ToPids(value);
  }
  return flags;
}

cohort::Group Join(const Flags& flags) {
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(flags.group);
  if (!group.ok()) {
    std::fprintf(stderr, "join: %s\n", group.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(group);
}

std::vector<cohort::Group> JoinAll(const Flags& flags) {
  std::vector<cohort::Group> groups;
  for (size_t i = 0; i < flags.groups; ++i) {
    Flags one = flags;
    if (flags.groups > 1) one.group.group += "-" + std::to_string(i);
    // Who wishes another buffer than the others has sockets of its own.
    if (flags.own_sockets) one.group.receive_buffer_bytes -= i << 12;
    groups.push_back(Join(one));
  }
  return groups;
}

cohort::ReplicatedMap Open(cohort::Group& group, cohort::MapKind kind) {
  const bool ordered = kind == cohort::MapKind::kOrdered;
  absl::StatusOr<cohort::ReplicatedMap> map =
      group.OpenMap(ordered ? "bench" : "bench-convergent", {.kind = kind});
  if (!map.ok()) {
    std::fprintf(stderr, "open: %s\n", map.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(map);
}

void AwaitMembers(const cohort::Group& group, size_t members) {
  for (;;) {
    const cohort::View view = group.view();
    size_t synced = 0;
    for (const cohort::Member& member : view.members) synced += member.synced ? 1 : 0;
    if (synced >= members) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

const char* NameOf(const cohort::ReplicatedMap& map) {
  return map.kind() == cohort::MapKind::kOrdered ? "ordered" : "convergent";
}

// Puts as fast as acknowledgements by all come back, `in_flight` under way.
void MeasureRate(cohort::ReplicatedMap& map, const Flags& flags) {
  const std::string value(flags.size, 'v');
  std::vector<std::string> keys;
  for (size_t i = 0; i < flags.keys; ++i) keys.push_back("key-" + std::to_string(i));
  std::atomic<size_t> in_flight{0};
  std::atomic<size_t> done{0};
  std::atomic<size_t> failed{0};
  const auto begin = Clock::now();
  const double cpu = CpuMicros();
  const double cpu_all = CpuMicrosOf(flags.others);
  size_t next = 0;
  while (SecondsSince(begin) < flags.seconds) {
    if (in_flight >= flags.in_flight) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      continue;
    }
    ++in_flight;
    const absl::Status status =
        map.PutAsync(keys[next++ % keys.size()], value, {}, [&](const cohort::WriteResult& result) {
          --in_flight;
          ++(result.ok() ? done : failed);
        });
    if (status.ok()) continue;
    --in_flight;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  const double seconds = SecondsSince(begin);
  const auto rate = static_cast<double>(done) / seconds;
  while (in_flight > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto puts = static_cast<double>(std::max<size_t>(done, 1));
  const double cpu_each = (CpuMicros() - cpu) / puts;
  const double cpu_all_each = (CpuMicrosOf(flags.others) - cpu_all) / puts;
  std::printf(
      "pipelined puts of %zu B, %s map, applied by %zu members: %.0f/s, %.1f MB/s, %.1f us of CPU "
      "here for each, %.1f us in %zu processes, %zu failed\n",
      flags.size, NameOf(map), flags.members, rate, rate * static_cast<double>(flags.size) / 1e6,
      cpu_each, cpu_all_each, 1 + flags.others.size(), failed.load());
  std::printf(
      "{\"bench\":\"puts\",\"map\":\"%s\",\"bytes\":%zu,\"members\":%zu,\"in_flight\":%zu,\"per_"
      "second\":%.0f,\"cpu_us\":%.2f,\"processes\":%zu,\"cpu_all_us\":%.2f,\"failed\":%zu}\n",
      NameOf(map), flags.size, flags.members, flags.in_flight, rate, cpu_each,
      1 + flags.others.size(), cpu_all_each, failed.load());
}

void MeasureLatency(cohort::ReplicatedMap& map, const Flags& flags) {
  const std::string value(flags.size, 'v');
  std::vector<double> micros;
  size_t failed = 0;
  const auto begin = Clock::now();
  const double cpu = CpuMicros();
  while (SecondsSince(begin) < flags.seconds) {
    const auto put = Clock::now();
    if (!map.Put("key-" + std::to_string(micros.size() % flags.keys), value).ok()) {
      ++failed;
      continue;
    }
    micros.push_back(SecondsSince(put) * 1e6);
  }
  if (micros.empty()) return;
  const double cpu_each = (CpuMicros() - cpu) / static_cast<double>(micros.size());
  std::sort(micros.begin(), micros.end());
  const double p50 = micros[micros.size() / 2];
  const double p99 = micros[micros.size() * 99 / 100];
  std::printf(
      "SYNC puts of %zu B, %s map, one at a time: p50 %.1f us, p99 %.1f us, %.1f us of CPU here "
      "for "
      "each, %zu failed\n",
      flags.size, NameOf(map), p50, p99, cpu_each, failed);
  std::printf(
      "{\"bench\":\"sync_put\",\"map\":\"%s\",\"bytes\":%zu,\"members\":%zu,\"count\":%zu,\"p50_"
      "us\":%.1f,\"p99_us\":%.1f,\"cpu_us\":%.2f}\n",
      NameOf(map), flags.size, flags.members, micros.size(), p50, p99, cpu_each);
}

// Round trips: a request of `size` bytes to all others, and their answers of the same size.
void MeasureRequests(cohort::Group& group, const Flags& flags) {
  absl::StatusOr<cohort::Channel> channel = group.OpenChannel("bench");
  if (!channel.ok()) return;
  const std::string payload(flags.size, 'r');
  cohort::RequestOptions options;
  options.include_self = false;
  std::vector<double> micros;
  size_t failed = 0;
  const auto begin = Clock::now();
  const double cpu = CpuMicros();
  while (SecondsSince(begin) < flags.seconds) {
    const auto asked = Clock::now();
    if (!channel->Request(payload, options).ok()) {
      ++failed;
      continue;
    }
    micros.push_back(SecondsSince(asked) * 1e6);
  }
  if (micros.empty()) return;
  const double per_second = static_cast<double>(micros.size()) / SecondsSince(begin);
  const double cpu_each = (CpuMicros() - cpu) / static_cast<double>(micros.size());
  std::sort(micros.begin(), micros.end());
  const double p50 = micros[micros.size() / 2];
  const double p99 = micros[micros.size() * 99 / 100];
  std::printf(
      "requests of %zu B answered by all others, one at a time: %.0f/s, p50 %.1f us, p99 %.1f us, "
      "%.1f us of CPU here for each, %zu failed\n",
      flags.size, per_second, p50, p99, cpu_each, failed);
  std::printf(
      "{\"bench\":\"request\",\"bytes\":%zu,\"members\":%zu,\"per_second\":%.0f,\"p50_us\":%.1f,"
      "\"p99_us\":%.1f,\"cpu_us\":%.2f}\n",
      flags.size, flags.members, per_second, p50, p99, cpu_each);
}

// One put at a time in each of the busy groups, the others idle.
void MeasureGroups(std::vector<cohort::Group>& groups, const Flags& flags) {
  const size_t busy = flags.busy == 0 ? groups.size() : std::min(flags.busy, groups.size());
  std::vector<cohort::ReplicatedMap> maps;
  for (size_t i = 0; i < busy; ++i) maps.push_back(Open(groups[i], cohort::MapKind::kOrdered));
  const std::string value(flags.size, 'v');
  std::atomic<size_t> done{0};
  std::atomic<size_t> failed{0};
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  const double cpu = CpuMicros();
  for (cohort::ReplicatedMap& map : maps) {
    threads.emplace_back([&] {
      for (size_t i = 0; SecondsSince(begin) < flags.seconds; ++i) {
        ++(map.Put("key-" + std::to_string(i % flags.keys), value).ok() ? done : failed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double rate = static_cast<double>(done) / SecondsSince(begin);
  const double cpu_each = (CpuMicros() - cpu) / static_cast<double>(std::max<size_t>(done, 1));
  const char* sockets = flags.own_sockets ? "own" : "shared";
  std::printf(
      "SYNC puts of %zu B in %zu of %zu groups, %s sockets, one at a time in each: %.0f/s, %.1f us "
      "of CPU here for each, %zu failed\n",
      flags.size, busy, groups.size(), sockets, rate, cpu_each, failed.load());
  std::printf(
      "{\"bench\":\"groups\",\"sockets\":\"%s\",\"groups\":%zu,\"busy\":%zu,\"bytes\":%zu,\"members"
      "\":%zu,\"per_second\":%.0f,\"cpu_us\":%.2f}\n",
      sockets, groups.size(), busy, flags.size, flags.members, rate, cpu_each);
}

// Entries for a joiner to receive.
void Fill(cohort::ReplicatedMap& map, const Flags& flags) {
  const std::string value(flags.size, 'f');
  std::atomic<size_t> in_flight{0};
  for (size_t i = 0; i < flags.keys;) {
    if (in_flight >= flags.in_flight) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      continue;
    }
    ++in_flight;
    const absl::Status status = map.PutAsync("key-" + std::to_string(i), value, {},
                                             [&](const cohort::WriteResult&) { --in_flight; });
    status.ok() ? ++i : --in_flight;
  }
  while (in_flight > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

struct Delays {
  std::mutex mutex;
  std::vector<double> micros;
  size_t failed = 0;
};

void PrintDelays(const char* when, Delays& delays, const Flags& flags) {
  const std::lock_guard lock(delays.mutex);
  std::sort(delays.micros.begin(), delays.micros.end());
  if (delays.micros.empty()) return;
  const double p50 = delays.micros[delays.micros.size() / 2];
  const double p99 = delays.micros[delays.micros.size() * 99 / 100];
  std::printf(
      "%.0f puts of %zu B a second, %s: %zu of them, p50 %.0f us, p99 %.0f us, %zu failed\n",
      flags.per_second, flags.size, when, delays.micros.size(), p50, p99, delays.failed);
  std::printf(
      "{\"bench\":\"steady\",\"when\":\"%s\",\"count\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,"
      "\"failed\":%zu}\n",
      when, delays.micros.size(), p50, p99, delays.failed);
}

bool InputHasEnded() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return poll(&input, 1, 0) > 0;
}

// Until its input ends, at even intervals, whatever the answers take, so that what waits behind a
// slow one counts too.
void MeasureSteady(cohort::Group& group, cohort::ReplicatedMap& map, const Flags& flags) {
  Fill(map, flags);
  std::printf("filled\n");
  const std::string value(flags.size, 'v');
  Delays alone;
  Delays beside;
  std::atomic<size_t> in_flight{0};
  const auto begin = Clock::now();
  const std::chrono::duration<double> step(1 / flags.per_second);
  for (size_t i = 0; !InputHasEnded(); ++i) {
    const auto due = begin + std::chrono::duration_cast<Clock::duration>(i * step);
    std::this_thread::sleep_until(due);
    const cohort::View view = group.view();
    const bool joins = std::any_of(view.members.begin(), view.members.end(),
                                   [](const cohort::Member& member) { return !member.synced; });
    Delays& delays = joins ? beside : alone;
    ++in_flight;
    const absl::Status status =
        map.PutAsync("key-" + std::to_string(i % flags.keys), value, {},
                     [&in_flight, &delays, due](const cohort::WriteResult& result) {
                       const std::lock_guard lock(delays.mutex);
                       if (result.ok()) delays.micros.push_back(SecondsSince(due) * 1e6);
                       if (!result.ok()) ++delays.failed;
                       --in_flight;
                     });
    if (!status.ok()) --in_flight;
  }
  while (in_flight > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  PrintDelays("no transfer", alone, flags);
  PrintDelays("beside a transfer", beside, flags);
}

void MeasureTransfer(const Flags& flags) {
  const auto begin = Clock::now();
  cohort::Group group = Join(flags);
  const double seconds = SecondsSince(begin);
  const cohort::ReplicatedMap map = Open(group, cohort::MapKind::kOrdered);
  const double megabytes = static_cast<double>(map.Bytes()) / 1e6;
  std::printf("joined with %zu entries, %.1f MB, in %.3f s: %.1f MB/s\n", map.Size(), megabytes,
              seconds, megabytes / seconds);
  std::printf(
      "{\"bench\":\"transfer\",\"entries\":%zu,\"megabytes\":%.1f,\"seconds\":%.3f,\"mb_per_"
      "second\":%.1f}\n",
      map.Size(), megabytes, seconds, megabytes / seconds);
}

// Each joins as a process would that starts now, and is gone before the next one.
void MeasureJoins(const Flags& flags) {
  std::vector<double> millis;
  size_t members = 0;
  for (size_t i = 0; i < std::max<size_t>(flags.joins, 1); ++i) {
    const auto begin = Clock::now();
    cohort::Group group = Join(flags);
    millis.push_back(SecondsSince(begin) * 1e3);
    members = group.view().members.size();
    group.Leave().IgnoreError();
  }
  std::sort(millis.begin(), millis.end());
  const double p50 = millis[millis.size() / 2];
  std::printf("joined as member %zu, %zu times: p50 %.1f ms, max %.1f ms\n", members, millis.size(),
              p50, millis.back());
  std::printf(
      "{\"bench\":\"join\",\"members\":%zu,\"count\":%zu,\"p50_ms\":%.1f,\"max_ms\":%.1f}\n",
      members, millis.size(), p50, millis.back());
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const Flags flags = ReadFlags(argc, argv);
  if (flags.role == "joiner") {
    MeasureTransfer(flags);
  } else if (flags.role == "joins") {
    MeasureJoins(flags);
  } else if (flags.role == "replica") {
    const std::vector<std::string> heap(flags.heap_mib << 10, std::string(1008, 'h'));
    const std::vector<cohort::Group> groups = JoinAll(flags);
    std::printf("replica %s at %s\n", groups[0].name().c_str(), groups[0].address().c_str());
    pause();  // The heap is still there.

  } else if (flags.role == "groups") {
    std::vector<cohort::Group> groups = JoinAll(flags);
    for (const cohort::Group& group : groups) AwaitMembers(group, flags.members);
    MeasureGroups(groups, flags);
  } else if (flags.role == "steady") {
    cohort::Group group = Join(flags);
    cohort::ReplicatedMap map = Open(group, cohort::MapKind::kOrdered);
    AwaitMembers(group, flags.members);
    MeasureSteady(group, map, flags);
  } else if (flags.role == "writer") {
    cohort::Group group = Join(flags);
    for (const auto kind : {cohort::MapKind::kOrdered, cohort::MapKind::kConvergent}) {
      cohort::ReplicatedMap map = Open(group, kind);
      if (!flags.kind.empty() && flags.kind != NameOf(map)) continue;
      AwaitMembers(group, flags.members);
      if (flags.rate) MeasureRate(map, flags);
      MeasureLatency(map, flags);
      // The joiner receives what is in the ordered one.
      if (kind == cohort::MapKind::kConvergent) map.Clear();
    }
    MeasureRequests(group, flags);
    for (const auto& [name, count] : group.stats().counters)
      std::fprintf(stderr, "%s %lu\n", name.c_str(), count);
  } else {
    std::fprintf(stderr, "usage: group_bench replica|writer|groups|joiner|joins|steady [flags]\n");
    return 2;
  }
  return 0;
}

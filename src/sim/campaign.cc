#include "sim/campaign.h"

#include <poll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "sim/fault_plan.h"
#include "sim/seed_run.h"

namespace cohort::sim {
namespace {

constexpr uint64_t kSometimesFrom = 200;  // Seeds of a campaign that must have seen everything.
// Of processor time, which a loaded machine does not stretch; a seed that takes longer hangs.
constexpr time_t kSeedSecondsMax = 300;

// A child process that runs every jobs-th seed and writes a line when one begins and when it has
// ended.
struct Worker {
  pid_t pid = 0;
  int fd = -1;
  uint64_t next_seed = 0;
  bool running = false;  // The seed before next_seed has not been reported yet.
  std::string pending;   // Half a line.
  std::string text;      // Of the report under way.
};

struct Totals {
  uint64_t seeds = 0;
  uint64_t failed_seeds = 0;
  uint64_t violations = 0;
  uint64_t events = 0;
  double simulated = 0;
  Sometimes::Counts counts;
};

// From now on.
void LimitProcessorTime() {
  itimerval limit{};
  limit.it_value.tv_sec = kSeedSecondsMax;
  setitimer(ITIMER_PROF, &limit, nullptr);
}

[[noreturn]] void RunChild(int fd, uint64_t seed, const SimCommandOptions& options) {
  FILE* out = fdopen(fd, "w");
  if (out == nullptr) _exit(1);
  for (; seed <= options.seed_last; seed += options.jobs) {
    LimitProcessorTime();
    std::fprintf(out, "begin %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(out);
    const SeedReport report = RunSeed(seed, options, options.timeline);
    // Lines of text are marked, so that they are told from reports.
    for (size_t at = 0; at < report.text.size();) {
      const size_t end = std::min(report.text.find('\n', at), report.text.size());
      std::fprintf(out, "|%.*s\n", static_cast<int>(end - at), report.text.data() + at);
      at = end + 1;
    }
    std::fprintf(out, "end %s\n", report.ToLine().c_str());
    std::fflush(out);
  }
  std::fclose(out);
  _exit(0);
}

class Campaign {
 public:
  explicit Campaign(const SimCommandOptions& options) : options_(options) {}

  int Run() {
    const auto begin = std::chrono::steady_clock::now();
    for (size_t job = 0; job < options_.jobs; ++job) {
      workers_.emplace_back();
      workers_.back().next_seed = options_.seed_first + job;
      Spawn(workers_.back());
    }
    while (!stopped_ && Read()) {
    }
    for (Worker& worker : workers_) Stop(worker);
    const double real =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return Conclude(real);
  }

 private:
  void Spawn(Worker& worker) {
    if (worker.next_seed > options_.seed_last) return;
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::fflush(stdout);
    worker.pid = fork();
    if (worker.pid == 0) {
      close(ends[0]);
      RunChild(ends[1], worker.next_seed, options_);
    }
    close(ends[1]);
    worker.fd = ends[0];
    worker.pending.clear();
    worker.text.clear();
  }

  static void Stop(Worker& worker) {
    if (worker.fd < 0) return;
    kill(worker.pid, SIGKILL);
    waitpid(worker.pid, nullptr, 0);
    close(worker.fd);
    worker.fd = -1;
  }

  // False when no worker is left.
  bool Read() {
    std::vector<pollfd> polls;
    polls.reserve(workers_.size());
    for (const Worker& worker : workers_) polls.push_back({worker.fd, POLLIN, 0});
    const bool any = std::any_of(workers_.begin(), workers_.end(),
                                 [](const Worker& worker) { return worker.fd >= 0; });
    if (!any) return false;
    if (poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR) return false;
    for (size_t i = 0; i < polls.size(); ++i) {
      if ((polls[i].revents & (POLLIN | POLLHUP)) != 0) ReadFrom(workers_[i]);
    }
    return true;
  }

  void ReadFrom(Worker& worker) {
    char bytes[65536];
    const ssize_t count = read(worker.fd, bytes, sizeof(bytes));
    if (count <= 0) {
      OnEnd(worker);
      return;
    }
    worker.pending.append(bytes, static_cast<size_t>(count));
    size_t begin = 0;
    for (size_t end; (end = worker.pending.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      OnLine(worker, worker.pending.substr(begin, end - begin));
    }
    worker.pending.erase(0, begin);
  }

  void OnLine(Worker& worker, const std::string& line) {
    if (line.starts_with("|")) {
      worker.text += line.substr(1) + "\n";
    } else if (line.starts_with("begin ")) {
      worker.next_seed = std::stoull(line.substr(6)) + options_.jobs;
      worker.running = true;
      worker.text.clear();
    } else if (SeedReport report;
               line.starts_with("end ") && SeedReport::FromLine(line.substr(4), report)) {
      worker.running = false;
      report.text = std::move(worker.text);
      Add(report);
    }
  }

  // The worker has run all its seeds, or died amid one.
  void OnEnd(Worker& worker) {
    int status = 0;
    waitpid(worker.pid, &status, 0);
    close(worker.fd);
    worker.fd = -1;
    if (!worker.running) return;
    worker.running = false;
    SeedReport report;
    report.seed = worker.next_seed - options_.jobs;
    report.violations = 1;
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    report.text = "VIOLATION crash: the simulation died of " +
                  std::string(signal == SIGPROF ? "taking too long"
                              : signal != 0     ? strsignal(signal)
                                                : "an unexpected exit") +
                  "\n" + ReplayLine(report.seed, options_) + "\n";
    Add(report);
    if (!stopped_) Spawn(worker);
  }

  void Add(const SeedReport& report) {
    ++totals_.seeds;
    totals_.violations += report.violations;
    totals_.events += report.events;
    totals_.simulated += report.simulated_seconds;
    for (const auto& [name, count] : report.counts) totals_.counts[name] += count;
    if (!report.text.empty()) std::printf("%s\n", report.text.c_str());
    if (report.violations > 0 && ++totals_.failed_seeds >= options_.failures_max) {
      std::printf("stopped after %llu seeds that failed\n",
                  static_cast<unsigned long long>(totals_.failed_seeds));
      stopped_ = true;
    }
    if (totals_.seeds % 100 == 0) {
      std::printf("%llu seeds, %llu violations\n", static_cast<unsigned long long>(totals_.seeds),
                  static_cast<unsigned long long>(totals_.violations));
    }
    std::fflush(stdout);
  }

  int Conclude(double real) const {
    std::printf("seen:");
    for (const auto& [name, count] : totals_.counts) {
      std::printf(" %s %llu,", name.c_str(), static_cast<unsigned long long>(count));
    }
    std::printf("\n");
    bool complete = true;
    if (const auto watched = totals_.counts.find(kMemberSeconds); watched != totals_.counts.end()) {
      std::printf("%.1f member-hours, %llu false exclusions\n",
                  static_cast<double>(watched->second) / 3600,
                  static_cast<unsigned long long>(totals_.counts.at(kFalseExclusions)));
    }
    if (options_.mix == "mixed" && !stopped_ && totals_.seeds >= kSometimesFrom) {
      complete = SawEverything(Policy::kAvailable) && SawEverything(Policy::kPrimary);
    }
    std::printf(
        "%llu seeds, %llu violations, %.0f simulated seconds, %.0f x real time, events %llu\n",
        static_cast<unsigned long long>(totals_.seeds),
        static_cast<unsigned long long>(totals_.violations), totals_.simulated,
        real > 0 ? totals_.simulated / real : 0, static_cast<unsigned long long>(totals_.events));
    return totals_.violations == 0 && complete ? 0 : 1;
  }

  bool SawEverything(Policy policy) const {
    if (!options_.both_policies && options_.policy != policy) return true;
    bool complete = true;
    for (const std::string& name : Sometimes::Wanted(policy)) {
      if (totals_.counts.contains(name)) continue;
      std::printf("NEVER SEEN: %s\n", name.c_str());
      complete = false;
    }
    return complete;
  }

  SimCommandOptions options_;
  std::vector<Worker> workers_;
  Totals totals_;
  bool stopped_ = false;
};

bool ParseRange(std::string_view text, uint64_t& first, uint64_t& last) {
  const std::string copy(text);
  char* end = nullptr;
  first = last = std::strtoull(copy.c_str(), &end, 10);
  if (end == copy.c_str()) return false;
  if (std::strncmp(end, "..", 2) == 0) last = std::strtoull(end + 2, &end, 10);
  return *end == '\0' && first <= last;
}

bool ParseValue(std::string_view name, const std::string& value, SimCommandOptions& options) {
  uint64_t first = 0;
  uint64_t last = 0;
  if (name == "--mix") {
    FaultMix mix;
    options.mix = value;
    return FindMix(value, mix) && (!mix.sessions || options.tenants != nullptr);
  }
  if (name == "--policy") {
    options.both_policies = value == "both";
    options.policy = value == "primary" ? Policy::kPrimary : Policy::kAvailable;
    return value == "available" || value == "primary" || value == "both";
  }
  if (name == "--minutes") {
    options.minutes = std::atof(value.c_str());
    return options.minutes > 0;
  }
  if (!ParseRange(value, first, last)) return false;
  if (name == "--seed" || name == "--seeds") {
    options.seed_first = first;
    options.seed_last = last;
    if (name == "--seed" && first == last) options.timeline = true;
  } else if (name == "--members") {
    options.members_min = first;
    options.members_max = last;
    return first >= 1 && last <= 200;
  } else if (name == "--jobs") {
    options.jobs = std::max<uint64_t>(1, std::min<uint64_t>(first, 256));
  } else if (name == "--events") {
    options.timeline_events = first;
  } else if (name == "--failures") {
    options.failures_max = std::max<uint64_t>(1, first);
  } else {
    return false;
  }
  return true;
}

constexpr const char* kHelp =
    R"(Whole groups in a simulated network, with faults; checks the invariants of docs/testing.md.
Usage: cohort sim [OPTIONS]

Options:
  --seed S, --seeds A..B     Which runs (1..64); a single one prints its timeline
  --members N | N..M         Members of a run (3..7)
  --minutes M                Simulated time of a run (1); at least 20 s
  --policy available|primary|both
  --mix NAME                 Which faults (mixed); `--mix help` lists them
  --jobs J                   Runs at a time (1)
  --timeline, --chunks       Print every run's timeline; with every chunk and map operation
  --events N                 Lines of a timeline (120)
  --failures N               Stop after so many runs that failed (10)

Examples:
  cohort sim --seeds 1..500 --jobs 2
  cohort sim --seed 42 --members 5 --timeline
  cohort sim --seeds 1..100 --mix partition --policy primary
)";

}  // namespace

bool ParseSimCommand(int argc, char** argv, SimCommandOptions& options) {
  for (int i = 0; i < argc; ++i) {
    const std::string_view name = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--help" || name == "-h" || (name == "--mix" && value == "help")) {
      options.help = true;
      std::fputs(name == "--mix" ? (MixNames() + "\n").c_str() : kHelp, stdout);
      return true;
    }
    if (name == "--timeline") {
      options.timeline = true;
    } else if (name == "--chunks") {
      options.chunks = true;
    } else if (i + 1 >= argc || !ParseValue(name, value, options)) {
      std::fprintf(stderr, "cohort sim: cannot use %s %s\nSee `cohort sim --help`.\n", argv[i],
                   value.c_str());
      return false;
    } else {
      ++i;
    }
  }
  return true;
}

int RunSimCommand(const SimCommandOptions& options) { return Campaign(options).Run(); }

}  // namespace cohort::sim

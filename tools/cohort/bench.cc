// `cohort bench`: joins a live group and measures its writes through the public interface.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cohort/group.h"
#include "commands.h"
#include "group_flags.h"
#include "nlohmann/json.hpp"

namespace cohort::tools {
namespace {

constexpr const char* kBenchExamples = R"(Examples:
  cohort bench --group shop --key-file shop.key
      joins "shop" as one more member, writes to its map "bench" for 5 s each way, and leaves
  cohort bench --group try --allow-plaintext --size 1024 --seconds 10 --ack one --json
)";

struct BenchFlags {
  GroupFlags group;
  std::string map = "bench";
  std::string ack = "all";
  double seconds = 5;
  size_t value_bytes = 100;
  size_t keys = 10'000;
  size_t pipeline = 256;
  size_t threads = 4;
  bool json = false;
};

struct Result {
  std::string what = {};
  uint64_t done = 0;
  uint64_t failed = 0;
  double seconds = 0;
  std::vector<int64_t> nanoseconds = {};  // Of each write.
  std::string first_error = {};

  void Add(const WriteResult& result, int64_t took) {
    if (result.ok()) {
      ++done;
      nanoseconds.push_back(took);
    } else if (failed++ == 0) {
      first_error = result.status.ToString();
    }
  }
  double Microseconds(double part) const {
    if (nanoseconds.empty()) return 0;
    const auto index = static_cast<size_t>(part * static_cast<double>(nanoseconds.size() - 1));
    return static_cast<double>(nanoseconds[index]) / 1000;
  }
};

std::string KeyOf(uint64_t number) { return absl::StrCat("key:", number); }

// Always `pipeline` writes under way.
Result RunPipelined(ReplicatedMap& map, const BenchFlags& flags, const WriteOptions& options) {
  Result result{.what = absl::StrCat("put, ", flags.pipeline, " under way")};
  const std::string value(flags.value_bytes, 'x');
  std::mutex mutex;
  std::condition_variable changed;
  size_t under_way = 0;
  const int64_t start = absl::GetCurrentTimeNanos();
  const int64_t end = start + static_cast<int64_t>(flags.seconds * 1e9);
  for (uint64_t number = 0; absl::GetCurrentTimeNanos() < end; ++number) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return under_way < flags.pipeline; });
      ++under_way;
    }
    const int64_t sent = absl::GetCurrentTimeNanos();
    const absl::Status status = map.PutAsync(
        KeyOf(number % flags.keys), value, options, [&, sent](const WriteResult& write) {
          const std::lock_guard lock(mutex);
          result.Add(write, absl::GetCurrentTimeNanos() - sent);
          --under_way;
          changed.notify_one();
        });
    if (status.ok()) continue;
    std::unique_lock lock(mutex);
    --under_way;
    if (status.code() == absl::StatusCode::kResourceExhausted) {  // Full: let some finish.
      changed.wait_for(lock, std::chrono::milliseconds(1));
    } else {
      WriteResult refused;
      refused.status = status;
      result.Add(refused, 0);
      break;
    }
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return under_way == 0; });
  result.seconds = static_cast<double>(absl::GetCurrentTimeNanos() - start) / 1e9;
  return result;
}

// Each thread waits for one write before it starts the next.
Result RunBlocking(ReplicatedMap& map, const BenchFlags& flags, const WriteOptions& options,
                   size_t threads) {
  Result total{.what = absl::StrCat("put, ", threads, threads == 1 ? " thread" : " threads",
                                    ", one at a time")};
  const std::string value(flags.value_bytes, 'x');
  std::vector<Result> results(threads);
  std::vector<std::thread> workers;
  const int64_t start = absl::GetCurrentTimeNanos();
  const int64_t end = start + static_cast<int64_t>(flags.seconds * 1e9);
  for (size_t worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      for (uint64_t number = worker;
           absl::GetCurrentTimeNanos() < end && results[worker].failed < 100; number += threads) {
        const int64_t sent = absl::GetCurrentTimeNanos();
        const WriteResult write = map.Put(KeyOf(number % flags.keys), value, options);
        results[worker].Add(write, absl::GetCurrentTimeNanos() - sent);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  total.seconds = static_cast<double>(absl::GetCurrentTimeNanos() - start) / 1e9;
  for (Result& part : results) {
    total.done += part.done;
    total.failed += part.failed;
    if (total.first_error.empty()) total.first_error = part.first_error;
    total.nanoseconds.insert(total.nanoseconds.end(), part.nanoseconds.begin(),
                             part.nanoseconds.end());
  }
  return total;
}

void Print(Result& result, bool json) {
  std::sort(result.nanoseconds.begin(), result.nanoseconds.end());
  const double rate = static_cast<double>(result.done) / std::max(result.seconds, 1e-9);
  if (json) {
    const nlohmann::ordered_json line = {{"what", result.what},
                                         {"writes", result.done},
                                         {"failed", result.failed},
                                         {"per_second", rate},
                                         {"p50_us", result.Microseconds(0.5)},
                                         {"p99_us", result.Microseconds(0.99)},
                                         {"p999_us", result.Microseconds(0.999)},
                                         {"max_us", result.Microseconds(1)}};
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf("%-32s %10.0f/s   p50 %8.0f us   p99 %8.0f us   p99.9 %8.0f us   max %8.0f us\n",
                result.what.c_str(), rate, result.Microseconds(0.5), result.Microseconds(0.99),
                result.Microseconds(0.999), result.Microseconds(1));
  }
  if (result.failed > 0) {
    std::fprintf(stderr, "cohort bench: %llu writes failed, the first: %s\n",
                 static_cast<unsigned long long>(result.failed), result.first_error.c_str());
  }
  std::fflush(stdout);
}

int Fail(const absl::Status& status) {
  PrintError("bench", status);
  return kExitFailed;
}

void AddFlags(CLI::App& app, BenchFlags& flags) {
  flags.group.AddTo(app);
  const char* section = "Bench";
  app.add_option("--map", flags.map, "Map to write to")->group(section)->capture_default_str();
  app.add_option("--ack", flags.ack, "When a write counts: all, one, local")
      ->group(section)
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Length of each measurement")
      ->check(CLI::Range(0.1, 3600.0))
      ->group(section)
      ->capture_default_str();
  app.add_option("--size", flags.value_bytes, "Bytes of a value")
      ->check(CLI::Range(size_t{0}, kValueBytesMax))
      ->group(section)
      ->capture_default_str();
  app.add_option("--keys", flags.keys, "Different keys")
      ->check(CLI::Range(size_t{1}, size_t{100'000'000}))
      ->group(section)
      ->capture_default_str();
  app.add_option("--pipeline", flags.pipeline, "Writes under way at a time")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}))
      ->group(section)
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "Threads of the blocking measurement")
      ->check(CLI::Range(1, 1024))
      ->group(section)
      ->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON object a line")->group(section);
  app.footer(kBenchExamples);
}

}  // namespace

int RunBench(int argc, char** argv) {
  CLI::App app("Measures writes of a live group, which it joins as one more member.",
               "cohort bench");
  BenchFlags flags;
  AddFlags(app, flags);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  const absl::StatusOr<GroupOptions> options = flags.group.ToOptions();
  if (!options.ok()) return Fail(options.status());
  const absl::StatusOr<Ack> ack = ParseAck(flags.ack);
  if (!ack.ok()) return Fail(ack.status());
  absl::StatusOr<Group> group = Group::Join(*options);
  if (!group.ok()) return Fail(group.status());
  absl::StatusOr<ReplicatedMap> map = group->OpenMap(flags.map);
  if (!map.ok()) return Fail(map.status());
  if (!flags.json) {
    std::printf("%zu members, map %s, values of %zu bytes, acknowledged by %s\n",
                group->view().members.size(), flags.map.c_str(), flags.value_bytes,
                flags.ack.c_str());
  }
  const WriteOptions write{.ack = *ack};
  Result results[] = {RunPipelined(*map, flags, write), RunBlocking(*map, flags, write, 1),
                      RunBlocking(*map, flags, write, flags.threads)};
  for (Result& result : results) {
    Print(result, flags.json);
    if (result.failed > 0) exit_code = kExitFailed;
  }
  map->Clear(write);
  if (const absl::Status left = group->Leave(); !left.ok()) return Fail(left);
  return exit_code;
}

}  // namespace cohort::tools

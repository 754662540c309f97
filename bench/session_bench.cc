// What a session store costs its caller: a save of one attribute in a group of one, asynchronous; a
// load; and the same without a group.
#include <benchmark/benchmark.h>
#include <cohort/session_store.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace cohort {
namespace {

constexpr int kSessions = 1000;

GroupOptions OnLoopback(const std::string& name) {
  GroupOptions options;
  options.group = "session-bench-" + std::to_string(getpid());
  options.name = name;
  options.bind = "127.0.0.1";
  options.multicast = "239.255.78.2:" + std::to_string(20000 + getpid() % 20000);
  options.allow_plaintext = AllowPlaintext::kLoopback;
  return options;
}

// A group of so many members, and the first one's store, with sessions of one value each.
struct World {
  World(int members, Ack ack, size_t value_bytes) : value(value_bytes, 'v') {
    for (int i = 0; i < members; ++i) {
      absl::StatusOr<Group> group = Group::Join(OnLoopback("m" + std::to_string(i)));
      if (!group.ok()) Die(group.status());
      groups.push_back(std::make_unique<Group>(*std::move(group)));
    }
    SessionStoreOptions options;
    options.application = "/bench";
    options.ack = ack;
    absl::StatusOr<SessionStore> opened =
        SessionStore::Open(options, groups.empty() ? nullptr : groups.front().get());
    if (!opened.ok()) Die(opened.status());
    store = std::make_unique<SessionStore>(*std::move(opened));
    for (int i = 0; i < kSessions; ++i) {
      const SessionResult made = store->Create(Id(i), {}, {{"cart", value}, {"n", "0"}});
      if (!made.ok()) Die(made.status);
    }
  }
  [[noreturn]] static void Die(const absl::Status& status) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    std::exit(1);
  }
  static std::string Id(int64_t i) { return "0123456789abcdef" + std::to_string(i % kSessions); }

  std::string value;
  std::vector<std::unique_ptr<Group>> groups;
  std::unique_ptr<SessionStore> store;  // Goes before the groups.
};

// Arguments: members (0: without a group), acknowledgement, bytes of the value.
void BM_Save(benchmark::State& state) {
  World world(static_cast<int>(state.range(0)), static_cast<Ack>(state.range(1)),
              static_cast<size_t>(state.range(2)));
  SessionChanges changes = {.set = {{"cart", world.value}}};
  int64_t next = 0;
  for (auto _ : state) {
    SessionResult saved = world.store->Save(World::Id(next++), changes);
    // The send queue of an asynchronous writer may be full: the caller tries again.
    while (absl::IsResourceExhausted(saved.status))
      saved = world.store->Save(World::Id(next), changes);
    if (!saved.ok()) World::Die(saved.status);
  }
  state.SetBytesProcessed(state.iterations() * state.range(2));
}
BENCHMARK(BM_Save)
    ->ArgNames({"members", "ack", "bytes"})
    ->Args({0, 0, 4096})
    ->Args({1, 0, 4096})
    ->Args({2, 0, 4096})
    ->Args({2, 2, 4096})
    ->UseRealTime();

void BM_Load(benchmark::State& state) {
  const World world(static_cast<int>(state.range(0)), Ack::kLocal,
                    static_cast<size_t>(state.range(1)));
  int64_t next = 0;
  for (auto _ : state) {
    absl::StatusOr<SessionSnapshot> snapshot = world.store->Load(World::Id(next++));
    if (!snapshot.ok()) World::Die(snapshot.status());
    benchmark::DoNotOptimize(snapshot->attributes.data());
  }
}
BENCHMARK(BM_Load)->ArgNames({"members", "bytes"})->Args({0, 4096})->Args({1, 4096});

}  // namespace
}  // namespace cohort

// Whole engines in memory, without sockets: what one operation costs the group, and each member of
// it, from the command to the acknowledgement of all.
//
// Only the calls of the engines are measured (with the clock read twice a call, some 50 ns); the
// network between them is EngineNet. The writer is not the sequencer, unless it is alone. Counters:
//   time/op       seconds, of all members together; writer, sequencer, other: of one of these
//   wire_bytes/op, packets/op  datagrams that left, without IP and UDP headers; a multicast is one
//   allocs/op     of all members together; other_allocs/op: of one that neither writes nor orders
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/check.h"
#include "bench/meter.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;
using Clock = std::chrono::steady_clock;

constexpr int kUnderWay = 64;  // Operations that a pipelining writer starts together.

class Costs : public EngineNet::Observer {
 public:
  struct One {
    Clock::duration time{0};
    uint64_t allocations = 0;
  };
  explicit Costs(size_t members) : of_(members) {}

  void OnEnter(size_t) override {
    allocations_ = bench::Allocations();
    entered_ = Clock::now();
  }
  void OnLeave(size_t index, const Output& out) override {
    of_[index].time += Clock::now() - entered_;
    of_[index].allocations += bench::Allocations() - allocations_;
    packets_ += out.packets.packets.size();
    bytes_ += out.packets.arena.size();
    for (const StreamAction& action : out.streams) bytes_ += action.data.size();
  }

  One All() const {
    One sum;
    for (const One& one : of_) {
      sum.time += one.time;
      sum.allocations += one.allocations;
    }
    return sum;
  }
  const One& of(size_t index) const { return of_[index]; }
  uint64_t packets() const { return packets_; }
  uint64_t bytes() const { return bytes_; }

 private:
  std::vector<One> of_;
  Clock::time_point entered_;
  uint64_t allocations_ = 0;
  uint64_t packets_ = 0;
  uint64_t bytes_ = 0;
};

class Group {
 public:
  Group(size_t members, bool encrypted) {
    for (size_t i = 0; i < members; ++i) {
      EngineOptions options = net_.Options("member-" + std::to_string(i));
      if (!encrypted) options.key.reset();
      net_.Add(std::move(options));
    }
    COHORT_CHECK(net_.RunUntil([&] { return IsWhole(members); }, seconds(60)));
    net_.RunFor(seconds(2));
    const View view = net_.engine(0).view();
    for (size_t i = 0; i < members; ++i) {
      if (NameOf(i) == view.members.front().name) sequencer_ = i;
      if (NameOf(i) == view.members.back().name) writer_ = i;
    }
  }
  size_t writer() const { return writer_; }
  size_t sequencer() const { return sequencer_; }
  EngineNet& net() { return net_; }

  // `count` operations started at once, until all of them are done.
  template <class Start>
  void Run(int count, Start start) {
    for (int i = 0; i < count; ++i) start(net_, writer_);
    auto& done = net_.host(writer_).done;
    COHORT_CHECK(net_.RunUntil([&] { return done.size() == static_cast<size_t>(count); }));
    for (const auto& [id, upcall] : done) COHORT_CHECK(upcall.status.ok());
    done.clear();
    for (size_t i = 0; i < net_.size(); ++i) net_.host(i).messages.clear();
  }

 private:
  std::string NameOf(size_t index) { return "member-" + std::to_string(index); }
  bool IsWhole(size_t members) {
    for (size_t i = 0; i < members; ++i) {
      const View view = net_.engine(i).view();
      if (view.members.size() != members || !net_.engine(i).synced()) return false;
      if (view.id != net_.engine(0).view().id) return false;
    }
    return true;
  }

  EngineNet net_;
  size_t writer_ = 0;
  size_t sequencer_ = 0;
};

void Report(benchmark::State& state, const Group& group, const Costs& costs, size_t members,
            int count) {
  const auto operations = static_cast<double>(state.iterations()) * count;
  const auto seconds_each = [&](Clock::duration time) {
    return std::chrono::duration<double>(time).count() / operations;
  };
  state.counters["time/op"] = seconds_each(costs.All().time);
  state.counters["writer"] = seconds_each(costs.of(group.writer()).time);
  state.counters["wire_bytes/op"] = static_cast<double>(costs.bytes()) / operations;
  state.counters["packets/op"] = static_cast<double>(costs.packets()) / operations;
  if (bench::kAllocationsAreCounted) {
    state.counters["allocs/op"] = static_cast<double>(costs.All().allocations) / operations;
  }
  state.SetItemsProcessed(static_cast<int64_t>(operations));
  if (members >= 2) state.counters["sequencer"] = seconds_each(costs.of(group.sequencer()).time);
  if (members < 3) return;
  Costs::One others = costs.All();
  for (const size_t index : {group.writer(), group.sequencer()}) {
    others.time -= costs.of(index).time;
    others.allocations -= costs.of(index).allocations;
  }
  const auto rest = static_cast<int64_t>(members) - 2;
  state.counters["other"] = seconds_each(others.time / rest);
  if (bench::kAllocationsAreCounted) {
    state.counters["other_allocs/op"] =
        static_cast<double>(others.allocations) / static_cast<double>(rest) / operations;
  }
}

template <class Start>
void Measure(benchmark::State& state, int count, Start start) {
  const auto members = static_cast<size_t>(state.range(0));
  Group group(members, state.range(2) != 0);
  for (int i = 0; i < 4000; i += count) group.Run(count, start);  // Warm: windows, tables.
  Costs costs(members);
  group.net().SetObserver(&costs);
  for (auto _ : state) {
    const Clock::duration before = costs.All().time;
    group.Run(count, start);
    state.SetIterationTime(std::chrono::duration<double>(costs.All().time - before).count());
  }
  group.net().SetObserver(nullptr);
  Report(state, group, costs, members, count);
}

// Puts to a thousand keys, in turn.
auto Putting(benchmark::State& state) {
  return [value = std::string(static_cast<size_t>(state.range(1)), 'v'), next = 0](
             EngineNet& net, size_t writer) mutable {
    next = (next + 1) % 1000;
    net.Put(writer, "main", "session-" + std::to_string(next), value);
    COHORT_CHECK(net.last_status().ok());
  };
}

auto Sending(benchmark::State& state) {
  return [payload = Buffer::CopyOf(std::string(static_cast<size_t>(state.range(1)), 'm')),
          id = uint64_t{1} << 32](EngineNet& net, size_t writer) mutable {
    COHORT_CHECK(net.Execute(writer, SendMessage{.id = ++id,
                                                 .cls = DeliveryClass::kAgreed,
                                                 .payload = payload,
                                                 .ack = AckLevel::kAll})
                     .ok());
  };
}

void PutPipelined(benchmark::State& state) { Measure(state, kUnderWay, Putting(state)); }
void PutOneAtATime(benchmark::State& state) { Measure(state, 1, Putting(state)); }
void AgreedPipelined(benchmark::State& state) { Measure(state, kUnderWay, Sending(state)); }
void AgreedOneAtATime(benchmark::State& state) { Measure(state, 1, Sending(state)); }

void Groups(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"members", "bytes", "encrypted"})->UseManualTime();
  for (const int encrypted : {1, 0}) {
    for (const int bytes : {1024, 100}) {
      for (const int members : {1, 2, 3, 5}) bench->Args({members, bytes, encrypted});
    }
  }
}
BENCHMARK(PutPipelined)->Apply(Groups);
BENCHMARK(PutOneAtATime)->Apply(Groups);
BENCHMARK(AgreedPipelined)->Apply(Groups);
BENCHMARK(AgreedOneAtATime)->Apply(Groups);

}  // namespace
}  // namespace cohort::engine

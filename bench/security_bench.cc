// Sealing and opening datagrams of one sender, and what a forged or a strange one costs.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/meter.h"
#include "security/security.h"

namespace cohort::security {
namespace {

constexpr ViewId kView{.num = 7, .cid = 0xC1D};

Security MemberOf(Rank self) {
  const std::vector<MemberId> members = {{{1, 1}, 1}, {{2, 2}, 1}};
  GroupKey key;
  for (std::byte& byte : key.Fill()) byte = static_cast<std::byte>(&byte - key.Fill().data());
  Security security({.group = "bench", .key = key, .epoch = 0, .self = members[self]});
  security.SetViews(ViewContext{.id = kView, .members = members, .self = self}, std::nullopt, {});
  return security;
}

using bench::Meter;

void Seal(benchmark::State& state) {
  Security alice = MemberOf(0);
  const std::string frames(static_cast<size_t>(state.range(0)), 'x');
  std::vector<std::byte> arena;
  alice.Seal(ViewSlot::kCurrent, kAllRanks, AsBytes(frames), arena);
  Meter meter(state);
  for (auto _ : state) {
    arena.clear();
    benchmark::DoNotOptimize(alice.Seal(ViewSlot::kCurrent, kAllRanks, AsBytes(frames), arena));
  }
  meter.Done(frames.size());
}
BENCHMARK(Seal)->Arg(64)->Arg(512)->Arg(wire::kPacketFramesMax);

// Datagrams are sealed in batches outside the measured time: each opens only once.
void Open(benchmark::State& state) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  const std::string frames(static_cast<size_t>(state.range(0)), 'x');
  constexpr size_t kBatch = 2000;
  std::vector<std::byte> arena;
  size_t size = 0, next = kBatch;
  Meter meter(state);
  for (auto _ : state) {
    if (next == kBatch) {
      meter.Pause();
      arena.clear();
      for (next = kBatch; next > 0; --next) {
        size = alice.Seal(ViewSlot::kCurrent, kAllRanks, AsBytes(frames), arena);
      }
      meter.Resume();
    }
    OpenResult result = bob.Open({}, {}, Bytes(arena).subspan(next++ * size, size));
    if (!result.ok()) state.SkipWithError("not opened");
    benchmark::DoNotOptimize(result);
  }
  meter.Done(frames.size());
}
BENCHMARK(Open)->Arg(64)->Arg(512)->Arg(wire::kPacketFramesMax);

// What a packet costs that is refused: by a bad tag, as a replay, as a foreign group's, from a
// stranger without the key.
void Refuse(benchmark::State& state, Verdict expected) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  const std::string frames(wire::kStrangerFramesMax, 'x');
  std::vector<std::byte> datagram;
  const bool stranger = expected == Verdict::kStrangerLimit;
  if (stranger) {
    alice.SealStranger(std::nullopt, AsBytes(frames), datagram);
  } else {
    alice.Seal(ViewSlot::kCurrent, kAllRanks, AsBytes(frames), datagram);
  }
  if (expected == Verdict::kReplay) bob.Open({}, {}, datagram);
  if (expected == Verdict::kForged || stranger) datagram.back() ^= std::byte{1};
  if (expected == Verdict::kForeignGroup) datagram[4] ^= std::byte{1};
  for (int i = 0; i < 2000; ++i) bob.Open({}, {}, datagram);  // Uses up the ration of strangers.
  Meter meter(state);
  for (auto _ : state) {
    if (bob.Open({}, {}, datagram).verdict != expected) state.SkipWithError("another verdict");
  }
  meter.Done(datagram.size());
}
BENCHMARK_CAPTURE(Refuse, forged, Verdict::kForged);
BENCHMARK_CAPTURE(Refuse, replay, Verdict::kReplay);
BENCHMARK_CAPTURE(Refuse, foreign_group, Verdict::kForeignGroup);
BENCHMARK_CAPTURE(Refuse, stranger_over_limit, Verdict::kStrangerLimit);

void ForgedStrangerWithinItsRation(benchmark::State& state) {
  Security alice = MemberOf(0), bob = MemberOf(1);
  std::vector<std::byte> datagram;
  alice.SealStranger(std::nullopt, AsBytes("discovery"), datagram);
  datagram.back() ^= std::byte{1};
  Instant now;
  Meter meter(state);
  for (auto _ : state) {
    now = now + seconds(1);
    if (bob.Open(now, {}, datagram).verdict != Verdict::kForged)
      state.SkipWithError("another verdict");
  }
  meter.Done(datagram.size());
}
BENCHMARK(ForgedStrangerWithinItsRation);

}  // namespace
}  // namespace cohort::security

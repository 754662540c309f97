// What one operation of an ordered map costs, decoding included, and how fast state moves from
// donor to joiner.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "base/check.h"
#include "bench/meter.h"
#include "map/foresight.h"
#include "map/map_op_codec.h"
#include "map/map_set.h"
#include "transfer/donor.h"
#include "transfer/joiner.h"

namespace cohort::map {
namespace {

using bench::Meter;

constexpr uint64_t kHlc = uint64_t{1'700'000'000'000} << 16;
const MemberId kWriter{{1, 2}, 0};
const ViewId kView{1, 1};

MapOp PutOf(std::string_view key, std::string_view value, uint64_t ttl_ms) {
  MapOp op;
  op.map = "main";
  op.hlc = kHlc;
  op.body = PutOp{key, value, ttl_ms};
  return op;
}

std::vector<Buffer> Puts(size_t keys, size_t value_bytes, uint64_t ttl_ms) {
  const std::string value(value_bytes, 'v');
  std::vector<Buffer> ops;
  for (size_t i = 0; i < keys; ++i) {
    ops.push_back(EncodeMapOp(PutOf("session-" + std::to_string(i), value, ttl_ms)));
  }
  return ops;
}

// One operation whose key is rewritten in place: in a member the bytes have just come in and are in
// the cache.
class PutStream {
 public:
  PutStream(size_t keys, size_t value_bytes, uint64_t ttl_ms, size_t begin = 0)
      : keys_(keys),
        next_(begin),
        op_(EncodeMapOp(PutOf(kKey, std::string(value_bytes, 'v'), ttl_ms))) {
    key_at_ = op_.text().find(kKey) + kKey.size();
  }
  // Steps of a large prime: neighbours in time are no neighbours in memory.
  const Buffer& Next() {
    next_ = (next_ + 7'368'787) % keys_;
    size_t rest = next_;
    for (size_t i = 1; i <= 7; ++i, rest /= 10) {
      op_.Fill()[key_at_ - i] = static_cast<std::byte>('0' + rest % 10);
    }
    return op_;
  }

 private:
  static constexpr std::string_view kKey = "session-0000000";
  const size_t keys_;
  size_t next_;
  Buffer op_;
  size_t key_at_ = 0;
};

void PutApply(benchmark::State& state) {
  const auto keys = static_cast<size_t>(state.range(2));
  PutStream puts(keys, static_cast<size_t>(state.range(0)), static_cast<uint64_t>(state.range(1)));
  MapSet maps({.hash_key = 7, .settings = {}});
  maps.OnView(kView);
  Output out;
  out.wants_changes = false;
  uint64_t position = 0;
  for (size_t i = 0; i < keys; ++i) maps.Apply(puts.Next(), {kView, ++position, kWriter}, out);
  Meter meter(state);
  for (auto _ : state) maps.Apply(puts.Next(), {kView, ++position, kWriter}, out);
  meter.Done(puts.Next().size());
  COHORT_CHECK(maps.Entries() == keys);
}
BENCHMARK(PutApply)
    ->ArgNames({"bytes", "ttl", "keys"})
    ->Args({1024, 0, 1000})
    ->Args({1024, 0, 100'000})
    ->Args({1024, 60'000, 100'000})
    ->Args({64, 0, 100'000})
    ->Args({64, 0, 1'000'000})
    ->Args({64, 0, 9'000'000})
    ->Args({65536, 0, 1000});

// As many as a cut may bring, with and without their entries asked for first.
void PutApplyTogether(benchmark::State& state) {
  const auto keys = static_cast<size_t>(state.range(1));
  std::vector<PutStream> streams;
  for (size_t i = 0; i < kForeseenMax; ++i) streams.emplace_back(keys, 1024, 0, i * 23'456);
  MapSet maps({.hash_key = 7, .settings = {}});
  maps.OnView(kView);
  Output out;
  out.wants_changes = false;
  uint64_t position = 0;
  PutStream fill(keys, 1024, 0);
  for (size_t i = 0; i < keys; ++i) maps.Apply(fill.Next(), {kView, ++position, kWriter}, out);
  std::array<Bytes, kForeseenMax> operations;
  Meter meter(state);
  for (auto _ : state) {
    for (size_t i = 0; i < kForeseenMax; ++i) operations[i] = streams[i].Next();
    if (state.range(0) != 0) maps.Foresee(operations);
    for (const Bytes operation : operations)
      maps.Apply(operation, {kView, ++position, kWriter}, out);
  }
  meter.Done(kForeseenMax * 1024);
}
BENCHMARK(PutApplyTogether)->ArgNames({"foreseen", "keys"})->Args({0, 200'000})->Args({1, 200'000});

void PutEncode(benchmark::State& state) {
  const std::string value(1024, 'v');
  Meter meter(state);
  for (auto _ : state) benchmark::DoNotOptimize(EncodeMapOp(PutOf("session-1", value, 0)));
  meter.Done(Puts(1, 1024, 0)[0].size());
}
BENCHMARK(PutEncode);

void PutDecode(benchmark::State& state) {
  const Buffer op = Puts(1, 1024, 0)[0];
  MapOpDecoder decoder;
  Meter meter(state);
  for (auto _ : state) benchmark::DoNotOptimize(decoder.Decode(op).ok());
  meter.Done(op.size());
}
BENCHMARK(PutDecode);

void Get(benchmark::State& state) {
  MapSet maps({.hash_key = 7, .settings = {}});
  Output out;
  uint64_t position = 0;
  for (const Buffer& op : Puts(100'000, 1024, 0)) maps.Apply(op, {kView, ++position, kWriter}, out);
  const Map& map = *maps.Find("main");
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.push_back("session-" + std::to_string(i * 97));
  size_t at = 0;
  Meter meter(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(map.Get(keys[at], 0));
    at = at + 1 == keys.size() ? 0 : at + 1;
  }
  meter.Done(1024);
}
BENCHMARK(Get);

void Snapshot(benchmark::State& state) {
  MapSet maps({.hash_key = 7, .settings = {}});
  Output out;
  uint64_t position = 0;
  for (const Buffer& op : Puts(100'000, 100, 0)) maps.Apply(op, {kView, ++position, kWriter}, out);
  Meter meter(state);
  for (auto _ : state) benchmark::DoNotOptimize(maps.TakeSnapshot());
  meter.Done(size_t{100'000} * 100);
}
BENCHMARK(Snapshot);

// The whole way: snapshot, chunks, entries in place, digests compared; an operation is an entry.
// Argument: value bytes.
void Transfer(benchmark::State& state) {
  const size_t value_bytes = static_cast<size_t>(state.range(0));
  const size_t keys = std::min<size_t>(200'000, (size_t{100} << 20) / value_bytes);
  MapSet maps({.hash_key = 7, .settings = {}});
  maps.OnView(kView);
  Output ignored;
  ignored.wants_changes = false;
  uint64_t position = 0;
  for (const Buffer& op : Puts(keys, value_bytes, 0)) {
    maps.Apply(op, {kView, ++position, kWriter}, ignored);
  }
  const MemberId donor_id{{3, 3}, 0}, joiner_id{{4, 4}, 0};
  Meter meter(state);
  for (auto _ : state) {
    transfer::Donor donor({});
    transfer::Joiner joiner({.maps = {.hash_key = 7, .settings = {}}});
    transfer::Output to_donor, to_joiner;
    joiner.Start({}, kView, {donor_id}, to_donor);
    while (!to_donor.synced) {
      for (const auto& message : std::exchange(to_donor.messages, {})) {
        donor.OnMessage({}, joiner_id, message.body, maps, true, to_joiner);
      }
      for (const auto& message : std::exchange(to_joiner.messages, {})) {
        joiner.OnMessage({}, donor_id, message.body, to_donor);
      }
    }
    meter.Pause();
    COHORT_CHECK(joiner.TakeMaps()->digest() == maps.digest());
    meter.Resume();
  }
  meter.Done(static_cast<uint64_t>(state.iterations()) * keys, value_bytes);
}
BENCHMARK(Transfer)->ArgName("bytes")->Arg(100)->Arg(1024)->Arg(16384)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace cohort::map

// Frames to bytes and back: time, bytes and allocations of one frame.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <vector>

#include "bench/meter.h"
#include "wire/frame_codec.h"
#include "wire/order_record.h"
#include "wire/stream_framer.h"

namespace cohort::wire {
namespace {

Frame DataOf(size_t bytes) {
  Buffer payload = Buffer::Allocate(bytes);
  std::memset(payload.Fill().data(), 0x5A, bytes);
  return DataFrame{.seq = 123456, .origin = 3, .cls = DeliveryClass::kAgreed, .payload = payload};
}
Frame StatusOf(size_t members) {
  StatusFrame status{.status_no = 7, .applied_cut = 99};
  for (size_t i = 0; i < members; ++i) status.received.push_back({static_cast<Rank>(i), 1000 + i});
  return status;
}
Frame HeartbeatOf() {
  return HeartbeatFrame{.number = 4, .send_us = 17, .high = 1000, .hears = {0xFF}};
}

using bench::Meter;

void Encode(benchmark::State& state, const Frame& frame) {
  std::array<std::byte, kPacketFramesMax> memory;
  Meter meter(state);
  for (auto _ : state) {
    ByteWriter writer(memory);
    benchmark::DoNotOptimize(wire::Encode(frame, writer));
    benchmark::ClobberMemory();
  }
  meter.Done(EncodedSize(frame));
}
BENCHMARK_CAPTURE(Encode, data_64, DataOf(64));
BENCHMARK_CAPTURE(Encode, data_full, DataOf(kChunkPayloadMax));
BENCHMARK_CAPTURE(Encode, status_8, StatusOf(8));
BENCHMARK_CAPTURE(Encode, heartbeat, HeartbeatOf());

void Parse(benchmark::State& state, const Frame& frame) {
  Buffer packet = Buffer::Allocate(EncodedSize(frame));
  ByteWriter writer(packet.Fill());
  wire::Encode(frame, writer);
  std::vector<Frame> frames;
  ParseFrames(packet, frames);
  Meter meter(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ParseFrames(packet, frames));
    benchmark::ClobberMemory();
  }
  meter.Done(packet.size());
}
BENCHMARK_CAPTURE(Parse, data_64, DataOf(64));
BENCHMARK_CAPTURE(Parse, data_full, DataOf(kChunkPayloadMax));
BENCHMARK_CAPTURE(Parse, status_8, StatusOf(8));
BENCHMARK_CAPTURE(Parse, status_128, StatusOf(128));
BENCHMARK_CAPTURE(Parse, heartbeat, HeartbeatOf());

void ParseOrder(benchmark::State& state) {
  OrderRecord record{.cut = 7, .runs = {}};
  for (Rank rank = 0; rank < 8; ++rank) record.runs.push_back({rank, 3});
  const Buffer payload = EncodeOrderRecord(record);
  Meter meter(state);
  for (auto _ : state) benchmark::DoNotOptimize(ParseOrderRecord(payload));
  meter.Done(payload.size());
}
BENCHMARK(ParseOrder);

void FrameStream(benchmark::State& state) {
  const Buffer message = EncodeStreamMessage(StreamMessage::kTransfer, Buffer::Allocate(64 << 10));
  StreamFramer framer;
  std::vector<StreamRecord> records;
  Meter meter(state);
  for (auto _ : state) {
    records.clear();
    for (size_t at = 0; at < message.size(); at += 16 << 10) {
      framer.Feed(message.bytes().subspan(at, std::min<size_t>(16 << 10, message.size() - at)),
                  records);
    }
  }
  meter.Done(message.size());
}
BENCHMARK(FrameStream);

}  // namespace
}  // namespace cohort::wire

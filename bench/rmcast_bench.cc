// Time, bytes and allocations of one chunk through ReliableMulticast, warm: receiving, receiving
// with loss, sending.
#include <benchmark/benchmark.h>

#include "bench/meter.h"
#include "rmcast/reliable_multicast.h"

namespace cohort::rmcast {
namespace {

using bench::Meter;

constexpr int kTurn = 64;  // Chunks of one turn.
constexpr size_t kChunkBytes = 1200;

// Member 0 of three; member 1 sends, member 2 acknowledges.
class Receiver {
 public:
  Receiver() : random_(1), multicast_({}, random_) {
    multicast_.OnView(now_, {1, 1}, 0, 3, out_);
    data_.origin = 1;
    data_.payload = Buffer::CopyOf(std::string(kChunkBytes, 'x'));
  }
  void Turn(SeqNo lose_every) {
    now_ = now_ + microseconds(50);
    const SeqNo first = next_;
    for (int i = 0; i < kTurn; ++i, ++next_) {
      if (lose_every != 0 && next_ % lose_every == 0) continue;
      data_.seq = next_;
      multicast_.OnData(now_, 1, false, data_, out_);
    }
    if (lose_every != 0) {
      now_ = now_ + microseconds(250);
      multicast_.OnTimer(now_, out_);
      for (SeqNo seq = first; seq < next_; ++seq) {
        if (seq % lose_every != 0) continue;
        wire::DataFrame repair = data_;
        repair.seq = seq;
        repair.flags = wire::DataFrame::kRepair;
        multicast_.OnData(now_, 1, false, repair, out_);
      }
    }
    arrived_ += out_.arrived.size();
    multicast_.SetDelivered(1, next_ - 1);
    status_.received.clear();
    status_.received.push_back({1, next_ - 1});
    multicast_.OnStatus(now_, 2, status_, out_);
    multicast_.FillStatus(now_, status_);
    out_.Clear();
  }
  uint64_t arrived() const { return arrived_; }

 private:
  Random random_;
  Instant now_ = Instant::Zero() + seconds(1);
  ReliableMulticast multicast_;
  ReliableMulticast::Output out_;
  wire::DataFrame data_;
  wire::StatusFrame status_;
  SeqNo next_ = 1;
  uint64_t arrived_ = 0;
};

// Argument: one of how many chunks is lost; 0 none.
void BM_Receive(benchmark::State& state) {
  Receiver receiver;
  const auto lose_every = static_cast<SeqNo>(state.range(0));
  for (int i = 0; i < 100; ++i) receiver.Turn(lose_every);
  const uint64_t arrived = receiver.arrived();
  Meter meter(state);
  for (auto _ : state) receiver.Turn(lose_every);
  meter.Done(receiver.arrived() - arrived, kChunkBytes);
}
BENCHMARK(BM_Receive)->Arg(0)->Arg(100)->Arg(10);

void BM_Send(benchmark::State& state) {
  Random random(1);
  ReliableMulticast multicast({}, random);
  ReliableMulticast::Output out;
  Instant now = Instant::Zero() + seconds(1);
  multicast.OnView(now, {1, 1}, 0, 3, out);
  const Buffer payload = Buffer::CopyOf(std::string(kChunkBytes, 'x'));
  wire::StatusFrame status;
  const auto turn = [&] {
    now = now + microseconds(50);
    SeqNo last = 0;
    for (int i = 0; i < kTurn; ++i) {
      last = multicast.Send(now, DeliveryClass::kConv, 0, payload, out);
    }
    multicast.SetDelivered(0, last);
    status.received.clear();
    status.received.push_back({0, last});
    multicast.OnStatus(now, 1, status, out);
    multicast.OnStatus(now, 2, status, out);
    out.Clear();
  };
  for (int i = 0; i < 100; ++i) turn();
  Meter meter(state);
  for (auto _ : state) turn();
  meter.Done(static_cast<uint64_t>(state.iterations()) * kTurn, kChunkBytes);
}
BENCHMARK(BM_Send);

}  // namespace
}  // namespace cohort::rmcast

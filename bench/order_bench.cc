// Time, bytes and allocations of one chunk through ReliableMulticast and CutOrder together, warm:
// the receive path of a member that is not the sequencer, and ordering at the sequencer.
#include <benchmark/benchmark.h>

#include <utility>

#include "bench/meter.h"
#include "order/cut_order.h"
#include "rmcast/reliable_multicast.h"

namespace cohort::order {
namespace {

constexpr int kTurn = 64;  // Chunks of one turn.
constexpr size_t kChunkBytes = 1200;

// Member `self` of three; member 1 or 2 sends, member 0 sequences.
class Path {
 public:
  Path(Rank self, DeliveryClass cls)
      : self_(self), sender_(self == 1 ? 2 : 1), random_(1), multicast_({}, random_) {
    multicast_.OnView(now_, {1, 1}, self, 3, multicast_out_);
    order_.OnView(now_, self, 3, order_out_);
    data_.origin = sender_;
    data_.cls = cls;
    data_.payload = Buffer::CopyOf(std::string(kChunkBytes, 'x'));
  }

  void Turn() {
    now_ = now_ + microseconds(50);
    for (int i = 0; i < kTurn; ++i) {
      data_.seq = ++sent_;
      multicast_.OnData(now_, sender_, false, data_, multicast_out_);
      Route();
    }
    if (self_ == 0) {
      order_.EndOfTurn(now_, order_out_);
      for (Buffer& record : order_out_.order_records) {
        multicast_.Send(now_, DeliveryClass::kCtrl, 0, std::move(record), multicast_out_);
        ++orders_;
      }
    } else if (data_.cls != DeliveryClass::kConv) {
      wire::OrderRecord record;
      record.cut = ++orders_;
      record.runs.push_back({sender_, kTurn});
      wire::DataFrame order;
      order.seq = orders_;
      order.cls = DeliveryClass::kCtrl;
      order.payload = wire::EncodeOrderRecord(record);
      multicast_.OnData(now_, 0, false, order, multicast_out_);
    }
    Route();
    for (Rank rank = 0; rank < 3; ++rank) multicast_.SetDelivered(rank, order_.delivered(rank));
    for (Rank rank = 0; rank < 3; ++rank) {
      if (rank == self_) continue;
      status_.received.clear();
      status_.received.push_back({sender_, sent_});
      status_.received.push_back({0, orders_});
      multicast_.OnStatus(now_, rank, status_, multicast_out_);
    }
    Route();
    for (Rank rank = 0; rank < 3; ++rank) multicast_.SetDelivered(rank, order_.delivered(rank));
    multicast_.FillStatus(now_, status_);
    multicast_out_.Clear();
    order_out_.Clear();
  }
  uint64_t delivered() const { return delivered_; }

 private:
  void Route() {
    for (wire::Chunk& chunk : multicast_out_.arrived) {
      order_.OnChunk(now_, std::move(chunk), order_out_);
    }
    multicast_out_.arrived.clear();
    if (std::exchange(multicast_out_.acks_moved, false)) {
      order_.OnAcks(now_, multicast_.acks(), order_out_);
    }
    delivered_ += order_out_.deliveries.size();
    order_out_.deliveries.clear();
  }

  const Rank self_;
  const Rank sender_;
  Random random_;
  Instant now_ = Instant::Zero() + seconds(1);
  rmcast::ReliableMulticast multicast_;
  CutOrder order_;
  rmcast::ReliableMulticast::Output multicast_out_;
  CutOrder::Output order_out_;
  wire::DataFrame data_;
  wire::StatusFrame status_;
  SeqNo sent_ = 0;
  SeqNo orders_ = 0;
  uint64_t delivered_ = 0;
};

void Run(benchmark::State& state, Rank self, DeliveryClass cls) {
  Path path(self, cls);
  for (int i = 0; i < 200; ++i) path.Turn();
  const uint64_t delivered = path.delivered();
  bench::Meter meter(state);
  for (auto _ : state) path.Turn();
  meter.Done(path.delivered() - delivered, kChunkBytes);
}

void BM_ReceiveConv(benchmark::State& state) { Run(state, 1, DeliveryClass::kConv); }
void BM_ReceiveAgreed(benchmark::State& state) { Run(state, 1, DeliveryClass::kAgreed); }
void BM_ReceiveSafe(benchmark::State& state) { Run(state, 1, DeliveryClass::kSafe); }
void BM_Sequence(benchmark::State& state) { Run(state, 0, DeliveryClass::kAgreed); }
BENCHMARK(BM_ReceiveConv);
BENCHMARK(BM_ReceiveAgreed);
BENCHMARK(BM_ReceiveSafe);
BENCHMARK(BM_Sequence);

}  // namespace
}  // namespace cohort::order

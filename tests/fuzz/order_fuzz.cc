#include "fuzz/order_fuzz.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "frag/reassembler.h"
#include "order/cut_order.h"
#include "rmcast/reliable_multicast.h"

namespace cohort::fuzz {
namespace {

constexpr size_t kMembers = 3;
constexpr size_t kWindow = 256;
constexpr Rank kSelf = 1;

rmcast::ReliableMulticast::Options MulticastOptions() {
  rmcast::ReliableMulticast::Options options;
  options.window_chunks_max = kWindow;
  options.window_bytes_max = 256u << 10;
  return options;
}

order::CutOrder::Options OrderOptions() {
  order::CutOrder::Options options;
  options.window_chunks_max = kWindow;
  return options;
}

class Victim {
 public:
  explicit Victim(Bytes input)
      : input_(input), random_(1), multicast_(MulticastOptions(), random_), order_(OrderOptions()) {
    NextView();
    for (SeqNo seq = 1; seq <= 20; ++seq) {
      Data(0, {seq, 0, DeliveryClass::kConv, 3, Buffer::CopyOf("x")});
      Data(2, {seq, 2, DeliveryClass::kAgreed, 3, Buffer::CopyOf("y")});
    }
  }

  void Run() {
    while (!input_.empty()) {
      Step();
      Route();
      COHORT_CHECK(multicast_.IsConsistent() && order_.IsConsistent());
      COHORT_CHECK(reassembler_.IsConsistent());
      COHORT_CHECK(multicast_.bytes_held() <= 2 * kMembers * (1u << 20));
      COHORT_CHECK(order_.pending_chunks() <= kMembers * 2 * kWindow);
    }
  }

 private:
  uint64_t Take(size_t bytes) {
    uint64_t value = 0;
    const size_t size = std::min(bytes, input_.size());
    for (size_t i = 0; i < size; ++i) value |= std::to_integer<uint64_t>(input_[i]) << (8 * i);
    input_ = input_.subspan(size);
    return value;
  }
  Buffer TakeBuffer() {
    const uint64_t wanted = Take(1);
    const size_t size = std::min<size_t>(wanted, input_.size());
    Buffer buffer = Buffer::CopyOf(input_.first(size));
    input_ = input_.subspan(size);
    return buffer;
  }
  // Mostly a number near the window, now and then any.
  SeqNo TakeSeq() {
    const uint64_t low = Take(2);
    return low < 0xFF00 ? low % (2 * kWindow) : Take(6);
  }
  Rank TakeRank() { return static_cast<Rank>(Take(1) % (kMembers + 1)); }

  void Step() {
    now_ = now_ + microseconds(100);
    switch (Take(1) % 9) {
      case 0:
      case 1: {
        wire::DataFrame data;
        const Rank from = TakeRank();
        data.origin = TakeRank();
        data.seq = TakeSeq();
        data.cls = static_cast<DeliveryClass>(Take(1) % 4);
        data.flags = static_cast<uint8_t>(Take(1));
        data.payload = TakeBuffer();
        return Data(from, data);
      }
      case 2:
        return Order();
      case 3:
        return Status();
      case 4: {
        wire::NakFrame nak;
        const Rank from = TakeRank();
        nak.origin = TakeRank();
        const SeqNo start = std::max<SeqNo>(1, TakeSeq());
        nak.ranges.push_back({start, static_cast<uint16_t>(std::max<uint64_t>(1, Take(2)))});
        return multicast_.OnNak(now_, from, Take(1) % 2 == 1, nak, out_);
      }
      case 5:
        return multicast_.OnHeartbeat(now_, TakeRank(), TakeSeq(), out_);
      case 6:
        now_ = now_ + milliseconds(static_cast<int64_t>(Take(1)));
        return multicast_.OnTimer(now_, out_);
      case 7:
        return EndOfTurn();
      default:
        return ViewChange();
    }
  }

  void Data(Rank from, const wire::DataFrame& data) {
    multicast_.OnData(now_, from, false, data, out_);
    Route();
  }
  // The sequencer's next chunk, as an ORDER whose runs are the input's.
  void Order() {
    wire::OrderRecord record;
    record.cut = order_.last_cut() + 1;
    for (uint64_t runs = 1 + Take(1) % 4; runs > 0; --runs) {
      record.runs.push_back({TakeRank(), static_cast<uint16_t>(Take(2) % 600)});
    }
    const SeqNo next = multicast_.Received()[0] + 1;
    Data(0, {next, 0, DeliveryClass::kCtrl, 0, wire::EncodeOrderRecord(record)});
  }
  void Status() {
    wire::StatusFrame status;
    const Rank from = TakeRank();
    for (uint64_t entries = Take(1) % 4; entries > 0; --entries) {
      status.received.push_back({TakeRank(), TakeSeq()});
    }
    multicast_.OnStatus(now_, from, status, out_);
    if (!multicast_.wedged()) order_.OnStatus(from, TakeSeq());
  }
  void EndOfTurn() {
    if (multicast_.wedged()) return;
    const auto cls = static_cast<DeliveryClass>(Take(1) % 4);
    if (multicast_.CanSend(cls)) multicast_.Send(now_, cls, 3, TakeBuffer(), out_);
    order_.EndOfTurn(now_, order_out_);
    Route();
    for (Rank rank = 0; rank < kMembers; ++rank) {
      multicast_.SetDelivered(rank, order_.delivered(rank));
    }
    wire::StatusFrame status;
    multicast_.FillStatus(now_, status);
  }
  void ViewChange() {
    multicast_.Wedge();
    std::vector<SeqNo> trim = multicast_.Received();
    for (SeqNo& seq : trim) seq += Take(1) % 3;
    multicast_.FetchTo(now_, trim, {{2}, {}, {0}}, out_);
    if (Take(1) % 2 == 0) trim = multicast_.Received();
    if (!multicast_.CompleteTo(trim)) return;
    multicast_.ReleaseTo(trim, out_);
    Route();
    order_.CloseView(now_, trim, order_out_);
    COHORT_CHECK(order_.pending_chunks() == 0);
    Route();
    NextView();
  }
  void NextView() {
    ++view_;
    multicast_.OnView(now_, {view_, 1}, kSelf, kMembers, out_);
    order_.OnView(now_, kSelf, kMembers, order_out_);
    reassembler_.OnView(kMembers);
  }

  void Route() {
    for (wire::Chunk& chunk : out_.arrived) order_.OnChunk(now_, std::move(chunk), order_out_);
    out_.arrived.clear();
    if (!multicast_.wedged()) order_.OnAcks(now_, multicast_.acks(), order_out_);
    for (const auto& held : order_out_.held) {
      multicast_.OnHeld(held.holder, held.origin, held.upto, out_);
    }
    for (const auto& missing : order_out_.missing) {
      multicast_.OnMissing(now_, missing.origin, missing.upto);
    }
    for (const auto& [chunk, cut, transitional] : order_out_.deliveries) {
      messages_.clear();
      reassembler_.OnChunk(chunk.origin, chunk.cls, chunk.flags, chunk.payload, messages_);
    }
    order_out_.Clear();
    out_.Clear();
  }

  Bytes input_;
  Random random_;
  Instant now_ = Instant::Zero() + seconds(1);
  rmcast::ReliableMulticast multicast_;
  order::CutOrder order_;
  frag::Reassembler reassembler_;
  rmcast::ReliableMulticast::Output out_;
  order::CutOrder::Output order_out_;
  std::vector<Buffer> messages_;
  uint64_t view_ = 0;
};

}  // namespace

void FuzzOrder(Bytes input) { Victim(input).Run(); }

}  // namespace cohort::fuzz

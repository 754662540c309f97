// The data plane of one member: rmcast, order, flow and frag, joined. Messages go in, frames come
// out; frames go in, messages come out in the order their class promises.
//
// The four layers do not know each other; here what one puts out is handed to the next until all
// are quiet. Nothing recurses.
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_DATA_PLANE_H_
#define COHORT_ENGINE_DATA_PLANE_H_

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "base/trace.h"
#include "base/types.h"
#include "engine/pending_commands.h"
#include "flow/flow_control.h"
#include "flow/under_way.h"
#include "frag/packer.h"
#include "frag/reassembler.h"
#include "order/cut_order.h"
#include "rmcast/reliable_multicast.h"
#include "wire/frames.h"

namespace cohort::engine {

// A message, or a control record that is for the engine (class kCtrl).
struct DeliveredMessage {
  Rank origin = 0;
  DeliveryClass cls = DeliveryClass::kConv;
  CutNo cut = 0;
  SeqNo seq = 0;  // Of its last chunk.
  bool transitional = false;
  bool large = false;  // By the lane of large messages.
  Buffer payload;
};

class DataPlane {
 public:
  struct Options {
    rmcast::ReliableMulticast::Options rmcast;
    order::CutOrder::Options order;
    flow::FlowControl::Options flow;
    frag::Packer::Options packer;
    frag::Reassembler::Options reassembler;
    size_t receive_bytes = 0;  // Granted to the sockets.
    TraceSink* trace = nullptr;
  };
  // Appended to; the caller clears it.
  struct Output {
    std::vector<wire::OutFrame> frames;
    std::vector<DeliveredMessage> messages;
    std::vector<PendingCommands::Lane>
        sent;                 // A message of that lane has got its last sequence number, in order.
    bool acks_moved = false;  // progress() may have changed.
  };
  // What other layers put into our STATUS.
  struct Health {
    uint8_t local_health = 0;
    uint8_t member_state = 0;
    uint16_t queue_drops = 0;
    bool wants_pause = false;  // Grants no credit: what came in already waits for the state.
  };

  // `stamper` outlives it.
  DataPlane(const Options& options, Random& random, frag::Stamper* stamper);

  void OnView(Instant now, const ViewId& id, Rank self, size_t members, Output& out);
  absl::Status Push(frag::Message message) { return packer_.Push(std::move(message)); }
  // A control record that leaves, in a chunk of its own, when the turn ends, after what leaves of
  // the queue. Forgotten when the view ends before.
  void PushRecord(Buffer record) { records_.push_back(std::move(record)); }
  // The lane in which `message` will leave.
  PendingCommands::Lane LaneFor(const frag::Message& message) const {
    return PendingCommands::LaneOf(message.cls, packer_.GoesLarge(message));
  }

  void OnData(Instant now, Rank from, bool previous_view, const wire::DataFrame& frame,
              Output& out);
  bool Wants(Rank origin, SeqNo seq) const { return rmcast_.Wants(origin, seq); }
  void OnNak(Instant now, Rank from, bool previous_view, const wire::NakFrame& frame, Output& out);
  void OnStatus(Instant now, Rank from, const wire::StatusFrame& frame, Output& out);
  void OnHeartbeat(Instant now, Rank from, SeqNo high, Output& out);
  void OnTimer(Instant now, Output& out);
  Instant NextDeadline() const;
  void SetRoundTrip(Rank rank, Duration srtt);
  // Of the chunks that are made from now on (Spec 5.24).
  void SetChunkMax(size_t bytes) { packer_.SetChunkMax(bytes); }
  void SetSuspected(Rank rank, bool suspected) { rmcast_.SetSuspected(rank, suspected); }

  // A STATUS shall leave at the end of this turn: with heartbeats, so that a lost one is made up
  // for.
  void WantStatus() { status_due_ = true; }
  // Sends what may be sent, at most kBurstPackets packets; more waits for the next turn (then
  // NextDeadline() is now). `hold_messages`: queued messages stay where they are; only the
  // protocol's own chunks leave.
  void EndOfTurn(Instant now, const Health& health, bool hold_messages, Output& out);
  // Whether a message pushed now should wait for company: chunks are under way, so an
  // acknowledgement will start the next turn, and what gathers until then leaves in one batch.
  bool ShouldGather() const;

  void Wedge();
  bool wedged() const { return rmcast_.wedged(); }
  // What was handed up, and so is delivered as far as it is CONV, of each sender.
  std::vector<SeqNo> HandedUp() const;
  std::vector<SeqNo> Received() const { return rmcast_.Received(); }
  void FetchTo(Instant now, std::vector<SeqNo> trim, std::vector<std::vector<Rank>> holders,
               Output& out);
  bool CompleteTo(const std::vector<SeqNo>& trim) const { return rmcast_.CompleteTo(trim); }
  // Ends the view: what is held up to `trim` is delivered in the closing order. OnView follows.
  void CloseView(Instant now, const std::vector<SeqNo>& trim, Output& out);
  // The view ended without us: nothing more of it is delivered.
  void Abandon() { packer_.OnView(); }
  std::vector<uint64_t> ClearQueue() { return packer_.Clear(); }

  // How far the others are. Only `holders` (ranks that hold the whole state) count for "one other":
  // a member that is still receiving it keeps operations, but has applied none. `with_data`: ranks
  // of the members that hold data, or will.
  PendingCommands::Progress progress(const std::vector<Rank>& holders,
                                     const std::vector<Rank>& with_data) const;
  SeqNo high() const { return rmcast_.high(); }
  size_t queued_bytes() const { return packer_.bytes(); }
  size_t queued_exempt_bytes() const { return packer_.exempt_bytes(); }
  size_t queued_large_bytes() const { return packer_.large_bytes(); }
  size_t queued_large_exempt_bytes() const { return packer_.large_exempt_bytes(); }
  const rmcast::ReliableMulticast& rmcast() const { return rmcast_; }
  const order::CutOrder& order() const { return order_; }
  // A member, perhaps this one, has more to send than the window lets pass.
  bool SomebodyWaits() const { return !packer_.empty() || flow_.SomebodyWaits(); }
  const wire::AckTable& acks() const { return rmcast_.acks(); }
  const flow::FlowControl& flow() const { return flow_; }
  const frag::Reassembler& reassembler() const { return reassembler_; }
  bool IsConsistent() const;

 private:
  void Route(Instant now, Output& out);
  void Deliver(const order::CutOrder::Delivery& delivery, Output& out);
  void SendChunk(Instant now, DeliveryClass cls, uint8_t flags, Buffer payload);
  void SendQueued(Instant now, Output& out);
  size_t InFlight() { return under_way_.Packets(rmcast_.in_flight()); }
  void PaceLarge();
  void AdmitLarge();
  void SendOrders(Instant now, Output& out);
  void SendRecords(Instant now, Output& out);
  void SendStatus(Instant now, const Health& health, Output& out);

  TraceSink* const trace_;
  rmcast::ReliableMulticast rmcast_;
  order::CutOrder order_;
  flow::FlowControl flow_;
  flow::UnderWay under_way_;
  frag::Packer packer_;
  frag::Reassembler reassembler_;
  rmcast::ReliableMulticast::Output rmcast_out_;
  order::CutOrder::Output order_out_;
  std::vector<wire::Chunk> arrived_;  // Scratch, as are the next three.
  std::vector<order::CutOrder::Delivery> deliveries_;
  std::vector<Buffer> messages_;
  std::deque<Buffer> records_;  // To be sent; few, since verifications are.
  frag::Packed packed_;
  ViewId view_;
  Rank self_ = 0;
  size_t members_ = 0;
  uint32_t status_no_ = 0;
  bool status_due_ = false;
  bool wants_pause_ = false;  // As the last STATUS said.
  bool more_to_send_ = false;
  bool paced_ = false;  // The large lane, because enough is in flight.
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_DATA_PLANE_H_

#include "engine/data_plane.h"

#include <algorithm>
#include <utility>

namespace cohort::engine {

namespace {
constexpr size_t kBurstPackets = 64;   // About what one segmented send takes.
constexpr size_t kGatherChunks = 64;   // Enough for a full batch: no use in waiting longer.
constexpr size_t kGatherInFlight = 8;  // Below it the pipe is idle enough to send at once.
// Large messages stop when so many packets are in flight, and go on when there are so few again.
constexpr size_t kLargeInFlightMax = 256;
constexpr size_t kLargeInFlightLow = 128;
}  // namespace

DataPlane::DataPlane(const Options& options, Random& random, frag::Stamper* stamper)
    : trace_(options.trace),
      rmcast_(options.rmcast, random),
      order_(options.order),
      flow_(options.flow),
      packer_(options.packer, stamper),
      reassembler_(options.reassembler) {
  flow_.SetReceiveCapacity(options.receive_bytes);
}

void DataPlane::OnView(Instant now, const ViewId& id, Rank self, size_t members, Output& out) {
  view_ = id;
  self_ = self;
  members_ = members;
  status_no_ = 0;
  status_due_ = members > 1;  // Introduces our credit.
  order_out_.order_records.clear();
  records_.clear();
  rmcast_.OnView(now, id, self, members, rmcast_out_);
  order_.OnView(now, self, members, order_out_);
  flow_.OnView(now, self, members);
  under_way_.Clear();
  packer_.OnView();
  reassembler_.OnView(members);
  Route(now, out);
}

void DataPlane::OnData(Instant now, Rank from, bool previous_view, const wire::DataFrame& frame,
                       Output& out) {
  const size_t before = InFlight();
  rmcast_.OnData(now, from, previous_view, frame, rmcast_out_);
  Route(now, out);
  // An ORDER acknowledges what it names.
  const size_t after = InFlight();
  if (after < before) flow_.OnAcked(now, before - after);
}

void DataPlane::OnNak(Instant now, Rank from, bool previous_view, const wire::NakFrame& frame,
                      Output& out) {
  const uint64_t before = rmcast_.stats().repairs_sent;
  rmcast_.OnNak(now, from, previous_view, frame, rmcast_out_);
  if (const uint64_t sent = rmcast_.stats().repairs_sent - before; sent > 0) {
    Trace(trace_, TraceKind::kRepaired, [&](TraceRecord& record) {
      record.view = view_;
      record.origin = frame.origin;
      record.number = sent;
    });
  }
  Route(now, out);
}

void DataPlane::OnStatus(Instant now, Rank from, const wire::StatusFrame& frame, Output& out) {
  const size_t before = InFlight();
  rmcast_.OnStatus(now, from, frame, rmcast_out_);
  flow_.OnStatus(now, from, frame);
  if (!wedged()) order_.OnStatus(from, frame.applied_cut);
  const size_t after = InFlight();
  if (after < before) flow_.OnAcked(now, before - after);
  out.acks_moved = true;  // applied_cut moves without an ack.
  Route(now, out);
}

void DataPlane::OnHeartbeat(Instant now, Rank from, SeqNo high, Output& out) {
  rmcast_.OnHeartbeat(now, from, high, rmcast_out_);
  Route(now, out);
}

void DataPlane::OnTimer(Instant now, Output& out) {
  if (rmcast_.NextDeadline() <= now) rmcast_.OnTimer(now, rmcast_out_);
  if (flow_.NextDeadline() <= now) flow_.OnTimer(now);
  Route(now, out);
}

Instant DataPlane::NextDeadline() const {
  if (more_to_send_) return Instant::Zero();
  Instant next = rmcast_.NextDeadline();
  if (!packer_.empty()) next = std::min(next, flow_.NextDeadline());
  return next;
}

void DataPlane::SetRoundTrip(Rank rank, Duration srtt) {
  rmcast_.SetRoundTrip(rank, srtt);
  flow_.SetRoundTrip(rank, srtt);
}

void DataPlane::Deliver(const order::CutOrder::Delivery& delivery, Output& out) {
  const wire::Chunk& chunk = delivery.chunk;
  Trace(trace_, TraceKind::kChunkDelivered, [&](TraceRecord& record) {
    record.view = view_;
    record.origin = chunk.origin;
    record.seq = chunk.seq;
    record.cls = chunk.cls;
    record.cut = delivery.cut;
    record.transitional = delivery.transitional;
    record.digest = TraceDigest(chunk.payload);
  });
  if (chunk.cls == DeliveryClass::kCtrl) {
    out.messages.push_back(
        {.origin = chunk.origin, .cls = chunk.cls, .seq = chunk.seq, .payload = chunk.payload});
    return;
  }
  messages_.clear();
  reassembler_.OnChunk(chunk.origin, chunk.cls, chunk.flags, chunk.payload, messages_);
  for (Buffer& message : messages_) {
    out.messages.push_back({.origin = chunk.origin,
                            .cls = chunk.cls,
                            .cut = delivery.cut,
                            .seq = chunk.seq,
                            .transitional = delivery.transitional,
                            .large = (chunk.flags & wire::DataFrame::kLarge) != 0,
                            .payload = std::move(message)});
  }
}

void DataPlane::Route(Instant now, Output& out) {
  // Each pass hands on what the one before put out; a chunk passes each layer once, so this ends.
  while (true) {
    arrived_.clear();
    std::swap(arrived_, rmcast_out_.arrived);
    for (wire::Chunk& chunk : arrived_) order_.OnChunk(now, std::move(chunk), order_out_);
    if (std::exchange(rmcast_out_.acks_moved, false)) {
      out.acks_moved = true;
      if (!wedged()) order_.OnAcks(now, rmcast_.acks(), order_out_);
    }
    for (const order::CutOrder::Held& held : order_out_.held)
      rmcast_.OnHeld(held.holder, held.origin, held.upto, rmcast_out_);
    order_out_.held.clear();
    for (const order::CutOrder::Missing& missing : order_out_.missing) {
      rmcast_.OnMissing(now, missing.origin, missing.upto);
    }
    order_out_.missing.clear();
    deliveries_.clear();
    std::swap(deliveries_, order_out_.deliveries);
    for (const order::CutOrder::Delivery& delivery : deliveries_) Deliver(delivery, out);
    if (rmcast_out_.arrived.empty() && !rmcast_out_.acks_moved && order_out_.deliveries.empty())
      break;
  }
  status_due_ |= rmcast_out_.ack_due | order_out_.ack_due;
  rmcast_out_.ack_due = order_out_.ack_due = false;
  if (rmcast_out_.lost > 0) flow_.OnLoss(now);
  rmcast_out_.lost = 0;
  for (wire::OutFrame& frame : rmcast_out_.frames) out.frames.push_back(std::move(frame));
  rmcast_out_.frames.clear();
}

void DataPlane::SendChunk(Instant now, DeliveryClass cls, uint8_t flags, Buffer payload) {
  const uint64_t digest = trace_ == nullptr ? 0 : TraceDigest(payload);
  under_way_.Add(wire::PacketsOf(payload.size()));
  const SeqNo seq = rmcast_.Send(now, cls, flags, std::move(payload), rmcast_out_);
  Trace(trace_, TraceKind::kChunkAssigned, [&](TraceRecord& record) {
    record.view = view_;
    record.origin = self_;
    record.seq = seq;
    record.cls = cls;
    record.digest = digest;
  });
  flow_.OnSent(now, InFlight());
}

// Spec 5.22
void DataPlane::PaceLarge() {
  if (InFlight() >= kLargeInFlightMax) paced_ = true;
  if (InFlight() <= kLargeInFlightLow) paced_ = false;
  packer_.SetPaced(paced_);
}

// Spec 5.21. What is sent was announced by the latest announcement, not by one before.
void DataPlane::AdmitLarge() {
  packer_.SetAdmitted(reassembler_.announcements(self_) == packer_.announcements() &&
                      reassembler_.IsAdmitted(self_));
}

void DataPlane::SendQueued(Instant now, Output& out) {
  AdmitLarge();
  flow_.SetBacklog(packer_.backlog_chunks());
  for (size_t sent = 0;;) {
    PaceLarge();
    if (packer_.empty()) return;
    if (!rmcast_.CanSend(packer_.NextClass(), packer_.chunk_max()) ||
        !flow_.CanSend(now, InFlight())) {
      return;
    }
    if (sent >= kBurstPackets) {
      more_to_send_ = true;
      return;
    }
    packer_.Next(packed_);
    const size_t packets = wire::PacketsOf(packed_.payload.size());
    sent += packets;
    // The last chunk of what waits, or may leave, asks for an acknowledgement: it starts the next
    // turn.
    const bool last =
        packer_.empty() || (packed_.large && InFlight() + packets >= kLargeInFlightMax);
    const bool sync = last || flow_.WantsAck(InFlight(), packets);
    const uint8_t flags = static_cast<uint8_t>(packed_.flags | (sync ? wire::DataFrame::kSync : 0));
    for (size_t i = 0; i < packed_.completed_ids.size(); ++i)
      out.sent.push_back(PendingCommands::LaneOf(packed_.cls, packed_.large));
    SendChunk(now, packed_.cls, flags, std::move(packed_.payload));
  }
}

void DataPlane::SendOrders(Instant now, Output& out) {
  if (!rmcast_.CanSend(DeliveryClass::kCtrl)) return;
  order_.EndOfTurn(now, order_out_);
  constexpr uint8_t kWhole = wire::DataFrame::kFirst | wire::DataFrame::kLast;
  // In a large group there may be several; those that find no room wait for it, ahead of later
  // ones.
  std::vector<Buffer>& records = order_out_.order_records;
  size_t sent = 0;
  while (sent < records.size() && rmcast_.CanSend(DeliveryClass::kCtrl))
    SendChunk(now, DeliveryClass::kCtrl, kWhole, std::move(records[sent++]));
  records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(sent));
  Route(now, out);
}

void DataPlane::SendRecords(Instant now, Output& out) {
  constexpr uint8_t kWhole = wire::DataFrame::kFirst | wire::DataFrame::kLast;
  while (!records_.empty() && rmcast_.CanSend(DeliveryClass::kCtrl)) {
    SendChunk(now, DeliveryClass::kCtrl, kWhole, std::move(records_.front()));
    records_.pop_front();
  }
  Route(now, out);
}

void DataPlane::SendStatus(Instant now, const Health& health, Output& out) {
  status_due_ = false;
  wire::StatusFrame status;
  status.status_no = ++status_no_;
  status.applied_cut = order_.applied_cut();
  wants_pause_ = health.wants_pause;
  status.credit_packets = wants_pause_ ? 0 : flow_.credit_packets(rmcast_.free_slots());
  status.backlog_packets =
      static_cast<uint16_t>(std::min<size_t>(packer_.backlog_chunks(), 0xFFFF));
  status.queue_drops = health.queue_drops;
  status.local_health = health.local_health;
  status.member_state = health.member_state;
  rmcast_.FillStatus(now, status);
  out.frames.push_back({.frame = std::move(status)});
}

void DataPlane::EndOfTurn(Instant now, const Health& health, bool hold_messages, Output& out) {
  more_to_send_ = false;
  if (members_ == 0 || wedged()) return;
  if (!hold_messages) SendQueued(now, out);
  Route(now, out);
  SendOrders(now, out);
  SendRecords(now, out);
  // What was just ordered may have admitted what waits here.
  const bool was_admitted = packer_.admitted();
  AdmitLarge();
  more_to_send_ |= !was_admitted && packer_.admitted();
  for (Rank rank = 0; rank < members_; ++rank) rmcast_.SetDelivered(rank, order_.delivered(rank));
  status_due_ |= wants_pause_ != health.wants_pause;  // Its beginning and its end are told at once.
  if (status_due_ && members_ > 1) SendStatus(now, health, out);
}

bool DataPlane::ShouldGather() const {
  return members_ > 1 && rmcast_.in_flight() >= kGatherInFlight &&
         packer_.backlog_chunks() < kGatherChunks;
}

void DataPlane::Wedge() {
  if (wedged()) return;
  rmcast_.Wedge();
  status_due_ = false;
  Trace(trace_, TraceKind::kWedged, [&](TraceRecord& record) { record.view = view_; });
}

std::vector<SeqNo> DataPlane::HandedUp() const {
  std::vector<SeqNo> upto;
  upto.reserve(members_);
  for (Rank rank = 0; rank < members_; ++rank) upto.push_back(rmcast_.acks().Get(self_, rank));
  return upto;
}

void DataPlane::FetchTo(Instant now, std::vector<SeqNo> trim,
                        std::vector<std::vector<Rank>> holders, Output& out) {
  rmcast_.FetchTo(now, std::move(trim), std::move(holders), rmcast_out_);
  Route(now, out);
}

void DataPlane::CloseView(Instant now, const std::vector<SeqNo>& trim, Output& out) {
  rmcast_.ReleaseTo(trim, rmcast_out_);
  Route(now, out);
  order_.CloseView(now, trim, order_out_);
  Route(now, out);
}

PendingCommands::Progress DataPlane::progress(const std::vector<Rank>& holders,
                                              const std::vector<Rank>& with_data) const {
  PendingCommands::Progress progress;
  if (members_ == 0) return progress;
  progress.applied_by_all = order_.applied_by_all();
  progress.stable_cut = order_.stable_cut();
  progress.received_by_all = rmcast_.acks().ByAll(self_);
  // What this member has not applied itself was not delivered, and is not asked for.
  progress.applied_with_data = order_.applied_cut();
  progress.received_with_data = rmcast_.acks().Get(self_, self_);
  bool alone = true;
  for (const Rank rank : with_data) {
    if (rank == self_ || rank >= members_) continue;
    alone = false;
    progress.applied_with_data = std::min(progress.applied_with_data, order_.applied_by(rank));
    progress.received_with_data =
        std::min(progress.received_with_data, rmcast_.acks().Get(rank, self_));
  }
  if (alone) {
    progress.applied_by_one = order_.applied_cut();
    progress.received_by_one = rmcast_.acks().Get(self_, self_);
    return progress;
  }
  for (const Rank rank : holders) {
    if (rank == self_ || rank >= members_) continue;
    progress.applied_by_one = std::max(progress.applied_by_one, order_.applied_by(rank));
    progress.received_by_one = std::max(progress.received_by_one, rmcast_.acks().Get(rank, self_));
  }
  return progress;
}

bool DataPlane::IsConsistent() const {
  return rmcast_.IsConsistent() && order_.IsConsistent() && flow_.IsConsistent() &&
         packer_.IsConsistent() && reassembler_.IsConsistent();
}

}  // namespace cohort::engine

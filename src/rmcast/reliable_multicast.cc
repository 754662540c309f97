#include "rmcast/reliable_multicast.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace cohort::rmcast {
namespace {

// Chunks of the window that only kCtrl may use. Spec 5.4
constexpr size_t kControlReserve = 64;
// A sender's share of the group's bytes never falls below this: twice the control reserve must fit.
constexpr size_t kSenderBytesMin = size_t{512} << 10;

bool AsksForAck(const wire::Chunk& chunk) {
  if ((chunk.flags & wire::DataFrame::kSync) == 0) return false;
  if ((chunk.flags & wire::DataFrame::kBarrier) != 0) return false;
  return chunk.cls == DeliveryClass::kConv || chunk.cls == DeliveryClass::kCtrl;
}

// Somebody waits for it, so its loss must show soon.
bool IsUrgent(const wire::Chunk& chunk) {
  return (chunk.flags & wire::DataFrame::kSync) != 0 || chunk.cls == DeliveryClass::kSafe ||
         chunk.cls == DeliveryClass::kCtrl;
}

}  // namespace

ReliableMulticast::ReliableMulticast(const Options& options, Random& random)
    : options_(options),
      random_(&random),
      budget_(options.repairs_per_second, options.repairs_burst) {
  COHORT_CHECK(std::has_single_bit(options.window_chunks_max));
  COHORT_CHECK(options.window_chunks_max > 2 * kControlReserve);
}

void ReliableMulticast::OnView(Instant, const ViewId&, Rank self, size_t members, Output&) {
  COHORT_CHECK(self < members);
  std::swap(previous_, current_);
  current_.Reset(self, members);
  self_ = self;
  last_sent_ = 0;
  bytes_per_sender_ = std::min(options_.window_bytes_max,
                               std::max(kSenderBytesMin, options_.group_bytes_max / members));
  wedged_ = false;
  round_trip_.assign(members, Duration::zero());
  suspected_.assign(members, false);
  holders_.clear();
  rotation_ = static_cast<unsigned>(random_->Below(members));
  tail_probes_ = 0;
  tail_is_urgent_ = false;
  tail_moved_ = false;
  received_since_status_ = 0;
  vector_changed_ = false;
  status_delay_ = options_.status_interval;
  status_cursor_ = 0;
  timers_ = TimerTable<Timer>();
}

void ReliableMulticast::DropPrevious() { previous_.Drop(); }

// ---- Sending ------------------------------------------------------------------------------------

bool ReliableMulticast::CanSend(DeliveryClass cls, size_t bytes) const {
  if (wedged_ || current_.members() == 0) return false;
  const ChunkRing& ring = current_.stream(self_).ring;
  const size_t used = last_sent_ - ring.low();
  // Control chunks ignore the byte limit: there are at most kControlReserve of them beyond it.
  if (cls == DeliveryClass::kCtrl) return used < options_.window_chunks_max;
  return used < options_.window_chunks_max - kControlReserve &&
         ring.bytes() + bytes <= bytes_per_sender_ / 2;
}

// Spec 5.3
SeqNo ReliableMulticast::Send(Instant now, DeliveryClass cls, uint8_t flags, Buffer payload,
                              Output& out) {
  COHORT_CHECK(CanSend(cls, payload.size()) && payload.size() <= wire::kJumboPayloadMax);
  OriginStream& own = current_.stream(self_);
  const SeqNo seq = ++last_sent_;
  own.ring.Store(seq, cls, flags, payload);
  own.contiguous = own.handed_up = own.high = seq;
  ++stats_.sent;
  if (current_.members() > 1) {
    const Rank to = current_.members() == 2 ? static_cast<Rank>(1 - self_) : kAllRanks;
    out.frames.push_back({to, false, wire::DataFrame{seq, self_, cls, flags, payload}});
  }
  const bool was_quiet = in_flight() == 1;
  out.arrived.push_back({self_, seq, cls, flags, std::move(payload)});
  if (IsUrgent(out.arrived.back())) tail_is_urgent_ = true;
  RaiseAck(self_, self_, seq, out);
  if (current_.members() > 1 && (was_quiet || tail_is_urgent_)) {
    timers_.SetEarlier(Timer::kTailProbe, now + TailProbeDelay());
  }
  return seq;
}

size_t ReliableMulticast::in_flight() const {
  return current_.members() == 0 ? 0 : last_sent_ - current_.acks().ByAll(self_);
}

size_t ReliableMulticast::free_slots() const {
  size_t most_used = 0;
  for (size_t rank = 0; rank < current_.members(); ++rank) {
    if (rank == self_) continue;
    const OriginStream& stream = current_.stream(static_cast<Rank>(rank));
    most_used = std::max(most_used, stream.contiguous - stream.ring.low());
  }
  const size_t usable = options_.window_chunks_max - kControlReserve;
  return most_used < usable ? usable - most_used : 0;
}

// ---- Receiving ----------------------------------------------------------------------------------

// Spec 5.5
void ReliableMulticast::OnData(Instant now, Rank packet_sender, bool previous_view,
                               const wire::DataFrame& data, Output& out) {
  if (previous_view) {
    ++stats_.dropped_previous;
    return;
  }
  if (!IsMember(packet_sender) || !IsMember(data.origin)) {
    ++stats_.dropped_unknown_rank;
    return;
  }
  const bool repair = (data.flags & wire::DataFrame::kRepair) != 0;
  if (data.origin == self_) {
    ++(data.seq <= last_sent_ ? stats_.duplicates : stats_.dropped_forged);
    return;
  }
  if (data.origin != packet_sender && !repair) {
    ++stats_.dropped_forged;
    return;
  }
  OriginStream& stream = current_.stream(data.origin);
  if (stream.Has(data.seq)) {
    ++stats_.duplicates;
    // Its sender takes it for unacknowledged here: our STATUS was lost. Spec 5.8
    if (repair && !wedged_) out.ack_due = true;
    return;
  }
  if (!Accepts(stream, data.seq, data.payload.size())) return;
  const auto flags = static_cast<uint8_t>(data.flags & ~wire::DataFrame::kRepair);
  stream.ring.Store(data.seq, data.cls, flags, data.payload);
  ++stats_.received;
  if (repair) ++stats_.repairs_received;
  if (data.seq > stream.high + 1 && !wedged_) {
    LearnHigh(data.origin, data.seq - 1, now + FirstNakDelay(data.origin));
  }
  stream.high = std::max(stream.high, data.seq);
  stream.AdvanceContiguous();
  // A long gap is asked for piece by piece; this piece is here, so the next one is due.
  if (!stream.gaps.empty()) {
    Gap& gap = stream.gaps.front();
    if (gap.asked != 0 && stream.contiguous >= gap.asked && gap.end > stream.contiguous) {
      gap.due = now;
      gap.attempts = 0;
      timers_.SetEarlier(Timer::kNak, now);
    }
  }
  if (!wedged_) HandUp(now, data.origin, out);
}

bool ReliableMulticast::Wants(Rank origin, SeqNo seq) const {
  if (!IsMember(origin) || origin == self_) return false;
  const OriginStream& stream = current_.stream(origin);
  return !stream.Has(seq) && IsInWindow(stream, seq);
}

bool ReliableMulticast::Accepts(const OriginStream& stream, SeqNo seq, size_t size) {
  if (!IsInWindow(stream, seq)) {
    ++stats_.dropped_outside_window;
    return false;
  }
  if (seq <= stream.fetch_upto) return true;
  // Only half of the room is for chunks beyond a gap: the one that closes it must always fit.
  const size_t room = seq == stream.contiguous + 1 ? bytes_per_sender_ : bytes_per_sender_ / 2;
  if (size > wire::kJumboPayloadMax || stream.ring.bytes() + size > room) {
    ++stats_.dropped_over_bytes;
    return false;
  }
  return true;
}

void ReliableMulticast::HandUp(Instant now, Rank origin, Output& out) {
  OriginStream& stream = current_.stream(origin);
  if (stream.handed_up == stream.contiguous) return;
  while (stream.handed_up < stream.contiguous) {
    const SeqNo seq = ++stream.handed_up;
    const HeldChunk& held = *stream.ring.Find(seq);
    out.arrived.push_back({origin, seq, held.cls, held.flags, held.payload});
    if (AsksForAck(out.arrived.back())) out.ack_due = true;
    ++received_since_status_;
  }
  if (received_since_status_ >= options_.ack_chunks) out.ack_due = true;
  vector_changed_ = true;
  if (!timers_.IsSet(Timer::kStatus) || status_delay_ > options_.status_interval) {
    status_delay_ = options_.status_interval;
    timers_.SetEarlier(Timer::kStatus, now + status_delay_);
  }
  RaiseAck(origin, origin, stream.handed_up, out);
  RaiseAck(self_, origin, stream.handed_up, out);
}

void ReliableMulticast::LearnHigh(Rank origin, SeqNo high, Instant due) {
  if (current_.stream(origin).OpenGap(high, due)) timers_.SetEarlier(Timer::kNak, due);
}

void ReliableMulticast::OnMissing(Instant now, Rank origin, SeqNo upto) {
  if (wedged_ || !IsMember(origin) || origin == self_) return;
  if (upto > current_.stream(origin).handed_up + options_.window_chunks_max) return;
  LearnHigh(origin, upto, now + FirstNakDelay(origin));
}

// ---- Acknowledgements ---------------------------------------------------------------------------

// Spec 5.7
void ReliableMulticast::OnStatus(Instant now, Rank from, const wire::StatusFrame& status,
                                 Output& out) {
  if (!IsMember(from) || from == self_) {
    ++stats_.dropped_unknown_rank;
    return;
  }
  if (wedged_) {
    ++stats_.ignored_while_wedged;
    return;
  }
  for (const wire::VectorEntry& entry : status.received) {
    const bool known = IsMember(entry.rank);
    // Nobody holds more than a window beyond what this member has acknowledged.
    if (!known || (entry.rank == self_ ? entry.seq > last_sent_
                                       : entry.seq > current_.stream(entry.rank).handed_up +
                                                         options_.window_chunks_max)) {
      ++stats_.ignored_acks;
      continue;
    }
    RaiseAck(from, entry.rank, entry.seq, out);
    if (entry.rank != self_ && entry.seq > current_.stream(entry.rank).high) {
      LearnHigh(entry.rank, entry.seq, now + FirstNakDelay(entry.rank));
    }
  }
}

void ReliableMulticast::OnHeartbeat(Instant now, Rank from, SeqNo high, Output&) {
  if (!IsMember(from) || from == self_) {
    ++stats_.dropped_unknown_rank;
    return;
  }
  if (wedged_) return;
  if (high > current_.stream(from).handed_up + options_.window_chunks_max) {
    ++stats_.ignored_acks;
    return;
  }
  LearnHigh(from, high, now + FirstNakDelay(from));
}

void ReliableMulticast::OnHeld(Rank holder, Rank origin, SeqNo upto, Output& out) {
  if (wedged_ || !IsMember(holder) || !IsMember(origin) || holder == self_) return;
  const SeqNo most =
      origin == self_ ? last_sent_ : current_.stream(origin).handed_up + options_.window_chunks_max;
  if (upto <= most) RaiseAck(holder, origin, upto, out);
}

void ReliableMulticast::RaiseAck(Rank holder, Rank origin, SeqNo upto, Output& out) {
  if (!current_.acks().Raise(holder, origin, upto)) return;
  out.acks_moved = true;
  if (origin == self_ && holder != self_) {
    tail_probes_ = 0;
    tail_moved_ = true;
    if (in_flight() == 0) {
      tail_is_urgent_ = false;
      timers_.Stop(Timer::kTailProbe);
    }
  }
  Collect(origin);
}

void ReliableMulticast::SetDelivered(Rank origin, SeqNo upto) {
  if (!IsMember(origin)) return;
  OriginStream& stream = current_.stream(origin);
  COHORT_CHECK(upto <= stream.handed_up);
  if (upto <= stream.delivered) return;
  stream.delivered = upto;
  Collect(origin);
}

// Frees what everybody holds and what was delivered here: received alone is not enough, an AGREED
// chunk is held by all long before it has its place. Spec 5.10
void ReliableMulticast::Collect(Rank origin) {
  OriginStream& stream = current_.stream(origin);
  stream.ring.FreeUpTo(std::min(current_.acks().ByAll(origin), stream.delivered));
}

void ReliableMulticast::FillStatus(Instant now, wire::StatusFrame& status) {
  status.received.clear();
  const size_t members = current_.members();
  if (members == 0) return;
  status.received.push_back({self_, last_sent_});
  size_t visited = 0;
  while (visited < members && status.received.size() < wire::kStatusVectorMax) {
    const auto rank = static_cast<Rank>((status_cursor_ + visited) % members);
    ++visited;
    const SeqNo handed_up = current_.stream(rank).handed_up;
    if (rank != self_ && handed_up > 0) status.received.push_back({rank, handed_up});
  }
  status_cursor_ = static_cast<Rank>((status_cursor_ + visited) % members);
  received_since_status_ = 0;
  status_delay_ = vector_changed_ ? options_.status_interval
                                  : std::min(2 * status_delay_, options_.status_interval_max);
  vector_changed_ = false;
  ArmStatus(now);
}

void ReliableMulticast::ArmStatus(Instant now) {
  timers_.Stop(Timer::kStatus);
  if (SomethingUnstable()) timers_.Set(Timer::kStatus, now + status_delay_);
}

bool ReliableMulticast::SomethingUnstable() const {
  if (wedged_) return false;
  for (size_t i = 0; i < current_.members(); ++i) {
    const auto rank = static_cast<Rank>(i);
    if (rank != self_ && current_.acks().ByAll(rank) < current_.stream(rank).handed_up) return true;
  }
  return false;
}

void ReliableMulticast::OnTimer(Instant now, Output& out) {
  if (timers_.TakeExpired(Timer::kNak, now)) SendDueNaks(now, out);
  if (timers_.TakeExpired(Timer::kTailProbe, now)) SendTailProbe(now, out);
  if (timers_.TakeExpired(Timer::kStatus, now) && !wedged_ &&
      (vector_changed_ || SomethingUnstable())) {
    if (!vector_changed_ && status_delay_ > options_.status_interval) PushUnstable(out);
    out.ack_due = true;
    timers_.Set(Timer::kStatus, now + status_delay_);  // FillStatus() sets it anew.
  }
}

void ReliableMulticast::SetRoundTrip(Rank rank, Duration srtt) {
  if (IsMember(rank)) round_trip_[rank] = std::max(srtt, Duration::zero());
}

bool ReliableMulticast::IsConsistent() const {
  if (!current_.IsConsistent(options_.window_chunks_max)) return false;
  if (current_.members() == 0) return true;
  const OriginStream& own = current_.stream(self_);
  return own.contiguous == last_sent_ && own.handed_up == last_sent_;
}

}  // namespace cohort::rmcast

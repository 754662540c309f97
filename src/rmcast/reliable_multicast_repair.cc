// The part of ReliableMulticast that asks and answers: NAKs, tail probes, and the view change's
// fetch.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "rmcast/reliable_multicast.h"

namespace cohort::rmcast {
namespace {

constexpr SeqNo kChunksPerNak =
    256;  // Of one gap; the next piece is asked for when this one is here.
constexpr size_t kSmallGroup = 10;  // Above, first NAKs are spread over time.
constexpr unsigned kDoublingsMax = 8;

// Holes in (from, to] of `stream`, appended to `ranges` until it is full. Returns the last number
// asked for.
SeqNo AppendHoles(const OriginStream& stream, SeqNo from, SeqNo to,
                  absl::InlinedVector<wire::NakRange, 4>& ranges) {
  SeqNo asked = 0;
  bool open = false;
  for (SeqNo seq = from; seq <= to; ++seq) {
    if (stream.Has(seq)) {
      open = false;
      continue;
    }
    if (!open) {
      if (ranges.size() == wire::kNakRangesMax) break;
      ranges.push_back({seq, 0});
      open = true;
    }
    ++ranges.back().length;
    asked = seq;
  }
  return asked;
}

}  // namespace

// ---- NAK ----------------------------------------------------------------------------------------

// Spec 5.9
void ReliableMulticast::OnNak(Instant now, Rank from, bool previous_view, const wire::NakFrame& nak,
                              Output& out) {
  ViewStreams& streams = previous_view ? previous_ : current_;
  ++stats_.naks_received;
  if (from >= streams.members() || nak.origin >= streams.members() || from == streams.self()) {
    ++stats_.dropped_unknown_rank;
    return;
  }
  const Duration srtt = previous_view ? Duration::zero() : round_trip_[from];
  const Duration linger = std::max(srtt, options_.nak_retry_min / 2);
  const bool unlimited = wedged_ || previous_view;
  const ViewStreams::RepairResult result = streams.Repair(
      now, from, nak, previous_view, linger, unlimited ? nullptr : &budget_, out.frames);
  if (!previous_view && nak.origin == self_) out.lost += result.first_time;
  stats_.repairs_sent += result.sent;
  stats_.repairs_multicast += result.multicast;
  stats_.repairs_suppressed += result.suppressed;
  stats_.repairs_over_budget += result.over_budget;
  stats_.repairs_not_held += result.not_held;
}

void ReliableMulticast::SendDueNaks(Instant now, Output& out) {
  Instant next = Instant::Infinite();
  for (size_t i = 0; i < current_.members(); ++i) {
    const auto origin = static_cast<Rank>(i);
    OriginStream& stream = current_.stream(origin);
    if (stream.gaps.empty()) continue;
    if (stream.NextNak() <= now) SendNaks(now, origin, out);
    next = std::min(next, stream.NextNak());
  }
  timers_.SetEarlier(Timer::kNak, next);
}

// Spec 5.6
void ReliableMulticast::SendNaks(Instant now, Rank origin, Output& out) {
  OriginStream& stream = current_.stream(origin);
  wire::NakFrame nak;
  nak.origin = origin;
  Rank target = kNoRank;
  size_t kept = 0;
  for (Gap gap : stream.gaps) {
    gap.start = std::max(gap.start, stream.contiguous + 1);
    while (gap.start <= gap.end && stream.Has(gap.start)) ++gap.start;
    if (gap.start > gap.end) continue;
    if (gap.due <= now) {
      const Rank next_target = NakTarget(origin, gap.start, gap.attempts);
      if (next_target != target) PushNak(target, nak, out);
      target = next_target;
      const SeqNo last = std::min(gap.end, gap.start + kChunksPerNak - 1);
      gap.asked = AppendHoles(stream, gap.start, last, nak.ranges);
      gap.due = now + RetryDelay(target, gap.attempts);
      ++gap.attempts;
    }
    stream.gaps[kept++] = gap;
  }
  stream.gaps.resize(kept);
  PushNak(target, nak, out);
}

void ReliableMulticast::PushNak(Rank target, wire::NakFrame& nak, Output& out) {
  if (target == kNoRank || nak.ranges.empty()) {
    nak.ranges.clear();
    return;
  }
  ++stats_.naks_sent;
  for (const wire::NakRange& range : nak.ranges) stats_.chunks_asked += range.length;
  out.frames.push_back({target, false, nak});
  nak.ranges.clear();
}

// The origin first; then whoever is known to hold the chunk, in turn, and now and then the origin
// again.
Rank ReliableMulticast::NakTarget(Rank origin, SeqNo start, unsigned attempts) {
  const bool fetching = !holders_.empty();
  if (!fetching && !suspected_[origin] && attempts % 4 == 0) return origin;
  bool suspects_too = false;
  const auto may_hold = [&](Rank rank) {
    if (rank == self_ || (suspected_[rank] && !suspects_too)) return false;
    if (!fetching) return rank != origin && current_.acks().Get(rank, origin) >= start;
    const std::vector<Rank>& named = holders_[origin];
    return std::find(named.begin(), named.end(), rank) != named.end();
  };
  const size_t members = current_.members();
  size_t candidates = 0;
  for (size_t rank = 0; rank < members; ++rank) candidates += may_hold(static_cast<Rank>(rank));
  if (candidates == 0 && fetching) {
    // Whom this member has convicted may be alive and the only one that holds what a decision of
    // the others needs.
    suspects_too = true;
    for (size_t rank = 0; rank < members; ++rank) candidates += may_hold(static_cast<Rank>(rank));
  }
  if (candidates == 0) return origin != self_ && !suspected_[origin] ? origin : kNoRank;
  size_t skip = (rotation_ + attempts) % candidates;
  for (size_t rank = 0; rank < members; ++rank) {
    if (may_hold(static_cast<Rank>(rank)) && skip-- == 0) return static_cast<Rank>(rank);
  }
  return origin;
}

void ReliableMulticast::SetSuspected(Rank rank, bool suspected) {
  if (!IsMember(rank) || suspected_[rank] == suspected) return;
  suspected_[rank] = suspected;
  if (!suspected) return;
  // What may have been asked of the suspect is asked of somebody else now. Spec 5.6
  for (size_t i = 0; i < current_.members(); ++i) {
    for (Gap& gap : current_.stream(static_cast<Rank>(i)).gaps) {
      if (gap.attempts == 0 && i != rank) continue;
      gap.due = Instant::Zero();
      timers_.SetEarlier(Timer::kNak, Instant::Zero());
    }
  }
}

Duration ReliableMulticast::FirstNakDelay(Rank origin) {
  const Duration delay = std::max(options_.nak_delay_min, round_trip_[origin] / 4);
  if (current_.members() <= kSmallGroup) return delay;
  const Duration spread = std::clamp<Duration>(4 * round_trip_[origin], 4 * options_.nak_delay_min,
                                               options_.nak_retry_max / 2);
  return delay + random_->Between(Duration::zero(), spread);
}

Duration ReliableMulticast::RetryDelay(Rank target, unsigned attempts) const {
  const Duration srtt = target == kNoRank ? Duration::zero() : round_trip_[target];
  const Duration first = std::max(options_.nak_retry_min, 2 * srtt);
  return std::min(first * (1 << std::min(attempts, kDoublingsMax)), options_.nak_retry_max);
}

// ---- Tail probe ---------------------------------------------------------------------------------

Duration ReliableMulticast::TailProbeDelay() const {
  const Duration srtt = *std::max_element(round_trip_.begin(), round_trip_.end());
  Duration first = std::max(options_.tail_probe_min, 2 * srtt);
  // Who does not wait is acknowledged by the interval; probing earlier would be noise.
  if (!tail_is_urgent_) first += options_.status_interval;
  return std::min(first * (1 << std::min(tail_probes_, kDoublingsMax)), options_.tail_probe_max);
}

// Sends the last chunk again to those who have not acknowledged it. Who lacks it gets it and sees
// the gap before it; who has it answers with a STATUS, for ours was lost. Spec 5.8
void ReliableMulticast::SendTailProbe(Instant now, Output& out) {
  if (wedged_ || in_flight() == 0) return;
  if (std::exchange(tail_moved_, false)) {
    timers_.Set(Timer::kTailProbe, now + TailProbeDelay());
    return;
  }
  SendAgain(self_, last_sent_, out);
  ++stats_.tail_probes;
  ++tail_probes_;
  timers_.Set(Timer::kTailProbe, now + TailProbeDelay());
}

// False when every member but suspects is known to hold it.
bool ReliableMulticast::SendAgain(Rank origin, SeqNo seq, Output& out) {
  Rank to = kNoRank;
  size_t lacking = 0;
  for (size_t i = 0; i < current_.members(); ++i) {
    const auto rank = static_cast<Rank>(i);
    if (suspected_[rank] || current_.acks().Get(rank, origin) >= seq) continue;
    to = rank;
    ++lacking;
  }
  const HeldChunk* chunk = current_.stream(origin).ring.Find(seq);
  if (lacking == 0 || chunk == nullptr) return false;
  if (lacking > 1) to = kAllRanks;
  const auto flags = static_cast<uint8_t>(chunk->flags | wire::DataFrame::kRepair);
  out.frames.push_back(
      {to, false, wire::DataFrame{seq, origin, chunk->cls, flags, chunk->payload}});
  return true;
}

// The origin knows its chunk to be stable, this member does not: an acknowledgement was lost on
// the way here alone. Whose it is answers a chunk it already has with a STATUS. Spec 5.8
void ReliableMulticast::PushUnstable(Output& out) {
  for (size_t i = 0; i < current_.members(); ++i) {
    const auto origin = static_cast<Rank>(i);
    if (origin == self_) continue;
    const SeqNo last = current_.stream(origin).handed_up;
    if (current_.acks().ByAll(origin) < last && SendAgain(origin, last, out)) ++stats_.pushes;
  }
}

// ---- View change --------------------------------------------------------------------------------

// Spec 5.11
void ReliableMulticast::Wedge() {
  if (wedged_) return;
  wedged_ = true;
  timers_ = TimerTable<Timer>();
  for (size_t i = 0; i < current_.members(); ++i)
    current_.stream(static_cast<Rank>(i)).gaps.clear();
}

std::vector<SeqNo> ReliableMulticast::Received() const {
  std::vector<SeqNo> received(current_.members());
  for (size_t i = 0; i < received.size(); ++i) {
    received[i] = current_.stream(static_cast<Rank>(i)).contiguous;
  }
  return received;
}

// Spec 5.12
void ReliableMulticast::FetchTo(Instant now, std::vector<SeqNo> trim,
                                std::vector<std::vector<Rank>> holders, Output& out) {
  const size_t members = current_.members();
  bool sound = trim.size() == members && holders.size() == members;
  for (size_t i = 0; sound && i < members; ++i) {
    const auto rank = static_cast<Rank>(i);
    const SeqNo most =
        current_.stream(rank).handed_up + (rank == self_ ? 0 : options_.window_chunks_max);
    sound = trim[i] <= most;
  }
  if (!sound) {
    ++stats_.bad_trims;
    return;
  }
  Wedge();
  holders_ = std::move(holders);
  timers_.Stop(Timer::kNak);
  for (size_t i = 0; i < members; ++i) {
    const auto origin = static_cast<Rank>(i);
    OriginStream& stream = current_.stream(origin);
    stream.gaps.clear();
    stream.fetch_upto = trim[i];
    stream.high = std::max(stream.high, trim[i]);
    if (stream.contiguous >= trim[i]) continue;
    stream.gaps.push_back(Gap{stream.contiguous + 1, trim[i], now, 0, 0});
    SendNaks(now, origin, out);
    timers_.SetEarlier(Timer::kNak, stream.NextNak());
  }
}

bool ReliableMulticast::CompleteTo(const std::vector<SeqNo>& trim) const {
  if (trim.size() != current_.members()) return false;
  for (size_t i = 0; i < trim.size(); ++i) {
    const OriginStream& stream = current_.stream(static_cast<Rank>(i));
    if (stream.handed_up > trim[i] || trim[i] > stream.contiguous) return false;
  }
  return true;
}

void ReliableMulticast::ReleaseTo(const std::vector<SeqNo>& trim, Output& out) {
  COHORT_CHECK(wedged_ && CompleteTo(trim));
  for (size_t i = 0; i < trim.size(); ++i) {
    const auto origin = static_cast<Rank>(i);
    OriginStream& stream = current_.stream(origin);
    while (stream.handed_up < trim[i]) {
      const SeqNo seq = ++stream.handed_up;
      const HeldChunk& held = *stream.ring.Find(seq);
      out.arrived.push_back({origin, seq, held.cls, held.flags, held.payload});
    }
    stream.ring.DiscardBeyond(trim[i]);
    stream.contiguous = stream.high = trim[i];
    stream.gaps.clear();
  }
  timers_.Stop(Timer::kNak);
}

}  // namespace cohort::rmcast

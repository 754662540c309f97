#include "flow/flow_control.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace cohort::flow {
namespace {

constexpr double kBackOff = 0.7;

}  // namespace

FlowControl::FlowControl(const Options& options)
    : options_(options),
      congestion_window_(options.window_start),
      slow_start_until_(options.window_max),
      probe_delay_(options.probe_min) {
  COHORT_CHECK(options.window_min > 0 && options.window_start >= options.window_min);
  COHORT_CHECK(options.window_max >= options.window_start && options.bytes_per_packet > 0);
}

void FlowControl::OnView(Instant, Rank self, size_t members) {
  self_ = self;
  peers_.assign(members, Peer());
  for (Peer& peer : peers_) peer.credit = options_.credit_unknown;
  probe_at_ = Instant::Infinite();
  probe_delay_ = options_.probe_min;
  probe_allowed_ = false;
}

// Until a loss has shown otherwise, the others' sockets are taken to be like our own: beyond what
// they hold, the window grows gently.
void FlowControl::SetReceiveCapacity(size_t granted_bytes) {
  receive_bytes_ = granted_bytes;
  if (last_cut_ == kNever && granted_bytes > 0) {
    const double holds = static_cast<double>(granted_bytes) / options_.bytes_per_packet;
    slow_start_until_ = std::clamp<double>(holds, options_.window_start, options_.window_max);
  }
}

// Spec 5.14
uint16_t FlowControl::credit_packets(size_t free_slots) const {
  const size_t packets = free_slots + receive_bytes_ / options_.bytes_per_packet / 2;
  return static_cast<uint16_t>(std::min<size_t>(packets, std::numeric_limits<uint16_t>::max()));
}

// Our part of what the slowest member grants. Spec 5.15
uint32_t FlowControl::Share() const {
  uint32_t granted = options_.window_max;
  size_t backlog = backlog_;
  for (size_t rank = 0; rank < peers_.size(); ++rank) {
    if (rank == self_) continue;
    const Peer& peer = peers_[rank];
    granted = std::min(granted, peer.credit);
    if (peer.drop_cap > 0) granted = std::min(granted, static_cast<uint32_t>(peer.drop_cap));
    backlog += peer.backlog;
  }
  if (granted == 0 || backlog == backlog_) return granted;
  const auto share = static_cast<uint32_t>(uint64_t{granted} * backlog_ / backlog);
  return std::max(options_.window_min, share);
}

uint32_t FlowControl::window() const { return std::min(congestion_window(), Share()); }

Rank FlowControl::starved_by() const {
  if (backlog_ == 0) return kNoRank;
  for (size_t rank = 0; rank < peers_.size(); ++rank) {
    if (rank != self_ && peers_[rank].credit == 0) return static_cast<Rank>(rank);
  }
  return kNoRank;
}

bool FlowControl::CanSend(Instant, size_t in_flight) const {
  return in_flight < window() || probe_allowed_;
}

bool FlowControl::WantsAck(size_t in_flight, size_t packets) const {
  const size_t size = window();
  const size_t quarter = std::max<size_t>(1, size / 4);
  const size_t then = in_flight + packets;
  return then >= size || then / quarter != in_flight / quarter;
}

void FlowControl::OnSent(Instant now, size_t in_flight) {
  if (2 * in_flight >= congestion_window()) window_used_ = true;
  if (!probe_allowed_) return;
  probe_allowed_ = false;
  probe_at_ = now + probe_delay_;
}

// Spec 5.16
void FlowControl::OnAcked(Instant, size_t packets) {
  const auto acked = static_cast<double>(packets);
  for (Peer& peer : peers_) {
    if (peer.drop_cap > 0) peer.drop_cap += acked / peer.drop_cap;
    if (peer.drop_cap > options_.window_max) peer.drop_cap = 0;
  }
  if (!window_used_) return;
  window_used_ = false;
  const bool slow_start = congestion_window_ < slow_start_until_;
  congestion_window_ += slow_start ? acked : acked / congestion_window_;
  congestion_window_ = std::min<double>(congestion_window_, options_.window_max);
}

bool FlowControl::CutLately(Instant now) const { return now - last_cut_ < RoundTrip(); }

void FlowControl::OnLoss(Instant now) {
  ++stats_.losses;
  if (CutLately(now)) return;
  window_before_cut_ = congestion_window_;
  congestion_window_ = std::max<double>(options_.window_min, congestion_window_ * kBackOff);
  slow_start_until_ = congestion_window_;
  last_cut_ = now;
  ++stats_.window_cuts;
}

// The receiver was slow, not the network: what was cut lately for this is given back, and the
// receiver is granted less.
void FlowControl::OnDrops(Instant now, Peer& peer) {
  ++stats_.receiver_drops;
  double lowered = window() * kBackOff;
  if (CutLately(now)) {
    if (window_before_cut_ == 0) return;
    lowered = congestion_window_;
    congestion_window_ = window_before_cut_;
  }
  window_before_cut_ = 0;
  last_cut_ = now;
  peer.drop_cap = std::max<double>(options_.window_min, lowered);
}

void FlowControl::OnStatus(Instant now, Rank from, const wire::StatusFrame& status) {
  if (from >= peers_.size() || from == self_) {
    ++stats_.unknown_ranks;
    return;
  }
  Peer& peer = peers_[from];
  if (peer.heard && static_cast<int32_t>(status.status_no - peer.status_no) <= 0) {
    ++stats_.stale_statuses;
    return;
  }
  const bool dropped = peer.heard && status.queue_drops != peer.drops;
  peer.heard = true;
  peer.status_no = status.status_no;
  peer.drops = status.queue_drops;
  peer.credit = status.credit_packets;
  peer.backlog = status.backlog_packets;
  if (dropped) OnDrops(now, peer);
  WatchCredit(now);
}

// Without credit nothing is sent, so nothing is answered: a lost STATUS would stop this sender for
// good. Spec 5.17
void FlowControl::WatchCredit(Instant now) {
  if (Share() > 0) {
    probe_at_ = Instant::Infinite();
    probe_delay_ = options_.probe_min;
    probe_allowed_ = false;
  } else if (!probe_allowed_ && probe_at_.is_infinite()) {
    probe_at_ = now + probe_delay_;
  }
}

void FlowControl::OnTimer(Instant now) {
  if (probe_at_ > now) return;
  probe_at_ = Instant::Infinite();
  probe_allowed_ = true;
  probe_delay_ = std::min(2 * probe_delay_, options_.probe_max);
  ++stats_.probes;
}

void FlowControl::SetRoundTrip(Rank rank, Duration srtt) {
  if (rank < peers_.size()) peers_[rank].round_trip = srtt;
}

Duration FlowControl::RoundTrip() const {
  Duration longest = options_.round_trip_min;
  for (const Peer& peer : peers_) longest = std::max(longest, peer.round_trip);
  return longest;
}

bool FlowControl::IsConsistent() const {
  if (congestion_window_ < options_.window_min || congestion_window_ > options_.window_max) {
    return false;
  }
  for (const Peer& peer : peers_) {
    if (peer.drop_cap > 0 && peer.drop_cap < options_.window_min) return false;
  }
  return true;
}

}  // namespace cohort::flow

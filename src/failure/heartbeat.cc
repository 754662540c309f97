// FailureDetector: heartbeats, their echoes, and what they say about who hears whom.
#include <algorithm>
#include <utility>

#include "failure/failure_detector.h"

namespace cohort::failure {
namespace {

constexpr Duration kEchoHoldMax =
    microseconds(65000);  // What HeartbeatFrame::echo_delay_us can tell.

uint32_t Microseconds(Instant now) { return static_cast<uint32_t>(now.nanos() / 1000); }

}  // namespace

absl::InlinedVector<uint64_t, 1> FailureDetector::Hears() const {
  absl::InlinedVector<uint64_t, 1> words((peers_.size() + 63) / 64, 0);
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (IsLive(rank)) words[rank / 64] |= uint64_t{1} << (rank % 64);
  }
  return words;
}

wire::HeartbeatFrame FailureDetector::MakeHeartbeat(Instant now) {
  wire::HeartbeatFrame frame;
  frame.number = ++heartbeat_number_;
  frame.send_us = Microseconds(now);
  frame.high = high_;
  frame.progress = progress_;
  frame.hears = Hears();
  frame.lost = LostMulticast();
  const auto size = static_cast<Rank>(peers_.size());
  for (Rank step = 0; step < size; ++step) {
    const auto rank = static_cast<Rank>((next_echo_ + step) % size);
    Peer& peer = peers_[rank];
    if (rank == self_ || !peer.echo_due || now - peer.heartbeat_real > kEchoHoldMax) continue;
    peer.echo_due = false;
    frame.echo_rank = rank;
    frame.echo_us = peer.heartbeat_send_us;
    frame.echo_delay_us = static_cast<uint16_t>((now - peer.heartbeat_real) / microseconds(1));
    next_echo_ = static_cast<Rank>((rank + 1) % size);
    break;
  }
  return frame;
}

// Spec 7.1.
void FailureDetector::SendHeartbeatIfDue(Instant now, Output& out) {
  if (now < next_heartbeat_ && !heartbeat_wanted_) return;
  const Duration jitter = options_.heartbeat / 10;
  const Duration interval =
      random_.Between(options_.heartbeat - jitter, options_.heartbeat + jitter);
  next_heartbeat_ = now + interval;
  const bool forced = std::exchange(heartbeat_wanted_, false) ||
                      (heartbeat_number_ + skipped_heartbeats_) % kForcedHeartbeatEvery == 0;
  if (!forced && now - last_group_send_ < options_.heartbeat - jitter) {
    ++skipped_heartbeats_;
    next_heartbeat_ = last_group_send_ + interval;
    return;
  }
  const wire::HeartbeatFrame frame = MakeHeartbeat(now);
  out.frames.push_back({.to = kAllRanks, .frame = frame});
  ++stats_.heartbeats_sent;
  last_group_send_ = now;
  if (!forced) return;
  // A copy by unicast: a switch that lost the multicast membership does not make us dead.
  const size_t others = peers_.size() - 1;
  for (size_t sent = 0; sent < std::min<size_t>(others, kUnicastHeartbeats); ++next_unicast_) {
    next_unicast_ = static_cast<Rank>(next_unicast_ % peers_.size());
    if (next_unicast_ == self_) continue;
    out.frames.push_back({.to = next_unicast_, .frame = frame});
    ++sent;
  }
}

void FailureDetector::OnHeartbeat(Instant now, Rank from, const wire::HeartbeatFrame& frame,
                                  Output& out) {
  AdvanceClock(now);
  if (DropUnlessPeer(from)) return;
  Peer& peer = peers_[from];
  const bool newer = static_cast<int32_t>(frame.number - peer.heartbeat_number) > 0;
  if (peer.has_heartbeat && !newer) return;  // The unicast copy, or overtaken.
  peer.has_heartbeat = true;
  peer.heartbeat_number = frame.number;
  peer.heartbeat_real = now;
  peer.heartbeat_send_us = frame.send_us;
  // What waited in the socket while this process stood still says nothing about the way.
  const bool waited = fd_now_ < hold_until_;
  peer.echo_due = !waited;
  if (frame.hears.size() == (peers_.size() + 63) / 64) {
    peer.hears = frame.hears;
    peer.hears_at = fd_now_;
    peer.has_hears = true;
  } else {
    ++stats_.frames_dropped;
  }
  const size_t word = self_ / 64;
  const bool wanted_copies = peer.wants_copies;
  peer.wants_copies =
      word < frame.lost.size() && (frame.lost[word] >> (self_ % 64) & uint64_t{1}) != 0;
  if (peer.wants_copies != wanted_copies) UpdateCopies(out);
  if (frame.echo_rank != self_ || waited) return;
  const uint32_t elapsed_us = Microseconds(now) - frame.echo_us - frame.echo_delay_us;
  MeasureRoundTrip(from, microseconds(elapsed_us), out);
}

}  // namespace cohort::failure

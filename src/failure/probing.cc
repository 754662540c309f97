// FailureDetector: asking a silent member, by ourselves, through others, and by TCP.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "failure/failure_detector.h"

namespace cohort::failure {
namespace {

constexpr Duration kTcpProbeLifetime = milliseconds(1500);  // The driver answers within a second.
constexpr Duration kTcpProbeEvery = seconds(1);             // While the silence lasts.
constexpr Duration kRoundTripMax = seconds(5);              // Longer samples are lies or nonsense.

}  // namespace

// Spec 7.3.
void FailureDetector::StartProbing(Rank rank, Output& out) {
  Peer& peer = peers_[rank];
  if (peer.probing) return;
  peer.probing = true;
  peer.probing_since = fd_now_;
  peer.next_ping = fd_now_;
  peer.next_indirect = fd_now_ + (options_.indirect_after - options_.probe_after);
  peer.pings = peer.indirect_pings = 0;
  if (peer.tcp == Peer::TcpProbe::kAnswered)
    peer.tcp = Peer::TcpProbe::kNone;  // Of an older silence.
  if (peer.tcp != Peer::TcpProbe::kWaiting) ProbeByTcp(rank, out);
}

void FailureDetector::StopProbingIfAnswered(Peer& peer) {
  if (!peer.probing || peer.alive_at <= peer.probing_since) return;
  peer.probing = false;
  peer.pings = peer.indirect_pings = 0;
  if (!peer.lifeline_closed) peer.next_tcp = Instant::Infinite();
}

void FailureDetector::Probe(Instant now, Rank rank, Output& out) {
  Peer& peer = peers_[rank];
  StopProbingIfAnswered(peer);
  if (Silence(peer) >= options_.probe_after) StartProbing(rank, out);
  if (peer.tcp == Peer::TcpProbe::kWaiting && fd_now_ - peer.tcp_at >= kTcpProbeLifetime) {
    peer.tcp = Peer::TcpProbe::kUnanswered;
    peer.next_tcp = fd_now_ + kTcpProbeEvery;
  }
  if (fd_now_ >= peer.next_tcp && peer.tcp != Peer::TcpProbe::kWaiting) ProbeByTcp(rank, out);
  if (!peer.probing) return;
  if (fd_now_ >= peer.next_ping) {
    peer.next_ping = peer.next_ping + options_.ping_every;
    ++peer.pings;
    SendPing(now, rank, out);
  }
  if (fd_now_ >= peer.next_indirect) {
    peer.next_indirect = peer.next_indirect + options_.indirect_every;
    AskOthersToPing(now, rank, out);
  }
}

void FailureDetector::SendPing(Instant now, Rank rank, Output& out) {
  const uint32_t nonce = pings_.Add({.target = rank, .sent = now});
  const auto send_us = static_cast<uint32_t>(now.nanos() / 1000);
  out.frames.push_back({.to = rank, .frame = wire::PingFrame{.nonce = nonce, .send_us = send_us}});
  ++stats_.pings_sent;
}

void FailureDetector::AskOthersToPing(Instant now, Rank rank, Output& out) {
  std::vector<Rank> live;
  for (Rank other = 0; other < peers_.size(); ++other) {
    if (other != rank && other != self_ && IsLive(other)) live.push_back(other);
  }
  if (live.empty()) return;
  const uint32_t nonce = pings_.Add({.target = rank, .sent = now, .indirect = true});
  for (unsigned asked = 0; asked < kIndirectPeers && !live.empty(); ++asked) {
    const size_t pick = random_.Below(live.size());
    out.frames.push_back(
        {.to = live[pick], .frame = wire::PingRequestFrame{.nonce = nonce, .target = rank}});
    live.erase(live.begin() + static_cast<std::ptrdiff_t>(pick));
    ++stats_.ping_requests_sent;
    ++peers_[rank].indirect_pings;
  }
}

void FailureDetector::ProbeByTcp(Rank rank, Output& out) {
  Peer& peer = peers_[rank];
  peer.host_answered = peer.tcp == Peer::TcpProbe::kAnswered;
  peer.tcp = Peer::TcpProbe::kWaiting;
  peer.tcp_at = fd_now_;
  peer.tcp_after_close = peer.lifeline_closed;
  peer.heard_since_tcp = false;
  peer.next_tcp = Instant::Infinite();
  out.probes.push_back(rank);
  ++stats_.tcp_probes;
}

// Closed lifelines only: a death is known within milliseconds, and a tick is longer than that.
void FailureDetector::ProbeAgainAt(Peer& peer, Instant at) {
  peer.next_tcp = at;
  next_reprobe_ = std::min(next_reprobe_, at);
}

void FailureDetector::ProbeAgainIfDue(Output& out) {
  if (fd_now_ < next_reprobe_) return;
  next_reprobe_ = Instant::Infinite();
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    Peer& peer = peers_[rank];
    // One that waits for its answer says there when the next one is due.
    if (rank == self_ || !peer.lifeline_closed || peer.tcp == Peer::TcpProbe::kWaiting) continue;
    if (peer.next_tcp <= fd_now_) {
      ProbeByTcp(rank, out);
    } else {
      next_reprobe_ = std::min(next_reprobe_, peer.next_tcp);
    }
  }
}

void FailureDetector::OnPing(Instant now, Rank from, const wire::PingFrame& frame, Output& out) {
  AdvanceClock(now);
  if (DropUnlessPeer(from)) return;
  out.frames.push_back(
      {.to = from, .frame = wire::PongFrame{.nonce = frame.nonce, .send_us = frame.send_us}});
  ++stats_.pongs_sent;
}

void FailureDetector::OnPingRequest(Instant now, Rank from, const wire::PingRequestFrame& frame,
                                    Output& out) {
  AdvanceClock(now);
  if (DropUnlessPeer(from) || DropUnlessPeer(frame.target)) return;
  const uint32_t nonce = pings_.Add(
      {.target = frame.target, .sent = now, .requester = from, .requester_nonce = frame.nonce});
  const auto send_us = static_cast<uint32_t>(now.nanos() / 1000);
  out.frames.push_back(
      {.to = frame.target, .frame = wire::PingFrame{.nonce = nonce, .send_us = send_us}});
  ++stats_.pings_sent;
}

void FailureDetector::OnPong(Instant now, Rank from, const wire::PongFrame& frame, Output& out) {
  AdvanceClock(now);
  if (DropUnlessPeer(from)) return;
  const auto ping = pings_.Find(now, frame.nonce);
  if (!ping) {
    ++stats_.frames_dropped;
    return;
  }
  if (ping->indirect) {
    if (frame.target != ping->target || from == ping->target) {
      ++stats_.frames_dropped;
      return;
    }
    peers_[ping->target].alive_at = fd_now_;  // Alive, though not heard: the link may be bad.
    return;
  }
  if (from != ping->target) {
    ++stats_.frames_dropped;
    return;
  }
  if (fd_now_ >= hold_until_) MeasureRoundTrip(from, now - ping->sent, out);
  if (ping->requester == kNoRank) return;
  out.frames.push_back({.to = ping->requester,
                        .frame = wire::PongFrame{.nonce = ping->requester_nonce, .target = from}});
  ++stats_.pongs_sent;
}

// Jacobson's filter; the variance is not needed, gaps have their own.
void FailureDetector::MeasureRoundTrip(Rank rank, Duration sample, Output& out) {
  if (sample < Duration(0) || sample > kRoundTripMax) return;
  Peer& peer = peers_[rank];
  peer.srtt = peer.srtt == Duration(0) ? sample : peer.srtt + (sample - peer.srtt) / 8;
  out.round_trips.push_back({rank, peer.srtt});
}

void FailureDetector::OnLifelineOpened(Instant now, Rank rank) {
  AdvanceClock(now);
  if (!IsPeer(rank)) return;
  Peer& peer = peers_[rank];
  peer.lifeline_closed = false;
  peer.reprobes = 0;
  if (!peer.probing) peer.next_tcp = Instant::Infinite();
}

// Spec 7.4: by itself an end of the lifeline only makes us look.
void FailureDetector::OnLifelineClosed(Instant now, Rank rank, Output& out) {
  AdvanceClock(now);
  if (!IsPeer(rank)) return;
  Peer& peer = peers_[rank];
  peer.lifeline_closed = true;
  peer.lifeline_closed_at = fd_now_;
  peer.reprobes = 0;
  peer.next_tcp = fd_now_;  // Also when one is under way: that one started too early to count.
  peer.probing = false;
  if (peer.tcp != Peer::TcpProbe::kWaiting) ProbeByTcp(rank, out);
  StartProbing(rank, out);
}

void FailureDetector::OnUnreachable(Instant now, Rank rank, Output& out) {
  AdvanceClock(now);
  if (IsPeer(rank)) StartProbing(rank, out);
}

void FailureDetector::OnProbeResult(Instant now, Rank rank, ProbeResult result, Output& out) {
  AdvanceClock(now);
  if (!IsPeer(rank) || peers_[rank].tcp != Peer::TcpProbe::kWaiting) return;
  Peer& peer = peers_[rank];
  const bool counts = peer.lifeline_closed && peer.tcp_after_close;
  bool look_again = peer.lifeline_closed && !peer.tcp_after_close;
  switch (result) {
    case ProbeResult::kRefused:
      peer.tcp = Peer::TcpProbe::kRefused;
      // Packets of a living member and of one just dead look alike for as long as they wait in our
      // socket.
      look_again = look_again || (counts && (peer.heard_since_tcp || !interface_up_));
      break;
    case ProbeResult::kAnswered:
      peer.tcp = Peer::TcpProbe::kAnswered;
      // A dying process closes its listener shortly after its lifelines. What is heard first may
      // have waited in our socket.
      look_again = look_again || (counts && (peer.heard_at <= peer.lifeline_closed_at ||
                                             peer.reprobes < kReprobesOfHeard));
      break;
    case ProbeResult::kFailed:
      peer.tcp = Peer::TcpProbe::kUnanswered;
      break;
  }
  if (look_again && peer.reprobes < kReprobesMax) {
    // Doubling: packets of the dead that waited in our socket are read within the first
    // milliseconds.
    const Duration wait = std::min(options_.reprobe_after * (1 << std::min(peer.reprobes, 10u)),
                                   options_.reprobe_max);
    ++peer.reprobes;
    // One that started too early to count says nothing, so that there is nothing to wait for.
    if (counts) {
      ProbeAgainAt(peer, fd_now_ + wait);
    } else {
      ProbeByTcp(rank, out);
    }
  } else {
    peer.next_tcp = peer.probing ? fd_now_ + kTcpProbeEvery : Instant::Infinite();
  }
  Judge(rank, out);
}

// A repeated probe does not unsay the one before until it has had time to be answered.
bool FailureDetector::HostAnswers(const Peer& peer) const {
  if (peer.tcp == Peer::TcpProbe::kAnswered) return true;
  return peer.tcp == Peer::TcpProbe::kWaiting && peer.host_answered &&
         fd_now_ - peer.tcp_at < options_.probe_after;
}

std::string FailureDetector::ProbeText(const Peer& peer) const {
  std::string text = absl::StrCat("silent ", Silence(peer) / milliseconds(1), " ms; ", peer.pings,
                                  peer.pings == 1 ? " ping" : " pings");
  if (peer.indirect_pings > 0) {
    absl::StrAppend(&text, " and ", peer.indirect_pings,
                    peer.indirect_pings == 1 ? " indirect probe" : " indirect probes");
  }
  absl::StrAppend(&text, " unanswered; ");
  if (HostAnswers(peer)) return text + "its host answers TCP";
  switch (peer.tcp) {
    case Peer::TcpProbe::kNone:
      return text + "not probed by TCP";
    case Peer::TcpProbe::kWaiting:
    case Peer::TcpProbe::kUnanswered:
      return text + "TCP probe unanswered";
    case Peer::TcpProbe::kAnswered:
      return text + "its host answers TCP";
    case Peer::TcpProbe::kRefused:
      return text + "TCP probe refused";
  }
  return text;
}

}  // namespace cohort::failure

#include "failure/failure_detector.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cohort::failure {
namespace {

// A stop shorter than this is noticed but not worth an event.
constexpr Duration kStopWorthTelling = milliseconds(350);
// So long after a stop what the others say of this member is believed.
constexpr Duration kStopRemembered = seconds(5);
// So long it accuses nobody while most are silent: time for two announcements of another view.
constexpr Duration kStopDoubts = milliseconds(2500);
// So long, after each sign that a member is in another view, it may take to ask what that means;
// and so long in all.
constexpr Duration kElsewhereDoubts = seconds(1);
constexpr Duration kElsewhereDoubtsMax = seconds(5);

}  // namespace

FailureDetector::FailureDetector(const Options& options, Random& random)
    : options_(options), random_(random) {}

void FailureDetector::OnView(Instant now, Rank self, const std::vector<MemberInfo>& members,
                             Output& out) {
  COHORT_CHECK(self < members.size());
  AdvanceClock(now);
  std::vector<Peer> previous = std::move(peers_);
  std::vector<Rank> new_rank(previous.size(), kNoRank);
  peers_.assign(members.size(), Peer{});
  const Rank previous_self = self_;
  self_ = self;
  pings_.Clear();
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    Peer& peer = peers_[rank];
    const auto old = std::find_if(previous.begin(), previous.end(), [&](const Peer& candidate) {
      return candidate.info.id == members[rank].id;
    });
    const bool continues = old != previous.end() && previous_self != kNoRank;
    if (continues) {
      new_rank[static_cast<size_t>(old - previous.begin())] = rank;
      peer = std::move(*old);
    }
    peer.info = members[rank];
    if (!peer.multicast_lost) peer.multicast_at = fd_now_;  // The view before may have used none.
    if (continues) continue;
    peer.heard_at = peer.alive_at = fd_now_;
    peer.grace_until = fd_now_ + options_.grace;
    if (rank != self_ && peers_.size() <= kFirstPingsMax) SendPing(now, rank, out);
  }
  elsewhere_since_.reset();
  links_.OnView(new_rank);
  link_victim_ = kNoRank;
  for (Peer& peer : peers_) {
    // Conclusions belong to a view; the evidence they came from is kept and judged again.
    peer.convicted = peer.parted = false;
    peer.accused = wire::Evidence::kNone;
    peer.next_report = Instant::Infinite();
    peer.has_hears = false;
    peer.slow_evidence.clear();
    std::erase_if(peer.reports, [&](Peer::Report& report) {
      report.from = report.from < new_rank.size() ? new_rank[report.from] : kNoRank;
      return report.from == kNoRank;
    });
  }
  UpdateCopies(out);
  if (previous.size() <= 1) {  // Was asleep, and had every right to.
    last_tick_ = next_heartbeat_ = now;
  }
}

void FailureDetector::Forget() {
  peers_.clear();
  self_ = kNoRank;
  stopped_for_ = Duration(0);
}

bool FailureDetector::DropUnlessPeer(Rank rank) {
  if (IsPeer(rank)) return false;
  ++stats_.frames_dropped;
  return true;
}

// Spec 7.2: the clock stands still while this process does, and it must read its mail before it
// judges.
void FailureDetector::AdvanceClock(Instant now) {
  if (peers_.size() <= 1) {
    last_call_ = now;
    return;
  }
  const Duration gap = now - last_call_;
  if (gap <= Duration(0)) return;
  last_call_ = now;
  fd_now_ = fd_now_ + std::min(gap, 2 * options_.tick);
  if (gap <= options_.stopped_after) return;
  ++stats_.stops;
  hold_until_ = fd_now_ + options_.heartbeat;
  if (gap < kStopWorthTelling) return;
  stopped_for_ = std::max(stopped_for_, gap);
  stopped_until_ = now;
  // Long enough for the others to go on without it: then it is they who fall silent.
  if (gap >= options_.dead_after) stop_doubt_until_ = fd_now_ + kStopDoubts;
}

void FailureDetector::OnLate(Instant now, Duration late) {
  if (late < kStopWorthTelling) return;
  stopped_until_ = now;
  if (late >= options_.dead_after) stop_doubt_until_ = fd_now_ + kStopDoubts;
}

bool FailureDetector::WasStopped(Instant now) const {
  if (peers_.size() <= 1) return false;
  if (now - last_call_ >= kStopWorthTelling) return true;
  return stopped_until_ != Instant() && now - stopped_until_ < kStopRemembered;
}

// Spec 7.2.
void FailureDetector::WorsenLocalHealth() {
  local_health_ = std::min(local_health_ + 1, kLocalHealthMax);
  health_changed_at_ = fd_now_;
}

void FailureDetector::WorsenOnceASecond() {
  if (fd_now_ - health_worsened_at_ < seconds(1)) return;
  health_worsened_at_ = fd_now_;
  WorsenLocalHealth();
}

// Spec 7.3: the margin adapts to how regularly the peer is heard, and to how well this observer is.
Duration FailureDetector::DeadAfter(const Peer& peer) const {
  if (peer.parted) return options_.dead_after;  // Patience is for who may be heard again.
  const Duration adaptive = peer.gaps.mean() + 6 * peer.gaps.deviation() + 3 * peer.srtt;
  const Duration base =
      std::clamp(adaptive, options_.dead_after, kDeadAfterStretchMax * options_.dead_after);
  return base + base * static_cast<int>(local_health_) / 2;
}

void FailureDetector::OnHeard(Instant now, Rank from, bool by_multicast) {
  AdvanceClock(now);
  if (DropUnlessPeer(from)) return;
  Peer& peer = peers_[from];
  if (by_multicast) ++peer.multicast_packets;
  // Who was not heard at all has not lost its multicast: it gets the time to send some.
  const bool was_silent = fd_now_ - peer.heard_at > options_.multicast_lost_after / 2;
  if (by_multicast || was_silent) peer.multicast_at = fd_now_;
  peer.gaps.Add(fd_now_ - peer.heard_at);
  peer.heard_at = peer.alive_at = fd_now_;
  peer.heard_since_tcp = true;
  // What said so was of before: it waited somewhere.
  peer.replaced = peer.parted = false;
}

void FailureDetector::OnLocalHealth(Rank from, uint8_t local_health) {
  if (DropUnlessPeer(from)) return;
  peers_[from].local_health = std::min<unsigned>(local_health, kLocalHealthMax);
}

void FailureDetector::SetSlow(Rank rank, std::string evidence) {
  if (IsPeer(rank)) peers_[rank].slow_evidence = std::move(evidence);
}

// Spec 7.2.
void FailureDetector::OnElsewhere(Instant now) {
  AdvanceClock(now);
  if (!elsewhere_since_) elsewhere_since_ = fd_now_;
  const Instant until =
      std::min(fd_now_ + kElsewhereDoubts, *elsewhere_since_ + kElsewhereDoubtsMax);
  doubt_until_ = std::max(doubt_until_, until);
}

// Spec 7.5.
void FailureDetector::OnParted(Instant now, Rank rank) {
  AdvanceClock(now);
  if (!DropUnlessPeer(rank)) peers_[rank].parted = true;
}

void FailureDetector::OnInterface(Instant now, bool up) {
  AdvanceClock(now);
  if (up && !interface_up_) {  // Whatever was silent meanwhile gets a whole T_dead to be heard.
    hold_until_ = fd_now_ + options_.dead_after;
  }
  interface_up_ = up;
}

void FailureDetector::OnSocketDrops(Instant now, uint32_t count) {
  AdvanceClock(now);
  if (count > 0) WorsenOnceASecond();
}

Instant FailureDetector::NextDeadline() const {
  if (peers_.size() <= 1) return Instant::Infinite();
  const Instant tick = std::min(last_tick_ + options_.tick, next_heartbeat_);
  if (next_reprobe_.is_infinite()) return tick;
  return std::min(tick, last_call_ + std::max(next_reprobe_ - fd_now_, Duration(0)));
}

void FailureDetector::OnTimer(Instant now, Output& out) {
  AdvanceClock(now);
  if (peers_.size() <= 1) return;
  SendHeartbeatIfDue(now, out);
  ProbeAgainIfDue(out);
  const Duration since_tick = now - last_tick_;
  if (since_tick < options_.tick) return;
  last_tick_ = now;
  if (since_tick > 3 * options_.tick) {
    ++stats_.late_ticks;
    WorsenLocalHealth();
  } else if (local_health_ > 0 && fd_now_ - health_changed_at_ >= seconds(1)) {
    --local_health_;
    health_changed_at_ = fd_now_;
  }
  JudgeAll(now, out);
}

bool FailureDetector::IsLive(Rank rank) const {
  if (rank == self_) return true;
  return IsPeer(rank) && fd_now_ - peers_[rank].heard_at <= options_.live_within;
}

PeerStatus FailureDetector::peer_status(Rank rank) const {
  if (!IsPeer(rank)) return {};
  const Peer& peer = peers_[rank];
  return {.silence = Silence(peer),
          .srtt = peer.srtt,
          .dead_after = DeadAfter(peer),
          .local_health = peer.local_health,
          .suspected = peer.accused != wire::Evidence::kNone,
          .convicted = peer.convicted};
}

bool FailureDetector::IsConsistent() const {
  if (local_health_ > kLocalHealthMax || pings_.size() > kPingsInFlightMax) return false;
  if (self_ == kNoRank) return peers_.empty();
  if (self_ >= peers_.size() || links_.size() > kBadLinksMax) return false;
  return std::all_of(peers_.begin(), peers_.end(), [&](const Peer& peer) {
    return peer.reports.size() < peers_.size() && peer.alive_at >= peer.heard_at &&
           peer.alive_at <= fd_now_ && (!peer.convicted || peer.accused != wire::Evidence::kNone);
  });
}

}  // namespace cohort::failure

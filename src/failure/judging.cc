// FailureDetector: from silence to accusation to conviction.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "failure/failure_detector.h"

namespace cohort::failure {
namespace {

ViewCause CauseOf(wire::Evidence evidence) {
  switch (evidence) {
    case wire::Evidence::kRefused:
      return ViewCause::kCrashed;
    case wire::Evidence::kReplaced:
      return ViewCause::kReplaced;
    case wire::Evidence::kStalled:
      return ViewCause::kStalled;
    case wire::Evidence::kBadLink:
      return ViewCause::kBadLink;
    case wire::Evidence::kLeft:
      return ViewCause::kLeft;
    case wire::Evidence::kSlow:
    case wire::Evidence::kViewStall:
      return ViewCause::kSlow;
    case wire::Evidence::kNone:
    case wire::Evidence::kSilent:
      break;
  }
  return ViewCause::kSilent;
}

// Spec 7.5: so long a member without data waits for the last that holds some.
constexpr Duration kDataGivenUpAfter = seconds(12);

unsigned VoteOf(unsigned local_health) { return local_health >= kLocalHealthHalfVote ? 1 : 2; }

}  // namespace

bool FailureDetector::MayAccuse() const {
  return interface_up_ && fd_now_ >= hold_until_ && fd_now_ >= doubt_until_;
}

void FailureDetector::JudgeAll(Instant now, Output& out) {
  UpdateSelfDoubt(out);
  if (fd_now_ >= next_link_round_) {
    next_link_round_ = fd_now_ + options_.heartbeat;
    JudgeLinks();
  }
  JudgeMulticast(out);
  size_t unanswered = 0;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank == self_) continue;
    Probe(now, rank, out);
    if (peers_[rank].pings >= 3) ++unanswered;
    Judge(rank, out);
  }
  if (unanswered >= 2) WorsenOnceASecond();
  AskWhereTheSilentAre(out);
  RepeatReports(out);
}

// Spec 7.2: when most of the group falls silent at once, the likeliest culprit is this member.
void FailureDetector::UpdateSelfDoubt(Output& out) {
  if (stopped_for_ > Duration(0)) {
    out.self_doubt = absl::StrCat("this process did not run for ", stopped_for_ / milliseconds(1),
                                  " ms; nobody is suspected until mail has been read");
    stopped_for_ = Duration(0);
    ++stats_.self_doubts;
  }
  size_t judged = 0;
  size_t silent = 0;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank == self_ || IsFresh(peers_[rank])) continue;
    ++judged;
    if (Silence(peers_[rank]) >= options_.probe_after) ++silent;
  }
  const bool most_silent = judged >= 2 && 2 * silent > judged;
  if (most_silent && !doubting_) {
    doubt_until_ = fd_now_ + options_.dead_after;
    out.self_doubt = absl::StrCat(
        silent, " of ", judged, " other members fell silent at once; this member may be ",
        "the isolated one and accuses nobody for ", options_.dead_after / milliseconds(1), " ms");
    ++stats_.self_doubts;
  }
  doubting_ = most_silent;
  if (2 * silent > judged && fd_now_ < stop_doubt_until_)
    doubt_until_ = std::max(doubt_until_, stop_doubt_until_);
}

// Spec 3.11: who has gone on to another view does not answer pings of this one.
void FailureDetector::AskWhereTheSilentAre(Output& out) {
  if (fd_now_ < next_where_) return;
  std::vector<Rank> silent;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank != self_ && Silence(peers_[rank]) >= options_.where_after) silent.push_back(rank);
  }
  if (silent.empty()) return;
  next_where_ = fd_now_ + options_.where_every;
  while (silent.size() > kWherePeers) {
    silent.erase(silent.begin() + static_cast<std::ptrdiff_t>(random_.Below(silent.size())));
  }
  out.where = std::move(silent);
}

void FailureDetector::Judge(Rank rank, Output& out) {
  Peer& peer = peers_[rank];
  if (peer.convicted || ConvictOnAuthority(rank, out)) return;
  const wire::Evidence wanted = WantedAccusation(rank);
  if (wanted == wire::Evidence::kNone) {
    if (peer.accused != wire::Evidence::kNone) Withdraw(rank, out);
    return;
  }
  if (!MayAccuse() || IsFresh(peer)) return;
  if (peer.accused != wanted) Accuse(rank, wanted, out);
  ConvictIfAgreed(rank, out);
}

// Spec 7.4, class A: one observer suffices.
bool FailureDetector::ConvictOnAuthority(Rank rank, Output& out) {
  Peer& peer = peers_[rank];
  if (peer.replaced && !IsLive(rank)) {
    Convict(rank, wire::Evidence::kReplaced,
            absl::StrCat("another process is at its address; silent ",
                         Silence(peer) / milliseconds(1), " ms"),
            true, out);
    return true;
  }
  if (!interface_up_) return false;
  if (peer.lifeline_closed && peer.tcp == Peer::TcpProbe::kRefused && peer.tcp_after_close &&
      !peer.heard_since_tcp) {
    const Duration since = fd_now_ - peer.lifeline_closed_at;
    Convict(
        rank, wire::Evidence::kRefused,
        absl::StrCat("lifeline ended ", since / milliseconds(1), " ms ago; new connection refused"),
        true, out);
    return true;
  }
  if (Silence(peer) < options_.probe_after || !MayAccuse()) return false;
  for (const Peer::Report& report : peer.reports) {
    if (report.evidence != wire::Evidence::kRefused || !report.convicted) continue;
    if (!IsFreshReport(report)) continue;
    Convict(rank, wire::Evidence::kRefused,
            absl::StrCat(peers_[report.from].info.name,
                         " saw its lifeline end and a connection refused; ", ProbeText(peer)),
            false, out);
    return true;
  }
  return false;
}

wire::Evidence FailureDetector::WantedAccusation(Rank rank) const {
  if (rank == link_victim_) return wire::Evidence::kBadLink;
  const Peer& peer = peers_[rank];
  if (Silence(peer) < DeadAfter(peer))
    return peer.slow_evidence.empty() ? wire::Evidence::kNone : wire::Evidence::kSlow;
  // Who has parted does not stand still.
  return HostAnswers(peer) && !peer.parted ? wire::Evidence::kStalled : wire::Evidence::kSilent;
}

std::string FailureDetector::TextOf(Rank rank) const {
  const Peer& peer = peers_[rank];
  if (peer.accused == wire::Evidence::kBadLink) return LinkText(rank);
  return peer.accused == wire::Evidence::kSlow ? peer.slow_evidence : ProbeText(peer);
}

void FailureDetector::Accuse(Rank rank, wire::Evidence evidence, Output& out) {
  Peer& peer = peers_[rank];
  const bool news = peer.accused == wire::Evidence::kNone;
  peer.accused = evidence;
  peer.withdrawals_left = 0;
  SendReport(rank, out);
  peer.next_report = fd_now_ + options_.report_every;
  if (!news) return;
  ++stats_.suspicions;
  out.suspected.push_back({.subject = rank,
                           .cause = CauseOf(evidence),
                           .evidence = TextOf(rank),
                           .silence = Silence(peer)});
}

void FailureDetector::Withdraw(Rank rank, Output& out) {
  Peer& peer = peers_[rank];
  peer.accused = wire::Evidence::kNone;
  peer.withdrawals_left = kWithdrawals;
  peer.next_report = fd_now_;
  ++stats_.withdrawals;
  out.unsuspected.push_back(rank);
}

// Spec 7.4, classes B, C and D.
void FailureDetector::ConvictIfAgreed(Rank rank, Output& out) {
  const Peer& peer = peers_[rank];
  if (peer.accused == wire::Evidence::kStalled && Silence(peer) < options_.stall_after) return;
  // Spec 7.5: it would go on without any data. A process that stands still keeps its lifelines.
  const bool by_silence =
      peer.accused == wire::Evidence::kSilent || peer.accused == wire::Evidence::kStalled;
  const auto is_live_with_data = [&](const Peer& other) {
    return &other != &peer && !other.info.without_data &&
           fd_now_ - other.heard_at <= options_.live_within;
  };
  if (by_silence && peers_[self_].info.without_data && !peer.info.without_data &&
      !peer.lifeline_closed && !peer.parted && Silence(peer) < kDataGivenUpAfter &&
      std::none_of(peers_.begin(), peers_.end(), is_live_with_data))
    return;
  std::string reporters;
  if (!HasMajority(rank, &reporters)) return;
  std::string text = TextOf(rank);
  if (!reporters.empty()) absl::StrAppend(&text, "; seen alike by ", reporters);
  Convict(rank, peer.accused, std::move(text), false, out);
}

void FailureDetector::Convict(Rank rank, wire::Evidence evidence, std::string text,
                              bool authoritative, Output& out) {
  Peer& peer = peers_[rank];
  peer.accused = evidence;
  peer.convicted = true;
  ++stats_.convictions;
  SendReport(rank, out);
  peer.next_report = fd_now_ + options_.report_every;
  out.convicted.push_back({rank, CauseOf(evidence), std::move(text), authoritative});
}

bool FailureDetector::IsFreshReport(const Peer::Report& report) const {
  return fd_now_ - report.at <= options_.report_lifetime && IsLive(report.from);
}

// Spec 7.5: votes of the members this observer hears; the subject has none.
bool FailureDetector::HasMajority(Rank subject, std::string* reporters) const {
  const Peer& peer = peers_[subject];
  const bool bad_link = peer.accused == wire::Evidence::kBadLink;
  unsigned all = VoteOf(local_health_);
  unsigned accusing = all;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank == self_ || rank == subject || !IsLive(rank)) continue;
    const unsigned vote = VoteOf(peers_[rank].local_health);
    all += vote;
    const bool accuses =
        std::any_of(peer.reports.begin(), peer.reports.end(), [&](const Peer::Report& report) {
          return report.from == rank && IsFreshReport(report) &&
                 (report.evidence == wire::Evidence::kBadLink) == bad_link;
        });
    if (!accuses) continue;
    accusing += vote;
    absl::StrAppend(reporters, reporters->empty() ? "" : ", ", peers_[rank].info.name);
  }
  return 2 * accusing > all;
}

void FailureDetector::SendReport(Rank rank, Output& out) {
  const Peer& peer = peers_[rank];
  const uint8_t level = peer.convicted ? 2 : peer.accused != wire::Evidence::kNone ? 1 : 0;
  const auto silent_ms = static_cast<uint32_t>(Silence(peer) / milliseconds(1));
  out.frames.push_back({.to = kAllRanks,
                        .frame = wire::SuspectFrame{.subject = rank,
                                                    .subject_join_no = peer.info.id.join_no,
                                                    .evidence = peer.accused,
                                                    .level = level,
                                                    .silent_ms = silent_ms}});
}

void FailureDetector::RepeatReports(Output& out) {
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    Peer& peer = peers_[rank];
    if (rank == self_ || fd_now_ < peer.next_report) continue;
    peer.next_report = fd_now_ + options_.report_every;
    if (peer.accused == wire::Evidence::kNone) {
      if (peer.withdrawals_left == 0) {
        peer.next_report = Instant::Infinite();
        continue;
      }
      --peer.withdrawals_left;
    }
    SendReport(rank, out);
  }
}

void FailureDetector::OnSuspect(Instant now, Rank from, const wire::SuspectFrame& frame,
                                Output& out) {
  AdvanceClock(now);
  if (DropUnlessPeer(from)) return;
  if (frame.subject >= peers_.size() || frame.subject == from ||
      frame.subject_join_no != peers_[frame.subject].info.id.join_no) {
    ++stats_.frames_dropped;
    return;
  }
  if (frame.subject == self_ && frame.evidence == wire::Evidence::kSlow && frame.level >= 2) {
    out.found_slow_by = from;
    return;
  }
  if (frame.subject == self_) {  // Not dead at all: say so as soon as a heartbeat may leave.
    next_heartbeat_ = std::min(next_heartbeat_, last_group_send_ + options_.tick);
    skipped_heartbeats_ +=
        kForcedHeartbeatEvery - (heartbeat_number_ + skipped_heartbeats_) % kForcedHeartbeatEvery;
    return;
  }
  Peer& peer = peers_[frame.subject];
  std::erase_if(peer.reports, [&](const Peer::Report& report) { return report.from == from; });
  if (frame.level == 0 || frame.evidence == wire::Evidence::kNone) return;
  peer.reports.push_back({from, frame.evidence, fd_now_, frame.level >= 2});
  if (frame.evidence == wire::Evidence::kRefused) StartProbing(frame.subject, out);
  Judge(frame.subject, out);
}

void FailureDetector::OnReplaced(Instant now, Rank rank) {
  AdvanceClock(now);
  if (IsPeer(rank)) peers_[rank].replaced = true;
}

}  // namespace cohort::failure

// Judges which members of the view are dead, stalled or badly linked, and says how it knows.
//
// The idea: any authenticated packet is a sign of life. Silence starts probes (direct, indirect,
// one TCP connect); what they find sorts the silence into classes that need more or less agreement
// (docs/protocol/failure.md). The observer doubts itself first: its clock stands still while it is
// stopped, its health stretches its patience, and when more than half of the group fell silent at
// once it accuses nobody for a while. Sources: Chen, Toueg, Aguilera, "On the Quality of Service of
// Failure Detectors" (2002) for the margin; Das, Gupta, Motivala, "SWIM" (2002) for indirect
// probes; Dadgar, Phillips, Currey, "Lifeguard" (2018) for local health; Leners et al., "Falcon"
// (2011) and "Pigeon" (2013) for evidence with stated certainty.
//
// Sans-I/O: `now` is the steady clock and never goes back. Not thread-safe. Ranks are those of the
// view last passed in; bad ranks and stale frames are counted in Stats::frames_dropped and ignored.
// The driver must call OnTimer when NextDeadline() is due, after it has read all datagrams that
// wait in the sockets.
#ifndef COHORT_FAILURE_FAILURE_DETECTOR_H_
#define COHORT_FAILURE_FAILURE_DETECTOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/random.h"
#include "base/types.h"
#include "failure/link_table.h"
#include "failure/options.h"
#include "failure/output.h"
#include "failure/peer.h"
#include "failure/ping_table.h"
#include "wire/frames.h"

namespace cohort::failure {

class FailureDetector {
 public:
  FailureDetector(const Options& options, Random& random);

  // Members that continue (same MemberId) keep their history, new ones start afresh with
  // Options::grace.
  void OnView(Instant now, Rank self, const std::vector<MemberInfo>& members, Output& out);
  // This member was outside its group. What it had judged of the others is of another life: they
  // are new to it in the view that follows, and it was not asleep.
  void Forget();

  // Any authenticated packet of the view from `from`. Cheap: called for every packet, before its
  // frames are handled.
  void OnHeard(Instant now, Rank from, bool by_multicast);
  void OnHeartbeat(Instant now, Rank from, const wire::HeartbeatFrame& frame, Output& out);
  void OnPing(Instant now, Rank from, const wire::PingFrame& frame, Output& out);
  void OnPong(Instant now, Rank from, const wire::PongFrame& frame, Output& out);
  void OnPingRequest(Instant now, Rank from, const wire::PingRequestFrame& frame, Output& out);
  void OnSuspect(Instant now, Rank from, const wire::SuspectFrame& frame, Output& out);
  void OnLocalHealth(Rank from, uint8_t local_health);  // From STATUS.

  void OnLifelineOpened(Instant now, Rank peer);
  void OnLifelineClosed(Instant now, Rank peer,
                        Output& out);  // FIN or RST. Not after LEAVE or kBye.
  void OnProbeResult(Instant now, Rank peer, ProbeResult result, Output& out);
  // Another process, or a later attempt of the same one, is at its address. Judged at the next
  // tick, and believed until `peer` is heard: two hosts can have been given one address.
  void OnReplaced(Instant now, Rank peer);
  // `peer` has been too far behind for too long; empty: it is not. Judged at the next tick.
  void SetSlow(Rank peer, std::string evidence);
  void OnUnreachable(Instant now, Rank peer,
                     Output& out);  // ICMP: a trigger to probe, never evidence.
  // A member of this view has answered that it is in another one, and is being asked whether the
  // group went on without this member: nobody is accused until that can have been answered.
  void OnElsewhere(Instant now);
  // `peer` will not be heard in this view again: it is in one that does not follow from this, or
  // its process has been replaced. No evidence, but nobody waits for its return.
  void OnParted(Instant now, Rank peer);
  void OnInterface(Instant now, bool up);
  void OnSocketDrops(Instant now, uint32_t count);

  // This process, outside a view or alone in one, is called so much later than it wanted to be.
  void OnLate(Instant now, Duration late);
  // Something was multicast to the group: it is our heartbeat.
  void NoteSentToGroup(Instant now) { last_group_send_ = now; }
  // What the next heartbeats carry.
  void SetHigh(SeqNo high) { high_ = high; }
  void SetProgress(uint16_t progress) { progress_ = progress; }

  Instant NextDeadline() const;
  void OnTimer(Instant now, Output& out);

  // Who wants by unicast, too, what this member multicasts; by rank.
  const std::vector<Rank>& copies() const { return copies_; }
  // Whether this process did not run for a while, a moment ago or at this very moment.
  bool WasStopped(Instant now) const;
  unsigned local_health() const { return local_health_; }
  bool IsLive(Rank peer) const;  // Heard directly within Options::live_within; self always.
  PeerStatus peer_status(Rank peer) const;
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  bool IsPeer(Rank rank) const { return rank < peers_.size() && rank != self_; }
  bool DropUnlessPeer(Rank rank);
  void AdvanceClock(Instant now);
  void WorsenLocalHealth();
  void WorsenOnceASecond();
  Duration DeadAfter(const Peer& peer) const;
  Duration Silence(const Peer& peer) const { return fd_now_ - peer.alive_at; }
  bool IsFresh(const Peer& peer) const { return fd_now_ < peer.grace_until; }

  // probing.cc
  void StartProbing(Rank rank, Output& out);
  void StopProbingIfAnswered(Peer& peer);
  void Probe(Instant now, Rank rank, Output& out);
  void SendPing(Instant now, Rank rank, Output& out);
  void AskOthersToPing(Instant now, Rank rank, Output& out);
  void ProbeByTcp(Rank rank, Output& out);
  void ProbeAgainAt(Peer& peer, Instant at);
  void ProbeAgainIfDue(Output& out);
  bool HostAnswers(const Peer& peer) const;
  std::string ProbeText(const Peer& peer) const;
  void MeasureRoundTrip(Rank rank, Duration sample, Output& out);

  // judging.cc
  void JudgeAll(Instant now, Output& out);
  void UpdateSelfDoubt(Output& out);
  void AskWhereTheSilentAre(Output& out);
  bool MayAccuse() const;
  void Judge(Rank rank, Output& out);
  bool ConvictOnAuthority(Rank rank, Output& out);
  wire::Evidence WantedAccusation(Rank rank) const;
  std::string TextOf(Rank rank) const;  // Of what it is accused of.
  void Accuse(Rank rank, wire::Evidence evidence, Output& out);
  void Withdraw(Rank rank, Output& out);
  void ConvictIfAgreed(Rank rank, Output& out);
  void Convict(Rank rank, wire::Evidence evidence, std::string text, bool authoritative,
               Output& out);
  bool HasMajority(Rank subject, std::string* reporters) const;
  bool IsFreshReport(const Peer::Report& report) const;
  void SendReport(Rank rank, Output& out);
  void RepeatReports(Output& out);

  // links.cc
  void JudgeLinks();
  std::vector<uint64_t> HeardByAnybody() const;
  bool HasFreshHears(Rank rank) const;
  std::string LinkText(Rank rank) const;

  // multicast_path.cc
  bool UsesMulticast() const { return options_.multicast && peers_.size() > 2; }
  void JudgeMulticast(Output& out);
  void UpdateCopies(Output& out);
  std::vector<uint64_t> LostMulticast() const;

  // heartbeat.cc
  void SendHeartbeatIfDue(Instant now, Output& out);
  wire::HeartbeatFrame MakeHeartbeat(Instant now);
  absl::InlinedVector<uint64_t, 1> Hears() const;

  Options options_;
  Random& random_;
  Stats stats_;
  Rank self_ = kNoRank;
  std::vector<Peer> peers_;  // By rank; that of self is unused.
  LinkTable links_;
  PingTable pings_;

  Instant last_call_;   // Real.
  Instant last_tick_;   // Real.
  Instant fd_now_;      // Own clock: stands still while this process is stopped.
  Instant hold_until_;  // FD clock: no suspicion before.
  Instant doubt_until_;
  bool doubting_ = false;  // More than half are silent.
  bool interface_up_ = true;
  Duration stopped_for_{0};   // Not yet told as self doubt.
  Instant stopped_until_;     // When this process ran again, as the driver's clock has it.
  Instant stop_doubt_until_;  // Own clock: until then most of the others silent means this member.
  Instant next_where_;        // Own clock.
  std::optional<Instant> elsewhere_since_;  // Own clock; in this view.
  Rank link_victim_ = kNoRank;
  Instant next_link_round_;                     // FD clock.
  Instant next_reprobe_ = Instant::Infinite();  // FD clock; of a closed lifeline, none is earlier.

  unsigned local_health_ = 0;
  Instant health_changed_at_;   // FD clock.
  Instant health_worsened_at_;  // FD clock; limits the causes that may count once a second.

  Instant next_heartbeat_;   // Real.
  Instant last_group_send_;  // Real.
  uint32_t heartbeat_number_ = 0;
  uint32_t skipped_heartbeats_ = 0;     // Something else was sent instead.
  bool heartbeat_wanted_ = false;       // It has something to say that does not wait.
  std::optional<Instant> rejoined_at_;  // FD clock.
  std::vector<Rank> copies_;
  Rank next_unicast_ = 0;
  Rank next_echo_ = 0;
  SeqNo high_ = 0;
  uint16_t progress_ = 0;
};

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_FAILURE_DETECTOR_H_

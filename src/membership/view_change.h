// Agreement on the next view: one consensus per view change, over the next members and the trim
// together.
//
// The lowest-ranked member nobody convicted asks all others to stop (wedge) and to say what they
// hold; it proposes the next view and the union of what is held; whoever holds all of that accepts;
// when enough have accepted it is decided. Under Policy::kPrimary "enough" includes a quorum of the
// old view and a value once accepted binds every later ballot (single-decree Paxos, acceptors = the
// members of the old view, convicted ones too). Under Policy::kAvailable every side goes on, and
// two sides never share a view id.
//
// Spec:   docs/protocol.md, chapter 4. Source: L. Lamport, Paxos Made Simple, 2001; K. Birman, D.
// Malkhi, R. van
//         Renesse, Virtually Synchronous Methodology for Dynamic Service Replication,
//         MSR-TR-2010-151.
// Limits: wire::kMembersMax members. Units: Instant and Duration. Errors: what cannot be true is
// dropped and counted. Owner:  one Engine. Not thread-safe. A copyable value: Membership keeps a
// copy to answer about the view before.
#ifndef COHORT_MEMBERSHIP_VIEW_CHANGE_H_
#define COHORT_MEMBERSHIP_VIEW_CHANGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/timer_table.h"
#include "base/types.h"
#include "membership/ballot.h"
#include "membership/proposal.h"
#include "membership/rank_set.h"
#include "membership/rules.h"
#include "membership/view_change_io.h"
#include "membership/view_change_message.h"

namespace cohort::membership {

template <class Rules = ProductionRules>
class ViewChange {
 public:
  using Options = ViewChangeOptions;
  using Output = ViewChangeOutput;
  using Stats = ViewChangeStats;
  enum class Timer : uint8_t { kStart, kResend, kStall, kMute, kRestart, kCount };

  explicit ViewChange(const Options& options) : options_(options) {}

  // Begins with an installed view of which this member is `self`. Convictions of members that are
  // in `view` too carry over when `view` follows the view held so far; pending changes do not: call
  // SetPending again.
  void Reset(Instant now, ProposalRef view, Rank self);

  // The failure detector's verdict. Final inside the view; repeating it changes nothing.
  void Convict(const Turn& turn, Rank rank, ViewCause cause, const std::string& evidence,
               Output& out);
  // What the next proposal of this member shall change besides convictions; replaces what was
  // pending. A change that is pending at the coordinator begins a view change at once: batching is
  // the caller's.
  void SetPending(const Turn& turn, PendingChanges pending, Output& out);
  // This member asked to leave: a decided view without it is then success under either policy.
  void SetLeaving() { leaving_ = true; }
  // The newest group key held; proposals of a later epoch are not accepted before it is here.
  void SetKeyEpoch(const Turn& turn, uint32_t held, Output& out);
  // `from` is the authenticated sender, a rank of view(). Messages about other views are dropped.
  void OnMessage(const Turn& turn, Rank from, const VcMessage& message, Output& out);
  // Chunks arrived while wedged: turn.received may cover a trim now.
  void OnProgress(const Turn& turn, Output& out);
  // An authenticated packet tagged with accepted()->proposal->next: its sender has installed it, so
  // it is decided. `from` is the sender's rank in that next view.
  void OnAcceptedViewTraffic(const Turn& turn, Rank from, Output& out);
  // The member of old rank `rank` was heard in the view that was decided; it needs INSTALL no more.
  void OnHeardInNext(Rank rank) { heard_in_next_.Insert(rank); }
  // Any authenticated packet of `rank` in view(); and the progress counter its heartbeat carried.
  void OnHeard(Instant now, Rank rank);
  void OnPeerProgress(const Turn& turn, Rank rank, uint16_t progress);
  // The slowest smoothed round trip to a member: paces retransmission.
  void SetRoundTrip(Duration slowest) { round_trip_ = slowest; }

  Instant NextDeadline() const { return timers_.Next(); }
  bool IsSet(Timer timer) const { return timers_.IsSet(timer); }
  void OnTimer(const Turn& turn, Output& out);
  // OnTimer for one timer, due or not: safety may not hang on when a timer fires, so the explorer
  // fires it any time.
  void Fire(Timer timer, const Turn& turn, Output& out);

  // The view that is installed, or was before installed() became true.
  const ProposalRef& view() const { return view_; }
  Rank self() const { return self_; }
  size_t size() const { return view_ == nullptr ? 0 : view_->members.size(); }
  // No sending, delivering or acknowledging between wedge and install.
  bool wedged() const { return phase_ != Phase::kNormal; }
  // Policy::kPrimary: who can still be expected to vote is no quorum. Goes on voting all the same.
  bool halted() const { return halted_; }
  // decided() was installed here: this object only answers questions about the old view from now
  // on.
  bool installed() const { return phase_ == Phase::kInstalled; }
  // A decided view does not include this member. It goes on voting.
  bool excluded() const { return phase_ == Phase::kExcluded; }
  bool leaving() const { return leaving_; }
  Ballot promised() const { return promised_; }
  Rank CoordinatorOfBallot() const { return promised_.IsNone() ? kNoRank : promised_.rank; }
  bool coordinating() const { return coordination_.has_value(); }
  // Accepted and not (known here to be) installed; packets tagged with it are proof of its
  // decision.
  const std::optional<Accepted>& accepted() const { return accepted_; }
  // Known to be decided; null before.
  ProposalRef decided() const { return decided_ ? decided_->proposal : nullptr; }
  Ballot DecidedUnder() const { return decided_ ? decided_->ballot : Ballot{}; }
  // True when this member took the decision and so welcomes joiners.
  bool is_decider() const { return decider_; }
  // Every continuing member was heard in the decided view: a kept copy may be dropped.
  bool AllHeardInNext() const;
  // For the heartbeat: grows with every answer collected and every chunk fetched here.
  uint16_t progress() const { return progress_; }
  const RankSet& convicted() const { return convicted_; }
  const std::vector<Conviction>& convictions() const { return convictions_; }  // By rank.
  // The coordinator-to-be.
  Rank LowestUnconvicted() const;
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;
  // Canonical bytes of all that decides future behaviour, deadlines excepted: equal bytes, equal
  // behaviour.
  void AppendState(std::string& bytes) const;

 private:
  enum class Phase : uint8_t { kNormal, kWedged, kInstalled, kExcluded };
  struct Answer {
    std::vector<SeqNo> received;
    std::optional<Accepted> accepted;
    bool synced = false;
  };
  // The ballot this member coordinates; gone as soon as it promises a higher one.
  struct Coordination {
    Ballot ballot;
    std::map<Rank, Answer> answers;  // Ordered: the proposal is computed from it.
    std::vector<SeqNo> fetching;  // The trim being completed before it is proposed; empty if none.
    ProposalRef proposal;         // Null until proposed.
    std::vector<std::vector<Rank>> holders;
    RankSet ready;
  };
  struct Choice {
    ProposalRef adopted;  // Null: propose afresh.
    std::vector<SeqNo> trim;
    std::vector<std::vector<Rank>> holders;
  };
  struct Peer {
    Instant heard;
    Instant progressed;
    uint16_t progress = 0;
  };

  bool IsPrimary() const { return options_.policy == Policy::kPrimary; }
  bool IsOver() const { return phase_ == Phase::kInstalled || phase_ == Phase::kExcluded; }
  bool Includes(const Proposal& proposal, Rank rank) const;
  bool IsValid(const ProposalRef& proposal) const;
  bool IsComplete(const std::vector<SeqNo>& trim, uint32_t key_epoch,
                  const std::vector<SeqNo>& received) const;
  bool HasQuorum(const RankSet& voters) const;
  Duration StallTime() const;
  Duration LongestResend() const;
  Duration FirstResend() const;

  // view_change_convict.h: convictions, starting, patience.
  bool AddConviction(Rank rank, ViewCause cause, const std::string& evidence, Output& out);
  bool MergeConvictions(Rank from, const std::vector<Conviction>& theirs, Output& out);
  void OnConvictionsGrew(const Turn& turn, Output& out);
  void SendEarlyState(const Turn& turn, Rank to, Output& out);
  void WaitForCoordinator(const Turn& turn);
  void JudgeMute(const Turn& turn, Output& out);
  void UpdateHalted(Output& out);

  // view_change_accept.h: the acceptor.
  bool Refuses(Rank from, Ballot ballot, Output& out);
  void Promise(Ballot ballot, Output& out);
  void Wedge(Output& out);
  void OnPrepare(const Turn& turn, Rank from, const Prepare& prepare, Output& out);
  void OnPropose(const Turn& turn, Rank from, const Propose& propose, Output& out);
  void TryAccept(const Turn& turn, Output& out);
  void OnInstall(const Turn& turn, Rank from, const Install& install, Output& out);
  void OnGone(const Turn& turn, Rank from, const Gone& gone, Output& out);
  void TryInstall(const Turn& turn, Output& out);
  void Finish(Phase phase, Output& out);
  void AnswerAfterwards(Rank from, Output& out);
  void OnFetchProposal(Rank from, const FetchProposal& fetch, Output& out);
  State MakeState(const Turn& turn, Ballot ballot) const;
  Install MakeInstall(bool with_body) const;
  void SendTo(Rank to, decltype(VcMessage::body) body, Output& out) const;

  // view_change_coordinate.h: the coordinator.
  void StartBallot(const Turn& turn, Ballot ballot, Output& out);
  void StartNextBallot(const Turn& turn, Output& out);
  void OnState(const Turn& turn, Rank from, const State& state, Output& out);
  void OnReady(const Turn& turn, Rank from, const Ready& ready, Output& out);
  void OnNack(const Turn& turn, Rank from, const Nack& nack, Output& out);
  void Advance(const Turn& turn, Output& out);
  bool HasAllStates() const;
  bool IsAwaited(Rank rank) const;
  Choice Choose() const;
  bool IsReplaced(const MemberInfo& member) const;
  bool SaidItIsSynced(Rank rank) const;
  bool KeepsAVote() const;
  bool HoldsState(Rank rank) const;
  ProposalRef MakeProposal(const Turn& turn, const std::vector<SeqNo>& trim);
  void ProposeChoice(const Turn& turn, Choice choice, Output& out);
  void TryDecide(const Turn& turn, Output& out);
  void Resend(const Turn& turn, Output& out);
  RankSet Unanswered() const;

  Options options_;
  ProposalRef view_;
  Rank self_ = kNoRank;
  bool leaving_ = false;
  uint32_t key_epoch_held_ = UINT32_MAX;
  uint64_t number_seen_ = 0;  // Highest view number this instance ever proposed or saw proposed.
  uint32_t round_seen_ = 0;
  Duration round_trip_ = milliseconds(1);

  Phase phase_ = Phase::kNormal;
  bool halted_ = false;
  bool decider_ = false;
  bool invites_ = false;  // An early STATE was sent and its coordinator has not been heard yet.
  Ballot promised_;
  std::optional<Accepted> accepted_;
  std::optional<Propose> proposed_;  // Not accepted yet: chunks are missing.
  std::optional<Install> decided_;   // With body. Installed once complete.
  std::vector<Conviction> convictions_;
  RankSet convicted_;
  PendingChanges pending_;
  std::optional<Coordination> coordination_;
  RankSet heard_in_next_;

  TimerTable<Timer> timers_;
  Duration resend_interval_ = Duration::zero();
  std::vector<Peer> peers_;
  uint16_t progress_ = 0;
  std::vector<SeqNo> received_seen_;
  Stats stats_;
};

extern template class ViewChange<ProductionRules>;

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_VIEW_CHANGE_H_

// A process's way into, through and out of a group: forms it, asks to join, admits others, leaves,
// comes back after it was excluded, and brings two sides of a healed partition together. Agreement
// on each next view is ViewChange; this class decides what is to be agreed upon.
//
// There is no protocol for merging views: the weaker side ends in a last view that names the other
// side, and all its members join there like anybody else, carrying their state. Before that the
// stronger side promises, over a lifeline, not to go away itself. So a coordinator that dies at any
// point leaves behind joiners, and joiners know what to do.
//
// Spec:   docs/protocol/membership_groups.md, clauses 4.60 and following.
// Limits: join_batch.h, lifeline_messages.h, wire::kMembersMax members.
// Errors: what came from the network and cannot be true is dropped and counted.
// Owner:  one Engine; calls must not overlap. At most one view is installed per call: what follows
// from it is done by
//         the timer, which is then due at once.
#ifndef COHORT_MEMBERSHIP_MEMBERSHIP_H_
#define COHORT_MEMBERSHIP_MEMBERSHIP_H_

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/flap_damper.h"
#include "base/group_sighting.h"
#include "base/random.h"
#include "base/timer_table.h"
#include "base/types.h"
#include "membership/admission.h"
#include "membership/join_batch.h"
#include "membership/membership_io.h"
#include "membership/merge_talk.h"
#include "membership/role.h"
#include "membership/view_change.h"

namespace cohort::membership {

class Membership {
 public:
  using Options = MembershipOptions;
  using Output = MembershipOutput;
  using Stats = MembershipStats;

  // `random` must outlive this object. Turn::random may be the same one.
  Membership(const Options& options, Random& random);

  // `self`: instance, name, address and incarnation; the rest is set here.
  void Start(Instant now, const MemberInfo& self, Output& out);
  // Alone or nowhere: at once (Output::left). Else a view without this member is agreed upon, or a
  // second passes.
  void Leave(const Turn& turn, Output& out);

  // From discovery. Neither is believed: the first is judged by role and policy, the second only
  // leads to a question.
  void OnFormGroup(Instant now, Output& out);
  // `was_stopped`: this process did not run lately, so the others may have gone on without it.
  void OnSighting(Instant now, const GroupSighting& sighting, bool was_stopped, Output& out);

  // A member of this view is in another one, it says, of which `sighting` tells; `address` is its
  // own. Only leads to a question, too: whether the group went on without this member. True while
  // that waits for its answer.
  bool OnElsewhere(Instant now, const GroupSighting& sighting, Output& out);
  // Whoever is at the address of a member of this view is in none, it says, and searches.
  void OnInNoView(const MemberId& who, const Address& address, Output& out) const;
  // A process of this group is at that address, in whatever view.
  void OnSeen(const MemberInfo& who, Output& out) const;

  // A ControlFrame{kViewChange} or a lifeline message kControl.
  void OnViewChangeMessage(const Turn& turn, const MemberId& from, Bytes body, Output& out);
  // kJoin, kWelcome, kRefused, kMerge.
  void OnLifelineMessage(const Turn& turn, const LifelinePeer& from, wire::StreamMessage type,
                         Bytes body, Output& out);
  // A lifeline to `address` ended, or could not be opened.
  void OnLifelineDown(Instant now, const Address& address, Output& out);

  // From failure. `rank` is of the installed view, here and below.
  void OnConviction(const Turn& turn, Rank rank, ViewCause cause, const std::string& evidence,
                    Output& out);
  // From failure: the others have convicted this member for being too slow.
  void OnFoundSlow(Instant now, const std::string& by, Output& out);
  // From the engine: this member holds another state than most.
  void OnFoundWrong(Instant now, const std::string& by, Output& out);
  // Any authenticated packet of the installed view.
  void OnHeardInView(Instant now, Rank rank);
  // An authenticated packet tagged with AcceptedView().
  void OnAcceptedViewTraffic(const Turn& turn, const MemberId& from, Output& out);
  // The coordinator's heartbeat.
  void OnPeerProgress(const Turn& turn, Rank rank, uint16_t progress);
  // From rmcast while wedged: more chunks are here.
  void OnProgress(const Turn& turn, Output& out);
  // From transfer: a member holds the whole state. Named by its id, because this is delivered at
  // the end of a view too, when the ranks are the next view's already.
  void OnSynced(Instant now, const MemberId& id);
  void SetKeyEpoch(const Turn& turn, uint32_t held, Output& out);
  void SetRoundTrip(Duration slowest) { view_change_.SetRoundTrip(slowest); }
  // The group's clock, as joiners are told it: `unix_ms` at `now`. Again whenever it was corrected.
  void SetGroupClock(Instant now, uint64_t unix_ms);

  Instant NextDeadline() const;
  void OnTimer(const Turn& turn, Output& out);

  const Role& role() const { return role_; }
  bool in_group() const;
  const MemberInfo& self() const { return self_; }
  const ViewChange<>& view_change() const { return view_change_; }
  // Installed, or the last one; null before the first.
  const ProposalRef& view() const { return view_change_.view(); }
  Rank rank() const { return view_change_.self(); }
  // What others shall see of this side. For discovery::Standing, when in_group().
  GroupSighting Side() const;
  // The view whose traffic proves that it is decided; zero when there is none.
  ViewId AcceptedView() const;
  // How long this member waits, in all, before it searches for the group that has excluded it, or
  // its side asks another one to come back. Zero: it does not.
  Duration rejoin_wait() const {
    const auto* excluded = std::get_if<role::Excluded>(&role_);
    return std::max(hold_, excluded == nullptr ? Duration::zero() : excluded->wait);
  }
  // The view before, as long as its messages are answered; null otherwise.
  const ViewChange<>* previous() const { return previous_ ? &*previous_ : nullptr; }
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  enum class Timer : uint8_t {
    kRole,
    kChanges,
    kBatch,
    kJoiners,
    kMerge,
    kLeaveAgain,
    kPrevious,
    kHold,
    kCount
  };
  // A member of the view that was not heard in it yet.
  struct Newcomer {
    MemberId id;
    Address address;
    Instant lost_at;
    bool asks_anew = false;  // It has given up that attempt, so it will not be heard.
  };
  // The refusal that was told last: the same one is told again only now and then.
  struct Refusal {
    Address by;
    std::string text;
    Instant told_at;
  };

  // membership.cc
  void SetRole(Role role);
  void Apply(const Turn& turn, ViewChangeOutput changes, Output& out);
  void SendFrames(const ViewChange<>& from, const std::vector<ViewChangeOutput::Outgoing>& messages,
                  bool previous, Output& out) const;
  void ApplyInstall(const Turn& turn, ProposalRef proposal, Output& out);
  void ApplyGone(const Turn& turn, const ViewId& next, Output& out);
  void BeginView(Instant now, ProposalRef proposal, bool fresh, uint64_t group_time_ms,
                 Output& out);
  void Exclude(Instant now, const std::string& why, Duration delay_min, Output& out);
  void SubmitChanges(const Turn& turn, Output& out);
  PendingChanges CollectChanges(Instant now) const;
  bool IsHeard(const MemberId& member) const;
  View MakeView(const Proposal& proposal, const Proposal* ending) const;
  void OnRoleTimer(Instant now, Output& out);
  void Report(Instant now, EventKind kind, std::string text, Output& out,
              const MemberId& subject = {}, std::string_view name = {}) const;
  bool IsCoordinator() const;
  MemberInfo CoordinatorInfo() const;
  std::optional<Rank> RankOf(const Proposal& view, const MemberId& member) const;
  void Send(const Address& to, wire::StreamMessage type, Buffer body, Output& out) const;

  // membership_join.cc
  bool MayForm() const;
  void Search(Instant now, Output& out);
  void RetryLater(Instant now, Output& out);
  void AskToJoin(Instant now, const Address& whom, uint32_t redirects, Output& out);
  std::optional<JoinAnswer> JudgeJoin(Instant now, const JoinRequest& request, Output& out);
  void OnJoinRequest(const Turn& turn, const LifelinePeer& from, const JoinRequest& request,
                     Output& out);
  void ReportRefusal(Instant now, const Address& by, const std::string& text, Output& out);
  void OnJoinAnswer(Instant now, const LifelinePeer& from, const JoinAnswer& answer, Output& out);
  void OnWelcome(const Turn& turn, const LifelinePeer& from, Welcome welcome, Output& out);
  void AwaitNewcomers(Instant now, const Proposal& proposal, bool fresh);
  void WelcomeNewcomers(Instant now, Output& out);
  void SendWelcome(Instant now, const Address& to, Output& out) const;
  void DropLostNewcomers(const Turn& turn, Output& out);
  std::vector<Carrier> CarriersAmong(const Proposal& proposal) const;

  // membership_merge.cc
  bool KnowsView(const ViewId& view) const;
  bool AreFew(uint32_t members, uint32_t holders) const;
  bool WouldFollow(const std::vector<MemberInfo>& others) const;
  void NoteParted(const Address& address, Output& out) const;
  void NoteReplaced(const MemberInfo& by, Output& out) const;
  void OnMergeMessage(Instant now, const LifelinePeer& from, const MergeMessage& message,
                      Output& out);
  void OnMergeQuestion(Instant now, const LifelinePeer& from, const MergeMessage& question,
                       Output& out);
  void OnMergeAnswer(Instant now, const LifelinePeer& from, const MergeMessage& answer,
                     Output& out);
  std::string JudgeMergeRequest(Instant now, const MergeMessage& request) const;
  void JudgeDescent(const MergeMessage& question, MergeMessage& answer) const;
  void ConsiderSide(Instant now, const GroupSighting& sighting, bool was_stopped, Output& out);
  void AskSide(Instant now, const Address& whom, const ViewId& target, bool descent, Output& out);
  void OnMergeTimer(Instant now, Output& out);
  void GoToOtherSide(Instant now, const Proposal& terminal, Output& out);
  MergeMessage MakeMergeMessage(MergeMessage::Kind kind) const;
  bool IsHeldBack(Instant now, const GroupSighting& sighting, Output& out);

  // membership_leave.cc
  void AskToLeave(const Turn& turn, Output& out);
  void OnLeaveRequest(Instant now, const JoinRequest& request, Output& out);
  void FinishLeaving(Instant now, Output& out);

  const Options options_;
  Random& random_;
  Role role_ = role::Idle{};
  MemberInfo self_;
  ViewChange<> view_change_;
  static constexpr Duration kPreviousKept = seconds(2);
  std::optional<ViewChange<>> previous_;
  std::vector<SeqNo> previous_received_;  // What was held of the previous view when it ended here.
  TimerTable<Timer> timers_;

  uint64_t last_num_ = 0;
  std::deque<ViewId> ancestors_;  // Newest first, without the installed view.
  bool asked_ = false;
  bool was_member_ = false;
  bool carries_state_ = false;
  ViewId came_from_;             // The view whose state it carries.
  std::vector<Rank> old_ranks_;  // By rank: its rank in previous_, or kNoRank.
  std::set<MemberId> synced_;
  JoinBatch batch_;
  std::set<MemberId> leavers_;
  std::vector<Newcomer> newcomers_;
  MergeTalk merge_;
  ViewId not_descended_;  // Does not descend from the installed one, a member of it has said.
  std::optional<Terminal> terminal_;      // Wanted: this side ends.
  std::optional<GroupSighting> sighted_;  // Heard while asking was not yet allowed.
  FlapDamper flaps_;
  Duration hold_ = Duration::zero();  // Until kHold this side does not ask another one to merge.
  bool hold_told_ = false;
  bool parted_ = false;  // A view has lost members that may live on, since this one came back.
  std::vector<Instant> slow_at_;  // Found too slow, lately.
  uint32_t failed_joins_ = 0;
  bool refused_for_good_ = false;
  std::optional<Refusal> refusal_;
  int64_t group_clock_offset_ms_ = 0;
  Stats stats_;
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_MEMBERSHIP_H_

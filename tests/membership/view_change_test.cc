// The main traces of docs/protocol.md, chapter 4, one by one. Every combination of them is
// tests/explorer's business.
#include "membership/view_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cohort::membership {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ProposalRef MakeView(size_t members) {
  auto view = std::make_shared<Proposal>();
  view->next = ViewId{7, 77};
  for (size_t i = 0; i < members; ++i) {
    view->members.push_back(MemberInfo{MemberId{InstanceId{1, i + 1}, 1},
                                       std::string(1, static_cast<char>('a' + i)),
                                       {},
                                       1,
                                       true});
  }
  view->tie_breaker = view->members[0].id;
  return view;
}

// Members of one view with a network that delivers when told to.
class Members {
 public:
  Members(Policy policy, size_t count, size_t install_body_members_max = 16)
      : view_(MakeView(count)) {
    ViewChangeOptions options;
    options.policy = policy;
    options.install_body_members_max = install_body_members_max;
    for (size_t i = 0; i < count; ++i) {
      changes.emplace_back(options);
      changes.back().Reset(now, view_, static_cast<Rank>(i));
      received.emplace_back(count, SeqNo{0});
      outputs.emplace_back();
    }
  }

  void Convict(Rank at, Rank whom, ViewCause cause = ViewCause::kCrashed) {
    changes[at].Convict(TurnOf(at), whom, cause, "test", outputs[at]);
    Collect(at);
  }
  void AddJoiner(Rank at) {
    PendingChanges pending;
    pending.joiners.push_back(
        {MemberInfo{MemberId{InstanceId{9, 9}, 1}, "x", {}, 0, false}, ViewCause::kJoined, ""});
    SetPending(at, std::move(pending));
  }
  void SetPending(Rank at, PendingChanges pending) {
    changes[at].SetPending(TurnOf(at), std::move(pending), outputs[at]);
    Collect(at);
  }
  void Receive(Rank at, Rank origin, SeqNo upto) {
    received[at][origin] = upto;
    changes[at].OnProgress(TurnOf(at), outputs[at]);
    Collect(at);
  }
  void Pass(Duration time) {
    now = now + time;
    for (Rank at = 0; at < changes.size(); ++at) {
      if (dead.Contains(at)) continue;
      changes[at].OnTimer(TurnOf(at), outputs[at]);
      Collect(at);
    }
  }
  // Delivers all messages whose kind is `Body` (in `to` only, unless it is kAllRanks), and forgets
  // them.
  template <class Body>
  void Deliver(Rank to = kAllRanks) {
    std::vector<Sent> taken;
    std::erase_if(network, [&](const Sent& sent) {
      const bool hit =
          std::holds_alternative<Body>(sent.message.body) && (to == kAllRanks || sent.to == to);
      if (hit) taken.push_back(sent);
      return hit;
    });
    for (const Sent& sent : taken) Hand(sent);
  }
  void DeliverAll() {
    for (int step = 0; step < 200 && !network.empty(); ++step) {
      const Sent sent = network.front();
      network.erase(network.begin());
      Hand(sent);
    }
  }
  template <class Body>
  void Drop() {
    std::erase_if(network,
                  [](const Sent& sent) { return std::holds_alternative<Body>(sent.message.body); });
  }
  template <class Body>
  size_t Count() const {
    size_t count = 0;
    for (const Sent& sent : network)
      count += std::holds_alternative<Body>(sent.message.body) ? 1 : 0;
    return count;
  }
  void Inject(Rank from, Rank to, decltype(VcMessage::body) body) {
    Hand({from, to, VcMessage{view_->next, std::move(body)}});
  }
  void Kill(Rank rank) {
    dead.Insert(rank);
    std::erase_if(network, [rank](const Sent& sent) { return sent.from == rank; });
  }
  std::string Names(Rank at) const {
    std::string names;
    const ProposalRef decided = changes[at].installed() ? changes[at].decided() : nullptr;
    if (decided == nullptr) return "none";
    for (const MemberInfo& member : decided->members) names += member.name;
    return names;
  }
  Turn TurnOf(Rank at) {
    return {now, received[at], random, synced.Contains(at), stopped.Contains(at)};
  }

  struct Sent {
    Rank from;
    Rank to;
    VcMessage message;
  };
  void Hand(const Sent& sent) {
    if (dead.Contains(sent.to)) return;
    changes[sent.to].OnMessage(TurnOf(sent.to), sent.from, sent.message, outputs[sent.to]);
    EXPECT_TRUE(changes[sent.to].IsConsistent());
    Collect(sent.to);
  }
  void Collect(Rank at) {
    for (auto& outgoing : outputs[at].messages) {
      for (Rank to = 0; to < changes.size(); ++to) {
        if (to != at && (outgoing.to == kAllRanks || outgoing.to == to))
          network.push_back({at, to, outgoing.message});
      }
    }
    outputs[at].messages.clear();
  }

  ProposalRef view_;
  Instant now = Instant::FromNanos(1'000'000'000);
  Random random{1};
  std::vector<ViewChange<>> changes;
  std::vector<std::vector<SeqNo>> received;
  std::vector<ViewChangeOutput> outputs;
  std::vector<Sent> network;
  RankSet dead;
  RankSet synced;
  RankSet stopped;  // Stood still a moment ago.
};

TEST(ViewChangeTest, SurvivorsOfACrashInstallAViewWithoutTheDead) {
  for (Policy policy : {Policy::kPrimary, Policy::kAvailable}) {
    Members group(policy, 3);
    group.Kill(2);
    group.Convict(0, 2);
    group.Convict(1, 2);
    group.DeliverAll();
    EXPECT_EQ(group.Names(0), "ab");
    EXPECT_EQ(group.Names(1), "ab");
    EXPECT_EQ(group.changes[0].decided()->next, group.changes[1].decided()->next);
    EXPECT_EQ(group.changes[0].decided()->next.num, 8u);
    EXPECT_THAT(
        group.changes[0].decided()->left,
        ElementsAre(ProposedChange{group.view_->members[2].id, ViewCause::kCrashed, "test"}));
  }
}

TEST(ViewChangeTest, TheSurvivorOfAPairGoesOnAtOnceWhenItMay) {
  Members available(Policy::kAvailable, 2);
  available.Convict(1, 0);
  EXPECT_EQ(available.Names(1), "b");
  Members tie_won(Policy::kPrimary, 2);
  tie_won.Convict(0, 1);
  EXPECT_EQ(tie_won.Names(0), "a");
  Members tie_lost(Policy::kPrimary, 2);
  tie_lost.Convict(1, 0);
  EXPECT_TRUE(tie_lost.changes[1].halted());
  EXPECT_TRUE(tie_lost.outputs[1].halted);
}

TEST(ViewChangeTest, EvidenceBySilenceIsBatchedBeforeTheViewChangeBegins) {
  Members group(Policy::kPrimary, 5);
  group.Convict(0, 4, ViewCause::kSilent);
  EXPECT_FALSE(group.changes[0].wedged());
  group.Pass(milliseconds(21));
  EXPECT_TRUE(group.changes[0].wedged());
}

// Spec 4.6 (the leaver of two halves must not be counted by both).
TEST(ViewChangeTest, ALeaverDoesNotWeighMoreThanItsVote) {
  Members group(Policy::kPrimary, 5);
  PendingChanges pending;
  pending.leavers = {3, 4};
  group.SetPending(0, pending);
  for (Rank rank : {Rank(1), Rank(2)}) group.Convict(0, rank);
  group.Deliver<Prepare>(3);
  group.Deliver<State>(0);
  group.Deliver<Prepare>(4);
  group.Deliver<State>(0);
  ASSERT_EQ(group.Count<Propose>(), 4u);
  EXPECT_EQ(group.Names(0), "none") << "alone it has one vote of five, whoever wants to leave";
  group.Deliver<Propose>(3);
  group.Deliver<Ready>(0);
  EXPECT_EQ(group.Names(0), "none");
  group.Deliver<Propose>(4);
  group.Deliver<Ready>(0);
  EXPECT_EQ(group.Names(0), "a") << "the leavers' own votes make it three of five";
  group.DeliverAll();
  EXPECT_TRUE(group.changes[3].excluded());
}

// Spec 4.9: suspicion removes from the next view, never from the vote.
TEST(ViewChangeTest, AConvictedMemberThatLivesVotesAndIsLeftOut) {
  Members group(Policy::kPrimary, 3);
  group.Kill(2);
  group.Convict(0, 1);
  group.Convict(0, 2);
  EXPECT_TRUE(group.changes[0].halted());
  group.DeliverAll();
  EXPECT_EQ(group.Names(0), "a");
  EXPECT_TRUE(group.outputs[0].resumed);
  EXPECT_TRUE(group.changes[1].excluded());
  EXPECT_TRUE(group.outputs[1].gone.has_value());
}

// Spec 4.35: the votes of those it accuses must not end the group.
TEST(ViewChangeTest, ALeavingCoordinatorThatAccusesEverybodyDecidesNothing) {
  Members group(Policy::kPrimary, 3);
  PendingChanges pending;
  pending.leavers = {0};
  group.Convict(0, 1, ViewCause::kSilent);
  group.Convict(0, 2, ViewCause::kSilent);
  group.SetPending(0, pending);
  group.DeliverAll();
  for (Rank rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(group.Names(rank), "none");
    EXPECT_FALSE(group.changes[rank].excluded());
  }
  // It is passed over, and the others go on without it.
  group.Convict(1, 0);
  group.Convict(2, 0);
  group.DeliverAll();
  EXPECT_EQ(group.Names(1), "bc");
}

// Spec 4.24: who holds the whole state is part of the decision, whatever was announced in time.
TEST(ViewChangeTest, TheProposalNamesWhoHoldsTheStateAndGivesThemAVote) {
  Members group(Policy::kPrimary, 3);
  auto view = std::make_shared<Proposal>(*group.view_);
  for (Rank rank : {Rank(1), Rank(2)}) {
    view->members[rank].synced = false;
    view->members[rank].weight = 0;
  }
  for (Rank rank = 0; rank < 3; ++rank) group.changes[rank].Reset(group.now, view, rank);
  group.synced = {0, 1};
  group.AddJoiner(0);
  group.DeliverAll();
  const ProposalRef decided = group.changes[2].decided();
  ASSERT_NE(decided, nullptr);
  EXPECT_TRUE(decided->members[1].synced);
  EXPECT_EQ(decided->members[1].weight, 1u);
  EXPECT_FALSE(decided->members[2].synced);
  EXPECT_EQ(decided->members[2].weight, 0u);
}

// Spec 4.26
TEST(ViewChangeTest, TheCoordinatorCompletesItselfBeforeItProposes) {
  Members group(Policy::kPrimary, 3);
  group.received[2][2] = 5;
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  EXPECT_EQ(group.Count<Propose>(), 0u);
  ASSERT_TRUE(group.outputs[0].fetch.has_value());
  EXPECT_THAT(group.outputs[0].fetch->trim, ElementsAre(0, 0, 5));
  EXPECT_THAT(group.outputs[0].fetch->holders[2], ElementsAre(2));
  group.Receive(0, 2, 5);
  EXPECT_EQ(group.Count<Propose>(), 2u);
}

TEST(ViewChangeTest, AHolderThatDiesDuringTheFetchTakesItsChunksOutOfTheTrim) {
  Members group(Policy::kPrimary, 3);
  group.received[2][2] = 5;
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Kill(2);
  group.Convict(0, 2);
  group.DeliverAll();
  EXPECT_EQ(group.Names(0), "abx");
  EXPECT_EQ(group.Names(1), "abx");
  EXPECT_THAT(group.changes[1].decided()->trim, ElementsAre(0, 0, 0));
}

// Spec 4.31
TEST(ViewChangeTest, AMemberDoesNotAcceptWhatItFetchedForALowerBallotThanItPromisedSince) {
  Members group(Policy::kPrimary, 3);
  group.received[0][0] = 3;
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Deliver<Propose>(2);
  EXPECT_FALSE(group.changes[2].accepted().has_value());
  group.Inject(1, 2, Prepare{Ballot{2, 1}, {}});
  group.Receive(2, 0, 3);
  EXPECT_FALSE(group.changes[2].accepted().has_value());
  EXPECT_EQ(group.Count<Ready>(), 0u);
  EXPECT_EQ(group.changes[2].promised(), (Ballot{2, 1}));
}

// Spec 4.22
TEST(ViewChangeTest, ALaterCoordinatorAdoptsWhatAnyoneAccepted) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Deliver<Propose>(2);
  const ViewId proposed = group.changes[2].accepted()->proposal->next;
  group.Kill(0);
  group.Convict(1, 0);
  group.DeliverAll();
  EXPECT_EQ(group.Names(1), "abcx") << "even though it lists the dead";
  EXPECT_EQ(group.changes[1].decided()->next, proposed);
  EXPECT_EQ(group.Names(2), "abcx");
}

// Spec 4.37
TEST(ViewChangeTest, TrafficOfTheAcceptedViewInstallsIt) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Deliver<Propose>();
  group.Deliver<Ready>();
  group.Drop<Install>();
  EXPECT_EQ(group.Names(0), "abcx");
  group.changes[1].OnAcceptedViewTraffic(group.TurnOf(1), 0, group.outputs[1]);
  EXPECT_EQ(group.Names(1), "abcx");
  EXPECT_NE(group.outputs[1].install, nullptr);
}

// Spec 4.41
TEST(ViewChangeTest, ADeciderThatIsExcludedRepeatsInstallUntilItIsHeard) {
  Members group(Policy::kPrimary, 3);
  group.Convict(0, 1);
  group.Deliver<Prepare>(2);
  group.Deliver<State>();
  group.Deliver<Propose>(2);
  group.Kill(0);  // Its proposal lives on in member 2.
  group.Convict(1, 0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Deliver<Propose>();
  group.Deliver<Ready>();
  EXPECT_TRUE(group.changes[1].excluded());
  EXPECT_TRUE(group.changes[1].is_decider());
  group.Drop<Install>();
  group.Pass(milliseconds(10));
  EXPECT_GE(group.Count<Install>(), 1u);
  group.Deliver<Install>(2);
  EXPECT_EQ(group.Names(2), "ac");
  group.changes[1].OnHeardInNext(2);
  group.network.clear();
  group.Pass(milliseconds(100));
  group.Pass(milliseconds(100));
  EXPECT_EQ(group.Count<Install>(), 0u);
}

TEST(ViewChangeTest, AnExcludedMemberKeepsItsVote) {
  Members group(Policy::kPrimary, 3);
  group.Inject(0, 2, Gone{ViewId{8, 1}});
  EXPECT_TRUE(group.changes[2].excluded());
  group.Inject(1, 2, Prepare{Ballot{4, 1}, {}});
  EXPECT_EQ(group.Count<State>(), 1u);
}

// Spec 4.42
TEST(ViewChangeTest, AnInstalledMemberTellsLatecomersHowItEnded) {
  Members group(Policy::kPrimary, 3);
  group.Kill(2);
  group.Convict(0, 2);
  group.DeliverAll();
  group.Inject(1, 0, Prepare{Ballot{9, 1}, {}});
  EXPECT_EQ(group.Count<Install>(), 1u);
  group.Inject(2, 0, Prepare{Ballot{9, 2}, {}});
  EXPECT_EQ(group.Count<Gone>(), 1u);
}

// Spec 4.15
TEST(ViewChangeTest, AnEarlyStateWedgesFirstAndInvitesExactlyOneBallot) {
  Members group(Policy::kPrimary, 3);
  group.Convict(1, 2);
  EXPECT_TRUE(group.changes[1].wedged());
  EXPECT_TRUE(group.outputs[1].wedge);
  EXPECT_EQ(group.changes[1].promised(), (Ballot{1, 0}));
  group.Deliver<State>(0);
  EXPECT_TRUE(group.changes[0].coordinating());
  EXPECT_EQ(group.changes[0].promised(), (Ballot{1, 0}));
  EXPECT_TRUE(group.changes[0].convicted().Contains(2));
  EXPECT_EQ(group.Count<Propose>(), 2u) << "no other answer is needed";
}

// Spec 4.8
TEST(ViewChangeTest, AConvictedMembersAccusationsAreNotBelieved) {
  Members group(Policy::kPrimary, 4);
  group.Convict(1, 0);
  group.Inject(0, 1, Prepare{Ballot{5, 0}, {{3, ViewCause::kCrashed, ""}}});
  EXPECT_FALSE(group.changes[1].convicted().Contains(3));
  group.Inject(2, 1,
               Prepare{Ballot{6, 2}, {{1, ViewCause::kCrashed, ""}, {3, ViewCause::kCrashed, ""}}});
  EXPECT_FALSE(group.changes[1].convicted().Contains(3)) << "nor those of one who accuses us";
  group.Inject(2, 1, Prepare{Ballot{7, 2}, {{3, ViewCause::kCrashed, ""}}});
  EXPECT_TRUE(group.changes[1].convicted().Contains(3));
}

// Spec 4.11
TEST(ViewChangeTest, WithoutQuorumsConvictionIsMutualAndBothSidesGoOn) {
  Members group(Policy::kAvailable, 2);
  group.Convict(0, 1);
  EXPECT_EQ(group.Names(0), "a");
  group.DeliverAll();
  EXPECT_EQ(group.Names(1), "b");
  EXPECT_NE(group.changes[0].decided()->next, group.changes[1].decided()->next);
}

// Spec 4.46
TEST(ViewChangeTest, ACoordinatorThatStallsIsPassedOverNotAccused) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.network.clear();
  group.Kill(0);
  group.Pass(milliseconds(480));
  EXPECT_TRUE(group.changes[1].coordinating());
  EXPECT_THAT(group.changes[1].convicted(), IsEmpty());
  EXPECT_FALSE(group.changes[2].coordinating()) << "the second in line waits twice as long";
}

// Spec 4.47
TEST(ViewChangeTest, AMemberThatIsHeardButDoesNotAnswerIsConvicted) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.Deliver<Prepare>(1);
  group.Deliver<State>();
  for (int i = 0; i < 30; ++i) {
    group.changes[0].OnHeard(group.now, 2);
    group.network.clear();
    group.Pass(milliseconds(10));
  }
  EXPECT_TRUE(group.changes[0].convicted().Contains(2));
  EXPECT_EQ(group.changes[0].convictions()[0].cause, ViewCause::kSlow);
}

// Spec 4.47
TEST(ViewChangeTest, WhoStoodStillJudgesNobodyMute) {
  Members group(Policy::kPrimary, 3);
  group.stopped.Insert(0);
  group.AddJoiner(0);
  for (int i = 0; i < 60; ++i) {
    group.changes[0].OnHeard(group.now, 2);
    group.Pass(milliseconds(10));
  }
  EXPECT_THAT(group.changes[0].convicted(), IsEmpty());
}

TEST(ViewChangeTest, WhoJudgesLateGivesTheOthersTheirTimeAgain) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.now = group.now + milliseconds(330);
  group.changes[0].OnHeard(group.now, 2);
  group.Pass(Duration(0));
  EXPECT_THAT(group.changes[0].convicted(), IsEmpty());
  for (int i = 0; i < 30; ++i) {
    group.changes[0].OnHeard(group.now, 2);
    group.Pass(milliseconds(10));
  }
  EXPECT_TRUE(group.changes[0].convicted().Contains(2));
}

TEST(ViewChangeTest, ASilentMemberIsLeftToTheFailureDetector) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  for (int i = 0; i < 100; ++i) group.Pass(milliseconds(10));
  EXPECT_THAT(group.changes[0].convicted(), IsEmpty());
}

// Spec 4.43
TEST(ViewChangeTest, SilentMembersAreAskedAgain) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.network.clear();
  group.Pass(milliseconds(6));
  EXPECT_EQ(group.Count<Prepare>(), 2u);
  group.DeliverAll();
  EXPECT_EQ(group.Names(2), "abcx");
}

// Spec 4.43: a round trip that was measured over a stop is no reason to wait.
TEST(ViewChangeTest, WhoeverIsJudgedMuteWasAskedADozenTimes) {
  for (const size_t members : {size_t{2}, size_t{5}, size_t{200}}) {
    Members group(Policy::kPrimary, members);
    group.changes[0].SetRoundTrip(seconds(3));
    group.AddJoiner(0);
    size_t asked = 1;
    for (size_t ms = 0; ms < 250 + 2 * members; ++ms) {
      group.network.clear();
      group.Pass(milliseconds(1));
      asked += group.Count<Prepare>() > 0 ? 1 : 0;
    }
    EXPECT_GE(asked, 12u) << members;
  }
}

// Spec 4.38
TEST(ViewChangeTest, InLargeViewsWhoLacksTheProposalFetchesIt) {
  Members group(Policy::kPrimary, 3, /*install_body_members_max=*/0);
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Deliver<Propose>(1);
  group.Drop<Propose>();
  group.network.clear();
  group.changes[1].OnAcceptedViewTraffic(group.TurnOf(1), 0, group.outputs[1]);
  group.Inject(1, 2, Install{Ballot{1, 0}, group.changes[1].decided()->next, nullptr});
  EXPECT_EQ(group.Count<FetchProposal>(), 1u);
  group.DeliverAll();
  EXPECT_EQ(group.Names(2), "abcx");
}

// Spec 4.27
TEST(ViewChangeTest, ViewNumbersExceedWhateverAJoinerHasSeen) {
  Members group(Policy::kPrimary, 1);
  PendingChanges pending;
  pending.joiners.push_back(
      {MemberInfo{MemberId{InstanceId{9, 9}, 1}, "x", {}, 0, false}, ViewCause::kJoined, ""});
  pending.number_min = 40;
  group.SetPending(0, pending);
  EXPECT_EQ(group.changes[0].decided()->next.num, 41u);
}

// Spec 4.25
TEST(ViewChangeTest, ANewIncarnationReplacesTheOldOneInTheSameView) {
  Members group(Policy::kPrimary, 3);
  PendingChanges pending;
  MemberInfo again = group.view_->members[2];
  again.id = MemberId{InstanceId{5, 5}, 1};
  pending.joiners.push_back({again, ViewCause::kJoined, ""});
  group.SetPending(0, pending);
  group.DeliverAll();
  EXPECT_EQ(group.Names(0), "abc");
  EXPECT_EQ(group.changes[0].decided()->members[2].id, again.id);
  EXPECT_EQ(group.changes[0].decided()->left[0].cause, ViewCause::kReplaced);
}

// Spec 4.10
TEST(ViewChangeTest, WhoWasConvictedDuringAViewChangeIsRemovedByTheNext) {
  Members group(Policy::kPrimary, 3);
  group.AddJoiner(0);
  group.Deliver<Prepare>();
  group.Deliver<State>();
  group.Kill(2);
  group.Convict(0, 2);
  group.DeliverAll();
  ASSERT_EQ(group.Names(0), "abcx");
  ViewChange<> next = group.changes[0];
  next.Reset(group.now, group.changes[0].decided(), 0);
  EXPECT_FALSE(next.wedged());
  EXPECT_TRUE(next.convicted().Contains(2));
  const std::vector<SeqNo> nothing(4, 0);
  ViewChangeOutput out;
  next.OnTimer({group.now, nothing, group.random}, out);
  EXPECT_TRUE(next.coordinating());
}

TEST(ViewChangeTest, WhatCannotBeTrueIsDroppedAndCounted) {
  Members group(Policy::kPrimary, 3);
  group.Inject(1, 0, Prepare{Ballot{1, 2}, {}});  // A ballot of somebody else.
  group.Inject(1, 0, State{Ballot{1, 0}, {0, 0}, std::nullopt, {}});
  group.Inject(1, 0, Propose{Ballot{1, 1}, nullptr, {}});
  auto foreign = std::make_shared<Proposal>();
  foreign->previous = ViewId{3, 3};
  group.Inject(1, 0, Install{Ballot{1, 1}, foreign->next, foreign});
  EXPECT_EQ(group.changes[0].stats().invalid, 4u);
  EXPECT_FALSE(group.changes[0].wedged());
  ViewChangeOutput out;
  group.changes[0].OnMessage(group.TurnOf(0), 1, VcMessage{ViewId{1, 1}, Gone{}}, out);
  EXPECT_EQ(group.changes[0].stats().stale, 1u);
}

}  // namespace
}  // namespace cohort::membership

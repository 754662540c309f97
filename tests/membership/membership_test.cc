#include "membership/membership.h"

#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "membership/membership_world.h"

namespace cohort::membership {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::set<int> Hosts(int first, int last) {
  std::set<int> hosts;
  for (int host = first; host <= last; ++host) hosts.insert(host);
  return hosts;
}

// `members` hosts from 1 on, in one view.
void Gather(World& world, int members) {
  for (int host = 1; host <= members; ++host) {
    world.Start(host, {.bootstrap = host == 1});
    if (host == 1) world.RunFor(milliseconds(400));
  }
  ASSERT_TRUE(world.RunUntil(seconds(5), [&] { return world.IsOneView(Hosts(1, members)); }))
      << world.Describe();
  world.RunFor(milliseconds(300));
}

TEST(Membership, AProcessAloneFormsAGroupOfItsOwn) {
  World world({});
  world.Start(1);
  ASSERT_TRUE(world.RunUntil(milliseconds(320), [&] { return world.IsOneView({1}); }));
  const View& view = world.Views(1).back();
  EXPECT_EQ(view.joined.at(0).cause, ViewCause::kFormed);
  EXPECT_TRUE(view.previous.IsZero());
  EXPECT_TRUE(view.members.at(0).synced);
}

TEST(Membership, TwoStartedTogetherFormOneGroup) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed});
    world.Start(1);
    world.Start(2);
    ASSERT_TRUE(world.RunUntil(seconds(1), [&] { return world.IsOneView({1, 2}); }))
        << world.Describe();
    EXPECT_EQ(world.distinct_views(), 2u);
  }
}

TEST(Membership, SevenStartedTogetherFormOneGroupAlsoWhenEveryTenthPacketIsLost) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed, .loss = 0.1});
    for (int host = 1; host <= 7; ++host) world.Start(host);
    ASSERT_TRUE(world.RunUntil(seconds(10), [&] { return world.IsOneView(Hosts(1, 7)); }))
        << world.Describe();
  }
}

TEST(Membership, TwentyThatJoinTogetherNeedTwoViewsAtMost) {
  World world({});
  Gather(world, 1);
  const size_t before = world.distinct_views();
  for (int host = 2; host <= 21; ++host) world.Start(host);
  ASSERT_TRUE(world.RunUntil(seconds(2), [&] { return world.IsOneView(Hosts(1, 21)); }))
      << world.Describe();
  EXPECT_LE(world.distinct_views() - before, 2u);
}

TEST(Membership, AllMembersListOneAnotherBySeniority) {
  World world({});
  world.Start(3);
  world.RunFor(milliseconds(500));
  world.Start(1);
  world.RunFor(milliseconds(500));
  world.Start(2);
  world.RunFor(milliseconds(500));
  for (int host = 1; host <= 3; ++host) EXPECT_THAT(world.MembersAt(host), ElementsAre(3, 1, 2));
}

TEST(Membership, AMemberThatLeavesIsGoneAfterOneViewAndItsCauseIsThatItLeft) {
  for (int leaver : {1, 2, 3}) {
    SCOPED_TRACE(leaver);
    World world({});
    Gather(world, 3);
    world.Leave(leaver);
    std::set<int> rest = Hosts(1, 3);
    rest.erase(leaver);
    ASSERT_TRUE(world.RunUntil(milliseconds(200), [&] {
      return world.HasLeft(leaver) && world.IsOneView(rest);
    })) << world.Describe();
    const View& view = world.Views(*rest.begin()).back();
    ASSERT_EQ(view.left.size(), 1u);
    EXPECT_EQ(view.left[0].cause, ViewCause::kLeft);
  }
}

TEST(Membership, TheLastMemberLeavesAtOnce) {
  World world({});
  Gather(world, 1);
  world.Leave(1);
  EXPECT_TRUE(world.HasLeft(1));
}

TEST(Membership, LeavingTakesOneSecondAtMostWhenNobodyAnswers) {
  World world({.policy = Policy::kPrimary});
  Gather(world, 3);
  world.Partition({{3, 1}});
  world.Leave(3);
  EXPECT_TRUE(world.RunUntil(milliseconds(1010), [&] { return world.HasLeft(3); }));
}

TEST(Membership, ACrashedMemberIsRemovedAndComesBackUnderItsName) {
  World world({});
  Gather(world, 3);
  world.Crash(2);
  ASSERT_TRUE(world.RunUntil(seconds(1), [&] { return world.IsOneView({1, 3}); }));
  world.Start(2);
  ASSERT_TRUE(world.RunUntil(seconds(1), [&] { return world.IsOneView({1, 2, 3}); }));
  EXPECT_THAT(world.MembersAt(1), ElementsAre(1, 3, 2));
}

TEST(Membership, ANewProcessOfANameReplacesTheOldOneInTheViewThatAdmitsIt) {
  World world({});
  Gather(world, 3);
  const size_t before = world.Views(1).size();
  world.Crash(2);
  world.Start(2);  // At once: nobody has noticed the crash.
  ASSERT_TRUE(world.RunUntil(seconds(2), [&] { return world.IsOneView({1, 2, 3}); }))
      << world.Describe();
  bool replaced = false;
  for (size_t i = before; i < world.Views(1).size(); ++i) {
    for (const MemberChange& change : world.Views(1)[i].left) {
      replaced |= change.cause == ViewCause::kReplaced;
    }
  }
  EXPECT_TRUE(replaced);
}

TEST(Membership, ASecondProcessOfALivingMembersNameIsToldWhyAndComesInWhenThatOneIsGone) {
  World world({});
  Gather(world, 2);
  world.Start(3, {.name = "host2"});
  world.RunFor(seconds(10));
  EXPECT_THAT(world.MembersAt(1), ElementsAre(1, 2));
  EXPECT_EQ(world.Views(2).back().left.size(), 0u);
  EXPECT_THAT(world.TextOf(3, EventKind::kRefused), HasSubstr("another name"));
  world.Crash(2);
  ASSERT_TRUE(world.RunUntil(seconds(4), [&] { return world.IsOneView({1, 3}); }))
      << world.Describe();
}

// It is the coordinator, so it would have to decide a view without itself.
TEST(Membership, ALoneMemberIsNotDisturbedByASecondProcessOfItsName) {
  for (const Policy policy : {Policy::kAvailable, Policy::kPrimary}) {
    World world({.policy = policy});
    world.Start(1, {.bootstrap = true});
    ASSERT_TRUE(world.RunUntil(seconds(3), [&] { return world.IsOneView({1}); }));
    const size_t views = world.Views(1).size();
    world.Start(2, {.name = "host1"});
    world.RunFor(seconds(10));
    EXPECT_EQ(world.Views(1).size(), views);
    EXPECT_THAT(world.TextOf(2, EventKind::kRefused), HasSubstr("another name"));
  }
}

// The coordinator dies at the moment it would send the first welcome: the decision is known to
// members, not to the joiner.
TEST(Membership, AJoinerIsWelcomedByTheNextCoordinatorWhenTheFirstDiesBeforeItsWelcome) {
  World world({});
  Gather(world, 3);
  world.on_lifeline = [&](int host, wire::StreamMessage type) {
    if (host != 1 || type != wire::StreamMessage::kWelcome) return false;
    world.Crash(1);
    world.At(milliseconds(5), [&] { world.ConvictEverywhere(1); });
    return true;
  };
  world.Start(4);
  ASSERT_TRUE(world.RunUntil(seconds(1), [&] { return world.IsOneView({2, 3, 4}); }))
      << world.Describe();
  EXPECT_EQ(world.membership(4).self().id.join_no, 1u) << "it had to ask again";
}

TEST(Membership, AJoinerStaysWhenTheCoordinatorDiesRightAfterItsWelcome) {
  World world({});
  Gather(world, 3);
  world.on_lifeline = [&](int host, wire::StreamMessage type) {
    if (host == 1 && type == wire::StreamMessage::kWelcome) {
      world.At(milliseconds(2), [&] { world.Crash(1); });
    }
    return false;
  };
  world.Start(4);
  ASSERT_TRUE(world.RunUntil(seconds(3), [&] { return world.IsOneView({2, 3, 4}); }))
      << world.Describe();
}

TEST(Membership, AJoinerThatIsNotHeardIsDropped) {
  World world({});
  Gather(world, 2);
  int welcomes = 0;
  world.on_lifeline = [&](int, wire::StreamMessage type) {
    if (type != wire::StreamMessage::kWelcome) return false;
    ++welcomes;
    world.Crash(3);
    return true;
  };
  world.Start(3);
  ASSERT_TRUE(world.RunUntil(seconds(1), [&] { return welcomes > 0; }));
  EXPECT_FALSE(world.RunUntil(milliseconds(350), [&] { return world.IsOneView({1, 2}); }))
      << "TCP may have had to repeat the welcome";
  EXPECT_TRUE(world.RunUntil(milliseconds(700), [&] { return world.IsOneView({1, 2}); }))
      << world.Describe();
}

// What the newcomer has said meanwhile is yet to be read.
TEST(Membership, ACoordinatorThatStoodStillGivesANewcomerAnotherSecond) {
  World world({});
  Gather(world, 3);
  world.on_lifeline = [&](int, wire::StreamMessage type) {
    return type == wire::StreamMessage::kWelcome;
  };
  world.Start(4);
  ASSERT_TRUE(world.RunUntil(seconds(1), [&] { return world.MembersAt(1).size() == 4; }));
  Random random(5);
  const std::vector<SeqNo> received(4);
  for (const bool was_stopped : {true, false}) {
    MembershipOutput out;
    const Instant at = world.now() + (was_stopped ? seconds(1) : seconds(2));
    world.membership(1).OnTimer(Turn{at, received, random, true, was_stopped}, out);
    EXPECT_EQ(out.convicted.empty(), was_stopped);
  }
}

TEST(Membership, AJoinerThatMissedItsWelcomeAndAsksAnewIsNotWaitedFor) {
  World world({});
  Gather(world, 2);
  JoinRequest request;
  request.group = "shop";
  request.member.id = {{9, 9}, 1};
  request.member.name = "host9";
  request.member.address = world.membership(2).self().address;
  request.member.address.port = 1;
  const auto ask = [&] {
    MembershipOutput out;
    Random random(5);
    const std::vector<SeqNo> received(world.MembersAt(1).size());
    world.membership(1).OnLifelineMessage(Turn{world.now(), received, random},
                                          {{9, 9}, request.member.address},
                                          wire::StreamMessage::kJoin, Encode(request), out);
  };
  const auto attempt_in_view = [&] {
    return world.membership(1).view()->members.back().id == request.member.id;
  };
  ask();
  ASSERT_TRUE(world.RunUntil(milliseconds(300), attempt_in_view)) << world.Describe();
  ++request.member.id.join_no;
  ask();
  EXPECT_TRUE(world.RunUntil(milliseconds(200), attempt_in_view)) << world.Describe();
}

TEST(Membership, AProcessOfAnotherPolicyIsRefusedAndToldWhatToDo) {
  World world({});
  Gather(world, 1);
  world.Start(2, {.policy = Policy::kPrimary});
  world.RunFor(seconds(2));
  EXPECT_TRUE(world.MembersAt(2).empty());
  EXPECT_THAT(world.TextOf(2, EventKind::kRefused), HasSubstr("--policy available"));
}

TEST(Membership, AFullGroupRefusesAndAdmitsOnceThereIsRoom) {
  World world({});
  world.Start(1, {.members_max = 2});
  world.RunFor(milliseconds(400));
  world.Start(2, {.members_max = 2});
  world.RunFor(milliseconds(600));
  world.Start(3, {.members_max = 2});
  world.RunFor(seconds(2));
  EXPECT_TRUE(world.MembersAt(3).empty());
  EXPECT_THAT(world.TextOf(3, EventKind::kRefused), HasSubstr("full"));
  world.Leave(2);
  EXPECT_TRUE(world.RunUntil(seconds(6), [&] { return world.IsOneView({1, 3}); }))
      << world.Describe();
}

TEST(Membership, AnInvalidNameIsRefusedAtTheStart) {
  World world({});
  world.Start(1, {.name = "two words"});
  EXPECT_TRUE(world.HasLeft(1));
  EXPECT_THAT(world.TextOf(1, EventKind::kRefused), HasSubstr("letters"));
}

TEST(Membership, AJoinRequestToAnotherMemberIsRedirectedToTheCoordinator) {
  World world({});
  Gather(world, 2);
  world.Start(3);
  GroupSighting stale;
  stale.coordinator = world.membership(2).self().id;
  stale.address = world.membership(2).self().address;
  stale.view = world.membership(2).view()->next;
  stale.members = 2;
  stale.primary = true;
  MembershipOutput out;
  Random random(5);
  const std::vector<SeqNo> received(2);
  JoinRequest request;
  request.group = "shop";
  request.member.id = {{9, 9}, 1};
  request.member.name = "host9";
  request.member.address = stale.address;
  request.member.address.port = 1;
  world.membership(2).OnLifelineMessage(Turn{world.now(), received, random},
                                        {{9, 9}, request.member.address},
                                        wire::StreamMessage::kJoin, Encode(request), out);
  ASSERT_EQ(out.lifelines.size(), 1u);
  const auto answer = DecodeJoinAnswer(out.lifelines[0].body);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->kind, JoinAnswer::Kind::kRedirect);
  EXPECT_EQ(answer->address, world.membership(1).self().address);
}

// ---- Partitions ----

TEST(Membership, BothSidesOfAPartitionLiveOnAndMergeWhenItHeals) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed});
    Gather(world, 5);
    world.Partition({{4, 1}, {5, 1}});
    ASSERT_TRUE(world.RunUntil(seconds(2), [&] {
      return world.IsOneView({1, 2, 3}) && world.IsOneView({4, 5});
    })) << world.Describe();
    world.RunFor(seconds(2));
    world.Partition({});
    ASSERT_TRUE(world.RunUntil(seconds(3), [&] { return world.IsOneView(Hosts(1, 5)); }))
        << world.Describe();
    EXPECT_THAT(world.MembersAt(1), testing::Contains(1));
    EXPECT_EQ(world.MembersAt(1)[0], 1) << "the larger side goes on";
    const View& view = world.Views(1).back();
    ASSERT_EQ(view.joined.size(), 2u) << "one view admits the whole side";
    for (const MemberChange& change : view.joined) EXPECT_EQ(change.cause, ViewCause::kMerged);
  }
}

TEST(Membership, ThreeSidesMergeIntoOne) {
  World world({.seed = 3});
  Gather(world, 6);
  world.Partition({{3, 1}, {4, 1}, {5, 2}, {6, 2}});
  world.RunFor(seconds(3));
  world.Partition({});
  EXPECT_TRUE(world.RunUntil(seconds(5), [&] { return world.IsOneView(Hosts(1, 6)); }))
      << world.Describe();
}

TEST(Membership, AMemberCutOffAloneFormsItsOwnViewAndComesBackWithItsState) {
  World world({.seed = 4});
  Gather(world, 3);
  world.Partition({{1, 1}});
  ASSERT_TRUE(world.RunUntil(seconds(2), [&] {
    return world.IsOneView({1}) && world.IsOneView({2, 3});
  })) << world.Describe();
  world.Partition({});
  ASSERT_TRUE(world.RunUntil(seconds(3), [&] { return world.IsOneView({1, 2, 3}); }))
      << world.Describe();
  EXPECT_THAT(world.Views(2).back().joined.at(0).evidence, HasSubstr("brings the state of view"));
}

TEST(Membership, ACoordinatorThatDiesWhileItsSideGoesOverLeavesNobodyBehind) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    for (int side : {1, 4}) {  // One of them stays, the other one goes.
      SCOPED_TRACE(seed * 10 + static_cast<uint64_t>(side));
      World world({.seed = seed});
      Gather(world, 6);
      world.Partition({{4, 1}, {5, 1}, {6, 1}});
      world.RunFor(seconds(2));
      ASSERT_EQ(world.MembersAt(side).size(), 3u);
      const int victim = world.MembersAt(side)[0];
      world.Partition({});
      ASSERT_TRUE(
          world.RunUntil(seconds(3), [&] { return world.Count(victim, EventKind::kMerging) > 0; }));
      world.RunFor(milliseconds(static_cast<int64_t>(seed)));
      world.Crash(victim);
      std::set<int> rest = Hosts(1, 6);
      rest.erase(victim);
      ASSERT_TRUE(world.RunUntil(seconds(10), [&] { return world.IsOneView(rest); }))
          << world.Describe();
    }
  }
}

TEST(Membership, OnlyTheSideWithAQuorumLivesOnAndTheOthersComeBackToIt) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed, .policy = Policy::kPrimary});
    Gather(world, 5);
    world.Partition({{1, 1}, {2, 1}});
    ASSERT_TRUE(world.RunUntil(seconds(2), [&] {
      return world.IsOneView({3, 4, 5}) && world.membership(1).view_change().halted() &&
             world.membership(2).view_change().halted();
    })) << world.Describe();
    EXPECT_GT(world.Count(1, EventKind::kHalted), 0);
    world.RunFor(seconds(2));
    EXPECT_TRUE(world.membership(1).view_change().halted());
    world.Partition({});
    ASSERT_TRUE(world.RunUntil(seconds(4), [&] { return world.IsOneView(Hosts(1, 5)); }))
        << world.Describe();
    EXPECT_GT(world.Count(1, EventKind::kExcluded), 0);
  }
}

TEST(Membership, AMemberThatLeavesWhileItLearnsThatTheGroupHasGoneOnWithoutItIsOut) {
  World world({.seed = 1, .policy = Policy::kPrimary});
  Gather(world, 5);
  world.Partition({{1, 1}, {2, 1}});
  ASSERT_TRUE(world.RunUntil(seconds(2), [&] { return world.IsOneView({3, 4, 5}); }));
  world.RunFor(seconds(60));  // Nobody answers for the old view any more.
  world.Partition({});
  const auto has_asked = [&] { return world.membership(1).stats().merges_asked > 0; };
  ASSERT_TRUE(world.RunUntil(seconds(4), has_asked));
  world.Leave(1);  // The answer is on its way.
  ASSERT_TRUE(world.RunUntil(seconds(4), [&] { return world.IsOneView({2, 3, 4, 5}); }))
      << world.Describe();
  EXPECT_EQ(world.Count(1, EventKind::kLeft), 1);
}

TEST(Membership, HalvesWithoutAQuorumBothHaltAndResumeTogether) {
  World world({.seed = 2, .policy = Policy::kPrimary});
  Gather(world, 4);
  world.Partition({{3, 1}, {4, 1}});
  ASSERT_TRUE(world.RunUntil(seconds(2), [&] {
    return world.membership(1).view_change().halted() && world.membership(4).view_change().halted();
  })) << world.Describe();
  world.RunFor(seconds(3));
  world.Partition({});
  EXPECT_TRUE(world.RunUntil(seconds(8), [&] { return world.IsOneView(Hosts(1, 4)); }))
      << world.Describe();
}

TEST(Membership, TheSideOfTheTieBreakerWinsWhenAViewSplitsInHalves) {
  World world({.seed = 6, .policy = Policy::kPrimary, .tie_breaker = "host2"});
  Gather(world, 2);
  world.Partition({{2, 1}});
  EXPECT_TRUE(world.RunUntil(seconds(2), [&] {
    return world.IsOneView({2}) && world.membership(1).view_change().halted();
  })) << world.Describe();
  world.Partition({});
  EXPECT_TRUE(world.RunUntil(seconds(4), [&] { return world.IsOneView({1, 2}); }))
      << world.Describe();
}

TEST(Membership, AGroupWithQuorumsBeginsOnlyWhenTheInitialMembersAreThere) {
  World world({.policy = Policy::kPrimary});
  for (int host = 1; host <= 2; ++host) world.Start(host, {.initial_members = 3});
  world.RunFor(seconds(5));
  EXPECT_EQ(world.distinct_views(), 0u);
  world.Start(3, {.initial_members = 3});
  EXPECT_TRUE(world.RunUntil(seconds(5), [&] { return world.IsOneView({1, 2, 3}); }))
      << world.Describe();
}

TEST(Membership, ASyncedMemberGetsItsVoteByAView) {
  World world({.policy = Policy::kPrimary});
  Gather(world, 3);
  world.RunFor(seconds(1));
  for (const MemberInfo& member : world.membership(2).view()->members) {
    EXPECT_EQ(member.weight, 1u);
    EXPECT_TRUE(member.synced);
  }
}

// ---- At random ----

// Hosts crash, restart, part and meet for a while; then everything heals, and one view must follow.
void RunChaos(uint64_t seed, Policy policy, double loss) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world({.seed = seed, .loss = loss, .policy = policy});
  Random random(seed * 7919);
  constexpr int kHosts = 5;
  Gather(world, kHosts);
  if (testing::Test::HasFatalFailure()) return;
  int down = 0;  // kPrimary: never so many that the votes of a view are lost with them.
  for (int step = 0; step < 12; ++step) {
    const int host = static_cast<int>(random.Between(1, kHosts));
    switch (random.Below(4)) {
      case 0:
        if (world.IsRunning(host) && (policy == Policy::kAvailable || down == 0) &&
            world.Running().size() > 1) {
          world.Crash(host);
          ++down;
        }
        break;
      case 1:
        if (!world.IsRunning(host) && policy == Policy::kAvailable) world.Start(host);
        break;
      case 2: {
        std::map<int, int> parts;
        for (int i = 1; i <= kHosts; ++i) parts[i] = static_cast<int>(random.Below(2));
        world.Partition(parts);
        break;
      }
      default:
        world.Partition({});
    }
    world.RunFor(random.Between(milliseconds(1), milliseconds(900)));
  }
  world.Partition({});
  if (policy == Policy::kPrimary && world.IsQuorumLost())
    return;  // As it must be: halted for good.
  const bool healed = world.RunUntil(seconds(20), [&] { return world.IsOneView(world.Running()); });
  ASSERT_TRUE(healed) << world.Describe();
  EXPECT_TRUE(world.RunUntil(seconds(1), [&] { return world.IsOneView(world.Running()); }));
}

TEST(Membership, OneHundredRandomHistoriesEndInOneView) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    RunChaos(seed, Policy::kAvailable, seed % 3 == 0 ? 0.05 : 0.0);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Membership, OneHundredRandomHistoriesWithQuorumsEndInOneView) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    RunChaos(seed, Policy::kPrimary, seed % 3 == 0 ? 0.05 : 0.0);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace cohort::membership

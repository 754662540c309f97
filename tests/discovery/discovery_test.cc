// Discovery alone: several of them on a bus of the test.
#include "discovery/discovery.h"

#include <string>
#include <vector>

#include "discovery/bus.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::discovery {
namespace {

TEST(Discovery, SaysHelloAt0And50And150And350MsAndThenLessOftenButNeverStops) {
  Bus bus;
  bus.Add(1);
  const Instant start = bus.now();
  bus.Search(1);
  bus.RunFor(seconds(30));
  const std::vector<Instant>& at = bus.host(1).multicasts_at;
  ASSERT_GE(at.size(), 15u);
  EXPECT_EQ(at[0], start);
  EXPECT_EQ(at[1], start + milliseconds(50));
  EXPECT_EQ(at[2], start + milliseconds(150));
  EXPECT_EQ(at[3], start + milliseconds(350));
  for (size_t i = 8; i < at.size(); ++i) EXPECT_LE(at[i] - at[i - 1], milliseconds(2200));
}

TEST(Discovery, ALoneSearcherBeginsTheGroupAfter300Ms) {
  Bus bus;
  bus.Add(1);
  const Instant start = bus.now();
  bus.Search(1);
  bus.RunFor(milliseconds(299));
  EXPECT_TRUE(bus.host(1).form_at.empty());
  bus.RunFor(milliseconds(2));
  ASSERT_EQ(bus.host(1).form_at.size(), 1u);
  EXPECT_EQ(bus.host(1).form_at[0], start + milliseconds(300));
}

TEST(Discovery, OnlyTheOldestOfSeveralSearchersBeginsTheGroup) {
  Bus bus;
  for (int i = 1; i <= 5; ++i) bus.Add(i);
  for (int i = 5; i >= 1; --i) bus.Search(i);
  bus.RunFor(milliseconds(310));
  EXPECT_FALSE(bus.host(1).form_at.empty());
  for (int i = 2; i <= 5; ++i) EXPECT_TRUE(bus.host(i).form_at.empty()) << i;
}

TEST(Discovery, ASearcherThatCarriesStateRanksBeforeAnOlderOneThatDoesNot) {
  Bus bus;
  for (int i = 1; i <= 2; ++i) bus.Add(i);
  bus.host(2).self.carries_state = true;
  bus.Search(1);
  bus.Search(2);
  bus.RunFor(milliseconds(310));
  EXPECT_TRUE(bus.host(1).form_at.empty());
  EXPECT_FALSE(bus.host(2).form_at.empty());
}

TEST(Discovery, TheNextBestBeginsWhenTheBestDiesWhileItSearches) {
  Bus bus;
  for (int i = 1; i <= 3; ++i) bus.Add(i);
  for (int i = 1; i <= 3; ++i) bus.Search(i);
  bus.RunFor(milliseconds(200));
  bus.Kill(1);
  bus.RunFor(milliseconds(1500));
  EXPECT_FALSE(bus.host(2).form_at.empty());
  EXPECT_TRUE(bus.host(3).form_at.empty());
}

TEST(Discovery, TheCoordinatorAnswersAHelloAndTheSearcherThenDoesNotBeginAGroup) {
  Bus bus;
  bus.Add(1);
  bus.Add(2);
  bus.Coordinate(1, 3);
  bus.Search(2);
  bus.RunFor(milliseconds(1000));
  ASSERT_FALSE(bus.host(2).sightings.empty());
  EXPECT_EQ(bus.host(2).sightings[0].address, HostAddress(1));
  EXPECT_EQ(bus.host(2).sightings[0].members, 3u);
  EXPECT_TRUE(bus.host(2).form_at.empty());
}

TEST(Discovery, AnOfferThatAnswersAnotherSearchIsIgnored) {
  Bus bus;
  bus.Add(2);
  bus.Search(2);
  Message old;
  old.kind = MessageKind::kOffer;
  old.sender = MakeSelf(1);
  old.nonce = 4711;
  old.sighting = {MakeSelf(1).id, HostAddress(1), {5, 1}, 1, 1, true};
  bus.Inject(1, 2, Encode(old, kGroup));
  bus.RunFor(milliseconds(310));
  EXPECT_TRUE(bus.host(2).sightings.empty());
  EXPECT_FALSE(bus.host(2).form_at.empty());
}

TEST(Discovery, OtherMembersOfferOnceTheCoordinatorSeemsSilent) {
  Bus bus;
  bus.Add(2);
  bus.Add(3);
  bus.Coordinate(2, 2, 1, 1);  // Rank 1 of a view whose coordinator, host 1, is dead.
  const Instant start = bus.now();
  bus.Search(3);
  bus.RunFor(milliseconds(149));
  EXPECT_TRUE(bus.host(3).sightings.empty());
  bus.RunFor(milliseconds(1000));
  ASSERT_FALSE(bus.host(3).sightings.empty());
  EXPECT_EQ(bus.host(3).sightings[0].coordinator, MakeSelf(1).id);
  EXPECT_EQ(bus.now() - start, milliseconds(1149));
}

TEST(Discovery, OtherMembersOfferSoonWhenTheySuspectTheCoordinator) {
  Bus bus;
  bus.Add(2);
  bus.Add(3);
  bus.Coordinate(2, 2, 1, 1);
  bus.host(2).discovery->SetCoordinatorSilent(true);
  bus.Search(3);
  bus.RunFor(milliseconds(149));
  EXPECT_FALSE(bus.host(3).sightings.empty());
}

TEST(Discovery, CoordinatorsAnnounceAboutOnceASecond) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  bus.RunFor(seconds(20));
  EXPECT_GE(bus.host(1).multicasts_at.size(), 19u);
  EXPECT_LE(bus.host(1).multicasts_at.size(), 24u);
}

TEST(Discovery, WaitsForTheInitialMembersAndSaysSo) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 3; ++i) bus.Add(i, options);
  bus.Search(1);
  bus.Search(2);
  bus.RunFor(seconds(2));
  EXPECT_TRUE(bus.host(1).form_at.empty());
  ASSERT_EQ(bus.host(1).events.size(), 1u);
  EXPECT_THAT(bus.host(1).events[0].text, testing::HasSubstr("--bootstrap"));
  bus.Search(3);
  bus.RunFor(seconds(3));
  EXPECT_FALSE(bus.host(1).form_at.empty());
  EXPECT_TRUE(bus.host(2).form_at.empty());
}

TEST(Discovery, AProcessThatHasEndedSinceItAnsweredIsNoInitialMember) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 4; ++i) bus.Add(i, options);
  bus.Search(1);
  bus.Search(2);
  bus.RunFor(seconds(2));
  bus.Kill(2);
  bus.RunFor(seconds(11));
  bus.Search(3);
  bus.RunFor(seconds(60));
  EXPECT_TRUE(bus.host(1).form_at.empty()) << "two are there";
  bus.Search(4);
  bus.RunFor(seconds(5));
  EXPECT_FALSE(bus.host(1).form_at.empty());
}

// It was in the group: what is begun now would be a second history, without what it holds.
TEST(Discovery, NoGroupIsBegunBesideAMemberThatCarriesTheStateOfAnEarlierOne) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 4; ++i) bus.Add(i, options);
  bus.host(4).self.carries_state = true;
  bus.host(4).self.may_form = false;
  for (int i = 1; i <= 4; ++i) bus.Search(i);
  bus.RunFor(seconds(10));
  for (int i = 1; i <= 4; ++i) EXPECT_TRUE(bus.host(i).form_at.empty()) << i;
  ASSERT_GE(bus.host(1).events.size(), 1u);
  EXPECT_THAT(bus.host(1).events[0].text, testing::HasSubstr("host4"));
  EXPECT_THAT(bus.host(1).events[0].text, testing::HasSubstr("--bootstrap"));
}

TEST(Discovery, ACarrierThatIsGoneIsNotWaitedForAnyMore) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 4; ++i) bus.Add(i, options);
  bus.host(4).self.carries_state = true;
  bus.host(4).self.may_form = false;
  for (int i = 1; i <= 4; ++i) bus.Search(i);
  bus.RunFor(seconds(10));
  ASSERT_TRUE(bus.host(1).form_at.empty());
  bus.Kill(4);  // As the warning advises.
  bus.RunFor(seconds(9));
  EXPECT_TRUE(bus.host(1).form_at.empty()) << "it may be back";
  bus.RunFor(seconds(2));
  EXPECT_FALSE(bus.host(1).form_at.empty());
}

TEST(Discovery, OfCarriersThatMayBeginAGroupTheBestDoes) {
  Bus bus;
  Options options;
  options.initial_members = 2;
  for (int i = 1; i <= 2; ++i) bus.Add(i, options);
  for (int i = 1; i <= 2; ++i) bus.host(i).self.carries_state = true;
  for (int i = 1; i <= 2; ++i) bus.Search(i);
  bus.RunFor(seconds(2));
  EXPECT_FALSE(bus.host(1).form_at.empty());
  EXPECT_TRUE(bus.host(2).form_at.empty());
}

TEST(Discovery, AReplayedHelloDoesNotCountAsAnInitialMember) {
  Bus bus;
  Options options;
  options.initial_members = 2;
  bus.Add(1, options);
  bus.Search(1);
  Message old;
  old.kind = MessageKind::kHello;
  old.sender = MakeSelf(2);
  old.nonce = 99;
  for (int i = 0; i < 10; ++i) {
    bus.Inject(2, 1, Encode(old, kGroup));
    bus.RunFor(milliseconds(200));
  }
  EXPECT_TRUE(bus.host(1).form_at.empty());
}

TEST(Discovery, TwoProcessesOfOneNameCountAsOneInitialMember) {
  Bus bus;
  Options options;
  options.initial_members = 3;
  for (int i = 1; i <= 3; ++i) bus.Add(i, options);
  bus.host(3).self.name = "host2";
  for (int i = 1; i <= 3; ++i) bus.Search(i);
  bus.RunFor(seconds(3));
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(bus.host(i).form_at.empty());
}

TEST(Discovery, AnswersAtMostTenTimesASecondToOneAskerAndOneHundredTimesInAll) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  Message hello;
  for (int i = 0; i < 50; ++i) {
    hello.sender = MakeSelf(9);
    bus.Inject(9, 1, Encode(hello, kGroup));
  }
  bus.RunFor(milliseconds(500));
  EXPECT_EQ(bus.host(1).discovery->stats().offers_sent, 10u);
  for (int i = 10; i < 250; ++i) {
    hello.sender = MakeSelf(i);
    bus.Inject(i, 1, Encode(hello, kGroup));
  }
  bus.RunFor(milliseconds(100));
  EXPECT_EQ(bus.host(1).discovery->stats().offers_sent, 100u);
  EXPECT_GT(bus.host(1).discovery->stats().not_answered, 0u);
}

TEST(Discovery, NoAnswerIsLargerThanTheHelloItAnswers) {
  Message hello;
  hello.sender = MakeSelf(1);
  hello.sender.name = "a";
  Message offer;
  offer.kind = MessageKind::kOffer;
  offer.sender = MakeSelf(2);
  offer.sender.name = std::string(wire::kMemberNameMax, 'n');
  offer.nonce = ~uint64_t{0};
  offer.sighting = {{{~uint64_t{0}, ~uint64_t{0}}, ~uint32_t{0}},
                    HostAddress(2),
                    {~uint64_t{0}, 1},
                    1024,
                    ~uint32_t{0},
                    true};
  offer.sighting.address.family = offer.sender.address.family = 6;
  const std::string group(wire::kGroupNameMax, 'g');
  EXPECT_LE(Encode(offer, group).size(), Encode(hello, group).size());
}

TEST(Discovery, AMessageOfAnotherInstanceThanThePacketsIsDropped) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  Message hello;
  hello.sender = MakeSelf(2);
  bus.Inject(3, 1, Encode(hello, kGroup));
  bus.RunFor(milliseconds(10));
  EXPECT_EQ(bus.host(1).discovery->stats().malformed, 1u);
  EXPECT_EQ(bus.host(1).discovery->stats().offers_sent, 0u);
}

TEST(Discovery, AMessageOfAnotherGroupIsDropped) {
  Bus bus;
  bus.Add(1);
  bus.Coordinate(1);
  Message hello;
  hello.sender = MakeSelf(2);
  bus.Inject(2, 1, Encode(hello, "other"));
  bus.RunFor(milliseconds(10));
  EXPECT_EQ(bus.host(1).discovery->stats().malformed, 1u);
}

TEST(DiscoveryMessage, ReturnsFromItsBytesAsItWas) {
  Message message;
  message.kind = MessageKind::kAnnounce;
  message.sender = MakeSelf(4);
  message.nonce = 17;
  message.sighting = {MakeSelf(3).id, HostAddress(3), {9, 8}, 7, 6, true};
  const auto back = Decode(Encode(message, kGroup), kGroup);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->kind, message.kind);
  EXPECT_EQ(back->sender.id, message.sender.id);
  EXPECT_EQ(back->sender.name, message.sender.name);
  EXPECT_EQ(back->sighting, message.sighting);
}

TEST(DiscoveryMessage, DamagedBytesAreRefusedOrWellFormed) {
  const uint64_t seed = 20240607;
  SCOPED_TRACE(seed);
  Random random(seed);
  Message message;
  message.kind = MessageKind::kOffer;
  message.sender = MakeSelf(4);
  message.sighting = {MakeSelf(3).id, HostAddress(3), {9, 8}, 7, 6, true};
  const std::string good(Encode(message, kGroup).text());
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    bad[random.Below(bad.size())] = static_cast<char>(random.Next());
    if (random.Chance(0.3)) bad.resize(random.Below(bad.size()));
    const auto decoded = Decode(AsBytes(bad), kGroup);
    if (!decoded) continue;
    EXPECT_FALSE(decoded->sender.name.empty());
    EXPECT_FALSE(decoded->sender.address.IsNone());
  }
  EXPECT_FALSE(Decode(AsBytes(std::string(wire::kControlBodyMax + 1, 'x')), kGroup).has_value());
}

}  // namespace
}  // namespace cohort::discovery

// How sides and searchers find each other where multicast does not work: by seeds, and by addresses
// of before.
#include <vector>

#include "discovery/bus.h"
#include "gtest/gtest.h"

namespace cohort::discovery {
namespace {

class DiscoverySeeds : public ::testing::Test {
 protected:
  DiscoverySeeds() { bus_.multicast_works = false; }
  static Options WithSeed(int host) {
    Options options;
    options.seeds = {HostAddress(host)};
    return options;
  }
  // Two members, the first of which coordinates.
  void CoordinateTwo(int first, int second) {
    const std::vector<Address> addresses = {HostAddress(first), HostAddress(second)};
    bus_.Coordinate(first, 2, 0, first, addresses);
    bus_.Coordinate(second, 2, 1, first, addresses);
  }
  // That the coordinators of two sides have been told of one another.
  void ExpectHaveMet(int one, int other) {
    ASSERT_FALSE(bus_.host(other).sightings.empty());
    EXPECT_EQ(bus_.host(other).sightings[0].coordinator, MakeSelf(one).id);
    ASSERT_FALSE(bus_.host(one).sightings.empty());
    EXPECT_EQ(bus_.host(one).sightings[0].coordinator, MakeSelf(other).id);
  }

  Bus bus_;
};

TEST_F(DiscoverySeeds, SeedsAreAskedByUnicastWhereMulticastDoesNotWork) {
  bus_.Add(1, WithSeed(1));
  bus_.Add(2, WithSeed(1));
  bus_.Coordinate(1);
  bus_.Search(2);
  bus_.RunFor(milliseconds(100));
  EXPECT_FALSE(bus_.host(2).sightings.empty());
}

TEST_F(DiscoverySeeds, NewSeedsAreAskedAtOnceAndThoseThatAreGoneNoMore) {
  bus_.Add(1);
  bus_.Add(2, WithSeed(3));
  bus_.Add(3);
  bus_.Coordinate(1);
  bus_.Search(2);
  bus_.RunFor(seconds(60));  // The next HELLO is up to two seconds away.
  EXPECT_TRUE(bus_.host(2).sightings.empty());
  const int before = bus_.host(3).received_bytes;
  bus_.SetSeeds(2, {HostAddress(1), HostAddress(2)});
  bus_.RunFor(milliseconds(2));
  EXPECT_EQ(bus_.host(2).sightings.size(), 1u);
  bus_.RunFor(seconds(10));
  EXPECT_EQ(bus_.host(3).received_bytes, before);
}

TEST_F(DiscoverySeeds, ACoordinatorAnnouncesItselfToSeedsThatCameLater) {
  bus_.Add(1);
  bus_.Add(2);
  bus_.Coordinate(1);
  bus_.Coordinate(2);
  bus_.RunFor(seconds(5));
  EXPECT_TRUE(bus_.host(2).sightings.empty());
  bus_.SetSeeds(1, {HostAddress(2)});
  bus_.RunFor(milliseconds(1200));
  EXPECT_FALSE(bus_.host(2).sightings.empty());
}

TEST_F(DiscoverySeeds, MembersOfAnEarlierRunAreAskedByUnicast) {
  Options options;
  options.remembered = {HostAddress(1), HostAddress(2)};
  bus_.Add(1);
  bus_.Add(2, options);
  bus_.Coordinate(1);
  bus_.Search(2);
  bus_.RunFor(milliseconds(100));
  EXPECT_FALSE(bus_.host(2).sightings.empty());
}

TEST_F(DiscoverySeeds, FormerFellowMembersAreAskedByUnicast) {
  bus_.Add(1);
  bus_.Add(2);
  CoordinateTwo(1, 2);
  bus_.Search(2);
  bus_.RunFor(milliseconds(100));
  EXPECT_FALSE(bus_.host(2).sightings.empty());
}

TEST_F(DiscoverySeeds, CoordinatorsOfTwoSidesHearOfOneAnotherAlsoThroughOneSeedOnly) {
  bus_.Add(1);
  bus_.Add(2, WithSeed(1));
  bus_.Coordinate(1);
  bus_.Coordinate(2);
  bus_.RunFor(milliseconds(1500));
  EXPECT_FALSE(bus_.host(1).sightings.empty());
  EXPECT_FALSE(bus_.host(2).sightings.empty());
}

// Its only seed is in a group by now, and does not coordinate it.
TEST_F(DiscoverySeeds, CoordinatorsHearOfOneAnotherThroughASeedThatIsNoCoordinator) {
  bus_.Add(1, WithSeed(2));
  bus_.Add(2, WithSeed(2));
  bus_.Add(3, WithSeed(2));
  CoordinateTwo(1, 2);
  bus_.Coordinate(3);
  bus_.RunFor(seconds(3));
  ASSERT_NO_FATAL_FAILURE(ExpectHaveMet(1, 3));
}

// Neither coordinator knows of the other side, but one who does not coordinate does.
TEST_F(DiscoverySeeds, CoordinatorsHearOfOneAnotherThroughTheSeedsOfAMember) {
  for (int number = 1; number <= 4; ++number) bus_.Add(number);
  CoordinateTwo(1, 2);
  CoordinateTwo(3, 4);
  bus_.RunFor(seconds(3));
  EXPECT_TRUE(bus_.host(3).sightings.empty());
  bus_.SetSeeds(2, {HostAddress(1), HostAddress(4)});
  bus_.RunFor(seconds(3));
  ASSERT_NO_FATAL_FAILURE(ExpectHaveMet(1, 3));
  bus_.SetSeeds(2, {});
  bus_.RunFor(seconds(1));
  bus_.host(3).sightings.clear();
  bus_.RunFor(seconds(3));
  EXPECT_TRUE(bus_.host(3).sightings.empty());
}

TEST_F(DiscoverySeeds, SeedsThatAreMembersAreNotToldOfTheirOwnSide) {
  bus_.Add(1, WithSeed(2));
  bus_.Add(2, WithSeed(1));
  CoordinateTwo(1, 2);
  bus_.RunFor(seconds(10));
  EXPECT_EQ(bus_.host(1).received_bytes, 0);
  EXPECT_EQ(bus_.host(2).received_bytes, 0);
}

TEST_F(DiscoverySeeds, ThreeMembersOfALargeGroupAnnounceItToTheirSeedsInASecond) {
  constexpr int kMembers = 30;
  for (int number = 1; number <= kMembers; ++number) {
    bus_.Add(number, number == 1 ? Options() : WithSeed(100));
    bus_.Coordinate(number, kMembers, static_cast<Rank>(number - 1), 1);
  }
  bus_.Add(100);
  bus_.Coordinate(100);
  bus_.RunFor(seconds(20));
  bus_.host(100).sightings.clear();
  bus_.RunFor(seconds(60));
  EXPECT_GE(bus_.host(100).sightings.size(), 150u);
  EXPECT_LE(bus_.host(100).sightings.size(), 200u);
  EXPECT_FALSE(bus_.host(1).sightings.empty()) << "the offer went to who announced";
}

TEST_F(DiscoverySeeds, WhoIsLeftOfALargeGroupAnnouncesItToItsSeedsAsASmallOneDoes) {
  constexpr int kMembers = 300;
  bus_.Add(1);
  bus_.Add(2);
  bus_.Add(3, WithSeed(1));
  bus_.Coordinate(1);
  bus_.Coordinate(3, kMembers, 2, 2);
  bus_.RunFor(seconds(1));
  EXPECT_EQ(bus_.host(1).sightings.size(), 1u) << "when it came";
  bus_.RunFor(seconds(3));
  EXPECT_EQ(bus_.host(1).sightings.size(), 1u);
  bus_.Coordinate(3, 2, 1, 4);
  bus_.RunFor(milliseconds(1600));
  EXPECT_GE(bus_.host(1).sightings.size(), 2u);
}

}  // namespace
}  // namespace cohort::discovery

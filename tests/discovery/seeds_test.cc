// How sides and searchers find each other where multicast does not work: by seeds, and by addresses
// of before.
#include <vector>

#include "discovery/bus.h"
#include "gtest/gtest.h"

namespace cohort::discovery {
namespace {

TEST(DiscoverySeeds, SeedsAreAskedByUnicastWhereMulticastDoesNotWork) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(1)};
  bus.Add(1, options);
  bus.Add(2, options);
  bus.Coordinate(1);
  bus.Search(2);
  bus.RunFor(milliseconds(100));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(DiscoverySeeds, NewSeedsAreAskedAtOnceAndThoseThatAreGoneNoMore) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(3)};
  bus.Add(1);
  bus.Add(2, options);
  bus.Add(3);
  bus.Coordinate(1);
  bus.Search(2);
  bus.RunFor(seconds(60));  // The next HELLO is up to two seconds away.
  EXPECT_TRUE(bus.host(2).sightings.empty());
  const int before = bus.host(3).received_bytes;
  bus.SetSeeds(2, {HostAddress(1), HostAddress(2)});
  bus.RunFor(milliseconds(2));
  EXPECT_EQ(bus.host(2).sightings.size(), 1u);
  bus.RunFor(seconds(10));
  EXPECT_EQ(bus.host(3).received_bytes, before);
}

TEST(DiscoverySeeds, ACoordinatorAnnouncesItselfToSeedsThatCameLater) {
  Bus bus;
  bus.multicast_works = false;
  bus.Add(1);
  bus.Add(2);
  bus.Coordinate(1);
  bus.Coordinate(2);
  bus.RunFor(seconds(5));
  EXPECT_TRUE(bus.host(2).sightings.empty());
  bus.SetSeeds(1, {HostAddress(2)});
  bus.RunFor(milliseconds(1200));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(DiscoverySeeds, MembersOfAnEarlierRunAreAskedByUnicast) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.remembered = {HostAddress(1), HostAddress(2)};
  bus.Add(1);
  bus.Add(2, options);
  bus.Coordinate(1);
  bus.Search(2);
  bus.RunFor(milliseconds(100));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(DiscoverySeeds, FormerFellowMembersAreAskedByUnicast) {
  Bus bus;
  bus.multicast_works = false;
  bus.Add(1);
  bus.Add(2);
  bus.Coordinate(1, 2, 0, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(2, 2, 1, 1, {HostAddress(1), HostAddress(2)});
  bus.Search(2);
  bus.RunFor(milliseconds(100));
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

TEST(DiscoverySeeds, CoordinatorsOfTwoSidesHearOfOneAnotherAlsoThroughOneSeedOnly) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(1)};
  bus.Add(1);
  bus.Add(2, options);
  bus.Coordinate(1);
  bus.Coordinate(2);
  bus.RunFor(milliseconds(1500));
  EXPECT_FALSE(bus.host(1).sightings.empty());
  EXPECT_FALSE(bus.host(2).sightings.empty());
}

// Its only seed is in a group by now, and does not coordinate it.
TEST(DiscoverySeeds, CoordinatorsHearOfOneAnotherThroughASeedThatIsNoCoordinator) {
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(2)};
  bus.Add(1, options);
  bus.Add(2, options);
  bus.Add(3, options);
  bus.Coordinate(1, 2, 0, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(2, 2, 1, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(3);
  bus.RunFor(seconds(3));
  ASSERT_FALSE(bus.host(3).sightings.empty());
  EXPECT_EQ(bus.host(3).sightings[0].coordinator, MakeSelf(1).id);
  ASSERT_FALSE(bus.host(1).sightings.empty());
  EXPECT_EQ(bus.host(1).sightings[0].coordinator, MakeSelf(3).id);
}

// Neither coordinator knows of the other side, but one who does not coordinate does.
TEST(DiscoverySeeds, CoordinatorsHearOfOneAnotherThroughTheSeedsOfAMember) {
  Bus bus;
  bus.multicast_works = false;
  for (int number = 1; number <= 4; ++number) bus.Add(number);
  bus.Coordinate(1, 2, 0, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(2, 2, 1, 1, {HostAddress(1), HostAddress(2)});
  bus.Coordinate(3, 2, 0, 3, {HostAddress(3), HostAddress(4)});
  bus.Coordinate(4, 2, 1, 3, {HostAddress(3), HostAddress(4)});
  bus.RunFor(seconds(3));
  EXPECT_TRUE(bus.host(3).sightings.empty());
  bus.SetSeeds(2, {HostAddress(1), HostAddress(4)});
  bus.RunFor(seconds(3));
  ASSERT_FALSE(bus.host(3).sightings.empty());
  EXPECT_EQ(bus.host(3).sightings[0].coordinator, MakeSelf(1).id);
  ASSERT_FALSE(bus.host(1).sightings.empty());
  EXPECT_EQ(bus.host(1).sightings[0].coordinator, MakeSelf(3).id);
  bus.SetSeeds(2, {});
  bus.RunFor(seconds(1));
  bus.host(3).sightings.clear();
  bus.RunFor(seconds(3));
  EXPECT_TRUE(bus.host(3).sightings.empty());
}

TEST(DiscoverySeeds, ThreeMembersOfALargeGroupAnnounceItToTheirSeedsInASecond) {
  constexpr int kMembers = 30;
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(100)};
  for (int number = 1; number <= kMembers; ++number) {
    bus.Add(number, number == 1 ? Options() : options);
    bus.Coordinate(number, kMembers, static_cast<Rank>(number - 1), 1);
  }
  bus.Add(100);
  bus.Coordinate(100);
  bus.RunFor(seconds(20));
  bus.host(100).sightings.clear();
  bus.RunFor(seconds(60));
  EXPECT_GE(bus.host(100).sightings.size(), 150u);
  EXPECT_LE(bus.host(100).sightings.size(), 200u);
  EXPECT_FALSE(bus.host(1).sightings.empty()) << "the offer went to who announced";
}

TEST(DiscoverySeeds, WhoIsLeftOfALargeGroupAnnouncesItToItsSeedsAsASmallOneDoes) {
  constexpr int kMembers = 300;
  Bus bus;
  bus.multicast_works = false;
  Options options;
  options.seeds = {HostAddress(1)};
  bus.Add(1);
  bus.Add(2);
  bus.Add(3, options);
  bus.Coordinate(1);
  bus.Coordinate(3, kMembers, 2, 2);
  bus.RunFor(seconds(1));
  EXPECT_EQ(bus.host(1).sightings.size(), 1u) << "when it came";
  bus.RunFor(seconds(3));
  EXPECT_EQ(bus.host(1).sightings.size(), 1u);
  bus.Coordinate(3, 2, 1, 4);
  bus.RunFor(milliseconds(1600));
  EXPECT_GE(bus.host(1).sightings.size(), 2u);
}

}  // namespace
}  // namespace cohort::discovery

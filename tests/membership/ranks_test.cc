// Who holds data comes before who does not, in every view but its first. Spec 4.24, 4.88.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "membership/membership.h"
#include "membership/membership_world.h"

namespace cohort::membership {
namespace {

using ::testing::ElementsAre;

// Hosts join in the order of these calls.
class Ranks : public testing::Test {
 protected:
  void Add(int host, bool without_data) {
    HostOptions options;
    options.without_data = without_data;
    hosts_.insert(host);
    world_.Start(host, options);
    ASSERT_TRUE(world_.RunUntil(seconds(5), [&] { return world_.IsOneView(hosts_); }));
  }
  void Crash(int host) {
    hosts_.erase(host);
    world_.Crash(host);
    world_.ConvictEverywhere(host);
    ASSERT_TRUE(world_.RunUntil(seconds(5), [&] { return world_.IsOneView(hosts_); }));
  }

  World world_{{}};
  std::set<int> hosts_;
};

TEST_F(Ranks, WhoIsWithoutDataComesAfterTheOthersThatWereThere) {
  Add(1, false);
  Add(2, true);
  Add(3, true);
  Add(4, false);
  EXPECT_THAT(world_.MembersAt(1), ElementsAre(1, 2, 3, 4)) << "newcomers are welcomed by rank 0";
  Add(5, false);
  EXPECT_THAT(world_.MembersAt(1), ElementsAre(1, 4, 2, 3, 5));
  Crash(1);
  EXPECT_THAT(world_.MembersAt(2), ElementsAre(4, 5, 2, 3));
}

TEST_F(Ranks, AViewOfThoseWithoutDataAloneMakesPlaceForTheFirstThatHoldsTheState) {
  Add(1, false);
  Add(2, true);
  Add(3, true);
  Crash(1);
  EXPECT_THAT(world_.MembersAt(2), ElementsAre(2, 3));
  Add(4, false);
  EXPECT_THAT(world_.MembersAt(4), ElementsAre(2, 3, 4));
  ASSERT_TRUE(world_.RunUntil(seconds(2),
                              [&] { return world_.MembersAt(3) == std::vector<int>({4, 2, 3}); }));
  EXPECT_TRUE(world_.RunUntil(seconds(1), [&] { return world_.IsOneView({2, 3, 4}); }));
  Add(5, false);
  EXPECT_THAT(world_.MembersAt(2), ElementsAre(4, 2, 3, 5)) << "welcomed by host 4";
}

}  // namespace
}  // namespace cohort::membership

#include "runtime/seed_table.h"

#include "discovery/discovery.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/seed_builders.h"

namespace cohort::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Instant After(Duration time) { return Instant::Zero() + time; }

absl::Status NotKnown() { return absl::NotFoundError("host 'x' is not known"); }

TEST(SeedTableTest, AddressesAreThereAtOnceAndNeverLookedUp) {
  const SeedTable table = Table({"10.0.0.2:7600", "[fd00::3]:7600", "10.0.0.1:7600"});
  EXPECT_FALSE(table.has_names());
  EXPECT_TRUE(table.all_tried());
  EXPECT_TRUE(table.NextDue().is_infinite());
  // Neither itself nor what its socket cannot reach.
  EXPECT_THAT(table.addresses(), ElementsAre(At("10.0.0.2:7600")));
}

TEST(SeedTableTest, ANameIsLookedUpAtOnceAndAgainAboutEveryTenSeconds) {
  SeedTable table = Table({"10.0.0.2:7600", "x:7600"});
  EXPECT_TRUE(table.has_names());
  EXPECT_FALSE(table.all_tried());
  ASSERT_EQ(table.Due(Instant::Zero()), 1u);
  SeedTable::Output out;
  table.OnLookedUp(Instant::Zero(), 1, std::vector{At("10.0.0.3:7600"), At("10.0.0.2:7600")}, out);
  EXPECT_TRUE(table.all_tried());
  ASSERT_TRUE(out.addresses.has_value());
  EXPECT_THAT(*out.addresses, ElementsAre(At("10.0.0.2:7600"), At("10.0.0.3:7600")));
  EXPECT_FALSE(table.Due(After(kSeedIntervalMin - milliseconds(1))).has_value());
  EXPECT_TRUE(table.Due(After(kSeedIntervalMax)).has_value());
}

TEST(SeedTableTest, OnlyAChangeIsPassedOnNotAnotherOrder) {
  SeedTable table = Table({"x:7600"});
  const std::vector two = {At("10.0.0.2:7600"), At("10.0.0.3:7600")};
  SeedTable::Output out;
  table.OnLookedUp(Instant::Zero(), 0, two, out);
  out = {};
  table.OnLookedUp(After(seconds(11)), 0, std::vector{two[1], two[0]}, out);
  EXPECT_FALSE(out.addresses.has_value());
  table.OnLookedUp(After(seconds(22)), 0, std::vector{two[1]}, out);
  ASSERT_TRUE(out.addresses.has_value());
  EXPECT_THAT(*out.addresses, ElementsAre(two[1]));
}

TEST(SeedTableTest, ANameThatFailsIsTriedSoonerAndThenLessOften) {
  SeedTable table = Table({"x:7600"});
  Instant now = Instant::Zero();
  std::vector<Duration> waits;
  for (int i = 0; i < 8; ++i) {
    SeedTable::Output out;
    table.OnLookedUp(now, 0, NotKnown(), out);
    waits.push_back(table.NextDue() - now);
    now = table.NextDue();
  }
  EXPECT_LE(waits[0], kSeedRetryMin);
  EXPECT_GE(waits[0], kSeedRetryMin - kSeedRetryMin / 10);
  EXPECT_GT(waits[2], waits[0] * 3);
  EXPECT_LE(waits[7], kSeedRetryMax);
  EXPECT_GE(waits[7], kSeedRetryMax - kSeedRetryMax / 10);
}

TEST(SeedTableTest, WhatWasFoundLastStaysWhileTheNameServersAreAway) {
  SeedTable table = Table({"x:7600"});
  SeedTable::Output out;
  table.OnLookedUp(Instant::Zero(), 0, std::vector{At("10.0.0.3:7600")}, out);
  out = {};
  table.OnLookedUp(After(seconds(10)), 0, absl::UnavailableError("no name server answers"), out);
  EXPECT_FALSE(out.addresses.has_value());
  EXPECT_THAT(table.addresses(), SizeIs(1));
  EXPECT_THAT(out.troubles, ElementsAre(HasSubstr("found last are asked meanwhile")));
}

TEST(SeedTableTest, AFailureIsToldWithNameAndReasonButMoreAndMoreRarely) {
  SeedTable table = Table({"x:7600"});
  Instant now = Instant::Zero();
  size_t told = 0;
  while (now < After(std::chrono::hours(24))) {
    SeedTable::Output out;
    table.OnLookedUp(now, 0, NotKnown(), out);
    told += out.troubles.size();
    if (now == Instant::Zero()) {
      EXPECT_THAT(out.troubles, ElementsAre(HasSubstr("seed 'x:7600': host 'x' is not known")));
    }
    now = table.NextDue();
  }
  EXPECT_GT(told, 24u);
  EXPECT_LT(told, 40u);
  // Once it was found, the next failure is news again.
  SeedTable::Output out;
  table.OnLookedUp(now, 0, std::vector{At("10.0.0.3:7600")}, out);
  table.OnLookedUp(now, 0, NotKnown(), out);
  EXPECT_THAT(out.troubles, SizeIs(1));
}

TEST(SeedTableTest, NoMoreAddressesThanTheLimitAreUsedWhichIsToldOnce) {
  SeedTable table = Table({"x:7600", "y:7600"});
  std::vector<Address> many;
  for (size_t i = 0; i < discovery::kSeedsMax; ++i)
    many.push_back(At("10.0.1." + std::to_string(i) + ":7600"));
  SeedTable::Output out;
  table.OnLookedUp(Instant::Zero(), 0, many, out);
  EXPECT_THAT(out.troubles, IsEmpty());
  table.OnLookedUp(Instant::Zero(), 1, std::vector{At("10.0.2.1:7600")}, out);
  table.OnLookedUp(After(seconds(10)), 1, std::vector{At("10.0.2.2:7600")}, out);
  EXPECT_THAT(table.addresses(), SizeIs(discovery::kSeedsMax));
  EXPECT_THAT(out.troubles, ElementsAre(HasSubstr("more than 64 addresses")));
}

}  // namespace
}  // namespace cohort::runtime

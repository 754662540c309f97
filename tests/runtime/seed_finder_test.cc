#include "runtime/seed_finder.h"

#include <atomic>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/mutex.h"
#include "runtime/seed_builders.h"

namespace cohort::runtime {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(10);

TEST(SeedFinderTest, WhatANameStandsForIsPassedOn) {
  std::vector<Address> found;
  SeedFinder finder({.table = Table({"x:7600"}),
                     .look_up =
                         [](const Seed& seed) {
                           EXPECT_EQ(seed.text, "x:7600");
                           return std::vector{At("10.0.0.2:7600")};
                         },
                     .on_addresses = [&](const std::vector<Address>& all) { found = all; },
                     .on_trouble = [](const std::string& text) { ADD_FAILURE() << text; }});
  finder.Start();
  ASSERT_TRUE(finder.AwaitFirstRound(kLong));
  finder.Stop();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].ToString(), "10.0.0.2:7600");
}

TEST(SeedFinderTest, ATroubleOfOneNameDoesNotKeepTheOthersFromBeingFound) {
  std::vector<std::string> troubles;
  std::vector<Address> found;
  SeedFinder finder({.table = Table({"bad:7600", "good:7600"}),
                     .look_up = [](const Seed& seed) -> absl::StatusOr<std::vector<Address>> {
                       if (seed.host.host == "bad")
                         return absl::NotFoundError("host 'bad' is not known");
                       return std::vector{At("10.0.0.2:7600")};
                     },
                     .on_addresses = [&](const std::vector<Address>& all) { found = all; },
                     .on_trouble = [&](const std::string& text) { troubles.push_back(text); }});
  finder.Start();
  ASSERT_TRUE(finder.AwaitFirstRound(kLong));
  finder.Stop();
  EXPECT_EQ(found.size(), 1u);
  ASSERT_EQ(troubles.size(), 1u);
  EXPECT_THAT(troubles[0], HasSubstr("'bad' is not known"));
}

TEST(SeedFinderTest, NobodyWaitsForAResolverThatHangsAndNothingIsCalledAfterStop) {
  auto asked = std::make_shared<Notification>();
  auto go_on = std::make_shared<Notification>();
  auto gone = std::make_shared<Notification>();
  std::atomic<int> calls{0};
  {
    SeedFinder finder(
        {.table = Table({"x:7600"}),
         .look_up = [asked, go_on, gone](const Seed&) -> absl::StatusOr<std::vector<Address>> {
           asked->Notify();
           go_on->WaitForNotification();
           gone->Notify();
           return std::vector{At("10.0.0.2:7600")};
         },
         .on_addresses = [&](const std::vector<Address>&) { ++calls; },
         .on_trouble = [&](const std::string&) { ++calls; }});
    finder.Start();
    asked->WaitForNotification();
    EXPECT_FALSE(finder.AwaitFirstRound(absl::Milliseconds(1)));
  }
  go_on->Notify();
  ASSERT_TRUE(gone->WaitForNotificationWithTimeout(kLong));
  EXPECT_EQ(calls, 0);
}

TEST(SeedFinderTest, WithoutNamesThereIsNothingToWaitFor) {
  SeedFinder finder({.table = Table({"10.0.0.2:7600"}),
                     .look_up = [](const Seed&) -> absl::StatusOr<std::vector<Address>> {
                       ADD_FAILURE();
                       return std::vector<Address>();
                     },
                     .on_addresses = [](const std::vector<Address>&) { ADD_FAILURE(); },
                     .on_trouble = [](const std::string&) { ADD_FAILURE(); }});
  finder.Start();
  EXPECT_TRUE(finder.AwaitFirstRound(absl::ZeroDuration()));
}

}  // namespace
}  // namespace cohort::runtime

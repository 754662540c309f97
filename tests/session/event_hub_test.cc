#include "session/event_hub.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "public/testing.h"

namespace cohort::session {
namespace {

using testing::Watched;
constexpr size_t kMany = 10;

TEST(EventHubTest, BeyondItsLimitTheNewestAreDroppedAndCounted) {
  const auto hub = std::make_shared<EventHub<int>>(2);
  EXPECT_FALSE(hub->Push(0));  // Nobody listens.
  std::vector<int> told;
  const Subscription subscription = hub->Add([&](int event) { told.push_back(event); });
  hub->Push(1);
  hub->Push(2);
  EXPECT_EQ(hub->dropped(), 0U);
  hub->Push(3);
  EXPECT_EQ(hub->dropped(), 1U);
  hub->Drain(kMany);
  EXPECT_EQ(told, (std::vector<int>{1, 2}));
}

TEST(EventHubTest, WhoeverPutsTheFirstInIsAskedToDrainAndADrainHasAnEnd) {
  const auto hub = std::make_shared<EventHub<int>>(kMany);
  std::vector<int> told;
  const Subscription subscription = hub->Add([&](int event) {
    told.push_back(event);
    if (event != 1) return;
    EXPECT_FALSE(hub->Push(4));  // It is being drained.
  });
  EXPECT_TRUE(hub->Push(1));
  EXPECT_FALSE(hub->Push(2));
  EXPECT_FALSE(hub->Push(3));
  EXPECT_TRUE(hub->Drain(2));
  EXPECT_EQ(told, (std::vector<int>{1, 2}));
  EXPECT_FALSE(hub->Push(5));  // Whoever was told that there are more drains them.
  EXPECT_FALSE(hub->Drain(kMany));
  EXPECT_EQ(told, (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(hub->Push(6));
}

TEST(EventHubTest, WhatACallbackBringsAboutComesAfterIt) {
  const auto hub = std::make_shared<EventHub<int>>(10);
  std::vector<int> told;
  const Subscription subscription = hub->Add([&](int event) {
    told.push_back(event);
    if (event < 3) {
      hub->Push(event + 1);
      hub->Drain(kMany);  // Leaves it to the one that is under way.
      told.push_back(-event);
    }
  });
  hub->Push(1);
  hub->Drain(kMany);
  EXPECT_EQ(told, (std::vector<int>{1, -1, 2, -2, 3}));
}

TEST(EventHubTest, ASubscriptionThatHasEndedIsNotCalledAnyMore) {
  const auto hub = std::make_shared<EventHub<int>>(10);
  Watched<int> state;  // 1: in the call; 2: may go on; 3: has ended.
  std::optional<Subscription> subscription;
  subscription = hub->Add([&](int) {
    state.Update([](int& value) { value = 1; });
    EXPECT_TRUE(state.WaitFor([](int value) { return value == 2; }));
    state.Update([](int& value) { value = 3; });
  });
  hub->Push(1);
  std::thread draining([&] { hub->Drain(kMany); });
  ASSERT_TRUE(state.WaitFor([](int value) { return value == 1; }));
  std::thread going_on([&] { state.Update([](int& value) { value = 2; }); });
  subscription.reset();  // Waits for the call.
  EXPECT_EQ(state.Get(), 3);
  EXPECT_FALSE(hub->Push(2));
  draining.join();
  going_on.join();
}

}  // namespace
}  // namespace cohort::session

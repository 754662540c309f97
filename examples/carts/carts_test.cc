// A class on a convergent map, tested in a group that is simulated.
#include "carts.h"

#include <cohort/testing/sim_group.h>
#include <gtest/gtest.h>

using cohort::MapKind;
using cohort::testing::SimGroup;

TEST(CartsTest, WhatBothSidesOfAPartitionPutIntoACartIsInItWhenItIsOver) {
  SimGroup group({"a", "b"}, {.seed = 7, .failed = ::testing::Test::HasFailure});
  Carts at_a(group.map("a", "carts", {.kind = MapKind::kConvergent}));
  Carts at_b(group.map("b", "carts", {.kind = MapKind::kConvergent}));
  ASSERT_TRUE(at_a.Put("ann", "lamp", 1).ok());
  group.Partition({{"a"}, {"b"}});
  group.RunFor(absl::Seconds(5));
  EXPECT_TRUE(at_a.Put("ann", "lamp", 2).ok());
  EXPECT_TRUE(at_b.Put("ann", "table", 1).ok());
  group.Heal();
  ASSERT_TRUE(group.RunUntil([&] { return at_b.ToString("ann") == "2 lamp, 1 table"; }));
  EXPECT_TRUE(group.RunUntil([&] { return at_a.ToString("ann") == "2 lamp, 1 table"; }));
}

TEST(CartsTest, WhoWasThoughtDeadDoesNotPayWhatAnotherInstanceHasTakenOver) {
  SimGroup group({"a", "b", "c"}, {.seed = 7, .failed = ::testing::Test::HasFailure});
  Carts at_a(group.map("a", "carts", {.kind = MapKind::kConvergent}));
  Carts at_b(group.map("b", "carts", {.kind = MapKind::kConvergent}));
  ASSERT_TRUE(at_a.Put("ann", "lamp", 1).ok());
  ASSERT_TRUE(at_a.BeginPaying("ann").ok());
  group.Pause("a");
  group.RunFor(absl::Seconds(10));
  ASSERT_TRUE(at_b.BeginPaying("ann").ok());
  group.Resume("a");
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_EQ(at_a.Pay("ann").code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(at_b.Pay("ann").ok());
}

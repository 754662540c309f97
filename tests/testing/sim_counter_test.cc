#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cohort/counter.h"
#include "cohort/testing/sim_group.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;
using SimCounter = BasicCounter<SimMap>;

TEST(SimCounterTest, CountsFromNothingAndKeepsWhatADeadMemberAdded) {
  SimGroup group({"a", "b", "c"}, {.seed = 1, .failed = ::testing::Test::HasFailure});
  SimCounter at_a(group.map("a", "numbers"), "orders");
  SimCounter at_b(group.map("b", "numbers"), "orders");
  EXPECT_EQ(*at_b.Get(), 0);
  EXPECT_EQ(*at_a.Add(5), 5);
  EXPECT_EQ(*at_b.Add(-2), 3);
  group.Kill("a");
  EXPECT_EQ(*at_b.Add(1), 4);
  EXPECT_EQ(at_b.CompareAndSet(3, 9).code(), kAborted);
  EXPECT_TRUE(at_b.CompareAndSet(4, 9).ok());
  EXPECT_TRUE(at_b.Set(INT64_MAX).ok());
  EXPECT_EQ(at_b.Add(1).status().code(), kOutOfRange);
  EXPECT_EQ(*at_b.Get(), INT64_MAX);
}

TEST(SimCounterTest, AnEntryThatIsNoNumberIsSaidToBe) {
  SimGroup group({"a"}, {.seed = 2, .failed = ::testing::Test::HasFailure});
  SimMap map = group.map("a", "numbers");
  ASSERT_TRUE(map.Put("orders", "12x").ok());
  SimCounter counter(map, "orders");
  EXPECT_EQ(counter.Get().status().code(), kFailedPrecondition);
  EXPECT_EQ(counter.Add(1).status().code(), kFailedPrecondition);
  EXPECT_EQ(counter.CompareAndSet(0, 1).code(), kFailedPrecondition);
}

TEST(SimCounterTest, UnderPrimaryNoNumberComesTwiceWhateverThePartition) {
  SimGroup group({"a", "b", "c"},
                 {.seed = 3, .policy = Policy::kPrimary, .failed = ::testing::Test::HasFailure});
  SimCounter at_a(group.map("a", "numbers"), "orders");
  SimCounter at_c(group.map("c", "numbers"), "orders");
  ASSERT_EQ(*at_a.Add(1), 1);
  group.Partition({{"a", "b"}, {"c"}});
  ASSERT_TRUE(group.RunUntil([&] { return group.view("a").members.size() == 2; }));
  EXPECT_EQ(*at_a.Add(1), 2);
  EXPECT_FALSE(at_c.Add(1, {.timeout = absl::Seconds(3)}).ok());
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_EQ(*at_c.Add(1), 3);
}

TEST(SimCounterTest, UnderAvailableAMergeKeepsTheNumberThatWasWrittenLast) {
  SimGroup group({"a", "b"}, {.seed = 4, .failed = ::testing::Test::HasFailure});
  SimCounter at_a(group.map("a", "numbers"), "orders");
  SimCounter at_b(group.map("b", "numbers"), "orders");
  ASSERT_EQ(*at_a.Add(10), 10);
  group.Partition({{"a"}, {"b"}});
  ASSERT_TRUE(group.RunUntil(
      [&] { return group.view("a").members.size() == 1 && group.view("b").members.size() == 1; }));
  EXPECT_EQ(*at_a.Add(1), 11);
  group.RunFor(absl::Seconds(1));
  EXPECT_EQ(*at_b.Add(5), 15);
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  // What b brings back comes a moment after the view.
  ASSERT_TRUE(group.RunUntil([&] { return *at_a.Get() == 15 && *at_b.Get() == 15; }));
}

}  // namespace
}  // namespace cohort::testing

// A class of a user's program, tested in a group that is simulated.
#include "stock.h"

#include <cohort/testing/sim_group.h>
#include <gtest/gtest.h>

using cohort::testing::SimGroup;

TEST(StockTest, AReservationOutlivesTheMemberThatMadeIt) {
  SimGroup group({"a", "b", "c"}, {.seed = 7, .failed = ::testing::Test::HasFailure});
  Stock at_a(group.map("a", "stock"));
  ASSERT_TRUE(at_a.Reserve("lamp", "ann").ok());
  group.Kill("a");
  Stock at_b(group.map("b", "stock"));
  EXPECT_EQ(at_b.ReservedBy("lamp"), "ann");
  EXPECT_EQ(at_b.Reserve("lamp", "bob").code(), absl::StatusCode::kAborted);
}

TEST(StockTest, AReservationEndsAfterTenMinutes) {
  SimGroup group({"a", "b"}, {.seed = 7, .failed = ::testing::Test::HasFailure});
  Stock at_a(group.map("a", "stock"));
  Stock at_b(group.map("b", "stock"));
  ASSERT_TRUE(at_a.Reserve("lamp", "ann").ok());
  group.RunFor(absl::Minutes(9));
  EXPECT_EQ(at_b.ReservedBy("lamp"), "ann");
  group.RunFor(absl::Minutes(2));
  EXPECT_EQ(at_b.ReservedBy("lamp"), "nobody");
  EXPECT_TRUE(at_b.Reserve("lamp", "bob").ok());
}

TEST(StockTest, OneOfTwoReservationsInAPartitionHoldsEverywhereWhenItIsOver) {
  SimGroup group({"a", "b"}, {.seed = 7, .failed = ::testing::Test::HasFailure});
  Stock at_a(group.map("a", "stock"));
  Stock at_b(group.map("b", "stock"));
  group.Partition({{"a"}, {"b"}});
  group.RunFor(absl::Seconds(5));
  EXPECT_TRUE(at_a.Reserve("lamp", "ann").ok());
  EXPECT_TRUE(at_b.Reserve("lamp", "bob").ok());
  group.Heal();
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_NE(at_a.ReservedBy("lamp"), "nobody");
  EXPECT_EQ(at_a.ReservedBy("lamp"), at_b.ReservedBy("lamp"));
}

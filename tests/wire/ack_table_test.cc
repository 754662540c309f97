#include "wire/ack_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"

namespace cohort::wire {
namespace {

AckTable TableOf(size_t members) {
  AckTable table;
  table.Reset(members);
  return table;
}

TEST(AckTable, StartsWithNothingHeld) {
  const AckTable table = TableOf(3);
  EXPECT_EQ(table.members(), 3u);
  EXPECT_EQ(table.Get(2, 1), 0u);
  EXPECT_EQ(table.ByAll(1), 0u);
}

TEST(AckTable, EntriesOnlyGrow) {
  AckTable table = TableOf(2);
  EXPECT_TRUE(table.Raise(0, 1, 5));
  EXPECT_FALSE(table.Raise(0, 1, 3));
  EXPECT_EQ(table.Get(0, 1), 5u);
  EXPECT_EQ(table.Get(1, 0), 0u) << "holder and origin are not the same thing";
}

TEST(AckTable, TheMinimumMovesWhenTheSlowestHolderDoes) {
  AckTable table = TableOf(3);
  table.Raise(0, 2, 9);
  table.Raise(1, 2, 7);
  EXPECT_EQ(table.ByAll(2), 0u);
  table.Raise(2, 2, 8);
  EXPECT_EQ(table.ByAll(2), 7u);
  table.Raise(1, 2, 20);
  EXPECT_EQ(table.ByAll(2), 8u);
}

TEST(AckTable, CountsTheHoldersOfAChunk) {
  AckTable table = TableOf(3);
  table.Raise(0, 1, 5);
  table.Raise(2, 1, 4);
  EXPECT_EQ(table.HeldBy(1, 4), 2u);
  EXPECT_EQ(table.HeldBy(1, 5), 1u);
  EXPECT_EQ(table.HeldBy(1, 6), 0u);
}

TEST(AckTable, AloneEverythingIsHeldByAllAtOnce) {
  AckTable table = TableOf(1);
  table.Raise(0, 0, 4);
  EXPECT_EQ(table.ByAll(0), 4u);
}

TEST(AckTable, ANewViewForgets) {
  AckTable table = TableOf(1);
  table.Raise(0, 0, 4);
  table.Reset(2);
  EXPECT_EQ(table.Get(0, 0), 0u);
  EXPECT_EQ(table.ByAll(0), 0u);
}

TEST(AckTable, WhatAllHoldIsTheLeastOfWhatEachHoldsAfterAnySequence) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const size_t members = random.Between(1, 9);
    AckTable table = TableOf(members);
    for (int step = 0; step < 500; ++step) {
      const auto origin = static_cast<Rank>(random.Below(members));
      table.Raise(static_cast<Rank>(random.Below(members)), origin, random.Below(100));
      SeqNo least = kSeqNoMax;
      for (Rank holder = 0; holder < members; ++holder) {
        least = std::min(least, table.Get(holder, origin));
      }
      ASSERT_EQ(table.ByAll(origin), least);
    }
  }
}

}  // namespace
}  // namespace cohort::wire

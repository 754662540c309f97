// What a joiner learns of sides of a healed partition that are still being merged.
#include <string>

#include "gtest/gtest.h"
#include "transfer/transfer_rig.h"

namespace cohort::transfer {
namespace {

using map::MergeOp;
using map::PutOp;

const ViewId kSide = {7, 7};

MergeOp LastOf(const ViewId& side) {
  MergeOp op;
  op.subgroup = side;
  op.last = true;
  return op;
}

TEST(TransferSides, WhoJoinsMeanwhileLearnsOfThemAndOfWhatIsDoneSince) {
  Rig rig;
  FillUp(rig, 100);
  rig.servers[0]->donor.SetSides({{kSide, {map::Writer(1), map::Writer(2)}, true}});
  rig.Join();
  rig.Step();
  rig.Do(LastOf(kSide));
  rig.RunToEnd();
  ASSERT_TRUE(rig.sides.has_value());
  EXPECT_EQ(rig.sides->view, rig.servers[0]->replica.view());
  ASSERT_EQ(rig.sides->sides.size(), 1u);
  EXPECT_EQ(rig.sides->sides[0].came_from, kSide);
  EXPECT_EQ(rig.sides->sides[0].carriers.size(), 2u);
  EXPECT_TRUE(rig.sides->sides[0].merged);
  ASSERT_EQ(rig.merged.size(), 1u);
  EXPECT_EQ(rig.merged[0].subgroup, kSide);
}

TEST(TransferSides, WhatWasDoneBeforeTheStateIsNotToldAgain) {
  Rig rig;
  rig.servers[0]->donor.SetSides({{kSide, {map::Writer(1)}}});
  rig.Join();
  rig.Do(LastOf(kSide));
  rig.servers[0]->donor.SetSides({});
  rig.Step();
  rig.RunToEnd();
  ASSERT_TRUE(rig.sides.has_value());
  EXPECT_TRUE(rig.sides->sides.empty());
  EXPECT_TRUE(rig.merged.empty());
}

// The end of a merge is among the operations that were given up: the state that comes says it.
TEST(TransferSides, OfOperationsThatWereGivenUpTheNextStateTells) {
  Joiner::Options options;
  options.queue_bytes_max = 10'000;
  Rig rig(1, options);
  FillUp(rig, 100);
  rig.servers[0]->donor.SetSides({{kSide, {map::Writer(1)}}});
  rig.Join();
  rig.Step();
  rig.Do(LastOf(kSide));
  rig.servers[0]->donor.SetSides({});
  const std::string value(1000, 'w');
  for (int i = 0; i < 12; ++i) rig.Do(PutOp{"key" + std::to_string(i), value});
  ASSERT_EQ(rig.joiner->stats().failures, 1u);
  rig.RunToEnd();
  if (rig.taken == nullptr) rig.Wait();
  rig.RunToEnd();
  ASSERT_TRUE(rig.sides.has_value());
  EXPECT_TRUE(rig.sides->sides.empty());
  EXPECT_TRUE(rig.merged.empty());
}

TEST(TransferSides, WhoBeginsAnewHasLearntOfNone) {
  Rig rig;
  rig.servers[0]->donor.SetSides({{kSide, {map::Writer(1)}}});
  rig.Join();
  rig.Step();
  rig.Step();
  rig.joiner->BeginWith(rig.now,
                        std::make_unique<map::MapSet>(map::MapSet::Options{.hash_key = 77}));
  rig.RunToEnd();
  ASSERT_NE(rig.taken, nullptr);
  EXPECT_FALSE(rig.sides.has_value());
}

}  // namespace
}  // namespace cohort::transfer

#include "map/map_set.h"

#include <gtest/gtest.h>

#include <string>

#include "map/map_builders.h"

namespace cohort::map {
namespace {

TEST(MapSet, AMapComesIntoBeingWithItsFirstOperation) {
  Replica replica;
  EXPECT_EQ(replica.maps().Find("m"), nullptr);
  replica.Do(PutOp{"k", "v"});
  ASSERT_NE(replica.maps().Find("m"), nullptr);
  EXPECT_EQ(replica.maps().Find("m")->id(), 0u);
  replica.Apply(OpOf(PutOp{"k", "w"}, 1000, "other"));
  EXPECT_EQ(replica.maps().Find("other")->id(), 1u);
  EXPECT_EQ(replica.Value("k"), "v");
  EXPECT_EQ(replica.maps().Entries(), 2u);
}

TEST(MapSet, RefusesTheSixtyFifthMap) {
  Replica replica;
  for (size_t i = 0; i < kMapsMax; ++i) {
    EXPECT_TRUE(replica.Apply(OpOf(PutOp{"k", "v"}, 1000, "map" + std::to_string(i))).status.ok());
  }
  EXPECT_EQ(replica.Apply(OpOf(PutOp{"k", "v"}, 1000, "one more")).status.code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(replica.maps().size(), kMapsMax);
}

TEST(MapSet, AMalformedOperationTakesItsPlaceAndDoesNothing) {
  Replica replica;
  replica.Do(PutOp{"k", "v"});
  const Digest before = replica.maps().digest();
  EXPECT_FALSE(replica.Apply(AsBytes("rubbish"), replica.NextPlace()).status.ok());
  EXPECT_EQ(replica.maps().digest(), before);
  EXPECT_EQ(replica.maps().position(), 2u);
  EXPECT_EQ(replica.maps().stats().malformed, 1u);
}

TEST(MapSet, ItsDigestTellsNamesApart) {
  Replica a, b;
  a.Apply(OpOf(PutOp{"k", "v"}, 1000, "one"));
  b.Apply(OpOf(PutOp{"k", "v"}, 1000, "two"));
  EXPECT_NE(a.maps().digest(), b.maps().digest());
}

TEST(ViewHistory, FindsTheLastCommonView) {
  ViewHistory a, b;
  for (uint64_t num : {1, 2, 4}) a.Add(ViewNo(num)), b.Add(ViewNo(num));
  EXPECT_EQ(a.CommonWith(b).last, ViewNo(4));
  a.Add(ViewNo(5, 1));
  b.Add(ViewNo(5, 2));
  b.Add(ViewNo(6, 2));
  EXPECT_EQ(a.CommonWith(b).kind, ViewHistory::Base::Kind::kKnown);
  EXPECT_EQ(a.CommonWith(b).last, ViewNo(4));
  EXPECT_EQ(b.CommonWith(a).last, ViewNo(4));
}

TEST(ViewHistory, TellsStrangersFromThoseWhoPartedTooLongAgo) {
  ViewHistory a, b, stranger;
  stranger.Add(ViewNo(1, 9));
  a.Add(ViewNo(1));
  b.Add(ViewNo(1));
  for (uint64_t num = 2; num < 2 + 2 * kViewHistoryMax; ++num)
    a.Add(ViewNo(num, 1)), b.Add(ViewNo(num, 2));
  EXPECT_EQ(a.recent().size(), kViewHistoryMax);
  EXPECT_EQ(a.CommonWith(b).kind, ViewHistory::Base::Kind::kForgotten);
  EXPECT_EQ(a.CommonWith(stranger).kind, ViewHistory::Base::Kind::kIndependent);
  EXPECT_EQ(a.CommonWith(ViewHistory()).kind, ViewHistory::Base::Kind::kIndependent);
}

TEST(ViewHistory, RestoresOnlyWhatGrows) {
  ViewHistory history;
  EXPECT_TRUE(history.Restore(ViewNo(1), {ViewNo(3), ViewNo(5)}));
  EXPECT_FALSE(history.Restore(ViewNo(1), {ViewNo(5), ViewNo(3)}));
  EXPECT_FALSE(history.Restore(ViewNo(4), {ViewNo(3)}));
  EXPECT_FALSE(history.Restore({}, {ViewNo(3)}));
  EXPECT_FALSE(history.Restore(ViewNo(4), {}));
  EXPECT_TRUE(history.Restore({}, {}));
  history.Add(ViewNo(7));
  history.Add(ViewNo(7));
  history.Add(ViewNo(6));
  EXPECT_EQ(history.recent().size(), 1u);
}

}  // namespace
}  // namespace cohort::map

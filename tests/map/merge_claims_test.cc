// An entry that was claimed on one side of a partition while its owner before went on, or stood
// still and finished later what it had begun.
#include "map/merge_claims.h"

#include <gtest/gtest.h>

#include <string>

#include "map/convergent_member.h"
#include "map/convergent_sides.h"
#include "map/merge_planner.h"

namespace cohort::map {
namespace {

// Of member 1, the owner; member 2 is its successor. Either may be on the side that is joined.
class MergeClaimsTest : public ::testing::TestWithParam<bool> {
 protected:
  MergeClaimsTest() {
    for (Replica* side : {&group_, &carrier_}) {
      OpenConvergent(*side);
      for (const std::string_view name : {"n", "left", "his", "gone"}) {
        EXPECT_TRUE(WriteOn(*side, 1, Set("s", name, "old"), 1000).ok());
      }
      side->View(2, 0);
      // In the last view that both are in, and known to both.
      EXPECT_TRUE(WriteOn(*side, 1, Set("s", "his", "old"), 1500).ok());
    }
  }
  Replica& Old() { return GetParam() ? carrier_ : group_; }  // Where the owner before is.
  Replica& New() { return GetParam() ? group_ : carrier_; }

  static void Part(Replica& side) { side.View(3); }
  uint64_t Claim(Replica& side, uint64_t writer, GroupTime ms) {
    const uint64_t epoch = MapOf(side).ClaimOf("s").epoch;
    EXPECT_TRUE(side.Do(ClaimOp{"s", epoch}, ms, writer).status.ok());
    return epoch + 1;
  }
  // The owner before has stood still since view 2, in which it finishes what it had begun.
  void SuccessorTakesOver() {
    Part(New());
    Claim(New(), 2, 2000);
    EXPECT_TRUE(WriteOn(New(), 2, Set("s", "n", "37"), 2000, true).ok());
  }
  void Heal() {
    group_.out() = {};
    group_.View(5);
    Merge(carrier_);
    EXPECT_TRUE(group_.maps().IsConsistent());
  }
  void Merge(Replica& carrier, uint64_t joined_in = 0) {
    MergePlanner planner(carrier.maps(), group_.maps().history(), kHour, 0, nullptr, joined_in);
    while (const std::optional<Buffer> op = planner.Next(group_.maps(), HlcAt(9000)))
      ASSERT_TRUE(group_.Apply(*op, group_.NextPlace(8)).status.ok());
  }
  std::string Value(std::string_view name) { return AttributeOn(group_, "s", name, 9000); }

  Replica group_{MapSettings{}, 1};
  Replica carrier_{MapSettings{}, 2};
};

TEST_P(MergeClaimsTest, WhatTheOwnerBeforeWritesLateDoesNotUndoWhatItsSuccessorWrote) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  Heal();
  EXPECT_EQ(Value("n"), "37");
}

// Found by the simulator (seed 4204): it was acknowledged, and the merge undid it.
TEST_P(MergeClaimsTest, AMemberThatStillMergesALaterClaimDoesNotWriteByRight) {
  Part(carrier_);
  Claim(carrier_, 2, 2000);
  Claim(carrier_, 1, 2000);
  group_.View(5);
  const Stamp before = MapOf(group_).Find("s")->version;
  const auto write = [&](std::string_view key, const MapSet* brings) {
    return WriteOn(group_, 1, Set(key, "n", "21"), 8000, true, brings).code();
  };
  EXPECT_EQ(write("s", &carrier_.maps()), absl::StatusCode::kAborted);
  EXPECT_EQ(MapOf(group_).Find("s")->version, before);
  EXPECT_EQ(write("another", &carrier_.maps()), absl::StatusCode::kOk);
  Merge(carrier_);
  EXPECT_EQ(write("s", nullptr), absl::StatusCode::kAborted) << "nobody owns it";
  Claim(group_, 1, 9500);
  EXPECT_EQ(write("s", &carrier_.maps()), absl::StatusCode::kOk) << "the claim is the later one";
}

TEST_P(MergeClaimsTest, WhatTheSuccessorLeftAloneIsKeptOfBoth) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "his", "new"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "more", "new"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Unset("s", "gone"), 8000, true).ok());
  Heal();
  EXPECT_EQ(Value("n"), "37");
  EXPECT_EQ(Value("left"), "old");
  EXPECT_EQ(Value("his"), "new");
  EXPECT_EQ(Value("more"), "new");
  EXPECT_EQ(Value("gone"), "(absent)");
}

TEST_P(MergeClaimsTest, WhatIsWrittenWhileTheMergeIsUnderWayStays) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "his", "late"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "more", "late"), 8000, true).ok());
  group_.View(5);
  MergePlanner planner(carrier_.maps(), group_.maps().history(), kHour);
  const std::optional<Buffer> op = planner.Next(group_.maps(), HlcAt(9000));
  // By a clock that is behind that of the owner before.
  ASSERT_TRUE(WriteOn(group_, 3, Set("s", "n", "38"), 2001).ok());
  if (GetParam()) {
    ASSERT_TRUE(WriteOn(group_, 3, Set("s", "his", "meanwhile"), 2001).ok());
    ASSERT_TRUE(WriteOn(group_, 3, Set("s", "more", "meanwhile"), 2001).ok());
  }
  ASSERT_TRUE(group_.Apply(*op, group_.NextPlace(8)).status.ok());
  EXPECT_EQ(Value("n"), "38");
  EXPECT_EQ(Value("his"), GetParam() ? "meanwhile" : "late");
  EXPECT_EQ(Value("more"), GetParam() ? "meanwhile" : "late");
}

// A third side holds what both knew when they parted, and comes back first.
TEST_P(MergeClaimsTest, WhatAMergeBringsThatWasThereAlreadyIsNotTakenForANewWrite) {
  Replica third{MapSettings{}, 3};
  OpenConvergent(third);
  for (const std::string_view name : {"n", "left", "his", "gone"})
    ASSERT_TRUE(WriteOn(third, 1, Set("s", name, "old"), 1000).ok());
  third.View(2, 0);
  ASSERT_TRUE(WriteOn(third, 1, Set("s", "his", "old"), 1500).ok());
  for (Replica* side : {&group_, &carrier_, &third}) Claim(*side, 2, 1600);
  for (Replica* side : {&group_, &carrier_, &third}) Part(*side);
  // Who claims it once more has not seen what its owner wrote on the side that comes back last.
  Claim(group_, 1, 2000);
  ASSERT_TRUE(WriteOn(carrier_, 2, Set("s", "his", "37"), 2000, true).ok());
  group_.View(5);
  Merge(third);
  group_.View(6);
  Merge(carrier_);
  EXPECT_EQ(Value("his"), "37");
  EXPECT_TRUE(group_.maps().IsConsistent());
}

TEST_P(MergeClaimsTest, WhatIsBroughtASecondTimeMakesNothingNewer) {
  Part(carrier_);
  ASSERT_TRUE(WriteOn(carrier_, 1, Set("s", "n", "37"), 2000, true).ok());
  group_.View(5);
  MergePlanner planner(carrier_.maps(), group_.maps().history(), kHour);
  const std::optional<Buffer> op = planner.Next(group_.maps(), HlcAt(9000));
  ASSERT_TRUE(group_.Apply(*op, group_.NextPlace(8)).status.ok());
  group_.View(6);
  const Entry before = *MapOf(group_).Find("s");
  ASSERT_TRUE(group_.Apply(*op, group_.NextPlace(8)).status.ok());
  EXPECT_EQ(before.view.num, 5U);
  EXPECT_EQ(MapOf(group_).Find("s")->view.num, 5U);
  EXPECT_EQ(MapOf(group_).Find("s")->value.text(), before.value.text());
}

// Whatever becomes of what it wrote.
TEST_P(MergeClaimsTest, TheVersionDoesNotGoBackForAnybody) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  const Version written = MapOf(Old()).Find("s")->version;
  Heal();
  EXPECT_GE(MapOf(group_).Find("s")->version, written);
}

TEST_P(MergeClaimsTest, NeitherWhereItHadEndedIt) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, EraseOp{"s"}, 8000, true).ok());
  const Version written = MapOf(Old()).Find("s")->version;
  Heal();
  EXPECT_EQ(Value("n"), "37");
  EXPECT_GE(MapOf(group_).Find("s")->version, written);
}

// On a side of its own the owner before has ended it for its users, who were told so.
TEST_P(MergeClaimsTest, ButWhatItEndsOnASideOfItsOwnIsOver) {
  SuccessorTakesOver();
  Old().View(4);
  ASSERT_TRUE(WriteOn(Old(), 1, EraseOp{"s"}, 8000, true).ok());
  Heal();
  EXPECT_FALSE(MapOf(group_).Exists("s", 9000));
}

// It was told so when its side went on.
TEST_P(MergeClaimsTest, SoIsWhatItEndedInTheLastCommonViewIfItsSideWentOn) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, EraseOp{"s"}, 8000, true).ok());
  Old().View(4);
  Heal();
  EXPECT_FALSE(MapOf(group_).Exists("s", 9000));
}

TEST_P(MergeClaimsTest, AndWhatItBeganAnewThereGoesOn) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, PutOp{.key = "s", .value = "anew"}, 8000, true).ok());
  Old().View(4);
  Heal();
  EXPECT_EQ(Value(""), "anew");
  EXPECT_EQ(Value("n"), "(absent)");
}

TEST_P(MergeClaimsTest, AndWhatItBeginsAnewThereGoesOn) {
  SuccessorTakesOver();
  Old().View(4);
  ASSERT_TRUE(WriteOn(Old(), 1, PutOp{.key = "s", .value = "anew"}, 8000, true).ok());
  Heal();
  EXPECT_EQ(Value(""), "anew");
  EXPECT_EQ(Value("n"), "(absent)");
}

TEST_P(MergeClaimsTest, TheOwnerBeforeCannotEndIt) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, EraseOp{"s"}, 8000, true).ok());
  Heal();
  EXPECT_EQ(Value("n"), "37");
  EXPECT_EQ(Value("left"), "old");
}

TEST_P(MergeClaimsTest, AlsoWhereViewsFollowBeforeItIsMerged) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, EraseOp{"s"}, 8000, true).ok());
  group_.View(5);
  group_.View(6);
  Merge(carrier_, 5);
  EXPECT_EQ(Value("n"), "37");
}

TEST_P(MergeClaimsTest, NorBeginItAnew) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, PutOp{.key = "s", .value = "anew"}, 8000, true).ok());
  Heal();
  EXPECT_EQ(Value("n"), "37");
  EXPECT_EQ(Value("left"), "old");
  EXPECT_EQ(Value(""), "(absent)");
}

TEST_P(MergeClaimsTest, NorFindItExpired) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, TouchOp{"s", TouchOp::Mode::kTtl, 10, 0}, 3000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "left", "new"), 3001, true).ok());
  const Version life = ParseRegisters(MapOf(Old()).Find("s")->value)->created;
  const Version seen = ParseRegisters(MapOf(Old()).Find("s")->value)->Activity();
  Old().Do(ExpireOp{.keys = {{"s", seen, life}}, .view = 2}, 8000);
  ASSERT_FALSE(MapOf(Old()).Exists("s", 8000));
  Heal();
  EXPECT_EQ(Value("n"), "37");
}

TEST_P(MergeClaimsTest, WhatTheSuccessorEndedStaysEnded) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(New(), 2, EraseOp{"s"}, 2500, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, PutOp{.key = "s", .value = "anew"}, 8001, true).ok());
  Heal();
  EXPECT_FALSE(MapOf(group_).Exists("s", 9000));
}

TEST_P(MergeClaimsTest, WhatTheSuccessorBeganAnewReplacesWhatTheOwnerBeforeWrote) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(New(), 2, PutOp{.key = "s", .value = "next"}, 2500, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, PutOp{.key = "s", .value = "anew"}, 8001, true).ok());
  Heal();
  EXPECT_EQ(Value(""), "next");
  EXPECT_EQ(Value("n"), "(absent)");
}

TEST_P(MergeClaimsTest, WhatIsWrittenOnASideOfItsOwnToWhatTheSuccessorEndedIsReportedAsLost) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(New(), 2, EraseOp{"s"}, 2500, true).ok());
  Old().View(4);
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  Heal();
  EXPECT_FALSE(MapOf(group_).Exists("s", 9000));
  EXPECT_GT(group_.out().merge.conflicts(), 0u);
}

TEST_P(MergeClaimsTest, WhatHasOnlyExpiredOnTheSuccessorsSideIsShownByWhatTheOtherWroteLater) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(New(), 2, TouchOp{"s", TouchOp::Mode::kTtl, 10, 0}, 2500, true).ok());
  const Registers seen = *ParseRegisters(MapOf(New()).Find("s")->value);
  New().Do(ExpireOp{.keys = {{"s", seen.Activity(), seen.created}}, .view = 3}, 4000);
  ASSERT_FALSE(MapOf(New()).Exists("s", 4000));
  Old().View(4);
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "more", "new"), 8000, true).ok());
  Heal();
  EXPECT_EQ(AttributeOn(group_, "s", "more", 8005), "new");
}

TEST_P(MergeClaimsTest, TheLifetimeIsThatOfTheSuccessor) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(New(), 2, TouchOp{"s", TouchOp::Mode::kTtl, 50'000, 0}, 2500, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, TouchOp{"s", TouchOp::Mode::kTtl, 10, 0}, 8000, true).ok());
  Heal();
  EXPECT_EQ(MapOf(group_).Find("s")->ttl_ms, 50'000u);
}

TEST_P(MergeClaimsTest, WhatIsLostToAClaimIsReported) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  Heal();
  ASSERT_EQ(group_.out().merge.kept().size(), 1u);
  EXPECT_EQ(group_.out().merge.kept()[0].loser_carried, GetParam());
}

TEST_P(MergeClaimsTest, ASecondCarrierChangesNothingMore) {
  SuccessorTakesOver();
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "n", "21"), 8000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 1, Set("s", "his", "new"), 8000, true).ok());
  Heal();
  const Digest digest = group_.maps().digest();
  Merge(carrier_);
  EXPECT_EQ(group_.maps().digest(), digest);
}

TEST_P(MergeClaimsTest, OfTwoClaimsOfOneEpochNeitherHoldsAndTheLaterWriteStays) {
  for (Replica* side : {&group_, &carrier_}) Part(*side);
  Claim(Old(), 3, 2000);
  Claim(New(), 2, 2000);
  ASSERT_TRUE(WriteOn(New(), 2, Set("s", "n", "37"), 2000, true).ok());
  ASSERT_TRUE(WriteOn(Old(), 3, Set("s", "n", "38"), 3000, true).ok());
  Heal();
  EXPECT_EQ(Value("n"), "38");
  EXPECT_EQ(MapOf(group_).ClaimOf("s"), (Ownership{1, kNobody}));
  for (const uint64_t writer : {2u, 3u})
    EXPECT_TRUE(absl::IsAborted(WriteOn(group_, writer, Set("s", "n", "x"), 9000, true)));
  Claim(group_, 2, 9000);
  EXPECT_TRUE(WriteOn(group_, 2, Set("s", "n", "39"), 9000, true).ok());
}

INSTANTIATE_TEST_SUITE_P(Sides, MergeClaimsTest, ::testing::Bool(), [](const auto& param) {
  return param.param ? "TheSuccessorWasJoined" : "TheSuccessorJoins";
});

TEST(SettleClaims, KeepsTheGroupsWhereItIsNotEarlierAndElseNobodys) {
  EXPECT_EQ(SettleClaims({2, 7}, {1, 9}), (Ownership{2, 7}));
  EXPECT_EQ(SettleClaims({2, 7}, {2, 7}), (Ownership{2, 7}));
  EXPECT_EQ(SettleClaims({2, 7}, {3, 9}), (Ownership{3, kNobody}));
  EXPECT_EQ(SettleClaims({2, 7}, {2, 9}), (Ownership{2, kNobody}));
  EXPECT_EQ(SettleClaims({2, kNobody}, {2, 9}), (Ownership{2, kNobody}));
  EXPECT_EQ(SettleClaims({}, {}), (Ownership{}));
  EXPECT_EQ(SettleClaims({}, {1, 9}), (Ownership{1, kNobody}));
}

}  // namespace
}  // namespace cohort::map

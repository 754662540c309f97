#include "flow/lag_table.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::flow {
namespace {

using ::testing::IsEmpty;

// Members that acknowledge, each so late, what member 0 sends: 10 chunks each 20 ms.
class Group {
 public:
  explicit Group(size_t members) : behind_(members, 0) {
    acks_.Reset(members);
    table_.OnView(std::vector<std::optional<Rank>>(members));
  }
  // Its members had these ranks in the one before. What they are behind by ends with that one.
  void NextView(const std::vector<std::optional<Rank>>& before) {
    behind_.assign(before.size(), 0);
    acks_.Reset(before.size());
    step_ = 0;
    table_.OnView(before);
  }
  // From now on `member` holds only what was sent so long ago.
  void SetBehind(Rank member, Duration time) { behind_[member] = time / kStep; }
  void Run(Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ = now_ + kStep) {
      if (sends) ++step_;
      for (Rank member = 0; member < behind_.size(); ++member) {
        const int64_t reached = std::max<int64_t>(step_ - behind_[member], 0);
        acks_.Raise(member, 0, static_cast<SeqNo>(10 * reached));
      }
      table_.Sample(now_, acks_, writers_wait, changes);
    }
  }
  void StandStill(Duration time) { now_ = now_ + time; }
  LagTable& table() { return table_; }

  std::vector<LagTable::Change> changes;
  bool writers_wait = true;
  bool sends = true;

 private:
  static constexpr Duration kStep = milliseconds(20);
  wire::AckTable acks_;
  LagTable table_{LagTable::Options{.too_slow_after = seconds(10)}};
  std::vector<int64_t> behind_;
  int64_t step_ = 1000;
  Instant now_ = Instant::FromNanos(5'000'000'000);
};

TEST(LagTable, OfMembersThatKeepUpNothingIsTold) {
  Group group(5);
  for (Rank member = 1; member < 5; ++member) group.SetBehind(member, milliseconds(10 * member));
  group.Run(seconds(60));
  EXPECT_THAT(group.changes, IsEmpty());
  EXPECT_LE(group.table().worst(), milliseconds(60));
}

TEST(LagTable, AMemberThatIsBehindIsToldInThreeSecondsAndTooSlowTenLater) {
  for (const size_t members : {2, 3, 7}) {
    SCOPED_TRACE(members);
    Group group(members);
    group.Run(seconds(5));
    group.SetBehind(1, milliseconds(800));
    group.Run(milliseconds(1900));
    EXPECT_THAT(group.changes, IsEmpty());
    group.Run(milliseconds(1100));
    ASSERT_EQ(group.changes.size(), 1u);
    EXPECT_EQ(group.changes[0].member, 1u);
    EXPECT_TRUE(group.changes[0].degraded);
    EXPECT_GT(group.changes[0].lag, milliseconds(500));
    group.Run(seconds(8));
    EXPECT_FALSE(group.table().IsTooSlow(1));
    group.Run(seconds(3));
    EXPECT_TRUE(group.table().IsTooSlow(1));
    EXPECT_FALSE(group.table().IsTooSlow(0));
  }
}

TEST(LagTable, WhomNobodyWaitsForIsToldAndNeverTooSlow) {
  Group group(3);
  group.writers_wait = false;
  group.SetBehind(1, milliseconds(800));
  group.Run(seconds(60));
  EXPECT_EQ(group.changes.size(), 1u);
  EXPECT_FALSE(group.table().IsTooSlow(1));
}

TEST(LagTable, AMemberThatStopsAndGoesIsBehindByItsMean) {
  Group group(3);
  for (int i = 0; i < 100; ++i) {
    group.SetBehind(2, milliseconds(20));
    group.Run(milliseconds(20));
    for (int late = 40; late <= 180; late += 20) {
      group.SetBehind(2, milliseconds(late));
      group.Run(milliseconds(20));
    }
  }
  ASSERT_EQ(group.changes.size(), 1u);
  EXPECT_EQ(group.changes[0].member, 2u);
}

TEST(LagTable, WhoCatchesUpIsToldOnceAndBeginsAnew) {
  Group group(3);
  group.SetBehind(2, seconds(1));
  group.Run(seconds(9));
  group.SetBehind(2, milliseconds(0));
  group.Run(seconds(6));
  ASSERT_EQ(group.changes.size(), 2u);
  EXPECT_FALSE(group.changes[1].degraded);
  EXPECT_GT(group.changes[1].lag, milliseconds(900));
  group.SetBehind(2, seconds(1));
  group.Run(seconds(9));
  EXPECT_FALSE(group.table().IsTooSlow(2));
}

TEST(LagTable, AGroupThatWritesNothingHasNoLagHoweverFarSomebodyWas) {
  Group group(3);
  group.Run(seconds(3));
  group.SetBehind(1, milliseconds(400));
  group.Run(milliseconds(400));
  group.SetBehind(1, seconds(0));
  group.sends = false;
  group.Run(seconds(30));
  EXPECT_THAT(group.changes, IsEmpty());
  EXPECT_LT(group.table().worst(), milliseconds(1));
}

TEST(LagTable, TheMinorityIsSlowAndNotTheMajority) {
  Group group(5);
  for (const Rank slow : {3, 4}) group.SetBehind(slow, milliseconds(500));
  group.Run(seconds(20));
  EXPECT_EQ(group.changes.size(), 2u);
  Group most(5);
  for (const Rank slow : {2, 3, 4}) most.SetBehind(slow, milliseconds(500));
  most.Run(seconds(20));
  EXPECT_THAT(most.changes, IsEmpty());
}

TEST(LagTable, WhoIsDegradedIsSoInTheNextViewUntilItHasCaughtUp) {
  Group group(4);
  group.SetBehind(3, seconds(1));
  group.Run(seconds(9));
  ASSERT_EQ(group.changes.size(), 1u);
  group.NextView({0, 2, 3});
  group.Run(milliseconds(900));
  EXPECT_EQ(group.changes.size(), 1u);
  group.Run(seconds(6));
  ASSERT_EQ(group.changes.size(), 2u);
  EXPECT_EQ(group.changes[1].member, 2u) << "its rank there";
  EXPECT_FALSE(group.changes[1].degraded);
  EXPECT_GT(group.changes[1].lag, milliseconds(900));
}

TEST(LagTable, WhoGoesOnBeingSlowInTheNextViewIsToldOnceAndJudgedAnew) {
  Group group(3);
  group.SetBehind(1, seconds(1));
  group.Run(seconds(9));
  group.NextView({0, 1, std::nullopt});
  group.SetBehind(1, milliseconds(60));  // Hardly; who had to prove it anew would have caught up.
  group.Run(seconds(9));
  EXPECT_EQ(group.changes.size(), 1u);
  EXPECT_FALSE(group.table().IsTooSlow(1)) << "not yet, in this view";
  group.Run(seconds(3));
  EXPECT_TRUE(group.table().IsTooSlow(1));
}

TEST(LagTable, WhoIsLeftAloneHasCaughtUpAtOnceAndANewcomerInheritsNothing) {
  Group group(3);
  group.SetBehind(2, seconds(1));
  group.Run(seconds(9));
  group.NextView({2});
  group.Run(milliseconds(20));
  ASSERT_EQ(group.changes.size(), 2u);
  EXPECT_EQ(group.changes[1].member, 0u);
  EXPECT_FALSE(group.changes[1].degraded);
  Group other(3);
  other.SetBehind(2, seconds(1));
  other.Run(seconds(9));
  other.NextView({0, 1, std::nullopt});
  other.Run(seconds(9));
  EXPECT_EQ(other.changes.size(), 1u);
}

TEST(LagTable, InViewsOfMoreThan64MembersNobodyIsJudged) {
  Group group(65);
  group.SetBehind(64, seconds(1));
  group.Run(seconds(1));
  EXPECT_EQ(group.table().lag(64), Duration(0));
  EXPECT_FALSE(group.table().IsTooSlow(64));
}

TEST(LagTable, AnObserverThatStoodStillBeginsToCountAnew) {
  Group group(3);
  group.SetBehind(1, milliseconds(800));
  group.Run(milliseconds(2000));
  group.StandStill(seconds(20));
  group.Run(milliseconds(2000));
  EXPECT_THAT(group.changes, IsEmpty());
}

}  // namespace
}  // namespace cohort::flow

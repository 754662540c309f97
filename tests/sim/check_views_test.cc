#include "sim/check_views.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/story.h"

namespace cohort::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ViewCheckerTest : public ::testing::Test {
 protected:
  void Promise(ProcessNumber process, const ViewId& view, uint64_t round, Rank rank) {
    TraceRecord record = story_.Make(TraceKind::kPromised, view);
    record.ballot_round = round;
    record.ballot_rank = rank;
    story_.Tell(process, record);
  }

  Violations violations_;
  ViewChecker checker_{Policy::kPrimary, violations_};
  Story story_{checker_};
};

TEST_F(ViewCheckerTest, AcceptsAViewThatGrowsAndShrinks) {
  story_.Install(1, Story::View(1), {}, {1});
  story_.Install(1, Story::View(2), Story::View(1), {1, 2}, {4});
  story_.Install(2, Story::View(2), {}, {1, 2});
  story_.Install(2, Story::View(3), Story::View(2), {2}, {4, 5});
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(ViewCheckerTest, SeesAMemberOutsideItsOwnView) {
  story_.Install(3, Story::View(1), {}, {1, 2});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I1"));
}

TEST_F(ViewCheckerTest, SeesOneIdGivenToTwoViews) {
  story_.Install(1, Story::View(1), {}, {1, 2});
  story_.Install(2, Story::View(1), {}, {2, 1});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I2"));
}

TEST_F(ViewCheckerTest, SeesTwoTrimsOfOneViewChange) {
  story_.Install(1, Story::View(1), {}, {1, 2});
  story_.Install(2, Story::View(1), {}, {1, 2});
  story_.Install(1, Story::View(2), Story::View(1), {1, 2}, {4, 4});
  story_.Install(2, Story::View(2), Story::View(1), {1, 2}, {4, 5});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I2"));
}

TEST_F(ViewCheckerTest, SeesANumberThatDoesNotGrowEvenAcrossAJoin) {
  story_.Install(1, Story::View(5), {}, {1});
  story_.Install(1, Story::View(5, 8), {}, {1, 2});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I3"));
}

TEST_F(ViewCheckerTest, SeesTwoSuccessorsOfAPrimaryView) {
  for (const ProcessNumber process : {1, 2, 3}) {
    story_.Install(process, Story::View(1), {}, {1, 2, 3});
  }
  story_.Install(1, Story::View(2, 1), Story::View(1), {1}, {0, 0, 0});
  story_.Install(2, Story::View(2, 2), Story::View(1), {2, 3}, {0, 0, 0});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I4"));
}

TEST_F(ViewCheckerTest, LetsSidesOfAnAvailableGroupPart) {
  Violations violations;
  ViewChecker checker(Policy::kAvailable, violations);
  Story story(checker);
  for (const ProcessNumber process : {1, 2}) story.Install(process, Story::View(1), {}, {1, 2});
  story.Install(1, Story::View(2, 1), Story::View(1), {1}, {0, 0});
  story.Install(2, Story::View(2, 2), Story::View(1), {2}, {0, 0});
  EXPECT_THAT(Invariants(violations), IsEmpty());
}

TEST_F(ViewCheckerTest, SeesAPromiseTakenBack) {
  Promise(1, Story::View(1), 2, 1);
  Promise(1, Story::View(1), 2, 0);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I15"));
}

}  // namespace
}  // namespace cohort::sim

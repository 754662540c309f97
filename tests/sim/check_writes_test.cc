#include "sim/check_writes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/story.h"

namespace cohort::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Cause = engine::ChangeUpcall::Cause;

class WriteCheckerTest : public ::testing::TestWithParam<Policy> {
 protected:
  WriteCheckerTest() {
    for (const ProcessNumber process : {1, 2, 3}) {
      story_.Process(process, ProcessChange::kStarted);
      story_.Install(process, view_, {}, {1, 2, 3});
      story_.SeeView(process, view_, {1, 2, 3});
    }
  }
  // Process 1 writes version 5 of "k"; all apply it and it is acknowledged.
  void WriteEverywhere() {
    story_.Issue(1, 9, "k");
    for (const ProcessNumber process : {1, 2, 3}) story_.Change(process, "k", 5);
    story_.Done(1, 9, 5);
  }
  void End() { checker_.AtEnd(story_.At(1)); }

  const ViewId view_ = Story::View(1);
  Violations violations_;
  WriteChecker checker_{Policy::kAvailable, violations_};
  Story story_{checker_};
};

TEST_F(WriteCheckerTest, AcceptsAWriteThatIsEverywhereAndStays) {
  WriteEverywhere();
  End();
  EXPECT_THAT(Invariants(violations_), IsEmpty());
  EXPECT_EQ(checker_.stats().promises_checked, 1u);
}

TEST_F(WriteCheckerTest, SeesAnAcknowledgementThatCameTooEarly) {
  story_.Issue(1, 9, "k");
  story_.Change(1, "k", 5);
  story_.Change(2, "k", 5);
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

// Processes 1 and 2 apply a write of version 5 and what ends it, at place 3 of the total order.
class WriteThatExpires : public WriteCheckerTest {
 protected:
  void Expire(uint64_t expired_version) {
    story_.Issue(1, 9, "k");
    for (const ProcessNumber process : {1, 2}) {
      story_.Change(process, "k", expired_version);
      story_.Apply(process, view_, 3);
      story_.Change(process, "k", 8, false, Cause::kExpire);
    }
  }
};

TEST_F(WriteThatExpires, NeedNotBeSeenWhereThatCameFirst) {
  Expire(5);
  story_.Apply(3, view_, 3);
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(WriteThatExpires, IsMissedWhereThatHasNotComeEither) {
  Expire(5);
  story_.Apply(3, view_, 2);
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

TEST_F(WriteThatExpires, IsMissedWhenItIsLaterThanWhatExpired) {
  Expire(5);
  for (const ProcessNumber process : {1, 2}) story_.Change(process, "k", 9);
  story_.Apply(3, view_, 3);
  story_.Done(1, 9, 9);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

TEST_F(WriteThatExpires, IsMissedWhenOnlyAPlaceOfAnotherViewWasReached) {
  Expire(5);
  story_.Install(3, Story::View(2), view_, {1, 2, 3});
  story_.Apply(3, Story::View(2), 3);
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

TEST_F(WriteCheckerTest, ForgivesAMemberThatHasDied) {
  story_.Issue(1, 9, "k");
  story_.Change(1, "k", 5);
  story_.Change(2, "k", 5);
  story_.Process(3, ProcessChange::kCrashed);
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(WriteCheckerTest, SeesAnAcknowledgementByOneThatNobodyGave) {
  story_.Issue(1, 9, "k", engine::AckLevel::kOne);
  story_.Change(1, "k", 5);
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

TEST_F(WriteCheckerTest, SeesAWriteThatASurvivorHasLost) {
  WriteEverywhere();
  story_.Process(1, ProcessChange::kCrashed);
  story_.Process(3, ProcessChange::kCrashed);
  checker_.OnStateReplaced(story_.At(2));
  story_.Change(2, "k", 4, true, Cause::kSync);
  End();
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12", "I12"));
}

TEST_F(WriteCheckerTest, AcceptsALaterWriteOrRemovalInItsPlace) {
  WriteEverywhere();
  for (const ProcessNumber process : {1, 2, 3})
    story_.Change(process, "k", 6, false, Cause::kErase);
  End();
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(WriteCheckerTest, KnowsThatAPromiseEndsWithItsLastHolder) {
  WriteEverywhere();
  for (const ProcessNumber process : {1, 2, 3}) story_.Process(process, ProcessChange::kCrashed);
  story_.Process(4, ProcessChange::kStarted);
  End();
  EXPECT_THAT(Invariants(violations_), IsEmpty());
  EXPECT_EQ(checker_.stats().promises_void, 1u);
}

TEST_F(WriteCheckerTest, HoldsAPrimaryGroupToItsWordEvenThen) {
  Violations violations;
  WriteChecker checker(Policy::kPrimary, violations);
  Story story(checker);
  story.Process(1, ProcessChange::kStarted);
  story.Install(1, view_, {}, {1});
  story.SeeView(1, view_, {1});
  story.Issue(1, 9, "k");
  story.Change(1, "k", 5);
  story.Done(1, 9, 5);
  story.Process(1, ProcessChange::kCrashed);
  story.Process(2, ProcessChange::kStarted);
  checker.AtEnd(story.At(2));
  EXPECT_THAT(Invariants(violations), ElementsAre("I12"));
}

// As where a member begins anew, and applies what waited: 4 writes 5, and removes it or not.
TEST_F(WriteCheckerTest, KnowsARemovalOfWhichNoChangeWasFed) {
  for (const int64_t removed : {0, 1}) {
    Violations violations;
    WriteChecker checker(Policy::kAvailable, violations);
    Story story(checker);
    checker.RemovalsMayBeForgotten();
    // Had an older one, before its state was replaced.
    story.Process(3, ProcessChange::kStarted);
    story.Change(3, "k", 4);
    checker.OnStateReplaced(story.At(3));
    story.Process(4, ProcessChange::kStarted);
    story.Install(4, view_, {}, {4});
    story.SeeView(4, view_, {4});
    story.Issue(4, 9, "k");
    story.Issue(4, 10, "k", engine::AckLevel::kAll, IssuedCommand::Kind::kErase);
    checker.OnStateReplaced(story.At(4));
    story.Done(4, 9, 5);
    story.Done(4, 10, 0, removed);
    checker.AtEnd(story.At(4));
    EXPECT_EQ(Invariants(violations).size(), removed == 1 ? 0u : 2u);
  }
}

TEST_F(WriteCheckerTest, SeesAKeyComeBackFromTheDead) {
  story_.Change(2, "k", 5);
  story_.Change(2, "k", 6, false, Cause::kErase);
  story_.Change(2, "k", 5, true, Cause::kMerge);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I19"));
}

TEST_F(WriteCheckerTest, ForgivesThatOnlyToMergesOfARunWhoseTombstonesAreForgotten) {
  checker_.RemovalsMayBeForgotten();
  story_.Change(2, "k", 5);
  story_.Change(2, "k", 6, false, Cause::kErase);
  story_.Change(2, "k", 5, true, Cause::kMerge);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
  story_.Change(2, "k", 7, false, Cause::kErase);
  story_.Change(2, "k", 6, false, Cause::kMerge);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
  story_.Change(2, "k", 5, true, Cause::kPut);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I19"));
}

// What crosses a merge of groups whose clocks differ may be over at once.
TEST_F(WriteCheckerTest, ForgivesThatATimeToLiveIsOverOnlyWhereClocksDiffer) {
  const auto forgives = [&](bool first_expires, bool last_expires, bool clocks_differ) {
    Violations violations;
    WriteChecker checker(Policy::kAvailable, violations);
    Story story(checker);
    if (clocks_differ) checker.ClocksDiffer();
    story.Process(4, ProcessChange::kStarted);
    story.Install(4, view_, {}, {4});
    story.SeeView(4, view_, {4});
    uint64_t number = 9;
    for (const bool expires : {first_expires, last_expires}) {
      checker.OnIssued(
          story.At(4),
          {.kind = IssuedCommand::Kind::kPut, .id = number, .keys = {"k"}, .expires = expires});
      story.Change(4, "k", number);
      story.Done(4, number, number);
      ++number;
    }
    checker.OnStateReplaced(story.At(4));
    checker.OnStateReread(story.At(4));
    checker.AtEnd(story.At(4));
    return Invariants(violations).empty();
  };
  EXPECT_TRUE(forgives(false, true, true));
  EXPECT_FALSE(forgives(false, true, false));
  EXPECT_FALSE(forgives(false, false, true));
  EXPECT_FALSE(forgives(true, false, true)) << "the later put has none";
}

TEST_F(WriteCheckerTest, ForgivesThatALaterTimeToLiveIsOverWhateverIsAcknowledgedLater) {
  checker_.ClocksDiffer();
  checker_.OnIssued(story_.At(1),
                    {.kind = IssuedCommand::Kind::kPut, .id = 9, .keys = {"k"}, .expires = true});
  story_.Issue(2, 9, "k");
  for (const ProcessNumber process : {1, 2, 3}) {
    story_.Change(process, "k", 5);  // Of process 2, without one.
    story_.Change(process, "k", 6);
  }
  story_.Done(1, 9, 6);
  story_.Done(2, 9, 5);
  for (const ProcessNumber process : {1, 2, 3}) {
    checker_.OnStateReplaced(story_.At(process));
    checker_.OnStateReread(story_.At(process));
  }
  End();
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(WriteCheckerTest, SeesAVersionGoBack) {
  story_.Change(2, "k", 5);
  story_.Change(2, "k", 4);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

TEST_F(WriteCheckerTest, SeesAMergeThatForgetsWhatOneSideHad) {
  story_.Change(2, "k", 5);  // Never acknowledged, but applied by a member that lives.
  checker_.OnStateReplaced(story_.At(2));
  End();
  EXPECT_THAT(Invariants(violations_), ElementsAre("I12"));
}

TEST_F(WriteCheckerTest, SeesReplicasThatApplyDifferentOperations) {
  story_.Apply(1, view_, 1, 11);
  story_.Apply(2, view_, 1, 12);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I11"));
}

TEST_F(WriteCheckerTest, SeesACommandDoneTwice) {
  WriteEverywhere();
  story_.Done(1, 9, 5);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I22"));
}

}  // namespace
}  // namespace cohort::sim

#include "simsession/checker.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::simsession {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Write = SessionChecker::Write;
using Outcome = SessionChecker::Outcome;

// Made-up histories of one session, "a", and of what its id is changed to, "b".
class Story {
 public:
  Story() {
    for (ProcessNumber process = 1; process <= 3; ++process)
      checker_.OnStarted(process, Id(process));
    Install(1, {1, 2, 3});
  }

  static MemberId Id(ProcessNumber process) { return {{process, 1}, 1}; }
  Moment At(ProcessNumber process) const { return {now_, process, process}; }
  void Tick(Duration step = milliseconds(1)) { now_ = now_ + step; }

  void Install(uint64_t number, const std::vector<ProcessNumber>& members) {
    Tick();
    View view;
    view.id = {number, members.front()};
    for (const ProcessNumber member : members) view.members.push_back({Id(member), "", "", true});
    for (const ProcessNumber member : members) checker_.OnView(member, now_, view);
  }
  Write Begin(ProcessNumber process, Write base) {
    Tick();
    return checker_.Begin(At(process), "a", base);
  }
  void Answer(ProcessNumber process, Write write, Outcome outcome = Outcome::kOk) {
    Tick();
    checker_.Answered(At(process), write, outcome);
  }
  Write Wrote(ProcessNumber process, Write base, Outcome outcome = Outcome::kOk) {
    const Write write = Begin(process, base);
    Answer(process, write, outcome);
    return write;
  }
  void Read(ProcessNumber process, Write write) {
    Tick();
    checker_.Read(At(process), now_, "a", write, write);
  }
  void Ends(ProcessNumber process) {
    Tick();
    checker_.BeginEnd(At(process), "a");
    checker_.EndAnswered(At(process), "a", Outcome::kOk);
  }
  void Told(ProcessNumber process) {
    Tick();
    checker_.Told(At(process), "a", "expired");
  }
  std::vector<std::string> AtEnd(const std::map<std::string, Write>& there) {
    Tick();
    checker_.AtEnd(At(1), there);
    return Found();
  }
  std::vector<std::string> Found() const {
    std::vector<std::string> names;
    for (const sim::Violation& violation : violations_.kept()) names.push_back(violation.invariant);
    return names;
  }
  SessionChecker& checker() { return checker_; }

 private:
  Violations violations_;
  SessionChecker checker_{violations_};
  Instant now_ = Instant::Zero() + seconds(10);
};

TEST(SessionChecker, SeesAnAcknowledgedWriteThatIsLost) {
  Story kept;
  const Write first = kept.Wrote(1, 0);
  const Write second = kept.Wrote(1, first);
  EXPECT_THAT(kept.AtEnd({{"a", second}}), IsEmpty());

  Story lost;
  lost.Wrote(1, lost.Wrote(1, 0));
  EXPECT_THAT(lost.AtEnd({{"a", 1}}), ElementsAre("S1"));
}

TEST(SessionChecker, SeesAnOldReadAtAMemberThatHadTheWrite) {
  Story story;
  const Write first = story.Wrote(1, 0);
  story.Read(2, first);
  story.Wrote(1, first);
  EXPECT_THAT(story.Found(), IsEmpty());
  story.Read(2, first);
  EXPECT_THAT(story.Found(), ElementsAre("S1"));
}

TEST(SessionChecker, SeesAWriteOfOneSideOverwrittenUnseen) {
  Story story;
  const Write first = story.Wrote(1, 0);
  story.Wrote(1, first);
  const Write other = story.Wrote(2, first);
  EXPECT_THAT(story.AtEnd({{"a", other}}), ElementsAre("S2"));
}

TEST(SessionChecker, ExcusesWhatTwoSidesOfAPartitionWrote) {
  Story story;
  const Write first = story.Wrote(1, 0);
  story.Install(2, {1});
  story.Install(3, {2, 3});
  const Write one = story.Wrote(1, first);
  story.Wrote(2, first);
  EXPECT_THAT(story.AtEnd({{"a", one}}), IsEmpty());
  EXPECT_EQ(story.checker().stats().lost_by_sides, 1u);
}

TEST(SessionChecker, SeesALateWriteOfAnOwnerThatHadTheOtherAlready) {
  Story story;
  const Write first = story.Wrote(1, 0);
  story.Install(2, {1});
  story.Install(3, {2, 3});
  story.Wrote(2, first);
  const Write mine = story.Wrote(3, first);  // It had what 2 wrote.
  EXPECT_THAT(story.AtEnd({{"a", mine}}), ElementsAre("S2"));
}

TEST(SessionChecker, ExcusesWhatOnlyTheDeadHad) {
  Story story;
  const Write first = story.Wrote(1, 0);
  story.Install(2, {1});
  story.Wrote(1, first);
  story.checker().OnProcessEnded(1);
  EXPECT_THAT(story.AtEnd({{"a", first}}), IsEmpty());
  EXPECT_EQ(story.checker().stats().void_promises, 1u);
}

TEST(SessionChecker, SeesWhatComesBackAfterItsEnd) {
  Story read;
  const Write first = read.Wrote(1, 0);
  read.Ends(1);
  read.Told(1);
  read.Read(2, first);
  EXPECT_THAT(read.Found(), ElementsAre("S3"));

  Story there;
  there.Wrote(1, 0);
  there.Ends(1);
  there.Told(1);
  EXPECT_THAT(there.AtEnd({{"a", 1}}), ElementsAre("S3"));
}

// A side that has not heard of the end brings what it has of it, when nobody else remembers.
TEST(SessionChecker, ExcusesWhatComesBackWhereEndsAreForgottenAndHasEnded) {
  for (const bool ends : {true, false}) {
    Story story;
    story.checker().SetEndsForgottenAfter(seconds(5));
    const Write first = story.Wrote(1, 0);
    story.Wrote(1, first);
    if (ends) {
      story.Ends(1);
      story.Told(1);
    }
    story.Read(2, first);
    if (ends) {
      EXPECT_THAT(story.Found(), IsEmpty());
      EXPECT_THAT(story.AtEnd({{"a", first}}), IsEmpty());
    } else {
      EXPECT_THAT(story.Found(), ElementsAre("S1"));
    }
  }
}

TEST(SessionChecker, SeesWhatIsGoneWithoutAnEnd) {
  Story story;
  story.Wrote(1, 0);
  EXPECT_THAT(story.AtEnd({}), ElementsAre("S3"));

  Story short_lived;
  short_lived.Wrote(1, 0);
  short_lived.checker().MayEnd("a");
  EXPECT_THAT(short_lived.AtEnd({}), IsEmpty());
}

TEST(SessionChecker, FollowsASessionToItsNewId) {
  Story story;
  const Write first = story.Wrote(1, 0);
  const Write rename = story.checker().BeginRename(story.At(1), "a", "b", first);
  story.Answer(1, rename);
  EXPECT_THAT(story.AtEnd({{"b", first}}), IsEmpty());
}

TEST(SessionChecker, SeesAnEndThatIsToldTwiceOrNotAtAll) {
  Story twice;
  twice.Wrote(1, 0);
  twice.Ends(1);
  twice.Told(1);
  twice.Told(1);
  EXPECT_THAT(twice.Found(), ElementsAre("S4"));

  Story never;
  never.Wrote(1, 0);
  never.Ends(1);
  EXPECT_THAT(never.AtEnd({}), ElementsAre("S4"));

  Story at_two;
  at_two.Wrote(1, 0);
  at_two.Tick(seconds(30));
  at_two.Told(1);
  at_two.Told(2);
  EXPECT_THAT(at_two.Found(), ElementsAre("S4"));
}

TEST(SessionChecker, SeesTornAndRefusedWrites) {
  Story story;
  const Write first = story.Wrote(1, 0);
  const Write refused = story.Wrote(1, first, Outcome::kRefused);
  story.checker().Read(story.At(2), story.At(2).at, "a", first, refused);
  EXPECT_THAT(story.Found(), ElementsAre("S5"));
  story.Read(2, refused);
  EXPECT_THAT(story.Found(), ElementsAre("S5", "S6"));
}

TEST(SessionChecker, PromisesNothingOfWhatIsExcusedOrUnknown) {
  Story story;
  const Write first = story.Wrote(1, 0);
  story.Wrote(1, first, Outcome::kUnknown);
  EXPECT_THAT(story.AtEnd({{"a", first}}), IsEmpty());
  story.checker().Excuse("a");
  EXPECT_THAT(story.AtEnd({}), IsEmpty());
}

}  // namespace
}  // namespace cohort::simsession

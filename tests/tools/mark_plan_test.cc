// Which servers NGINX is told to be down.
#include "mark_plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class MarkPlanTest : public ::testing::Test {
 protected:
  MarkPlanTest() {
    // Clusters {n1 n2} and {n3 n4}; the second is another group's.
    const char* const text =
        "upstream cohort_for_n1 {\n  server a; # n1\n  server b; # n2\n}\n"
        "upstream cohort_for_n2 {\n  server a; # n1\n  server b; # n2\n}\n"
        "upstream cohort_for_n3 {\n  server c; # n3\n  server d; # n4\n}\n"
        "upstream cohort_for_n4 {\n  server c; # n3\n  server d; # n4\n}\n";
    file_ = *ParseUpstreams(text);
  }
  // A view of these: "n1" is synced, "n1?" is not; the agent is always there. A name is one and the
  // same member until Restart().
  void See(std::initializer_list<const char*> members) {
    View view;
    view.members.push_back({.id = {}, .name = "agent", .address = "", .without_data = true});
    for (std::string name : members) {
      const bool synced = !name.ends_with('?');
      if (!synced) name.pop_back();
      view.members.push_back(
          {.id = {{}, restarts_[name]}, .name = name, .address = "", .synced = synced});
    }
    plan_.See(now_, view);
  }
  void Restart(const std::string& name) { ++restarts_[name]; }
  void Pass(absl::Duration time) { now_ += time; }
  std::map<std::string, bool> Judge() { return plan_.Judge(now_, file_); }
  // What it says is done.
  void Do() { file_ = *ParseUpstreams(WithMarks(file_, Judge())); }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  MarkPlan plan_{absl::Seconds(30)};
  UpstreamFile file_;
  std::map<std::string, uint32_t> restarts_;
};

TEST_F(MarkPlanTest, WhoLeavesTheViewIsDownAtOnceAndOthersAreUp) {
  See({"n1", "n2"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", false)));
  See({"n1"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", true)));
}

TEST_F(MarkPlanTest, OfAClusterThatNobodyOfIsInTheGroupNothingIsSaid) {
  See({"n1", "n2"});
  const std::map<std::string, bool> marks = Judge();
  EXPECT_FALSE(marks.contains("n3"));
  EXPECT_FALSE(marks.contains("n4"));
}

TEST_F(MarkPlanTest, WhoWasNeverThereIsDownAfterTheGrace) {
  See({"n1"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false)));
  EXPECT_THAT(plan_.NeverSeen(now_), IsEmpty());
  EXPECT_EQ(plan_.NextChange(now_), now_ + absl::Seconds(30));
  Pass(absl::Seconds(29));
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false)));
  Pass(absl::Seconds(1));
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", true)));
  EXPECT_THAT(plan_.NeverSeen(now_), ElementsAre("n2"));
}

TEST_F(MarkPlanTest, WhoWasThereOnceIsNotAwaitedAndWhoComesIsNotAnyMore) {
  See({"n1"});
  Judge();
  Pass(absl::Seconds(10));
  See({"n1", "n2"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", false)));
  See({"n1"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", true)));
  Pass(absl::Minutes(1));
  EXPECT_THAT(plan_.NeverSeen(now_), IsEmpty());
}

TEST_F(MarkPlanTest, MembersThatTheFileDoesNotNameAreTold) {
  See({"n1", "node-2"});
  EXPECT_THAT(plan_.NotNamedIn(file_), ElementsAre("node-2")) << "and not the agent";
}

TEST_F(MarkPlanTest, AnotherProcessOfANameIsWaitedForAnew) {
  See({"n1", "n2?"});
  Pass(absl::Minutes(1));
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", false)));
  Restart("n2");  // In one and the same view.
  See({"n1", "n2?"});
  EXPECT_FALSE(Judge().contains("n2")) << "it has no data, and has just come";
}

TEST_F(MarkPlanTest, WhoComesBackIsUpWhenItHasTheState) {
  See({"n1", "n2"});
  See({"n1"});
  Do();
  See({"n1", "n2?"});
  EXPECT_FALSE(Judge().contains("n2")) << "it stays as it is";
  See({"n1", "n2"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", false)));
}

TEST_F(MarkPlanTest, WhoComesBackWithoutTheStateIsUpAfterTheGrace) {
  See({"n1"});
  Do();
  See({"n1", "n2?"});
  EXPECT_EQ(plan_.NextChange(now_), now_ + absl::Seconds(30));
  Pass(absl::Seconds(29));
  EXPECT_FALSE(Judge().contains("n2"));
  Pass(absl::Seconds(1));
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false), Pair("n2", false)));
  EXPECT_EQ(plan_.NextChange(now_), absl::InfiniteFuture());
}

TEST_F(MarkPlanTest, WhoIsUpAndNotSyncedStaysUp) {
  See({"n1", "n2?"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", false)));
}

TEST_F(MarkPlanTest, AClusterIsNeverMarkedDownAsAWhole) {
  See({"n1", "n2", "n9"});  // n9 is of the group, and not NGINX's.
  See({"n1", "n9"});
  Do();
  EXPECT_THAT(file_.down, ElementsAre("n2"));
  See({"n9"});
  EXPECT_THAT(Judge(), IsEmpty());
  // The dead one's partner is back: now it may be said.
  See({"n2", "n9"});
  Do();
  EXPECT_THAT(file_.down, ElementsAre("n1"));
}

TEST_F(MarkPlanTest, BeforeTheFirstViewNothingIsSaid) {
  EXPECT_TRUE(plan_.blind());
  EXPECT_THAT(Judge(), IsEmpty());
}

TEST_F(MarkPlanTest, WhoIsAloneChangesNothingAndTakesBackWhatItSaidAMomentAgo) {
  See({"n1", "n2"});
  Pass(absl::Minutes(1));
  See({"n2"});
  Do();
  EXPECT_THAT(file_.down, ElementsAre("n1"));
  Pass(absl::Seconds(1));
  See({});
  EXPECT_TRUE(plan_.blind());
  Do();
  EXPECT_THAT(file_.down, IsEmpty()) << "it was the agent that was cut off";
}

TEST_F(MarkPlanTest, WhoIsAloneLeavesOlderMarksAsTheyAre) {
  See({"n1", "n2"});
  See({"n2"});
  Do();
  Pass(absl::Minutes(1));
  See({});
  Do();
  EXPECT_THAT(file_.down, ElementsAre("n1"));
  // n2 is gone for good, and n1 comes back.
  See({"n1"});
  Do();
  EXPECT_THAT(file_.down, ElementsAre("n2"));
}

TEST_F(MarkPlanTest, OutsideTheGroupNothingIsSaid) {
  See({"n1", "n2"});
  See({"n2"});
  plan_.SeeNothing();
  EXPECT_THAT(Judge(), IsEmpty());
  See({"n2"});
  EXPECT_THAT(Judge(), ElementsAre(Pair("n1", true), Pair("n2", false)));
}

TEST_F(MarkPlanTest, WhoIsBackIsUpWhenItIsHealthy) {
  See({"n1", "n2"});
  See({"n2"});
  Do();
  EXPECT_THAT(file_.down, ElementsAre("n1"));
  See({"n1?", "n2"});
  MarkPlan::Healthy healthy;
  EXPECT_THAT(plan_.Judge(now_, file_, &healthy), ElementsAre(Pair("n2", false)));
  EXPECT_THAT(plan_.AwaitHealth(), IsEmpty()) << "it has not got the data";
  See({"n1", "n2"});
  EXPECT_THAT(plan_.Judge(now_, file_, &healthy), ElementsAre(Pair("n2", false)));
  EXPECT_THAT(plan_.AwaitHealth(), ElementsAre(Pair("n1", MemberId{{}, 0})));
  healthy["n1"] = MemberId{{}, 7};
  EXPECT_THAT(plan_.Judge(now_, file_, &healthy), ElementsAre(Pair("n2", false))) << "another one";
  healthy["n1"] = MemberId{{}, 0};
  EXPECT_THAT(plan_.Judge(now_, file_, &healthy),
              ElementsAre(Pair("n1", false), Pair("n2", false)));
  EXPECT_THAT(plan_.AwaitHealth(), ElementsAre(Pair("n1", MemberId{{}, 0})))
      << "until it is marked up";
  file_ = *ParseUpstreams(WithMarks(file_, plan_.Judge(now_, file_, &healthy)));
  healthy.clear();
  EXPECT_THAT(plan_.Judge(now_, file_, &healthy),
              ElementsAre(Pair("n1", false), Pair("n2", false)));
  EXPECT_THAT(plan_.AwaitHealth(), IsEmpty()) << "who is up is not asked";
}

TEST_F(MarkPlanTest, WhoIsTheLastOfItsClusterIsUpThoughItIsNotHealthy) {
  See({"n1", "n2"});
  See({"n2"});
  Do();
  See({"n1", "n2"});
  const MarkPlan::Healthy healthy;
  plan_.Judge(now_, file_, &healthy);
  See({"n1"});
  EXPECT_THAT(plan_.Judge(now_, file_, &healthy), ElementsAre(Pair("n1", false), Pair("n2", true)));
}

TEST_F(MarkPlanTest, ItKnowsWhomItAnswersFor) {
  See({"n1"});
  EXPECT_THAT(plan_.Known(file_), ElementsAre("n1", "n2"));
}

}  // namespace
}  // namespace cohort::tools

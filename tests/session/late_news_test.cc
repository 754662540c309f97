// What a store makes of news of sessions that comes late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "session/core.h"
#include "tests/session/fake_map.h"
#include "tests/session/set_clock.h"

namespace cohort::session {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LateNewsTest : public ::testing::Test {
 protected:
  LateNewsTest() {
    SessionStoreOptions options;
    options.application = "/shop";
    core_ = std::make_shared<Core>(options);
    events_ = core_->SubscribeEvents(
        [this](const SessionEvent& event) {
          const bool is_end = event.here && event.kind != SessionEventKind::kCreated;
          told_.push_back(std::string(ToString(event.kind)) + " " + event.id +
                          (is_end ? " here" : ""));
        },
        /*with_changes=*/false);
    EXPECT_TRUE(core_->Attach(FakeMap::HomeOf(map_)).ok());
  }

  const std::shared_ptr<FakeMap> map_ = std::make_shared<FakeMap>();
  std::shared_ptr<Core> core_;
  Subscription events_;
  std::vector<std::string> told_;
};

TEST_F(LateNewsTest, ASessionThatIsMadeAfterItsCallHasReturnedIsListedAtOnce) {
  map_->answer = absl::DeadlineExceededError("the outcome is unknown");
  EXPECT_FALSE(core_->Create("s1", {}, {}).ok());
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Self());
  EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  EXPECT_THAT(told_, ElementsAre("created s1"));
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Self());
  EXPECT_THAT(told_, ElementsAre("created s1")) << "once";
}

TEST_F(LateNewsTest, WhatOthersEndedBeforeTheCallThatMadeItReturnedIsNotListed) {
  const SessionResult made = core_->Create("s1", {}, {});
  ASSERT_TRUE(made.ok());
  EXPECT_NE(made.fence, 0U);
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
  EXPECT_THAT(core_->kept().unlisted, IsEmpty());
  map_->Tell(ChangeCause::kPut, "of nobody", FakeMap::Other());  // What waits is delivered, too.
  EXPECT_THAT(told_, ElementsAre("created s1", "invalidated s1"));
}

TEST_F(LateNewsTest, WhatAMergeMayBringYetIsListedWhereItIsNotThereWhenItsCallReturns) {
  map_->is_merging = true;
  ASSERT_TRUE(core_->Create("s1", {}, {}).ok());
  EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
}

// Of a store whose worker can be run for five seconds.
class LookAgainTest : public ::testing::Test {
 protected:
  LookAgainTest() {
    SessionStoreOptions options;
    options.application = "/shop";
    core_ = std::make_shared<Core>(options, clock_);
    clock_.stop = [this] { core_->Stop(); };
    EXPECT_TRUE(core_->Attach(FakeMap::HomeOf(map_)).ok());
  }
  // In a thread, since who runs it is its worker for good.
  void RunWorker() {
    std::thread([this] { core_->Run(); }).join();
  }

  PassingClock clock_{absl::Seconds(5)};
  const std::shared_ptr<FakeMap> map_ = std::make_shared<FakeMap>();
  std::shared_ptr<Core> core_;
};

TEST_F(LookAgainTest, WhatTheMergeHasNotBroughtIsLookedAtOnceMoreWhenItIsOver) {
  map_->is_merging = true;
  ASSERT_TRUE(core_->Create("s1", {}, {}).ok());
  ASSERT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  map_->is_merging = false;
  RunWorker();
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(LookAgainTest, SoIsWhatIsGoneWhileACallThatWouldEndItFails) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  ASSERT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
  map_->answer = absl::UnknownError("lost");
  map_->in_write = [&] {
    map_->End("s1");
    map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  };
  ASSERT_TRUE(absl::IsUnknown(core_->Invalidate("s1").status));
  ASSERT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  RunWorker();
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(LateNewsTest, AnOwnWriteOfWhatHasEndedSinceListsNothing) {
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Self());
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(LateNewsTest, WhatWasEndedHereIsNotListedByTheNewsOfHowItCameToBe) {
  map_->Begin("s1");
  ASSERT_TRUE(core_->Load("s1").ok());
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->End("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(LateNewsTest, WhatHasEndedByACallThatHasNotReturnedIsToldByThatCall) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  told_.clear();
  map_->in_write = [&] {
    map_->End("s1");
    map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  };
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->Tell(ChangeCause::kPut, "of nobody", FakeMap::Other());  // What waits is delivered, too.
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(LateNewsTest, WhatWasLoadedBeforeItWasListedLeavesNothingWhenTheStateIsReplaced) {
  map_->Begin("s1");
  ASSERT_TRUE(core_->Load("s1").ok());
  EXPECT_THAT(core_->kept().unlisted, ElementsAre("s1"));
  map_->End("s1");
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(core_->kept().unlisted, IsEmpty());
}

TEST_F(LateNewsTest, WhatIsNotThereWhileASideIsMergedMayComeAndIsNotTakenForGone) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  ASSERT_TRUE(core_->Load("s1").ok());
  map_->End("s1");
  map_->is_merging = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_TRUE(absl::IsUnavailable(core_->Load("s1").status()));
  EXPECT_TRUE(absl::IsUnavailable(core_->Save("s1", {.set = {{"n", "1"}}}).status));
  EXPECT_TRUE(absl::IsUnavailable(core_->Invalidate("s1").status));
  EXPECT_THAT(told_, ElementsAre("created s1"));
  map_->is_merging = false;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_TRUE(absl::IsNotFound(core_->Load("s1").status()));
  EXPECT_TRUE(absl::IsNotFound(core_->Save("s1", {.set = {{"n", "1"}}}).status));
  EXPECT_THAT(told_, ElementsAre("created s1", "invalidated s1"));
}

// Ends s1, and is excluded from the group before it knows the outcome.
class ExcludedTest : public LateNewsTest {
 protected:
  ExcludedTest() {
    map_->Begin("s1");
    map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
    EXPECT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
    told_.clear();
    map_->answer = absl::UnknownError("excluded");
    EXPECT_TRUE(absl::IsUnknown(core_->Invalidate("s1").status));
    map_->is_settled = false;
    map_->End("s1");
    map_->PutRecord(map_->first_key);
    map_->Tell(ChangeCause::kPut, map_->first_key, FakeMap::Self());
    EXPECT_THAT(told_, IsEmpty()) << "the state to come may take the end back";
  }
};

TEST_F(ExcludedTest, WhatEndedHereAloneAndIsThereStillHasNotEnded) {
  map_->is_settled = true;
  map_->Begin("s1");
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  map_->answer = absl::OkStatus();
  EXPECT_TRUE(core_->Invalidate("s1").ok());
  map_->Tell(ChangeCause::kPut, "of nobody", FakeMap::Other());  // What waits is delivered, too.
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(ExcludedTest, NewsOfTheEndThatComeAfterTheStateThatTookItBackTellNothing) {
  map_->Begin("s1");
  map_->is_settled = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  map_->answer = absl::UnknownError("excluded");
  EXPECT_TRUE(absl::IsUnknown(core_->Invalidate("s1").status));
  map_->Tell(ChangeCause::kPut, map_->first_key, FakeMap::Self());
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
}

TEST_F(ExcludedTest, WhatComesBackAndEndsOnceMoreIsToldOnce) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  map_->answer = absl::OkStatus();
  EXPECT_TRUE(core_->Invalidate("s1").ok());
  map_->End("s1");
  map_->is_settled = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(ExcludedTest, WhatTheGroupHasEndedByAnotherEndIsNotToldAsEndedHere) {
  map_->EraseRecord(map_->first_key);
  map_->is_settled = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("invalidated s1"));
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(ExcludedTest, WhatIsHeldWhenTheStoreIsClosedIsToldThen) {
  core_->Stop();
  std::thread([this] { core_->Run(); }).join();  // Who runs it is its worker for good.
  map_->Tell(ChangeCause::kPut, "of nobody", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(ExcludedTest, AlsoWhereTheStateIsOnItsWayThen) {
  map_->is_ready = false;
  core_->Stop();
  std::thread([this] { core_->Run(); }).join();
  map_->is_ready = true;
  map_->Tell(ChangeCause::kPut, "of nobody", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(ExcludedTest, OneOfItsIdThatWasMadeSinceDoesNotHideTheEnd) {
  map_->is_settled = true;
  map_->Begin("s1", absl::Minutes(1), absl::FromUnixSeconds(1'800'000'000));
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
}

TEST_F(ExcludedTest, WhatHasEndedInTheGroupTooIsToldOnceAsEndedHere) {
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, IsEmpty());
  map_->is_settled = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("invalidated s1 here"));
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(LateNewsTest, ALateChangeOfAnIdListsTheNewOneOnlyWhereItIsThereStill) {
  for (const bool has_ended : {false, true}) {
    map_->Begin("s1");
    map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
    EXPECT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
    map_->answer = absl::UnknownError("lost");
    EXPECT_TRUE(absl::IsUnknown(core_->ChangeId("s1", "s2").status));
    map_->answer = absl::OkStatus();
    map_->End("s1");
    if (!has_ended) map_->Begin("s2");
    map_->PutRecord(map_->first_key);
    told_.clear();
    map_->Tell(ChangeCause::kPut, map_->first_key, FakeMap::Self());
    EXPECT_THAT(told_, ElementsAre("id_changed s1 here"));
    EXPECT_EQ(core_->Ids(SIZE_MAX).size(), has_ended ? 0U : 1U);
    map_->End("s2");
    map_->Tell(ChangeCause::kErase, SessionKey("s2"), FakeMap::Other());
  }
}

TEST_F(LateNewsTest, AnEndOfWhatWasMadeAgainSinceLeavesTheNewOneWhileTheStateIsOnItsWay) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  const Version of_the_end = map_->version();
  map_->End("s1");
  map_->answer_begins = "s1";
  ASSERT_TRUE(core_->Create("s1", {}, {}).ok());
  map_->is_ready = false;
  map_->Tell(ChangeCause::kErase, SessionKey("s1"), FakeMap::Other(), of_the_end);
  EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  map_->is_ready = true;
  EXPECT_THAT(core_->kept().unlisted, IsEmpty());
}

TEST_F(LateNewsTest, AnEndThatIsToldWhileTheStateIsOnItsWayIsBelieved) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  map_->is_ready = false;
  map_->Tell(ChangeCause::kErase, SessionKey("s1"), FakeMap::Other());
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
  map_->is_ready = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_THAT(told_, ElementsAre("created s1", "invalidated s1", "created s1"));
}

// Red only where the other thread has its turn in between, which it is given.
TEST_F(LateNewsTest, WhatBeginsWhileItsIdIsForgottenIsListed) {
  map_->Begin("s1");
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  map_->End("s1");
  std::thread beginning;
  std::atomic<bool> begun{false};
  map_->when_looked = [&] {
    map_->answer_begins = "s1";
    beginning = std::thread([&] {
      EXPECT_TRUE(core_->Create("s1", {}, {}).ok());
      begun = true;
    });
    for (int i = 0; i < 100'000 && !begun; ++i) std::this_thread::yield();
  };
  map_->Tell(ChangeCause::kErase, SessionKey("s1"), FakeMap::Other());
  beginning.join();
  EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
}

}  // namespace
}  // namespace cohort::session

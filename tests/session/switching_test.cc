// Replication that is switched while sessions are as a store seldom finds them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "session/core.h"
#include "tests/session/fake_map.h"
#include "tests/session/set_clock.h"
#include "tests/session/testing.h"

namespace cohort::session {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SwitchingTest : public ::testing::Test {
 protected:
  SwitchingTest() {
    SessionStoreOptions options;
    options.application = "/shop";
    core_ = std::make_shared<Core>(options, clock_);
  }
  void TearDown() override {
    core_->Stop();
    if (worker_.joinable()) worker_.join();
  }
  // Waits until all sessions are where they belong.
  bool Switch(bool on) {
    if (!worker_.joinable()) worker_ = std::thread([this] { core_->Run(); });
    const absl::StatusOr<uint64_t> task = core_->SetReplication(on ? &home_ : nullptr);
    return task.ok() && core_->tasks().Await(*task, kLongest).ok();
  }

  // "s1" goes on here, and the group has it, too: the member is outside the primary partition.
  void LeaveBehind() {
    map_->Begin("s1", absl::Minutes(30));
    ASSERT_TRUE(Switch(true));
    ASSERT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
    map_->answer = absl::UnavailableError("no quorum");
    ASSERT_TRUE(Switch(false));
  }

  // A store in the group that has saved "s1", and no worker yet.
  std::shared_ptr<Core> Begin(PassingClock& clock) {
    SessionStoreOptions options;
    options.application = "/shop";
    const auto core = std::make_shared<Core>(options, clock);
    map_->Begin("s1", absl::Minutes(30));
    EXPECT_TRUE(core->Attach(home_).ok());
    EXPECT_TRUE(core->Save("s1", {.set = {{"n", "1"}}}).ok());
    return core;
  }

  SetClock clock_;
  const std::shared_ptr<FakeMap> map_ = std::make_shared<FakeMap>();
  const Home home_ = FakeMap::HomeOf(map_);
  std::shared_ptr<Core> core_;
  std::thread worker_;
};

TEST_F(SwitchingTest, OffKeepsASessionOfThisMemberThatItHasNotUsed) {
  map_->Begin("s1");
  ASSERT_TRUE(Switch(true));
  ASSERT_TRUE(Switch(false));
  EXPECT_TRUE(core_->Load("s1").ok());
}

TEST_F(SwitchingTest, OffKeepsASessionOfThisMemberThatAMergeHasChanged) {
  map_->Begin("s1");
  ASSERT_TRUE(Switch(true));
  ASSERT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
  map_->Begin("s1");
  map_->Tell(ChangeCause::kMerge, SessionKey("s1"), FakeMap::Other());
  ASSERT_TRUE(Switch(false));
  EXPECT_TRUE(core_->Load("s1").ok());
}

TEST_F(SwitchingTest, WhatTheGroupBroughtBackGoesWithItsWithdrawalThatComesLate) {
  map_->Begin("s1");
  ASSERT_TRUE(Switch(true));
  ASSERT_TRUE(Switch(false));
  const std::string withdrawal = map_->first_key;
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  ASSERT_TRUE(Switch(true));
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  ASSERT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  map_->End("s1");
  map_->Tell(ChangeCause::kPut, withdrawal, FakeMap::Self());
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(SwitchingTest, WhatCouldNotBeWithdrawnAndHasEndedEndsInTheGroupWhenItIsSwitchedOn) {
  LeaveBehind();
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->answer = absl::OkStatus();
  map_->in_write = [this] { map_->End("s1"); };
  ASSERT_TRUE(Switch(true));
  const std::optional<EndRecord> record = DecodeEnd(map_->RecordOf(map_->first_key));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->cause, EndCause::kWithdrawn);
  EXPECT_EQ(record->id, "s1");
  EXPECT_THAT(core_->Ids(SIZE_MAX), IsEmpty());
  EXPECT_THAT(core_->kept().unlisted, IsEmpty());
  EXPECT_FALSE(core_->SetReplication(&home_).ok()) << "there is nothing left to do";
}

TEST_F(SwitchingTest, WhatAMergeKeepsFromBeingWithdrawnGoesOnHereAndEndsInTheGroupLater) {
  map_->Begin("s1", absl::Minutes(30));
  ASSERT_TRUE(Switch(true));
  ASSERT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
  map_->answer = absl::AbortedError("this member still merges a later claim of the entry");
  map_->in_write = [this] { map_->is_awaited = true; };
  ASSERT_TRUE(Switch(false));
  ASSERT_TRUE(core_->Load("s1").ok());
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  const int claims = map_->claims;
  ASSERT_TRUE(Switch(true));
  EXPECT_EQ(map_->claims, claims) << "it waits for the merge";
  ASSERT_TRUE(Switch(false));
  map_->is_awaited = false;
  map_->answer = absl::OkStatus();
  map_->in_write = [this] { map_->End("s1"); };
  ASSERT_TRUE(Switch(true));
  EXPECT_FALSE(map_->Exists(SessionKey("s1")));
}

TEST_F(SwitchingTest, WhatCouldNotBeWithdrawnAndIsHereIsReplacedInTheGroup) {
  LeaveBehind();
  map_->answer = absl::OkStatus();
  ASSERT_TRUE(Switch(true));
  EXPECT_EQ(map_->first_key, SessionKey("s1"));
  EXPECT_EQ(core_->stats().local, 0U);
}

TEST_F(SwitchingTest, WhatOthersHaveGoneOnWithIsLeftToThem) {
  for (const bool was_written : {true, false}) {
    map_->owner = FakeMap::Self();
    LeaveBehind();
    ASSERT_TRUE(core_->Invalidate("s1").ok());
    map_->answer = absl::OkStatus();
    const int batches = map_->batches;
    was_written ? map_->Begin("s1") : void(map_->owner = FakeMap::Other());
    ASSERT_TRUE(Switch(true));
    EXPECT_EQ(map_->batches, batches);
    EXPECT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
    ASSERT_TRUE(Switch(false));
  }
}

TEST_F(SwitchingTest, WhatCannotBeEndedInTheGroupYetIsTriedAgain) {
  PassingClock clock(absl::Seconds(5));
  const std::shared_ptr<Core> core = Begin(clock);
  clock.stop = [&] { core->Stop(); };
  const auto no_quorum = absl::UnavailableError("no quorum");
  map_->answer = no_quorum;
  absl::StatusOr<uint64_t> on = no_quorum;
  int batches = 0;
  clock.steps = {[&] { EXPECT_TRUE(core->SetReplication(nullptr).ok()); },
                 [&] {
                   EXPECT_TRUE(core->Invalidate("s1").ok());
                   on = core->SetReplication(&home_);
                 },
                 [&] {
                   ASSERT_TRUE(on.ok());
                   EXPECT_TRUE(core->tasks().Await(*on, absl::ZeroDuration()).ok())
                       << "all the same";
                   EXPECT_THAT(core->Ids(SIZE_MAX), ElementsAre("s1"));
                   map_->answer = absl::OkStatus();
                   map_->in_write = [&] { map_->End("s1"); };
                   batches = map_->batches;
                 }};
  std::thread([&] { core->Run(); }).join();
  EXPECT_EQ(map_->batches, batches + 1);
  EXPECT_THAT(core->Ids(SIZE_MAX), IsEmpty());
}

TEST_F(SwitchingTest, WhatAMergeBringsBackEndsWhenItIsThere) {
  LeaveBehind();
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->answer = absl::OkStatus();
  map_->End("s1");
  map_->is_merging = true;
  ASSERT_TRUE(Switch(true));
  ASSERT_TRUE(Switch(false));
  map_->Begin("s1");
  map_->GoBack();  // To the version that it had.
  map_->is_merging = false;
  map_->in_write = [this] { map_->End("s1"); };
  ASSERT_TRUE(Switch(true));
  EXPECT_FALSE(map_->Exists(SessionKey("s1")));
}

TEST_F(SwitchingTest, WhatWasOverHereByItsTimeIsLeftToTheGroup) {
  PassingClock clock(absl::Minutes(30) + absl::Seconds(10));
  map_->orphan_time = absl::Minutes(5);
  const std::shared_ptr<Core> core = Begin(clock);
  map_->answer = absl::UnavailableError("no quorum");
  int batches = 0;
  clock.steps = {[&] { EXPECT_TRUE(core->SetReplication(nullptr).ok()); }};
  bool was_over = false;
  clock.stop = [&] {
    if (std::exchange(was_over, true)) return core->Stop();
    EXPECT_FALSE(core->Exists("s1")) << "its time was over";
    clock.GoOn(absl::Minutes(2));
    map_->answer = absl::OkStatus();
    batches = map_->batches;
    EXPECT_TRUE(core->SetReplication(&home_).ok());
  };
  std::thread([&] { core->Run(); }).join();
  EXPECT_EQ(map_->batches, batches);
}

TEST_F(SwitchingTest, WhatMovedIntoTheGroupUnbeknownIsListedWhenItsTimeIsOverHere) {
  PassingClock clock(absl::Seconds(40));
  SessionStoreOptions options;
  options.application = "/shop";
  const auto core = std::make_shared<Core>(options, clock);
  clock.stop = [&] { core->Stop(); };
  ASSERT_TRUE(core->Create("s1", {.max_inactive = absl::Seconds(30)}, {}).ok());
  map_->answer = absl::UnknownError("no answer came");
  clock.steps = {[&] { EXPECT_TRUE(core->SetReplication(&home_).ok()); },
                 [&] {
                   EXPECT_EQ(core->stats().local, 1U);
                   map_->Begin("s1", absl::Minutes(30));
                 }};
  std::thread([&] { core->Run(); }).join();
  EXPECT_EQ(core->stats().local, 0U);
  EXPECT_THAT(core->Ids(SIZE_MAX), ElementsAre("s1"));
}

// Its write took effect after the group was asked, or the group has lost what came after it.
TEST_F(SwitchingTest, WhatThisMemberWroteIsNotTakenForAnothersWrite) {
  LeaveBehind();
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->Begin("s1");
  map_->wrote_it = true;
  map_->answer = absl::OkStatus();
  map_->in_write = [this] { map_->End("s1"); };
  ASSERT_TRUE(Switch(true));
  EXPECT_FALSE(map_->Exists(SessionKey("s1")));
}

TEST_F(SwitchingTest, WhatIsUsedHereInTheGroupAgainIsLeftBehindNoMore) {
  PassingClock clock(absl::Minutes(2));
  const std::shared_ptr<Core> core = Begin(clock);
  clock.stop = [&] { core->Stop(); };
  map_->answer = absl::UnavailableError("no quorum");
  int batches = 0;
  clock.steps = {[&] { EXPECT_TRUE(core->SetReplication(nullptr).ok()); },
                 [&] {
                   EXPECT_TRUE(core->Invalidate("s1").ok());
                   EXPECT_TRUE(core->SetReplication(&home_).ok());
                 },
                 [&] {
                   map_->answer = absl::OkStatus();
                   map_->wrote_it = true;
                   EXPECT_TRUE(core->Save("s1", {.set = {{"n", "2"}}}).ok());
                   batches = map_->batches;
                 }};
  std::thread([&] { core->Run(); }).join();
  EXPECT_EQ(map_->batches, batches);
  EXPECT_TRUE(core->Exists("s1"));
}

// By a call of the host, after the task that takes the store out has failed.
TEST_F(SwitchingTest, WhatACallLeavesBehindIsTriedAgainWithoutATask) {
  PassingClock clock(absl::Minutes(2));
  const std::shared_ptr<Core> core = Begin(clock);
  const auto no_quorum = absl::UnavailableError("no quorum");
  map_->owner = FakeMap::Other();  // Until it is claimed.
  map_->Tell(ChangeCause::kMerge, SessionKey("s1"), FakeMap::Other());
  map_->owner = FakeMap::Self();
  map_->answer = no_quorum;
  clock.steps = {[&] { EXPECT_TRUE(core->SetReplication(nullptr).ok()); }};
  bool has_failed = false;
  clock.stop = [&] {
    if (std::exchange(has_failed, true)) return core->Stop();
    EXPECT_FALSE(core->tasks().All().front().status.ok());
    EXPECT_TRUE(map_->Exists(SessionKey("s1")));
    map_->answer = absl::OkStatus();
    map_->in_write = [&] { map_->answer = no_quorum; };  // The claim was answered.
    EXPECT_TRUE(core->Save("s1", {.set = {{"n", "2"}}}).ok());
    EXPECT_EQ(core->stats().local, 1U);
    map_->answer = absl::OkStatus();
    map_->in_write = [&] { map_->End("s1"); };
    clock.GoOn(absl::Minutes(2));
  };
  std::thread([&] { core->Run(); }).join();
  EXPECT_FALSE(map_->Exists(SessionKey("s1")));
  EXPECT_TRUE(core->Exists("s1")) << "it goes on here";
}

TEST_F(SwitchingTest, WhatCouldNotBeMovedBackIsStillLeftBehind) {
  LeaveBehind();
  EXPECT_FALSE(Switch(true)) << "no quorum yet";
  ASSERT_TRUE(Switch(false));
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->answer = absl::OkStatus();
  map_->in_write = [this] { map_->End("s1"); };
  ASSERT_TRUE(Switch(true));
  EXPECT_FALSE(map_->Exists(SessionKey("s1")));
}

TEST_F(SwitchingTest, OffDoesNotTakeBackWhatHasEndedHere) {
  LeaveBehind();
  EXPECT_FALSE(Switch(true)) << "no quorum yet";
  ASSERT_TRUE(core_->Invalidate("s1").ok());
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  ASSERT_THAT(core_->Ids(SIZE_MAX), ElementsAre("s1"));
  const int batches = map_->batches;
  ASSERT_TRUE(Switch(false));
  EXPECT_FALSE(core_->Exists("s1"));
  EXPECT_EQ(map_->batches, batches);
}

TEST_F(SwitchingTest, OffLeavesTheSessionsOfOthersInTheGroup) {
  map_->Begin("s1");
  map_->owner = FakeMap::Other();
  ASSERT_TRUE(Switch(true));
  ASSERT_TRUE(Switch(false));
  EXPECT_FALSE(core_->Exists("s1"));
  EXPECT_EQ(map_->batches, 0);
}

TEST_F(SwitchingTest, ASessionThatIsMadeWhileItIsSwitchedOnGoesToTheGroup) {
  clock_.in_turn = [this] { EXPECT_TRUE(Switch(true)); };
  ASSERT_TRUE(core_->Create("s1", {}, {}).ok());
  EXPECT_EQ(map_->batches, 1);
  EXPECT_EQ(core_->stats().local, 0U);
}

}  // namespace
}  // namespace cohort::session

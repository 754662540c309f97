// What a store makes of sessions that it knew as its own, and that others have changed since.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "session/core.h"
#include "session/event_texts.h"
#include "tests/session/fake_map.h"
#include "tests/session/set_clock.h"

namespace cohort::session {
namespace {

using ::testing::ElementsAre;

class LostTest : public ::testing::Test {
 protected:
  LostTest() {
    SessionStoreOptions options;
    options.application = "/shop";
    options.orphan_time = absl::ZeroDuration();
    core_ = std::make_shared<Core>(options, clock_);
    EXPECT_TRUE(core_->Attach(FakeMap::HomeOf(map_)).ok());
  }
  // Of a session that lives so long, and was used half of that ago.
  void BeginHalfUsed(absl::Duration max_inactive) {
    map_->Begin("s1", max_inactive);
    map_->lifetime_left = max_inactive / 2;
  }
  // Of a session that is listed, and written here. Its fence.
  uint64_t BeginListed() {
    map_->Begin("s1");
    map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
    EXPECT_TRUE(Save());
    return core_->Load("s1")->fence;
  }
  bool Save(uint64_t fence = 0) {
    return core_->Save("s1", {.set = {{"n", "1"}}, .fence = fence}).ok();
  }
  // What `moved` is told with, from here on.
  [[nodiscard]] Subscription KeepMoves() {
    return core_->SubscribeEvents(
        [this](const SessionEvent& event) {
          if (event.kind == SessionEventKind::kMoved) moves_.push_back(event.text);
        },
        /*with_changes=*/false);
  }

  SetClock clock_;
  const std::shared_ptr<FakeMap> map_ = std::make_shared<FakeMap>();
  std::shared_ptr<Core> core_;
  std::vector<std::string> moves_;
};

TEST_F(LostTest, AnAccessToldByTheOwnerKeepsTheLifetimeThatItKnows) {
  map_->Begin("s1", absl::Minutes(30));
  ASSERT_TRUE(Save());
  clock_.now += absl::Minutes(1);
  EXPECT_TRUE(core_->Touch("s1").ok());
  EXPECT_THAT(map_->lifetimes, ElementsAre(absl::Minutes(30)));
}

TEST_F(LostTest, AnAccessToldByWhoOwnedItLeavesTheLifetimeThatItHasNow) {
  map_->Begin("s1", absl::Minutes(30));
  ASSERT_TRUE(Save());
  BeginHalfUsed(absl::Hours(2));
  map_->owner = FakeMap::Other();
  map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Other());
  clock_.now += absl::Minutes(1);
  EXPECT_TRUE(core_->Touch("s1").ok());
  EXPECT_THAT(map_->lifetimes, ElementsAre(absl::Hours(2)));
}

TEST_F(LostTest, AnAccessLeavesTheLifetimeOfWhatWasTakenAndNotToldOf) {
  map_->Begin("s1", absl::Minutes(30));
  ASSERT_TRUE(Save());
  BeginHalfUsed(absl::Hours(2));
  map_->owner = FakeMap::Other();
  clock_.now += absl::Minutes(1);
  EXPECT_TRUE(core_->Touch("s1").ok());
  EXPECT_THAT(map_->lifetimes, ElementsAre(absl::Hours(2)));
}

TEST_F(LostTest, WhatAMergeHasChangedIsNotTheOwnersBeforeItIsLoaded) {
  map_->Begin("s1");
  ASSERT_TRUE(Save());
  ASSERT_TRUE(core_->IsOwner("s1"));
  map_->Begin("s1");
  map_->Tell(ChangeCause::kMerge, SessionKey("s1"), FakeMap::Other());
  EXPECT_FALSE(core_->IsOwner("s1"));
  const absl::StatusOr<SessionSnapshot> snapshot = core_->Load("s1");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_TRUE(core_->IsOwner("s1"));
  EXPECT_TRUE(Save(snapshot->fence));
}

// Also where the merge brings nothing but what this store has written.
TEST_F(LostTest, WhatAMergeTakesFromItsOwnerIsToldToItOnce) {
  const uint64_t fence = BeginListed();
  const Subscription subscription = KeepMoves();
  map_->Tell(ChangeCause::kMerge, SessionKey("s1"), FakeMap::Self());
  map_->Tell(ChangeCause::kMerge, SessionKey("s1"), FakeMap::Self());
  EXPECT_THAT(moves_, ElementsAre(kMergedText));
  const absl::StatusOr<SessionSnapshot> snapshot = core_->Load("s1");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_NE(snapshot->fence, fence);
  EXPECT_FALSE(Save(fence));
  EXPECT_TRUE(Save(snapshot->fence));
}

TEST_F(LostTest, WhatTheGroupWentOnWithoutIsReadAsTheGroupHasIt) {
  const uint64_t fence = BeginListed();
  map_->GoBack();
  const absl::StatusOr<SessionSnapshot> snapshot = core_->Load("s1");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->version, map_->version());
  EXPECT_FALSE(Save(fence));  // Of what it had before.
  EXPECT_TRUE(Save(snapshot->fence));
  EXPECT_TRUE(core_->IsOwner("s1"));
}

TEST_F(LostTest, AWriteOfWhatTheGroupWentOnWithoutIsRefused) {
  const uint64_t fence = BeginListed();
  map_->GoBack();
  EXPECT_FALSE(Save(fence));
  EXPECT_FALSE(core_->IsOwner("s1"));
  EXPECT_TRUE(Save(core_->Load("s1")->fence));
}

TEST_F(LostTest, WhatAMergeBringsBackIsNeitherReadNorWrittenAsItWasBefore) {
  const uint64_t fence = BeginListed();
  map_->GoBack();
  map_->is_merging = map_->is_awaited = true;
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_TRUE(absl::IsUnavailable(core_->Load("s1").status()));
  EXPECT_FALSE(Save(fence));
  map_->Begin("s1");
  map_->is_merging = map_->is_awaited = false;
  EXPECT_TRUE(core_->Load("s1").ok());
}

// Else the claim would seem to be the later one, and what the merge brings would lose to it.
TEST_F(LostTest, WhatAMergeBringsALaterClaimOfIsNotClaimed) {
  BeginListed();
  map_->owner = FakeMap::Other();
  map_->is_merging = map_->is_awaited = true;
  const int claims = map_->claims;
  EXPECT_TRUE(absl::IsUnavailable(core_->Save("s1", {.set = {{"n", "2"}}}).status));
  EXPECT_TRUE(absl::IsUnavailable(core_->Invalidate("s1").status));
  EXPECT_EQ(map_->claims, claims);
  map_->is_merging = map_->is_awaited = false;
  EXPECT_TRUE(core_->Invalidate("s1").ok());
  EXPECT_EQ(map_->claims, claims + 1);
}

TEST_F(LostTest, WhatTheGroupWentOnWithoutIsToldWithItsState) {
  map_->Begin("s1");
  ASSERT_TRUE(Save());
  const Subscription subscription = KeepMoves();
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_TRUE(core_->IsOwner("s1"));
  map_->GoBack();
  map_->Tell(ChangeCause::kSync, "", FakeMap::Other());
  EXPECT_FALSE(core_->IsOwner("s1"));
  EXPECT_THAT(moves_, ElementsAre(kRewoundText));
}

TEST_F(LostTest, WhatIsMadeAgainOfAnIdThatAnotherHadClaimedIsMadeThoughItsClaimIsRefused) {
  map_->owner = FakeMap::Other();
  map_->answer_begins = "s1";
  map_->claim_answer = absl::ResourceExhaustedError("too many claims are under way");
  const SessionResult made = core_->Create("s1", {}, {{"n", "0"}});
  EXPECT_TRUE(made.ok());
  EXPECT_EQ(map_->claims, 1);
  EXPECT_TRUE(core_->Exists("s1"));
  EXPECT_FALSE(core_->IsOwner("s1"));
  EXPECT_FALSE(Save(made.fence));  // By a claim, too.
  EXPECT_EQ(map_->claims, 2);
  map_->claim_answer = absl::OkStatus();
  EXPECT_TRUE(Save());
  EXPECT_EQ(map_->claims, 3);
}

}  // namespace
}  // namespace cohort::session

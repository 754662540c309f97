// Saves that are not waited for: who is told, when, and whose turn it is meanwhile.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "session/core.h"
#include "session/testing.h"
#include "tests/session/fake_map.h"

namespace cohort::session {
namespace {

using enum absl::StatusCode;
using Results = std::vector<SessionResult>;

// What saves were answered.
class Answers {
 public:
  SessionStore::SaveCallback Next() {
    return [this](const SessionResult& result) {
      all_.Update([&](Results& all) { all.push_back(result); });
    };
  }
  bool Are(size_t count) {
    return all_.WaitFor([count](const Results& all) { return all.size() >= count; });
  }
  Results Get() { return all_.Get(); }
  absl::StatusCode OnlyCode() {
    EXPECT_EQ(Get().size(), 1U);
    return Get().at(0).status.code();
  }

 private:
  Watched<Results> all_;
};

// ---- In a group of two.

class SaveAsyncGroupTest : public ::testing::Test {
 protected:
  void Open(const SessionStoreOptions& options = Shop()) {
    members_ = JoinMembers(2, OnLoopback("saves", ""));
    ASSERT_EQ(members_.size(), 2U);
    for (Group& member : members_) nodes_.push_back(std::make_unique<Node>(options, &member));
  }
  Node& a() { return *nodes_[0]; }
  Node& b() { return *nodes_[1]; }

  Answers answers_;  // Outlives who tells them.
  std::vector<Group> members_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(SaveAsyncGroupTest, IsToldWhenAllHaveIt) {
  Open();
  const uint64_t fence = a()->Create("s1").fence;
  std::promise<std::string> at_b;
  a()->SaveAsync("s1", {.set = {{"n", "1"}}, .fence = fence}, [&](const SessionResult& result) {
    answers_.Next()(result);
    at_b.set_value(Get(*b(), "s1", "n"));
  });
  EXPECT_EQ(at_b.get_future().get(), "1");
  const SessionResult result = answers_.Get().at(0);
  EXPECT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(result.replicas, 2U);
  EXPECT_EQ(result.fence, fence);
  EXPECT_EQ(result.version, a()->Load("s1")->version);
  EXPECT_TRUE(a().Saw(kChanged, "s1"));
  EXPECT_TRUE(a()->IsOwner("s1"));
}

TEST_F(SaveAsyncGroupTest, ManyAreUnderWayAndEachIsToldOnce) {
  Open();
  constexpr int kSessions = 300;
  constexpr int kRounds = 5;
  for (int i = 0; i < kSessions; ++i) ASSERT_TRUE(a()->Create(std::to_string(i)).ok());
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kSessions; ++i)
      a()->SaveAsync(std::to_string(i), Set("n", std::to_string(round)), answers_.Next());
  }
  ASSERT_TRUE(answers_.Are(kSessions * kRounds));
  for (const SessionResult& result : answers_.Get()) EXPECT_TRUE(result.ok()) << result.status;
  for (int i = 0; i < kSessions; ++i) EXPECT_EQ(Get(*b(), std::to_string(i), "n"), "4");
  EXPECT_EQ(a()->stats().saves, uint64_t{kSessions * (kRounds + 1)});
  EXPECT_EQ(answers_.Get().size(), size_t{kSessions * kRounds});
}

TEST_F(SaveAsyncGroupTest, OneThatIsWaitedForComesAfterOneThatIsNot) {
  Open();
  ASSERT_TRUE(a()->Create("s1").ok());
  for (size_t i = 0; i < 200; ++i) {
    a()->SaveAsync("s1", Set("n", "first"), answers_.Next());
    ASSERT_TRUE(a()->Save("s1", Set("n", "second")).ok());
    ASSERT_EQ(Get(*a(), "s1", "n"), "second");
    ASSERT_EQ(Get(*b(), "s1", "n"), "second");
  }
  EXPECT_TRUE(answers_.Are(200));
}

TEST_F(SaveAsyncGroupTest, WhatIsRefusedIsToldAtOnce) {
  Open();
  a()->SaveAsync("none", Set("n", "1"), answers_.Next());
  a()->SaveAsync("", Set("n", "1"), answers_.Next());
  a()->SaveAsync("s1", {.set = {{"", "1"}}}, answers_.Next());
  const Results told = answers_.Get();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].status.code(), kNotFound);
  EXPECT_EQ(told[1].status.code(), kInvalidArgument);
}

TEST_F(SaveAsyncGroupTest, AFenceHolds) {
  Open();
  const uint64_t fence = a()->Create("s1", {}, {{"n", "0"}}).fence;
  ASSERT_TRUE(b()->Save("s1", Set("n", "b")).ok());
  a()->SaveAsync("s1", {.set = {{"n", "a"}}, .fence = fence}, answers_.Next());
  ASSERT_TRUE(answers_.Are(1));
  EXPECT_EQ(answers_.OnlyCode(), kAborted);
  EXPECT_EQ(Get(*a(), "s1", "n"), "b");
  EXPECT_EQ(a()->stats().conflicts, 1U);
}

TEST_F(SaveAsyncGroupTest, TakesASessionOver) {
  Open();
  ASSERT_TRUE(a()->Create("s1").ok());
  b()->SaveAsync("s1", Set("n", "b"), answers_.Next());
  ASSERT_TRUE(answers_.Are(1));
  EXPECT_EQ(answers_.OnlyCode(), kOk);
  EXPECT_TRUE(b()->IsOwner("s1"));
}

TEST_F(SaveAsyncGroupTest, WhatErasesIsToldBeforeItReturns) {
  Open();
  ASSERT_TRUE(a()->Create("s1", {}, {{"x", "1"}}).ok());
  a()->SaveAsync("s1", {.set = {{"n", "1"}}, .erased = {"x"}}, answers_.Next());
  EXPECT_EQ(answers_.OnlyCode(), kOk);
  EXPECT_EQ(Get(*b(), "s1", "x"), "absent");
}

TEST_F(SaveAsyncGroupTest, IsRefusedInACallback) {
  Open();
  ASSERT_TRUE(a()->Create("s1").ok());
  Answers inner;
  a()->SaveAsync("s1", Set("n", "1"), [&](const SessionResult& result) {
    a()->SaveAsync("s1", Set("n", "2"), inner.Next());
    answers_.Next()(result);
  });
  ASSERT_TRUE(answers_.Are(1));
  EXPECT_EQ(inner.OnlyCode(), kFailedPrecondition);
  EXPECT_EQ(Get(*a(), "s1", "n"), "1");
}

TEST_F(SaveAsyncGroupTest, IsToldAlsoIfTheStoreAndTheGroupAreClosedMeanwhile) {
  Open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(a()->Create(std::to_string(i)).ok());
  for (int i = 0; i < 200; ++i) a()->SaveAsync(std::to_string(i), Set("n", "1"), answers_.Next());
  nodes_.erase(nodes_.begin());
  members_.erase(members_.begin());
  EXPECT_TRUE(answers_.Are(200));
}

TEST_F(SaveAsyncGroupTest, IsToldAlsoInAGroupThatWasLeft) {
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(a()->Create(std::to_string(i)).ok());
  ASSERT_TRUE(members_[0].Leave().ok());
  for (int i = 0; i < 20; ++i) a()->SaveAsync(std::to_string(i), Set("n", "1"), answers_.Next());
  ASSERT_TRUE(answers_.Are(20));
  for (const SessionResult& result : answers_.Get()) EXPECT_FALSE(result.ok());
  EXPECT_FALSE(a()->Save("0", Set("n", "1")).ok()) << "it is its turn, and nobody waits";
}

TEST_F(SaveAsyncGroupTest, ASaveOfNothingIsToldToWhoWatches) {
  Open();
  ASSERT_TRUE(a()->Create("s1").ok());
  a()->SaveAsync("s1", {}, answers_.Next());
  EXPECT_EQ(answers_.OnlyCode(), kOk);
  EXPECT_TRUE(a().Saw(kChanged, "s1"));
}

TEST_F(SaveAsyncGroupTest, IsToldInTimeIfNobodyAcknowledges) {
  SessionStoreOptions options = Shop();
  options.timeout = absl::Milliseconds(1);
  Open(options);
  for (int i = 0; i < 100 && !a()->Create("s1").ok() && !a()->Exists("s1"); ++i) {
  }
  // In time or not: each is told, and the next one gets its turn.
  for (int i = 0; i < 50; ++i) a()->SaveAsync("s1", Set("n", std::to_string(i)), answers_.Next());
  EXPECT_TRUE(answers_.Are(50));
}

TEST_F(SaveAsyncGroupTest, ReplicationIsSwitchedOffWhenItIsOver) {
  Open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(a()->Create(std::to_string(i)).ok());
  for (int i = 0; i < 50; ++i) a()->SaveAsync(std::to_string(i), Set("n", "1"), answers_.Next());
  const absl::StatusOr<uint64_t> task = a()->SetReplication(nullptr);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(a()->AwaitTask(*task, kLongest).ok());
  ASSERT_TRUE(answers_.Are(50));
  for (const SessionResult& result : answers_.Get()) EXPECT_TRUE(result.ok()) << result.status;
  EXPECT_EQ(a()->stats().local, 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Get(*a(), std::to_string(i), "n"), "1");
}

TEST(SaveAsyncTest, InALocalStoreIsToldBeforeItReturns) {
  Node alone(Shop(), nullptr);
  ASSERT_TRUE(alone->Create("s1").ok());
  Answers answers;
  alone->SaveAsync("s1", Set("n", "1"), answers.Next());
  EXPECT_EQ(answers.OnlyCode(), kOk);
  EXPECT_EQ(Get(*alone, "s1", "n"), "1");
}

// ---- Where a test answers.

class SaveAsyncAnsweredTest : public ::testing::Test {
 protected:
  SaveAsyncAnsweredTest() {
    SessionStoreOptions options;
    options.application = "/shop";
    core_ = std::make_shared<Core>(options);
    EXPECT_TRUE(core_->Attach(FakeMap::HomeOf(map_)).ok());
    map_->Begin("s1");
    map_->Tell(ChangeCause::kPut, SessionKey("s1"), FakeMap::Self());  // It is listed.
  }
  void Save() { core_->SaveAsync("s1", Set("n", "1"), answers_.Next()); }
  void Answer(absl::Status status) {
    ASSERT_FALSE(map_->under_way.empty());
    const WriteCallback tell = std::move(map_->under_way.front());
    map_->under_way.erase(map_->under_way.begin());
    WriteResult written;
    written.status = std::move(status);
    tell(written);
  }

  Answers answers_;
  const std::shared_ptr<FakeMap> map_ = std::make_shared<FakeMap>();
  std::shared_ptr<Core> core_;
};

TEST_F(SaveAsyncAnsweredTest, TheNextWriteWaitsUntilItIsOver) {
  Save();
  std::promise<void> next;
  std::atomic<bool> was_answered = false;
  std::thread other([&] {
    next.set_value();
    EXPECT_TRUE(core_->Save("s1", Set("n", "2")).ok());
    EXPECT_TRUE(was_answered);
  });
  next.get_future().wait();
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  EXPECT_EQ(answers_.Get().size(), 0U);
  was_answered = true;
  Answer(absl::OkStatus());
  other.join();
  EXPECT_EQ(answers_.OnlyCode(), kOk);
}

TEST_F(SaveAsyncAnsweredTest, IsToldThatNothingIsKnownIfNobodyIsLeftToSay) {
  Save();
  map_->under_way.clear();
  EXPECT_EQ(answers_.OnlyCode(), kCancelled);
  EXPECT_TRUE(core_->Save("s1", Set("n", "2")).ok());
}

TEST_F(SaveAsyncAnsweredTest, AfterAnUnknownOutcomeTheSessionIsReadAgain) {
  Save();
  Answer(absl::DeadlineExceededError("nobody knows"));
  EXPECT_EQ(answers_.OnlyCode(), kDeadlineExceeded);
  const int asked = map_->times_asked_for_owner;
  EXPECT_TRUE(core_->Save("s1", Set("n", "2")).ok());
  EXPECT_GT(map_->times_asked_for_owner, asked);
}

TEST_F(SaveAsyncAnsweredTest, ARefusalIsAConflict) {
  Save();
  Answer(absl::AbortedError("another member owns it"));
  EXPECT_EQ(answers_.OnlyCode(), kAborted);
  EXPECT_EQ(core_->stats().conflicts, 1U);
}

TEST_F(SaveAsyncAnsweredTest, IsToldAtOnceThatItCannotBegin) {
  map_->begin_answer = absl::FailedPreconditionError("in a child of fork");
  Save();
  EXPECT_EQ(answers_.OnlyCode(), kFailedPrecondition);
  map_->begin_answer = absl::OkStatus();
  EXPECT_TRUE(core_->Save("s1", Set("n", "2")).ok());
}

TEST_F(SaveAsyncAnsweredTest, WhatHasTooManyMarkersIsToBeSavedByOneThatWaits) {
  Save();
  Answer(absl::InvalidArgumentError("too large with its markers"));
  EXPECT_EQ(answers_.OnlyCode(), kInvalidArgument);
  map_->answer = absl::InvalidArgumentError("too large with its markers");
  EXPECT_EQ(core_->Save("s1", Set("n", "1")).status.code(), kInvalidArgument);
  EXPECT_EQ(map_->batches, 1) << "it was to be written anew";
}

TEST_F(SaveAsyncAnsweredTest, WaitsWhereTheSessionIsNotListed) {
  map_->Begin("s2");
  core_->SaveAsync("s2", Set("n", "1"), answers_.Next());
  EXPECT_EQ(answers_.OnlyCode(), kOk);
  EXPECT_TRUE(map_->under_way.empty());
}

}  // namespace
}  // namespace cohort::session

// Replication switched off and on at run time.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "session/testing.h"

namespace cohort::session {
namespace {

using enum absl::StatusCode;

class SessionReplicationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = JoinMembers(2, OnLoopback("switched", ""));
    ASSERT_EQ(members_.size(), 2U);
  }
  std::vector<Group> members_;
};

TEST_F(SessionReplicationTest, OffKeepsOwnSessionsHereAndTakesThemFromTheGroup) {
  Node a(Shop(), &members_[0]);
  Node b(Shop(), &members_[1]);
  ASSERT_TRUE(a->Create("mine", {.metadata = "ann"}, {{"n", "1"}}).ok());
  ASSERT_TRUE(b->Create("theirs", {}, {{"n", "1"}}).ok());
  const uint64_t fence = a->Load("mine")->fence;
  const absl::StatusOr<uint64_t> task = a->SetReplication(nullptr);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(a->AwaitTask(*task, kLongest).ok());
  EXPECT_FALSE(a->replicated());
  EXPECT_EQ(Get(*a, "mine", "n"), "1");
  EXPECT_EQ(a->Load("mine")->metadata, "ann");
  EXPECT_FALSE(a->Exists("theirs"));
  EXPECT_FALSE(b->Exists("mine"));
  EXPECT_TRUE(b->Exists("theirs"));
  ASSERT_TRUE(b.Saw(kWithdrawn, "mine"));
  EXPECT_EQ(a->stats().local, 1U);
  EXPECT_EQ(a->stats().sessions, 1U);
  SessionChanges changes = Set("n", "2");
  changes.fence = fence;
  EXPECT_TRUE(a->Save("mine", changes).ok());

  ASSERT_TRUE(a->Create("new", {}, {{"n", "5"}}).ok());
  EXPECT_FALSE(b->Exists("new"));
  const absl::StatusOr<uint64_t> back = a->SetReplication(&members_[0]);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_TRUE(a->AwaitTask(*back, kLongest).ok());
  EXPECT_EQ(Get(*b, "mine", "n"), "2");
  EXPECT_EQ(Get(*b, "new", "n"), "5");
  EXPECT_EQ(Get(*a, "theirs", "n"), "1");
  EXPECT_EQ(a->stats().local, 0U);
  EXPECT_TRUE(a->Save("mine", Set("n", "3")).ok());
  EXPECT_EQ(Get(*b, "mine", "n"), "3");
  EXPECT_EQ(a->stats().claims, 0U);
}

TEST_F(SessionReplicationTest, AnApplicationsPlaceInAGroupIsFreeWhenItsStoreHasLeftIt) {
  Node first(Shop(), &members_[0]);
  Node second(Shop(), nullptr);
  ASSERT_TRUE(second->Create("s1").ok());
  EXPECT_EQ(second->SetReplication(&members_[0]).status().code(), kAlreadyExists);
  EXPECT_FALSE(second->replicated());
  EXPECT_TRUE(second->Save("s1", Set("n", "1")).ok());
  const absl::StatusOr<uint64_t> off = first->SetReplication(nullptr);
  ASSERT_TRUE(off.ok()) << off.status();
  ASSERT_TRUE(first->AwaitTask(*off, kLongest).ok());
  const absl::StatusOr<uint64_t> on = second->SetReplication(&members_[0]);
  ASSERT_TRUE(on.ok()) << on.status();
  EXPECT_TRUE(second->AwaitTask(*on, kLongest).ok());
}

TEST_F(SessionReplicationTest, TasksAreToldAndListed) {
  Node a(Shop(), nullptr);
  Watched<std::vector<SessionTask>> told;
  const Subscription subscription = a->SubscribeTasks(
      [&](const SessionTask& task) { told.Update([&](auto& all) { all.push_back(task); }); });
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(a->Create(std::to_string(i)).ok());
  const absl::StatusOr<uint64_t> on = a->SetReplication(&members_[0]);
  ASSERT_TRUE(on.ok());
  ASSERT_TRUE(a->AwaitTask(*on, kLongest).ok());
  ASSERT_TRUE(told.WaitFor(
      [](const auto& all) { return !all.empty() && all.back().state == SessionTaskState::kDone; }));
  const std::vector<SessionTask> seen = told.Get();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].state, SessionTaskState::kStarted);
  EXPECT_EQ(seen[0].total, 300U);
  EXPECT_EQ(seen[1].state, SessionTaskState::kProgress);
  EXPECT_EQ(seen[1].moved, 256U);
  EXPECT_EQ(seen[2].moved, 300U);
  EXPECT_EQ(seen[2].failed, 0U);
  EXPECT_EQ(seen[2].kind, SessionTaskKind::kReplicationOn);
  ASSERT_EQ(a->Tasks().size(), 1U);
  EXPECT_EQ(a->Tasks()[0].state, SessionTaskState::kDone);
  EXPECT_EQ(a->SetReplication(&members_[0]).status().code(), kFailedPrecondition);
}

TEST_F(SessionReplicationTest, TheLastTasksAreKept) {
  Node a(Shop(), &members_[0]);
  ASSERT_TRUE(a->Create("s1").ok());
  uint64_t first = 0;
  uint64_t last = 0;
  for (size_t i = 0; i < kSessionTasksKept + 2; ++i) {
    const absl::StatusOr<uint64_t> task = a->SetReplication(i % 2 == 0 ? nullptr : &members_[0]);
    ASSERT_TRUE(task.ok()) << task.status();
    ASSERT_TRUE(a->AwaitTask(*task, kLongest).ok());
    if (i == 0) first = *task;
    last = *task;
  }
  EXPECT_EQ(a->Tasks().size(), kSessionTasksKept);
  EXPECT_EQ(a->Tasks().back().id, last);
  EXPECT_EQ(a->AwaitTask(first, kLongest).code(), kNotFound);
  EXPECT_TRUE(a->Exists("s1"));
}

TEST_F(SessionReplicationTest, WhileItIsSwitchedOffAndOnNoWriteIsLost) {
  Node a(Shop(), &members_[0]);
  const Node b(Shop(), &members_[1]);
  constexpr int kSessions = 20;
  for (int i = 0; i < kSessions; ++i) {
    ASSERT_TRUE(a->Create(std::to_string(i), {}, {{"n", "0"}}).ok());
  }
  std::atomic<bool> done = false;
  std::vector<int> written(kSessions);
  std::vector<std::thread> requests;
  for (int thread = 0; thread < 2; ++thread) {
    requests.emplace_back([&, thread] {
      for (int round = 1; !done; ++round) {
        for (int i = thread; i < kSessions; i += 2) {
          const SessionResult saved = a->Save(std::to_string(i), Set("n", std::to_string(round)));
          EXPECT_TRUE(saved.ok()) << i << ": " << saved.status;
          EXPECT_EQ(Get(*a, std::to_string(i), "n"), std::to_string(round));
          written[static_cast<size_t>(i)] = round;
        }
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    const absl::StatusOr<uint64_t> task = a->SetReplication(i % 2 == 0 ? nullptr : &members_[0]);
    EXPECT_TRUE(task.ok()) << task.status();
    EXPECT_TRUE(a->AwaitTask(*task, kLongest).ok());
  }
  done = true;
  for (std::thread& request : requests) request.join();
  for (int i = 0; i < kSessions; ++i) {
    EXPECT_EQ(Get(*b, std::to_string(i), "n"), std::to_string(written[static_cast<size_t>(i)]));
  }
}

TEST_F(SessionReplicationTest, WhatIsMadeWhileItIsSwitchedOffIsHereAfterwards) {
  Node a(Shop(), &members_[0]);
  Node b(Shop(), &members_[1]);
  for (int round = 0; round < 8; ++round) {
    ASSERT_TRUE(b->Create("taken" + std::to_string(round), {}, {{"n", "0"}}).ok());
    std::atomic<bool> done = false;
    std::vector<std::vector<std::string>> made(12);
    std::vector<std::thread> requests;
    for (size_t thread = 0; thread < made.size(); ++thread) {
      requests.emplace_back([&, thread] {
        for (int i = 0; i < 8 && !done; ++i) {
          const std::string id = absl::StrCat("round ", round, " thread ", thread, " number ", i);
          EXPECT_TRUE(a->Create(id, {}, {{"n", id}}).ok());
          if (i % 2 == 0) {
            made[thread].push_back(id);
            continue;
          }
          const SessionResult changed = a->ChangeId(id, "new " + id);
          EXPECT_TRUE(changed.ok()) << changed.status;
          made[thread].push_back("new " + id);
        }
      });
    }
    const absl::StatusOr<uint64_t> off = a->SetReplication(nullptr);
    ASSERT_TRUE(off.ok()) << off.status();
    EXPECT_TRUE(a->AwaitTask(*off, kLongest).ok());
    done = true;
    for (std::thread& request : requests) request.join();
    for (const std::vector<std::string>& ids : made) {
      for (const std::string& id : ids) {
        EXPECT_TRUE(a->Exists(id)) << id;
        EXPECT_FALSE(b->Exists(id)) << id;
        EXPECT_TRUE(a->Save(id, Set("n", "1")).ok()) << id;
      }
    }
    EXPECT_EQ(a->stats().sessions, a->stats().local);
    const absl::StatusOr<uint64_t> on = a->SetReplication(&members_[0]);
    ASSERT_TRUE(on.ok()) << on.status();
    EXPECT_TRUE(a->AwaitTask(*on, kLongest).ok());
  }
}

TEST_F(SessionReplicationTest, ATaskIsNotWaitedForOnTheThreadThatDoesIt) {
  Node a(Shop(), nullptr);
  Watched<std::vector<absl::Status>> waited;
  const Subscription subscription = a->SubscribeEvents([&](const SessionEvent& event) {
    if (event.kind != kExpired) return;
    const absl::StatusOr<uint64_t> on = a->SetReplication(&members_[0]);
    EXPECT_TRUE(on.ok()) << on.status();
    const absl::Status status = a->AwaitTask(*on, kLongest);
    waited.Update([&](auto& all) { all.push_back(status); });
  });
  ASSERT_TRUE(a->Create("s1", {.max_inactive = absl::Milliseconds(1)}).ok());
  ASSERT_TRUE(waited.WaitFor([](const auto& all) { return !all.empty(); }));
  EXPECT_EQ(waited.Get()[0].code(), kFailedPrecondition);
}

TEST_F(SessionReplicationTest, WhoLeavesTheGroupFirstKeepsItsSessionsHere) {
  Node a(Shop(), &members_[0]);
  Node b(Shop(), &members_[1]);
  ASSERT_TRUE(a->Create("mine", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(members_[0].Leave().ok());
  EXPECT_EQ(a->Save("mine", Set("n", "2")).status.code(), kCancelled);
  const absl::StatusOr<uint64_t> task = a->SetReplication(nullptr);
  ASSERT_TRUE(task.ok());
  ASSERT_TRUE(a->AwaitTask(*task, kLongest).ok());
  EXPECT_EQ(Get(*a, "mine", "n"), "1");
  EXPECT_TRUE(a->Save("mine", Set("n", "3")).ok());
  // To the others it is a session of somebody who has gone.
  EXPECT_TRUE(b->Save("mine", Set("n", "4")).ok());
}

TEST_F(SessionReplicationTest, OfTwoSessionsOfOneIdThatOfWhoComesStays) {
  Node a(Shop(), nullptr);
  Node b(Shop(), &members_[1]);
  ASSERT_TRUE(a->Create("s1", {}, {{"n", "here"}}).ok());
  ASSERT_TRUE(b->Create("s1", {}, {{"n", "there"}, {"only", "there"}}).ok());
  const absl::StatusOr<uint64_t> task = a->SetReplication(&members_[0]);
  ASSERT_TRUE(task.ok());
  ASSERT_TRUE(a->AwaitTask(*task, kLongest).ok());
  EXPECT_EQ(b->Save("s1", Set("n", "late")).status.code(), kAborted);
  EXPECT_EQ(Get(*b, "s1", "n"), "here");
  EXPECT_EQ(Get(*b, "s1", "only"), "absent");
  EXPECT_TRUE(a.Saw(kConflict, "s1"));
}

TEST_F(SessionReplicationTest, AGroupThatWasLeftIsRefusedAndTheSessionsStayUsable) {
  const Node a(Shop(), nullptr);
  ASSERT_TRUE(a->Create("s1", {}, {{"n", "1"}}).ok());
  ASSERT_TRUE(members_[0].Leave().ok());
  EXPECT_EQ(a->SetReplication(&members_[0]).status().code(), kCancelled);
  EXPECT_FALSE(a->replicated());
  EXPECT_TRUE(a->Save("s1", Set("n", "2")).ok());
  // Another group of this process may have them.
  const absl::StatusOr<uint64_t> task = a->SetReplication(&members_[1]);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(a->AwaitTask(*task, kLongest).ok());
  EXPECT_EQ(Get(*a, "s1", "n"), "2");
  EXPECT_EQ(a->stats().local, 0U);
}

TEST(SessionFullGroupTest, WhatDoesNotFitIntoTheGroupStaysUsableAndMovesLater) {
  GroupOptions options = OnLoopback("full", "a");
  options.map_bytes_max = size_t{64} << 10;
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  Node a(Shop(), nullptr);
  const std::string value(10'000, 'v');
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(a->Create(std::to_string(i), {}, {{"a", value}}).ok());
  }
  absl::StatusOr<uint64_t> task = a->SetReplication(&*group);
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_FALSE(a->AwaitTask(*task, kLongest).ok());
  EXPECT_EQ(a->Tasks()[0].state, SessionTaskState::kFailed);
  const uint64_t local = a->stats().local;
  EXPECT_GT(local, 0U);
  EXPECT_LT(local, 10U);
  EXPECT_EQ(a->Tasks()[0].failed, local);
  EXPECT_EQ(a->Tasks()[0].moved, 10U - local);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(a->Save(std::to_string(i), Set("n", "1")).ok()) << i;
    EXPECT_EQ(Get(*a, std::to_string(i), "a"), value);
  }
  // Once more, and only with this group. What moved before does not notice.
  const uint64_t moved = 10U - local;
  std::vector<uint64_t> fences;
  for (int i = 0; i < 10; ++i) fences.push_back(a->Load(std::to_string(i))->fence);
  absl::StatusOr<Group> other = Group::Join(OnLoopback("another", "a"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(a->SetReplication(&*other).status().code(), kFailedPrecondition);
  task = a->SetReplication(&*group);
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_FALSE(a->AwaitTask(*task, kLongest).ok());
  EXPECT_EQ(a->stats().sessions, 10U);
  EXPECT_EQ(a->stats().owned, 10U);
  EXPECT_EQ(a->stats().local, 10U - moved);
  for (size_t i = 0; i < 10; ++i) {
    SessionChanges changes = Set("n", "1");
    changes.fence = fences[i];
    EXPECT_TRUE(a->Save(std::to_string(i), changes).ok()) << i;
  }
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(a->Invalidate(std::to_string(i)).ok());
  for (int i = 7; i < 10; ++i) ASSERT_TRUE(a->Save(std::to_string(i), Set("n", "2")).ok());
  EXPECT_EQ(a->stats().local, 0U);
  for (int i = 7; i < 10; ++i) EXPECT_EQ(Get(*a, std::to_string(i), "n"), "2");
}

TEST(SessionFullGroupTest, AlsoInAFullGroupSessionsEnd) {
  GroupOptions options = OnLoopback("full", "a");
  options.map_bytes_max = size_t{64} << 10;
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  Node a(Shop(), &*group);
  SessionResult made;
  int count = 0;
  for (const size_t bytes : {10'000, 1'000, 100, 1}) {
    while (made = a->Create(std::to_string(count), {}, {{"a", std::string(bytes, 'v')}}), made.ok())
      ++count;
    EXPECT_EQ(made.status.code(), kResourceExhausted) << made.status;
  }
  for (int i = count - 1; i >= 0; --i) {
    const SessionResult ended = a->Invalidate(std::to_string(i));
    ASSERT_TRUE(ended.ok()) << i << ": " << ended.status;
    EXPECT_TRUE(a.Saw(kInvalidated, std::to_string(i)));
  }
  EXPECT_EQ(a->stats().sessions, 0U);
}

TEST_F(SessionReplicationTest, LocalSessionsExpireWhereverTheyAre) {
  Node a(Shop(), &members_[0]);
  ASSERT_TRUE(a->Create("s1", {.max_inactive = absl::Milliseconds(600)}).ok());
  const absl::StatusOr<uint64_t> task = a->SetReplication(nullptr);
  ASSERT_TRUE(task.ok());
  ASSERT_TRUE(a->AwaitTask(*task, kLongest).ok());
  ASSERT_TRUE(a.Saw(kExpired, "s1"));
  EXPECT_TRUE(a.Told(kExpired, "s1")[0].here);
}

}  // namespace
}  // namespace cohort::session

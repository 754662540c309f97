// Locks in whole groups under faults: the table that LockService uses, in virtual time, as users'
// tests have it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cohort/testing/sim_group.h"
#include "testing/seed.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

// What a member's user has of its locks.
class Locks {
 public:
  Locks(SimGroup& group, const std::string& member) : service_(group.locks(member)) {}

  void Acquire(const std::string& name) {
    EXPECT_TRUE(service_
                    .AcquireAsync(
                        name, absl::InfiniteDuration(),
                        [this](const absl::Status& why) {
                          ++lost;
                          why_lost = why;
                        },
                        [this](absl::StatusOr<SimHeldLock> lock) {
                          ASSERT_TRUE(lock.ok()) << lock.status();
                          fence = lock->fence();
                          held_ = std::move(*lock);
                        })
                    .ok());
  }
  void Release() { held_.reset(); }
  bool IsHeld() const { return held_ && held_->held(); }

  Version fence;
  int lost = 0;
  absl::Status why_lost;

 private:
  SimLockService service_;
  std::optional<SimHeldLock> held_;
};

class SimLockTest : public ::testing::Test {
 protected:
  void Begin(const std::vector<std::string>& names, uint64_t seed, Policy policy) {
    group_ = std::make_unique<SimGroup>(names, Seed(seed, policy));
    for (const std::string& name : names) locks_[name] = std::make_unique<Locks>(*group_, name);
  }
  ~SimLockTest() override {
    locks_.clear();
    group_.reset();
  }
  template <class Condition>
  bool RunUntil(Condition condition, absl::Duration timeout = absl::Seconds(30)) {
    return group_->RunUntil(condition, timeout);
  }
  void RunFor(absl::Duration duration) { group_->RunFor(duration); }
  int Holders() const {
    int holders = 0;
    for (const auto& [name, locks] : locks_) holders += locks->IsHeld() ? 1 : 0;
    return holders;
  }
  size_t MembersSeenBy(const std::string& member) const {
    return group_->view(member).members.size();
  }

  std::unique_ptr<SimGroup> group_;
  std::map<std::string, std::unique_ptr<Locks>> locks_;
};

TEST_F(SimLockTest, TheLockOfAKilledMemberGoesToTheNextOneWithinASecond) {
  Begin({"a", "b", "c"}, 1, Policy::kAvailable);
  locks_["a"]->Acquire("l");
  ASSERT_TRUE(RunUntil([&] { return locks_["a"]->IsHeld(); }));
  const Version fence = locks_["a"]->fence;
  locks_["b"]->Acquire("l");
  RunFor(absl::Seconds(1));
  EXPECT_FALSE(locks_["b"]->IsHeld());
  const absl::Duration killed = group_->now();
  group_->Kill("a");
  locks_.erase("a");
  ASSERT_TRUE(RunUntil([&] { return locks_["b"]->IsHeld(); }));
  EXPECT_LT(group_->now() - killed, absl::Seconds(1));
  EXPECT_GT(locks_["b"]->fence, fence);
}

TEST_F(SimLockTest, FencesGrowThroughReleases) {
  Begin({"a", "b"}, 2, Policy::kAvailable);
  Version before;
  for (int i = 0; i < 10; ++i) {
    Locks& locks = *locks_[i % 2 == 0 ? "a" : "b"];
    locks.Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks.IsHeld(); }));
    EXPECT_GT(locks.fence, before);
    before = locks.fence;
    locks.Release();
  }
}

TEST_F(SimLockTest, AMemberThatStoodStillAndWasExpelledIsToldAndTheOthersGoOn) {
  for (const Policy policy : {Policy::kAvailable, Policy::kPrimary}) {
    locks_.clear();
    Begin({"a", "b", "c"}, 3, policy);
    locks_["b"]->Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks_["b"]->IsHeld(); }));
    locks_["c"]->Acquire("l");
    group_->Pause("b");
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); }));
    group_->Resume("b");
    ASSERT_TRUE(RunUntil([&] { return locks_["b"]->lost == 1; })) << ToString(policy);
    ASSERT_TRUE(group_->RunUntilOneView());
    RunFor(absl::Seconds(2));
    EXPECT_FALSE(locks_["b"]->IsHeld());
    EXPECT_LE(Holders(), 1);
  }
}

TEST_F(SimLockTest, UnderAvailableBothSidesMayHoldItAndTheMergeLeavesAtMostOne) {
  for (uint64_t seed = 10; seed < 18; ++seed) {
    locks_.clear();
    Begin({"a", "b", "c", "d"}, seed, Policy::kAvailable);
    locks_["a"]->Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks_["a"]->IsHeld(); }));
    locks_["c"]->Acquire("l");
    group_->Partition({{"a", "b"}, {"c", "d"}});
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); }));
    EXPECT_EQ(Holders(), 2);
    RunFor(absl::Seconds(1));
    group_->Heal();
    ASSERT_TRUE(RunUntil([&] { return MembersSeenBy("a") == 4 && MembersSeenBy("c") == 4; }));
    ASSERT_TRUE(group_->RunUntilOneView());
    RunFor(absl::Seconds(2));
    EXPECT_LE(Holders(), 1) << "seed " << seed;
    EXPECT_GE(locks_["a"]->lost + locks_["c"]->lost, 1);
    // Whatever came of it, the lock is not stuck.
    for (auto& [name, locks] : locks_) {
      if (locks->IsHeld()) locks->Release();
    }
    locks_["d"]->Acquire("l");
    EXPECT_TRUE(RunUntil([&] { return locks_["d"]->IsHeld(); })) << "seed " << seed;
  }
}

TEST_F(SimLockTest, UnderPrimaryTheMinorityIsToldAndOnlyTheMajorityGetsIt) {
  for (uint64_t seed = 20; seed < 26; ++seed) {
    locks_.clear();
    Begin({"a", "b", "c"}, seed, Policy::kPrimary);
    locks_["c"]->Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); }));
    const Version fence = locks_["c"]->fence;
    locks_["a"]->Acquire("l");
    group_->Partition({{"a", "b"}, {"c"}});
    ASSERT_TRUE(RunUntil([&] { return locks_["a"]->IsHeld(); }));
    EXPECT_GT(locks_["a"]->fence, fence);
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->lost == 1; }, absl::Seconds(5)));
    locks_["c"]->Acquire("l");
    RunFor(absl::Seconds(5));
    EXPECT_FALSE(locks_["c"]->IsHeld());
    group_->Heal();
    ASSERT_TRUE(group_->RunUntilOneView());
    RunFor(absl::Seconds(2));
    EXPECT_TRUE(locks_["a"]->IsHeld());
    EXPECT_EQ(Holders(), 1);
    locks_["a"]->Release();
    EXPECT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); })) << "seed " << seed;
  }
}

// ---- As users' tests use it.

TEST(SimLockServiceTest, OneMemberHoldsALockAtATimeAndFencesGrow) {
  SimGroup group({"a", "b"}, Seed(31, Policy::kAvailable));
  SimLockService at_a = group.locks("a");
  SimLockService at_b = group.locks("b");
  absl::StatusOr<SimHeldLock> first = at_a.Acquire("report");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->held());
  EXPECT_EQ(first->name(), "report");
  ASSERT_TRUE(group.RunUntil([&] { return at_b.Owner("report").has_value(); }));
  EXPECT_EQ(at_b.Owner("report")->name, "a");
  EXPECT_EQ(at_b.Owner("report")->fence, first->fence());
  EXPECT_EQ(at_b.TryAcquire("report").status().code(), kAborted);
  const absl::Duration before = group.now();
  EXPECT_EQ(at_b.Acquire("report", absl::Seconds(20)).status().code(), kDeadlineExceeded);
  EXPECT_GE(group.now() - before, absl::Seconds(20)) << "virtual ones";
  const Version fence = first->fence();
  EXPECT_TRUE(first->Release().ok());
  EXPECT_FALSE(first->held());
  EXPECT_EQ(first->Release().code(), kAborted);
  const absl::StatusOr<SimHeldLock> second = at_b.Acquire("report");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->fence(), fence);
}

TEST(SimLockServiceTest, ALockThatIsDestroyedOrReplacedIsReleased) {
  SimGroup group({"a", "b"}, Seed(32, Policy::kAvailable));
  {
    ASSERT_TRUE(group.locks("a").Acquire("l").ok());
  }
  absl::StatusOr<SimHeldLock> held = group.locks("b").Acquire("l");
  ASSERT_TRUE(held.ok()) << held.status();
  held = group.locks("b").Acquire("m");
  EXPECT_TRUE(group.locks("a").Acquire("l").ok());
}

TEST(SimLockServiceTest, AProcessThatIsKilledHasNoLocksAndItsSuccessorNeither) {
  SimGroup group({"a", "b"}, Seed(33, Policy::kAvailable));
  bool told = false;
  absl::StatusOr<SimHeldLock> held =
      group.locks("a").Acquire("l", absl::Seconds(30), [&](const absl::Status&) { told = true; });
  ASSERT_TRUE(held.ok());
  const Version fence = held->fence();
  group.Kill("a");
  EXPECT_FALSE(held->held());
  EXPECT_EQ(held->Release().code(), kCancelled);
  EXPECT_EQ(group.locks("a").TryAcquire("l").status().code(), kCancelled);
  const absl::StatusOr<SimHeldLock> next = group.locks("b").Acquire("l");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_GT(next->fence(), fence);
  group.Start("a");
  ASSERT_TRUE(group.RunUntilOneView());
  EXPECT_EQ(group.locks("a").TryAcquire("l").status().code(), kAborted);
  EXPECT_FALSE(told) << "nobody is there to be told";
}

TEST(SimLockServiceTest, WhatWaitsInACallbackIsRefused) {
  SimGroup group({"a"}, Seed(34, Policy::kAvailable));
  std::vector<absl::StatusCode> seen;
  SimLockService locks = group.locks("a");
  ASSERT_TRUE(locks
                  .AcquireAsync("l", absl::Seconds(1), nullptr,
                                [&](absl::StatusOr<SimHeldLock> lock) {
                                  seen = {lock.status().code(), locks.Acquire("m").status().code(),
                                          lock->Release().code()};
                                })
                  .ok());
  ASSERT_TRUE(group.RunUntil([&] { return !seen.empty(); }));
  EXPECT_THAT(seen, ::testing::ElementsAre(kOk, kFailedPrecondition, kFailedPrecondition));
  EXPECT_TRUE(locks.Acquire("l").ok()) << "the end of the callback released it";
}

// A member without a quorum may stay so for hours.
TEST(SimLockServiceTest, WithoutAQuorumWhatDoesNotWaitIsAnsweredOnceThatIsKnown) {
  for (uint64_t seed = 40; seed < 46; ++seed) {
    SimGroup group({"a", "b", "c"}, Seed(seed, Policy::kPrimary));
    SimLockService locks = group.locks("c");
    absl::StatusOr<SimHeldLock> held = locks.Acquire("l");
    ASSERT_TRUE(held.ok());
    group.Partition({{"a", "b"}, {"c"}});
    // Under way before anybody can know.
    absl::StatusOr<SimHeldLock> tried = locks.TryAcquire("m");
    EXPECT_EQ(tried.status().code(), kUnavailable) << "seed " << seed;
    EXPECT_LT(group.now(), absl::Seconds(20)) << "seed " << seed;
    EXPECT_FALSE(group.writable("c"));
    const absl::Duration halted = group.now();
    EXPECT_EQ(locks.TryAcquire("m").status().code(), kUnavailable);
    EXPECT_NE(held->Release().code(), kOk);
    EXPECT_EQ(group.now(), halted) << "at once";
    group.Heal();
    ASSERT_TRUE(group.RunUntilOneView());
    EXPECT_TRUE(group.locks("a").Acquire("l").ok()) << "seed " << seed;
    EXPECT_TRUE(group.locks("b").Acquire("m").ok()) << "seed " << seed;
  }
}

TEST(SimLockServiceTest, AReleaseThatTheQuorumLeavesBehindIsAnswered) {
  for (uint64_t seed = 50; seed < 56; ++seed) {
    SimGroup group({"a", "b", "c"}, Seed(seed, Policy::kPrimary));
    absl::StatusOr<SimHeldLock> held = group.locks("c").Acquire("l");
    ASSERT_TRUE(held.ok());
    group.Partition({{"a", "b"}, {"c"}});
    EXPECT_EQ(held->Release().code(), kUnavailable) << "seed " << seed;
    EXPECT_LT(group.now(), absl::Seconds(20)) << "seed " << seed;
    EXPECT_TRUE(group.locks("a").Acquire("l").ok()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cohort::testing

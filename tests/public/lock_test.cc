#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class LockTest : public ::testing::Test {
 protected:
  void Join(size_t count, const std::string& name) {
    members_ = JoinMembers(count, OnLoopback(name, ""));
    ASSERT_EQ(members_.size(), count);
    for (Group& member : members_) {
      absl::StatusOr<LockService> locks = LockService::Open(member);
      ASSERT_TRUE(locks.ok()) << locks.status();
      locks_.push_back(*std::move(locks));
    }
  }
  std::vector<Group> members_;
  std::vector<LockService> locks_;
};

TEST_F(LockTest, OneMemberHoldsALockAtATimeAndFencesGrow) {
  Join(2, "fences");
  absl::StatusOr<HeldLock> first = locks_[0].Acquire("report");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->held());
  EXPECT_EQ(first->name(), "report");
  // What the other member asks for comes after that in the order, so it knows of it then.
  EXPECT_EQ(locks_[1].TryAcquire("report").status().code(), kAborted);
  const std::optional<LockOwner> owner = locks_[1].Owner("report");
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->name, "a");
  EXPECT_EQ(owner->fence, first->fence());
  EXPECT_EQ(locks_[1].Acquire("report", absl::Milliseconds(20)).status().code(), kDeadlineExceeded);
  const Version fence = first->fence();
  EXPECT_TRUE(first->Release().ok());
  EXPECT_FALSE(first->held());
  EXPECT_EQ(first->Release().code(), kAborted);
  absl::StatusOr<HeldLock> second = locks_[1].Acquire("report");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->fence(), fence);
}

TEST_F(LockTest, ThreadsOfAllMembersExcludeOneAnother) {
  Join(3, "threads");
  std::atomic<int> inside{0};
  std::atomic<int> together{0};
  std::atomic<int> failed{0};
  std::atomic<int> rounds{0};
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) {
        absl::StatusOr<HeldLock> lock = locks_[thread % 3].Acquire("l");
        if (!lock.ok()) {
          ++failed;
          continue;
        }
        if (++inside > 1) ++together;
        ++rounds;
        --inside;
        if (!lock->Release().ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, 0);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(rounds, 60);
}

TEST_F(LockTest, TheLockOfAMemberThatLeavesIsFree) {
  Join(2, "leaves");
  Watched<int> lost;
  absl::StatusOr<HeldLock> held =
      locks_[0].Acquire("l", absl::Seconds(5),
                        [&](const absl::Status&) { lost.Update([](int& count) { ++count; }); });
  ASSERT_TRUE(held.ok()) << held.status();
  std::thread leaver([&] { members_[0].Leave().IgnoreError(); });
  const absl::StatusOr<HeldLock> next = locks_[1].Acquire("l", absl::Seconds(10));
  leaver.join();
  EXPECT_TRUE(next.ok()) << next.status();
  EXPECT_FALSE(held->held());
  EXPECT_TRUE(lost.WaitFor([](int count) { return count == 1; }));
  EXPECT_EQ(locks_[0].Acquire("l").status().code(), kCancelled);
}

TEST_F(LockTest, ServicesThatAreOpenedTwiceShareTheirLocks) {
  Join(1, "services");
  absl::StatusOr<LockService> again = LockService::Open(members_[0]);
  ASSERT_TRUE(again.ok()) << again.status();
  const absl::StatusOr<HeldLock> held = locks_[0].Acquire("l");
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(again->TryAcquire("l").status().code(), kAborted);
  EXPECT_TRUE(held->held());
  EXPECT_TRUE(LockService::Open(members_[0], "others")->TryAcquire("l").ok());
}

TEST_F(LockTest, AHeldLockThatIsDestroyedIsReleased) {
  Join(1, "destroyed");
  {
    ASSERT_TRUE(locks_[0].Acquire("l").ok());
  }
  EXPECT_TRUE(locks_[0].Acquire("l", absl::Seconds(5)).ok());
}

TEST_F(LockTest, WhoDrainsHoldsItsLocksAndReleasesThem) {
  Join(1, "drains");
  absl::StatusOr<HeldLock> kept = locks_[0].Acquire("kept");
  absl::StatusOr<HeldLock> released = locks_[0].Acquire("released");
  ASSERT_TRUE(kept.ok() && released.ok());
  Watched<absl::StatusCode> waiting;
  ASSERT_TRUE(locks_[0]
                  .AcquireAsync("kept", absl::Seconds(60), nullptr,
                                [&](const absl::StatusOr<HeldLock>& lock) {
                                  const absl::StatusCode code = lock.status().code();
                                  waiting.Update([&](auto& seen) { seen = code; });
                                })
                  .ok());
  // Nobody else is there to hold what this member holds, so it takes its time and fails.
  std::thread drain(
      [&] { EXPECT_EQ(members_[0].Drain(absl::Seconds(2)).code(), kDeadlineExceeded); });
  EXPECT_TRUE(waiting.WaitFor([](absl::StatusCode code) { return code == kFailedPrecondition; }));
  EXPECT_FALSE(members_[0].writable());
  EXPECT_TRUE(kept->held());
  EXPECT_EQ(locks_[0].TryAcquire("free").status().code(), kFailedPrecondition);
  EXPECT_TRUE(released->Release().ok());
  EXPECT_FALSE(members_[0].writable()) << "all that was while it drained";
  drain.join();
  EXPECT_TRUE(kept->held());
  EXPECT_TRUE(locks_[0].TryAcquire("released").ok());
}

// The send queue is full when the lock and its service go.
TEST_F(LockTest, ALockWhoseReleaseCouldNotBeSentAtOnceIsReleasedAllTheSame) {
  Join(2, "queue");
  {
    const absl::StatusOr<HeldLock> held = locks_[0].Acquire("l", absl::Minutes(1));
    ASSERT_TRUE(held.ok()) << held.status();
    locks_[0] = locks_[1];  // The last handle but `held`.
    // Until nothing more fits; bounded, because on a slow machine it may drain as fast as it fills.
    for (const size_t size : {size_t{1} << 19, size_t{1} << 12, size_t{16}}) {
      const std::string message(size, 'm');
      size_t left = std::min<size_t>(1000, (size_t{24} << 20) / size);
      while (left > 0 && members_[0].Send(message).ok()) --left;
    }
  }
  EXPECT_TRUE(locks_[1].Acquire("l", absl::Minutes(1)).ok());
}

TEST_F(LockTest, InACallbackALockComesLaterAndIsReleasedByItsEnd) {
  Join(1, "inside");
  Watched<std::vector<absl::StatusCode>> seen;
  ASSERT_TRUE(locks_[0]
                  .AcquireAsync("l", absl::Seconds(5), nullptr,
                                [&](absl::StatusOr<HeldLock> lock) {
                                  const auto inside = locks_[0].Acquire("m").status().code();
                                  const auto release = lock->Release().code();
                                  seen.Update([&](auto& list) {
                                    list = {lock.status().code(), inside, release};
                                  });
                                })
                  .ok());
  ASSERT_TRUE(seen.WaitFor([](const auto& list) { return !list.empty(); }));
  EXPECT_THAT(seen.Get(), ::testing::ElementsAre(kOk, kFailedPrecondition, kFailedPrecondition));
  EXPECT_TRUE(locks_[0].Acquire("l", absl::Seconds(5)).ok());
}

TEST_F(LockTest, WhoWaitsWhenTheGroupIsLeftIsCancelled) {
  Join(2, "cancel");
  const absl::StatusOr<HeldLock> held = locks_[1].Acquire("l");
  ASSERT_TRUE(held.ok());
  Watched<std::vector<absl::StatusCode>> codes;
  ASSERT_TRUE(locks_[0]
                  .AcquireAsync("l", absl::InfiniteDuration(), nullptr,
                                [&](const absl::StatusOr<HeldLock>& lock) {
                                  const absl::StatusCode code = lock.status().code();
                                  codes.Update([&](auto& list) { list.push_back(code); });
                                })
                  .ok());
  members_[0].Leave().IgnoreError();
  ASSERT_TRUE(codes.WaitFor([](const auto& list) { return list.size() == 1; }));
  EXPECT_EQ(codes.Get()[0], kCancelled);
}

TEST_F(LockTest, NamesOutOfTheirLimitsAreRefused) {
  Join(1, "names");
  EXPECT_EQ(locks_[0].Acquire("").status().code(), kInvalidArgument);
  EXPECT_EQ(locks_[0].TryAcquire(std::string(kKeyBytesMax + 1, 'k')).status().code(),
            kInvalidArgument);
}

TEST_F(LockTest, ACounterIsCountedByAllMembers) {
  Join(2, "counter");
  std::vector<std::thread> threads;
  std::atomic<int64_t> sum{0};
  for (size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      Counter counter(*members_[i].OpenMap("numbers"), "orders");
      for (int n = 0; n < 20; ++n) sum += counter.Add(1).value_or(0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 40 * 41 / 2) << "each number once";
  Counter counter(*members_[0].OpenMap("numbers"), "orders");
  EXPECT_EQ(counter.Get().value_or(0), 40);
  EXPECT_EQ(counter.CompareAndSet(1, 7).code(), kAborted);
  EXPECT_TRUE(counter.CompareAndSet(40, 7).ok());
  EXPECT_EQ(counter.Get().value_or(0), 7);
}

}  // namespace
}  // namespace cohort::testing

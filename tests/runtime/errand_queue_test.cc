// Who does what callers want of an engine.
#include "runtime/errand_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/call_errand.h"
#include "runtime/engine_mutex.h"
#include "support/engine_net_host.h"

namespace cohort::runtime {
namespace {

using ::testing::ElementsAre;

class Nothing final : public Errand {
 public:
  void Run(engine::Engine&, Instant, engine::Output&) override {}
  void Refuse() override { refused = true; }
  void Fail(std::exception_ptr) override {}
  std::atomic<bool> refused = false;
};

std::vector<Errand*> Taken(ErrandQueue& queue) {
  std::vector<Errand*> errands;
  queue.Take(errands);
  return errands;
}

TEST(ErrandQueueTest, OnlyTheFirstToAddServesUntilItRests) {
  ErrandQueue queue;
  Nothing a;
  Nothing b;
  EXPECT_TRUE(queue.Add(a));
  EXPECT_FALSE(queue.Add(b));
  EXPECT_THAT(Taken(queue), ElementsAre(&a, &b));
  EXPECT_FALSE(queue.Add(a)) << "who serves takes it, too, before it rests";
  EXPECT_FALSE(queue.Rest());
  EXPECT_THAT(Taken(queue), ElementsAre(&a));
  EXPECT_TRUE(queue.Rest());
  EXPECT_TRUE(queue.Add(b)) << "the next one serves";
}

// Refuse stands for Run here: a thread goes on when its errand was done, by whomever.
TEST(ErrandQueueTest, WhateverManyThreadsAddIsDoneOnce) {
  ErrandQueue queue;
  EngineMutex engine;
  std::atomic<int> done{0};
  const auto serve = [&] {
    std::vector<Errand*> errands;
    do {
      const EngineLock lock(&engine);
      queue.Take(errands);
      for (Errand* errand : errands) {
        ++done;
        errand->Refuse();
      }
      errands.clear();
    } while (!queue.Rest());
  };
  constexpr int kThreads = 8;
  constexpr int kErrands = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kErrands; ++i) {
        Nothing errand;
        if (queue.Add(errand)) serve();
        while (!errand.refused) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kErrands);
}

// ---- What a call throws.

class Counting final : public Errand {
 public:
  explicit Counting(bool throws = false) : throws_(throws) {}
  void Run(engine::Engine&, Instant, engine::Output&) override {
    ++runs;
    if (throws_) throw std::runtime_error("no room");
  }
  void Refuse() override {}
  void Fail(std::exception_ptr) override { ++failures; }
  int runs = 0;
  int failures = 0;

 private:
  const bool throws_;
};

class ThrowingErrandTest : public ::testing::Test {
 protected:
  void RunThem(const std::vector<Errand*>& errands) {
    engine::Output out;
    RunAll(errands, engine_, Instant::Zero(), out);
  }
  engine::Engine engine_{testing_support::NetOptions("a"), std::array<std::byte, 32>{}};
};

TEST_F(ThrowingErrandTest, WhatOneThrowsIsItsOwnAndThoseBehindItAreRun) {
  Counting before;
  Counting throws(true);
  Counting behind;
  RunThem({&before, &throws, &behind});
  EXPECT_EQ(before.runs, 1);
  EXPECT_EQ(behind.runs, 1);
  EXPECT_EQ(throws.failures, 1);
  EXPECT_EQ(before.failures + behind.failures, 0);
}

TEST_F(ThrowingErrandTest, ACallIsToldWhatItHasThrownAndIsAnsweredOnce) {
  CallTable calls;
  const auto prepare = [](const engine::Engine&, Instant) -> CallErrand::Command {
    throw std::runtime_error("no room");
  };
  CallErrand call(calls, prepare);
  RunThem({&call});
  ASSERT_TRUE(call.waiter().notification.WaitForNotificationWithTimeout(absl::ZeroDuration()));
  EXPECT_THROW(std::rethrow_exception(call.waiter().thrown), std::runtime_error);
  EXPECT_EQ(calls.size(), 0u);
}

}  // namespace
}  // namespace cohort::runtime

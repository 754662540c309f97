// Who does what callers want of an engine.
#include "runtime/errand_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime/engine_mutex.h"

namespace cohort::runtime {
namespace {

using ::testing::ElementsAre;

class Nothing final : public Errand {
 public:
  void Run(engine::Engine&, Instant, engine::Output&) override {}
  void Refuse() override { refused = true; }
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

}  // namespace
}  // namespace cohort::runtime

// Who gets the lock of an engine, and when.
#include "runtime/engine_mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cohort::runtime {
namespace {

TEST(EngineMutexTest, ACallerThatTakesItAgainAndAgainIsStoppedForTheIoThread) {
  for (int round = 0; round < 100; ++round) {
    EngineMutex mutex;
    bool had = false;
    mutex.Lock();
    std::thread first([&] {
      const FirstEngineLock lock(&mutex);
      had = true;
    });
    while (!mutex.first_waits()) std::this_thread::yield();
    int passes = -1;
    for (bool over = false; !over;) {
      mutex.Unlock();
      mutex.Lock();
      over = had;
      ++passes;
    }
    mutex.Unlock();
    first.join();
    ASSERT_LE(passes, EngineMutex::kPassesMax);
  }
}

TEST(EngineMutexTest, ManyCallersAndTheIoThreadAllComeToTheirEnd) {
  EngineMutex mutex;
  int count = 0;  // Guarded by mutex.
  std::vector<std::thread> threads;
  for (int caller = 0; caller < 4; ++caller) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const EngineLock lock(&mutex);
        ++count;
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 5000; ++i) {
      const FirstEngineLock lock(&mutex);
      ++count;
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 25000);
}

}  // namespace
}  // namespace cohort::runtime

#include "runtime/delivery_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/mutex.h"
#include "runtime/subscribers.h"

namespace cohort::runtime {
namespace {

engine::Upcall NewMessage(size_t size) {
  engine::MessageUpcall message;
  message.payload = Buffer::Allocate(size);
  return message;
}

TEST(DeliveryQueueTest, UpcallsTasksAndAnswersRunInTheirOrderOnTheDeliveryThread) {
  std::vector<size_t> order;
  DeliveryQueue queue(1 << 20, [&](engine::Upcall& upcall) {
    EXPECT_TRUE(DeliveryQueue::OnDeliveryThread());
    order.push_back(std::get<engine::MessageUpcall>(upcall).payload.size());
  });
  queue.Push(NewMessage(1));
  queue.PushTask([&] { order.push_back(2); });
  queue.PushAnswer({[&](const engine::DoneUpcall&) { order.push_back(3); }, {}});
  queue.PushAnswer({[&](const WriteResult&) { order.push_back(4); }, {}});
  queue.Push(NewMessage(5));
  queue.Start();
  queue.Stop();  // Delivers what is queued first.
  EXPECT_EQ(order, (std::vector<size_t>{1, 2, 3, 4, 5}));
  EXPECT_FALSE(DeliveryQueue::OnDeliveryThread());
}

TEST(DeliveryQueueTest, AQueueThatHasStoppedSaysThatItTakesNoTask) {
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  queue.Start();
  EXPECT_TRUE(queue.PushTask([] {}));
  queue.Stop();
  EXPECT_FALSE(queue.PushTask([] { ADD_FAILURE() << "nobody is there to do it"; }));
  EXPECT_FALSE(queue.PushAnswer(
      {[](const WriteResult&) { ADD_FAILURE() << "nobody is there to tell it"; }, {}}));
}

TEST(DeliveryQueueTest, WhatACallbackHoldsEndsBeforeTheNextOneIsTold) {
  const auto held = std::make_shared<int>(1);
  std::vector<long> left;
  const auto hold = [&left, &held, copy = held](const auto&) { left.push_back(held.use_count()); };
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  const long at_rest = held.use_count();
  queue.PushAnswer({WriteCallback(hold), {}});
  queue.PushAnswer({CallTable::DoneCallback(hold), {}});
  queue.Start();
  queue.Stop();
  EXPECT_EQ(left, (std::vector<long>{at_rest + 2, at_rest + 1}));
  EXPECT_EQ(held.use_count(), at_rest);
}

TEST(DeliveryQueueTest, WhatDoesNotFitIsDroppedCountedAndToldButViewsAreNot) {
  size_t messages = 0;
  size_t views = 0;
  int64_t told = 0;
  DeliveryQueue queue(1000, [&](engine::Upcall& upcall) {
    messages += std::holds_alternative<engine::MessageUpcall>(upcall) ? 1 : 0;
    views += std::holds_alternative<engine::ViewUpcall>(upcall) ? 1 : 0;
    if (auto* event = std::get_if<engine::EventUpcall>(&upcall)) told = event->event.number;
  });
  queue.Push(NewMessage(800));
  queue.Push(NewMessage(800));
  queue.Push(NewMessage(800));
  queue.Push(engine::ViewUpcall{});
  EXPECT_EQ(queue.stats().dropped, 2u);
  queue.Start();
  queue.Stop();
  EXPECT_EQ(messages, 1u);
  EXPECT_EQ(views, 1u);
  EXPECT_EQ(told, 2);
}

TEST(DeliveryQueueTest, WhatIsPushedInABatchIsDeliveredAtOneGoByItsEnd) {
  constexpr int kMany = 50'000;  // Much more than it takes the thread to begin, if it is woken.
  std::atomic<int> delivered{0};
  Notification all;
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  queue.Start();
  {
    const DeliveryQueue::Batch outer(queue);
    for (int i = 0; i < kMany; ++i) {
      const DeliveryQueue::Batch inner(queue);
      queue.PushTask([&] { ++delivered; });
      if (i % 1000 == 0) std::this_thread::yield();
    }
    EXPECT_EQ(delivered, 0);  // Nobody has woken the thread.
    EXPECT_EQ(queue.stats().waiting, static_cast<uint64_t>(kMany));
    queue.PushTask([&] { all.Notify(); });
  }
  all.WaitForNotification();
  EXPECT_EQ(delivered, kMany);
  queue.Stop();
}

TEST(DeliveryQueueTest, WhatOthersPushWhileBatchesComeAndGoIsDeliveredAll) {
  constexpr int kEach = 20'000;
  std::atomic<int> left{2 * kEach};
  Notification all;
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  queue.Start();
  const auto count = [&] {
    if (--left == 0) all.Notify();
  };
  std::thread other([&] {
    for (int i = 0; i < kEach; ++i) queue.PushTask(count);
  });
  for (int i = 0; i < kEach; ++i) {
    const DeliveryQueue::Batch batch(queue);
    queue.PushTask(count);
  }
  other.join();
  all.WaitForNotification();
  queue.Stop();
}

TEST(DeliveryQueueTest, WhatWasPushedBeforeABatchDoesNotWaitForIt) {
  Notification delivered;
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  queue.PushTask([&] { delivered.Notify(); });
  const DeliveryQueue::Batch batch(queue);
  queue.Start();
  delivered.WaitForNotification();
  queue.Stop();
}

TEST(DeliveryQueueTest, AQueueThatIsStoppedInABatchDeliversWhatItHas) {
  int delivered = 0;
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  queue.Start();
  {
    const DeliveryQueue::Batch batch(queue);
    for (int i = 0; i < 3; ++i) queue.PushTask([&] { ++delivered; });
    queue.Stop();
    EXPECT_EQ(delivered, 3);
  }
  EXPECT_EQ(delivered, 3);
}

// Keeps what it is given until it is asked to run it.
struct HeldTasks {
  DeliveryQueue::Executor Executor() {
    return [this](DeliveryQueue::Task task) {
      const MutexLock lock(&mutex);
      tasks.push_back(std::move(task));
    };
  }
  // False: there was none.
  bool RunOne() {
    DeliveryQueue::Task task;
    {
      const MutexLock lock(&mutex);
      if (tasks.empty()) return false;
      task = std::move(tasks.front());
      tasks.erase(tasks.begin());
    }
    task();
    return true;
  }
  Mutex mutex;
  std::vector<DeliveryQueue::Task> tasks;
};

TEST(DeliveryQueueTest, AnExecutorHasItsTurnInABatchToo) {
  HeldTasks held;
  int delivered = 0;
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {}, held.Executor());
  queue.Start();
  const DeliveryQueue::Batch batch(queue);
  for (int i = 0; i < 3; ++i) queue.PushTask([&] { ++delivered; });
  EXPECT_TRUE(held.RunOne());
  EXPECT_EQ(delivered, 3);
  EXPECT_FALSE(held.RunOne());
}

TEST(DeliveryQueueTest, AnExecutorHasOneTurnAtATimeAndEachHasAnEnd) {
  HeldTasks held;
  size_t delivered = 0;
  DeliveryQueue queue(
      1 << 20,
      [&](engine::Upcall&) {
        EXPECT_TRUE(DeliveryQueue::OnDeliveryThread());
        EXPECT_TRUE(queue.OnThisThread());
        ++delivered;
      },
      held.Executor());
  queue.Push(NewMessage(1));
  EXPECT_TRUE(held.tasks.empty()) << "before the start";
  queue.Start();
  for (size_t i = 1; i < DeliveryQueue::kTurnItems + 10; ++i) queue.Push(NewMessage(1));
  EXPECT_EQ(held.tasks.size(), 1u);
  EXPECT_TRUE(held.RunOne());
  EXPECT_EQ(delivered, DeliveryQueue::kTurnItems);
  EXPECT_FALSE(DeliveryQueue::OnDeliveryThread());
  EXPECT_EQ(held.tasks.size(), 1u);
  EXPECT_TRUE(held.RunOne());
  EXPECT_EQ(delivered, DeliveryQueue::kTurnItems + 10);
  EXPECT_FALSE(held.RunOne());
  EXPECT_EQ(queue.stats().bytes_waiting, 0u);
  queue.PushTask([&] { ++delivered; });
  EXPECT_TRUE(held.RunOne());
  EXPECT_EQ(delivered, DeliveryQueue::kTurnItems + 11);
}

TEST(DeliveryQueueTest, WhoStopsMakesTheCallbacksThatNoTurnHasMadeAndLateTurnsDoNothing) {
  HeldTasks held;
  size_t delivered = 0;
  {
    DeliveryQueue queue(1 << 20, [&](engine::Upcall&) { ++delivered; }, held.Executor());
    queue.Start();
    queue.Push(NewMessage(1));
    queue.Push(NewMessage(1));
    queue.Stop();
    EXPECT_EQ(delivered, 2u);
    EXPECT_FALSE(queue.Push(NewMessage(1)));
  }
  EXPECT_TRUE(held.RunOne());
  EXPECT_EQ(delivered, 2u);
}

TEST(DeliveryQueueTest, StopWaitsForTheTurnThatRuns) {
  HeldTasks held;
  Notification inside;
  Notification go_on;
  std::atomic<bool> done{false};
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {}, held.Executor());
  queue.Start();
  queue.PushTask([&] {
    inside.Notify();
    go_on.WaitForNotification();
    for (int i = 0; i < 50; ++i) std::this_thread::yield();  // Stop() is inside by then.
    done = true;
  });
  std::thread host([&] { held.RunOne(); });
  inside.WaitForNotification();
  std::thread stopper([&] {
    go_on.Notify();
    queue.Stop();
    EXPECT_TRUE(done);
  });
  stopper.join();
  host.join();
}

// On a pool the next turn may run before the one that gave it has returned.
TEST(DeliveryQueueTest, StopWaitsForATurnThatBeganBeforeTheOneBeforeHadReturned) {
  DeliveryQueue::Task first;
  std::thread second;
  Notification inside;
  Notification go_on;
  std::atomic<bool> done{false};
  DeliveryQueue queue(
      1 << 20, [](engine::Upcall&) {},
      [&](DeliveryQueue::Task task) {
        if (first == nullptr) {
          first = std::move(task);
          return;
        }
        second = std::thread(std::move(task));
        inside.WaitForNotification();
      });
  queue.Start();
  for (size_t i = 0; i < DeliveryQueue::kTurnItems; ++i) queue.PushTask([] {});
  queue.PushTask([&] {
    inside.Notify();
    go_on.WaitForNotification();
    for (int i = 0; i < 50; ++i) std::this_thread::yield();  // Stop() is inside by then.
    done = true;
  });
  first();
  go_on.Notify();
  queue.Stop();
  EXPECT_TRUE(done);
  second.join();
}

TEST(SubscribersTest, AfterCancelFromOutsideNoCallRunsAndCancelWaitsForTheOneUnderWay) {
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  auto subscribers = std::make_shared<Subscribers<int>>(queue);
  runtime::Notification inside;
  runtime::Notification go_on;
  std::atomic<bool> finished{false};
  std::optional<Subscription> handle = subscribers->NewHandle(subscribers->Add([&](const int&) {
    inside.Notify();
    go_on.WaitForNotification();
    finished = true;
  }),
                                                              nullptr);
  queue.Start();
  queue.PushTask([&] { subscribers->Call(1); });
  inside.WaitForNotification();
  std::thread other([&] { go_on.Notify(); });
  handle.reset();
  EXPECT_TRUE(finished);
  other.join();
  EXPECT_TRUE(subscribers->empty());
  subscribers->Call(2);  // Would block for ever if it were still called.
}

TEST(SubscribersTest, ACallbackMayCancelItself) {
  DeliveryQueue queue(1 << 20, [](engine::Upcall&) {});
  auto subscribers = std::make_shared<Subscribers<int>>(queue);
  std::optional<Subscription> handle;
  int calls = 0;
  handle = subscribers->NewHandle(subscribers->Add([&](const int&) {
    ++calls;
    handle.reset();
  }),
                                  nullptr);
  queue.PushTask([&] {
    subscribers->Call(1);
    subscribers->Call(2);
  });
  queue.Start();
  queue.Stop();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace cohort::runtime

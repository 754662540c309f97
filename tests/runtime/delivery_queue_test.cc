#include "runtime/delivery_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "runtime/mutex.h"
#include "runtime/subscribers.h"

namespace cohort::runtime {
namespace {

engine::Upcall NewMessage(size_t size) {
  engine::MessageUpcall message;
  message.payload = Buffer::Allocate(size);
  return message;
}

TEST(DeliveryQueueTest, UpcallsAndTasksRunInTheirOrderOnTheDeliveryThread) {
  std::vector<size_t> order;
  DeliveryQueue queue(1 << 20, [&](engine::Upcall& upcall) {
    EXPECT_TRUE(DeliveryQueue::OnDeliveryThread());
    order.push_back(std::get<engine::MessageUpcall>(upcall).payload.size());
  });
  queue.Push(NewMessage(1));
  queue.PushTask([&] { order.push_back(2); });
  queue.Push(NewMessage(3));
  queue.Start();
  queue.Stop();  // Delivers what is queued first.
  EXPECT_EQ(order, (std::vector<size_t>{1, 2, 3}));
  EXPECT_FALSE(DeliveryQueue::OnDeliveryThread());
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

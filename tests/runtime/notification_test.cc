#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "runtime/mutex.h"

namespace cohort::runtime {
namespace {

TEST(NotificationTest, WhoeverWaitsIsWokenAndSeesWhatWasDoneBefore) {
  Notification happened;
  int number = 0;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&happened, &number, i] {
      if (i % 2 == 0) {
        happened.WaitForNotification();
      } else {
        EXPECT_TRUE(happened.WaitForNotificationWithTimeout(absl::Minutes(10)));
      }
      EXPECT_EQ(number, 7);
    });
  }
  EXPECT_FALSE(happened.WaitForNotificationWithTimeout(absl::Milliseconds(1)));
  number = 7;
  happened.Notify();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_TRUE(happened.WaitForNotificationWithTimeout(absl::ZeroDuration()));
}

TEST(NotificationTest, AWaitEndsWhenItsTimeIsOver) {
  const Notification never;
  EXPECT_FALSE(never.WaitForNotificationWithTimeout(absl::ZeroDuration()));
  EXPECT_FALSE(never.WaitForNotificationWithTimeout(absl::Milliseconds(1)));
  EXPECT_FALSE(never.WaitForNotificationWithTimeout(-absl::Seconds(1)));
  EXPECT_FALSE(never.HasBeenNotified());
}

// A lost wake-up would be a wait without an end.
TEST(NotificationTest, ItIsMissedByNobodyHoweverTheTwoMeet) {
  for (int i = 0; i < 2000; ++i) {
    Notification there;
    Notification back;
    std::thread other([&] {
      there.WaitForNotification();
      back.Notify();
    });
    there.Notify();
    back.WaitForNotification();
    other.join();
  }
}

}  // namespace
}  // namespace cohort::runtime

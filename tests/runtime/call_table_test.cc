#include "runtime/call_table.h"

#include <gtest/gtest.h>

namespace cohort::runtime {
namespace {

engine::DoneUpcall Done(uint64_t command) {
  engine::DoneUpcall done;
  done.command = command;
  done.number = 7;
  return done;
}

TEST(CallTableTest, ABlockingCallIsWokenWithItsAnswer) {
  CallTable calls;
  auto waiter = std::make_shared<CallTable::Waiter>();
  const uint64_t id = *calls.AddWaiter(waiter);
  const CallTable::Completed completed = calls.Complete(Done(id));
  EXPECT_FALSE(completed.answer.has_value());
  ASSERT_EQ(completed.waiter, waiter);  // Whoever completes it wakes it.
  EXPECT_FALSE(waiter->notification.HasBeenNotified());
  EXPECT_EQ(waiter->done.number, 7);
  EXPECT_EQ(calls.size(), 0u);
}

TEST(CallTableTest, ACallWithACallbackIsAnsweredOnceByItsDeadlineOrItsDoneWhicheverComesFirst) {
  CallTable calls;
  int answered = 0;
  const auto count = [&](const engine::DoneUpcall&) { ++answered; };
  const Instant soon = Instant::FromNanos(100);
  const uint64_t late = *calls.AddCallback(count, soon);
  const uint64_t quick = *calls.AddCallback(count, soon);
  EXPECT_EQ(calls.NextDeadline(), soon);

  const auto answer = calls.Complete(Done(quick)).answer;
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->done.status.ok());
  EXPECT_TRUE(calls.TakeExpired(Instant::FromNanos(99)).empty());
  const auto expired = calls.TakeExpired(soon);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].done.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(calls.Complete(Done(late)).answer.has_value());
  EXPECT_TRUE(calls.NextDeadline().is_infinite());
  EXPECT_EQ(answered, 0);  // The table calls nobody itself.
}

TEST(CallTableTest, AtTheEndEveryCallFailsInOrderAndNoneIsTakenAnyMore) {
  CallTable calls;
  auto waiter = std::make_shared<CallTable::Waiter>();
  calls.AddWaiter(waiter);
  const uint64_t second = *calls.AddCallback([](const engine::DoneUpcall&) {}, Instant::Infinite());
  const uint64_t third = *calls.AddCallback([](const engine::DoneUpcall&) {}, Instant::Infinite());
  const auto answers = calls.FailAll(absl::CancelledError("left"));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].done.command, second);
  EXPECT_EQ(answers[1].done.command, third);
  EXPECT_EQ(waiter->done.status.code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(calls.AddWaiter(waiter).has_value());
}

}  // namespace
}  // namespace cohort::runtime

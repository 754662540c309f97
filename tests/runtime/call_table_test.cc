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

std::optional<uint64_t> Add(CallTable& calls, CallTable::Callback callback,
                            Instant deadline = Instant::Infinite()) {
  return calls.AddCallback(callback, deadline);
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
  const uint64_t late = *Add(calls, count, soon);
  const uint64_t quick = *Add(calls, count, soon);
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

TEST(CallTableTest, TellsACallerOfAWriteWhatItAskedFor) {
  CallTable calls;
  WriteResult told;
  const uint64_t id = *Add(calls, WriteCallback([&](const WriteResult& result) { told = result; }));
  engine::DoneUpcall done = Done(id);
  done.replicas = 3;
  done.version = {5, 6};
  calls.Complete(std::move(done)).answer->Tell();
  EXPECT_TRUE(told.ok());
  EXPECT_EQ(told.number, 7);
  EXPECT_EQ(told.replicas, 3u);
  EXPECT_EQ(told.version, (Version{5, 6}));
  const uint64_t untold = *Add(calls, WriteCallback());
  EXPECT_FALSE(calls.Complete(Done(untold)).answer.has_value());
}

// What a callback holds is the user's: the table lets go of none while it holds its lock.
TEST(CallTableTest, ACallbackThatIsNotToldGoesBackToWhoBroughtIt) {
  CallTable calls;
  const auto held = std::make_shared<int>(1);
  CallTable::Callback callback = [held](const engine::DoneUpcall&) {};
  const uint64_t id = *calls.AddCallback(callback, Instant::Infinite());
  callback = CallTable::DoneCallback();
  EXPECT_EQ(held.use_count(), 2);
  EXPECT_TRUE(calls.Remove(id, &callback));
  EXPECT_EQ(held.use_count(), 2);  // It is in `callback` again.
  EXPECT_FALSE(calls.Remove(id));
  calls.FailAll(absl::CancelledError("left"));
  EXPECT_FALSE(calls.AddCallback(callback, Instant::Infinite()).has_value());
  EXPECT_EQ(held.use_count(), 2);
  callback = CallTable::DoneCallback();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(CallTableTest, AtTheEndEveryCallFailsInOrderAndNoneIsTakenAnyMore) {
  CallTable calls;
  auto waiter = std::make_shared<CallTable::Waiter>();
  calls.AddWaiter(waiter);
  const uint64_t second = *Add(calls, CallTable::DoneCallback([](const engine::DoneUpcall&) {}));
  const uint64_t third = *Add(calls, CallTable::DoneCallback([](const engine::DoneUpcall&) {}));
  const auto answers = calls.FailAll(absl::CancelledError("left"));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].done.command, second);
  EXPECT_EQ(answers[1].done.command, third);
  EXPECT_EQ(waiter->done.status.code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(calls.AddWaiter(waiter).has_value());
}

}  // namespace
}  // namespace cohort::runtime

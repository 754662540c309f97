// What a store keeps besides the sessions: the list by time, sessions that are used, open ends.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "session/open_ends.h"
#include "session/session_table.h"

namespace cohort::session {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(43'200);

absl::Time At(int seconds) { return kNoon + absl::Seconds(seconds); }

TEST(SessionTableTest, ASessionIsBroughtForwardAndNotPutOff) {
  SessionTable table;
  EXPECT_TRUE(table.Add("s1", At(20)));
  EXPECT_FALSE(table.Add("s1", At(10)));
  EXPECT_EQ(table.NextDue(), At(10));
  EXPECT_FALSE(table.Add("s1", At(30)));
  EXPECT_EQ(table.NextDue(), At(10));
  table.Schedule("s1", At(30));
  EXPECT_EQ(table.NextDue(), At(30));
  EXPECT_EQ(table.FirstDue(At(29)), std::nullopt);
  EXPECT_TRUE(table.Remove("s1"));
  EXPECT_EQ(table.NextDue(), absl::InfiniteFuture());
}

// Else two calls could write one session at a time.
TEST(SessionTableTest, WhatIsDroppedKeepsItsObjectWhileSomebodyHasItsTurn) {
  SessionTable table;
  table.Add("s1", At(10));
  std::shared_ptr<Session> turn = table.FindOrNew("s1");
  turn->owned = true;
  turn->fence = 7;
  table.Remove("s1");
  table.Drop("s1");
  EXPECT_EQ(table.FindOrNew("s1"), turn);
  EXPECT_FALSE(turn->owned);
  EXPECT_EQ(turn->fence, 0U);
  EXPECT_TRUE(turn->stale);
  table.Release(turn);
  EXPECT_EQ(table.Find("s1"), nullptr);
}

constexpr auto kSettled = [](const Version&) { return true; };
constexpr auto kUnsettled = [](const Version&) { return false; };

TEST(OpenEndsTest, AnEndThatIsAnsweredIsToldByItsCall) {
  OpenEnds ends;
  ends.Begin("e1", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("e1", {}, kSettled).has_value());
  EXPECT_TRUE(ends.Settle("e1", absl::OkStatus(), kSettled));
  EXPECT_FALSE(ends.OnTold("e1", {}, kSettled).has_value());
  EXPECT_EQ(ends.size(), 0U);
}

TEST(OpenEndsTest, AnEndOfUnknownOutcomeIsToldWhenItTakesEffect) {
  OpenEnds ends;
  ends.Begin("e1", {.id = "s1", .cause = EndCause::kRenamed, .new_id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("e1", absl::DeadlineExceededError("late"), kSettled));
  const std::optional<OpenEnd> told = ends.OnTold("e1", {}, kSettled);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->cause, EndCause::kRenamed);
  EXPECT_EQ(told->new_id, "s2");
  EXPECT_FALSE(ends.OnTold("e1", {}, kSettled).has_value());
}

TEST(OpenEndsTest, WhatTookEffectBeforeItsCallReturnedIsSure) {
  OpenEnds ends;
  ends.Begin("e1", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("e1", {}, kSettled).has_value());
  EXPECT_TRUE(ends.Settle("e1", absl::DeadlineExceededError("late"), kSettled));
  EXPECT_EQ(ends.size(), 0U);
}

// Else one is told that its session has ended here which then comes back, and ends once more.
TEST(OpenEndsTest, WhatMayBeTakenBackIsHeld) {
  OpenEnds ends;
  const absl::Status unknown = absl::UnknownError("excluded");
  ends.Begin("told first", {.id = "s1"}, kNoon);
  EXPECT_FALSE(ends.OnTold("told first", {}, kSettled).has_value());
  EXPECT_FALSE(ends.Settle("told first", unknown, kUnsettled));
  ends.Begin("told later", {.id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("told later", unknown, kUnsettled));
  EXPECT_FALSE(ends.IsHeld("s2")) << "it has not taken effect";
  EXPECT_FALSE(ends.OnTold("told later", {}, kUnsettled).has_value());
  ends.Begin("under way", {.id = "s3"}, kNoon);
  EXPECT_FALSE(ends.OnTold("under way", {}, kUnsettled).has_value());
  EXPECT_TRUE(ends.IsHeld("s1"));
  EXPECT_TRUE(ends.IsHeld("s2"));
  EXPECT_FALSE(ends.IsHeld("s3")) << "its call tells it";
  EXPECT_TRUE(ends.HoldsAny());
  EXPECT_TRUE(ends.TakeSettled(kUnsettled).empty());
  EXPECT_EQ(ends.TakeSettled(kSettled).size(), 2U);
  EXPECT_FALSE(ends.HoldsAny());
  EXPECT_TRUE(ends.Settle("under way", absl::OkStatus(), kUnsettled))
      << "what is acknowledged is sure";
}

TEST(OpenEndsTest, ARefusalIsTheEndOfItAndOfNoOther) {
  OpenEnds ends;
  ends.Begin("first", {.id = "s1", .cause = EndCause::kRenamed, .new_id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("first", absl::DeadlineExceededError("late"), kSettled));
  ends.Begin("second", {.id = "s1"}, kNoon);
  EXPECT_EQ(ends.OnTold("first", {}, kSettled)->new_id, "s2");
  EXPECT_FALSE(ends.Settle("second", absl::NotFoundError("no such session"), kSettled));
  EXPECT_EQ(ends.size(), 0U);
}

TEST(OpenEndsTest, WhatNeverTookEffectIsForgotten) {
  OpenEnds ends;
  for (size_t i = 0; i < kOpenEndsMax; ++i) {
    ends.Begin(std::to_string(i), {}, kNoon);
    ends.Settle(std::to_string(i), absl::DeadlineExceededError("late"), kSettled);
  }
  EXPECT_EQ(ends.size(), kOpenEndsMax);
  ends.Begin("one more", {}, kNoon);
  EXPECT_FALSE(ends.Settle("one more", absl::DeadlineExceededError("late"), kSettled));
  EXPECT_EQ(ends.size(), kOpenEndsMax);
  ends.Begin("later", {}, kNoon + kOpenEndsTime);
  EXPECT_EQ(ends.size(), 1U);
}

}  // namespace
}  // namespace cohort::session

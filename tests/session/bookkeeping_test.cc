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

TEST(OpenEndsTest, AnEndThatIsAnsweredIsToldByItsCall) {
  OpenEnds ends;
  ends.Begin("e1", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("e1").has_value());
  EXPECT_TRUE(ends.Settle("e1", absl::OkStatus()));
  EXPECT_FALSE(ends.OnTold("e1").has_value());
  EXPECT_EQ(ends.size(), 0U);
}

TEST(OpenEndsTest, AnEndOfUnknownOutcomeIsToldWhenItTakesEffect) {
  OpenEnds ends;
  ends.Begin("e1", {.id = "s1", .cause = EndCause::kRenamed, .new_id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("e1", absl::DeadlineExceededError("late")));
  const std::optional<OpenEnd> told = ends.OnTold("e1");
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->cause, EndCause::kRenamed);
  EXPECT_EQ(told->new_id, "s2");
  EXPECT_FALSE(ends.OnTold("e1").has_value());
}

TEST(OpenEndsTest, WhatTookEffectBeforeItsCallReturnedIsSure) {
  OpenEnds ends;
  ends.Begin("e1", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("e1").has_value());
  EXPECT_TRUE(ends.Settle("e1", absl::DeadlineExceededError("late")));
  EXPECT_EQ(ends.size(), 0U);
}

TEST(OpenEndsTest, ARefusalIsTheEndOfItAndOfNoOther) {
  OpenEnds ends;
  ends.Begin("first", {.id = "s1", .cause = EndCause::kRenamed, .new_id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("first", absl::DeadlineExceededError("late")));
  ends.Begin("second", {.id = "s1"}, kNoon);
  EXPECT_EQ(ends.OnTold("first")->new_id, "s2");
  EXPECT_FALSE(ends.Settle("second", absl::NotFoundError("no such session")));
  EXPECT_EQ(ends.size(), 0U);
}

TEST(OpenEndsTest, WhatNeverTookEffectIsForgotten) {
  OpenEnds ends;
  for (size_t i = 0; i < kOpenEndsMax; ++i) {
    ends.Begin(std::to_string(i), {}, kNoon);
    ends.Settle(std::to_string(i), absl::DeadlineExceededError("late"));
  }
  EXPECT_EQ(ends.size(), kOpenEndsMax);
  ends.Begin("one more", {}, kNoon);
  EXPECT_FALSE(ends.Settle("one more", absl::DeadlineExceededError("late")));
  EXPECT_EQ(ends.size(), kOpenEndsMax);
  ends.Begin("later", {}, kNoon + kOpenEndsTime);
  EXPECT_EQ(ends.size(), 1U);
}

}  // namespace
}  // namespace cohort::session

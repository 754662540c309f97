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

// By it a save is known to be of a session that is in the list, and not put off.
TEST(SessionTableTest, ASessionThatIsUsedSaysWhenItIsDue) {
  SessionTable table;
  std::shared_ptr<Session> first = table.FindOrNew("s1");
  EXPECT_EQ(first->due, std::nullopt);
  table.BringForward(*first, At(5));
  EXPECT_FALSE(table.Contains("s1"));
  table.Add("s1", At(20));
  EXPECT_EQ(first->due, At(20));
  table.BringForward(*first, At(30));
  EXPECT_EQ(table.NextDue(), At(20));
  table.BringForward(*first, At(10));
  EXPECT_EQ(table.NextDue(), At(10));
  EXPECT_EQ(first->due, At(10));
  table.Schedule("s1", At(40));
  EXPECT_EQ(first->due, At(40));
  table.Remove("s1");
  EXPECT_EQ(first->due, std::nullopt);
  table.Add("s2", At(7));
  EXPECT_EQ(table.FindOrNew("s2")->due, At(7));
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

constexpr uint64_t kSettled = UINT64_MAX;
constexpr uint64_t kUnsettled = 0;
constexpr Version kTold{7, 1};

TEST(OpenEndsTest, AnEndThatIsAnsweredIsToldByItsCall) {
  OpenEnds ends;
  ends.Begin("e1", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("e1", kTold, kSettled).has_value());
  EXPECT_TRUE(ends.Settle("e1", absl::OkStatus(), kSettled));
  EXPECT_FALSE(ends.OnTold("e1", kTold, kSettled).has_value());
  EXPECT_EQ(ends.size(), 0U);
}

TEST(OpenEndsTest, AnEndOfUnknownOutcomeIsToldWhenItTakesEffect) {
  OpenEnds ends;
  ends.Begin("e1", {.id = "s1", .cause = EndCause::kRenamed, .new_id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("e1", absl::DeadlineExceededError("late"), kSettled));
  const std::optional<LateEnd> told = ends.OnTold("e1", kTold, kSettled);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->end.cause, EndCause::kRenamed);
  EXPECT_EQ(told->end.new_id, "s2");
  EXPECT_EQ(told->key, "e1");
  EXPECT_EQ(told->version, kTold);
  EXPECT_EQ(told->written, kNoon);
  EXPECT_FALSE(ends.OnTold("e1", kTold, kSettled).has_value());
}

TEST(OpenEndsTest, WhatTookEffectBeforeItsCallReturnedIsSure) {
  OpenEnds ends;
  ends.Begin("e1", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("e1", kTold, kSettled).has_value());
  EXPECT_TRUE(ends.Settle("e1", absl::DeadlineExceededError("late"), kSettled));
  EXPECT_EQ(ends.size(), 0U);
}

// Else one is told that its session has ended here which then comes back, and ends once more.
TEST(OpenEndsTest, WhatMayBeTakenBackIsHeld) {
  OpenEnds ends;
  const absl::Status unknown = absl::UnknownError("excluded");
  ends.Begin("told first", {.id = "s1"}, kNoon);
  EXPECT_FALSE(ends.OnTold("told first", kTold, kSettled).has_value());
  EXPECT_FALSE(ends.Settle("told first", unknown, kUnsettled));
  ends.Begin("told later", {.id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("told later", unknown, kUnsettled));
  EXPECT_FALSE(ends.HeldIds().contains("s2")) << "it has not taken effect";
  EXPECT_FALSE(ends.OnTold("told later", kTold, kUnsettled).has_value());
  ends.Begin("under way", {.id = "s3"}, kNoon);
  EXPECT_FALSE(ends.OnTold("under way", kTold, kUnsettled).has_value());
  EXPECT_EQ(ends.HeldIds(), (absl::flat_hash_set<std::string>{"s1", "s2"})) << "s3's call tells it";
  EXPECT_TRUE(ends.HoldsAny());
  EXPECT_TRUE(ends.TakeSettled(kTold.time - 1, kNoon).empty());
  EXPECT_EQ(ends.TakeSettled(kTold.time, kNoon).size(), 2U);
  EXPECT_FALSE(ends.HoldsAny());
  EXPECT_TRUE(ends.Settle("under way", absl::OkStatus(), kUnsettled))
      << "what is acknowledged is sure";
}

TEST(OpenEndsTest, WhatHasBeenHeldForLongIsLookedAtAllTheSame) {
  OpenEnds ends;
  ends.Begin("e1", {.id = "s1"}, kNoon);
  EXPECT_FALSE(ends.Settle("e1", absl::UnknownError("excluded"), kUnsettled));
  EXPECT_FALSE(ends.OnTold("e1", kTold, kUnsettled).has_value());
  EXPECT_TRUE(ends.TakeSettled(kUnsettled, kNoon + kOpenEndsTime - absl::Seconds(1)).empty());
  EXPECT_EQ(ends.TakeSettled(kUnsettled, kNoon + kOpenEndsTime).size(), 1U);
}

TEST(OpenEndsTest, AnotherEndOfTheSameSessionIsToldInPlaceOfTheHeldOne) {
  OpenEnds ends;
  const auto hold = [&](std::string_view key, std::string id, absl::Time created) {
    ends.Begin(key, {.id = std::move(id), .created = created}, kNoon);
    EXPECT_FALSE(ends.Settle(key, absl::UnknownError("excluded"), kUnsettled));
    EXPECT_FALSE(ends.OnTold(key, kTold, kUnsettled).has_value());
  };
  hold("e1", "s1", At(1));
  hold("e2", "s1", At(2));
  hold("e3", "s2", At(1));
  ends.DropHeld("s1", At(1));
  EXPECT_EQ(ends.size(), 2U) << "one that was made of its id before is another session";
  ends.DropHeld("s1", std::nullopt);
  EXPECT_EQ(ends.HeldIds(), (absl::flat_hash_set<std::string>{"s2"}));
}

TEST(OpenEndsTest, WhatIsHeldIsNotForgottenForWantOfRoom) {
  OpenEnds ends;
  ends.Begin("held", {.id = "s"}, kNoon);
  EXPECT_FALSE(ends.Settle("held", absl::UnknownError("excluded"), kUnsettled));
  EXPECT_FALSE(ends.OnTold("held", kTold, kUnsettled).has_value());
  for (size_t i = 1; i < kOpenEndsMax; ++i) {
    ends.Begin(std::to_string(i), {}, kNoon);
    EXPECT_FALSE(ends.Settle(std::to_string(i), absl::UnknownError("late"), kUnsettled));
  }
  ends.Begin("one more", {}, kNoon + kOpenEndsTime);
  EXPECT_EQ(ends.size(), 2U);
  EXPECT_TRUE(ends.HoldsAny());
  for (size_t i = 2; i < kOpenEndsMax; ++i) ends.Begin(std::to_string(i), {}, kNoon);
  ends.Begin("full", {}, kNoon);
  EXPECT_FALSE(ends.OnTold("full", kTold, kUnsettled).has_value());
  EXPECT_TRUE(ends.Settle("full", absl::UnknownError("excluded"), kUnsettled))
      << "nothing more is held: its call tells it";
}

TEST(OpenEndsTest, ARefusalIsTheEndOfItAndOfNoOther) {
  OpenEnds ends;
  ends.Begin("first", {.id = "s1", .cause = EndCause::kRenamed, .new_id = "s2"}, kNoon);
  EXPECT_FALSE(ends.Settle("first", absl::DeadlineExceededError("late"), kSettled));
  ends.Begin("second", {.id = "s1"}, kNoon);
  EXPECT_EQ(ends.OnTold("first", kTold, kSettled)->end.new_id, "s2");
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

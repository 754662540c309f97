// How long what is written takes until all have it.
#include "engine/write_timer.h"

#include <gtest/gtest.h>

namespace cohort::engine {
namespace {

constexpr Rank kSelf = 0;
constexpr Rank kOther = 1;
constexpr Duration kRest = milliseconds(10);

class WriteTimerTest : public ::testing::Test {
 protected:
  WriteTimerTest() {
    acks_.Reset(3);
    Advance();  // It begins to look.
  }
  // This member has so many of `origin`'s chunks.
  void Have(Rank origin, SeqNo count) { acks_.Raise(kSelf, origin, count); }
  // So have the others.
  void HaveAll(Rank origin, SeqNo count) {
    for (Rank member = 0; member < 3; ++member) acks_.Raise(member, origin, count);
  }
  void Advance(Duration later = Duration::zero(), bool often = false) {
    now_ = now_ + later;
    timer_.Advance(now_, acks_, kSelf, often);
  }

  Instant now_ = Instant::Zero() + seconds(100);
  wire::AckTable acks_;
  WriteTimer timer_;
};

TEST_F(WriteTimerTest, AChunkIsTimedFromWhenItIsHereUntilAllHaveIt) {
  for (const Rank origin : {kSelf, kOther}) {
    Have(origin, 1);
    Advance();
    EXPECT_TRUE(timer_.TakeBegun());
    EXPECT_FALSE(timer_.TakeBegun());
    Advance(microseconds(300));
    EXPECT_EQ(timer_.TakeDelay(), std::nullopt);
    acks_.Raise(kOther, origin, 1);  // The third one still has not.
    Advance(microseconds(300));
    EXPECT_EQ(timer_.TakeDelay(), std::nullopt);
    HaveAll(origin, 1);
    Advance(microseconds(100));
    EXPECT_EQ(timer_.TakeDelay(), microseconds(700));
    EXPECT_EQ(timer_.TakeDelay(), std::nullopt);
    Advance(kRest);  // It looks again.
  }
}

TEST_F(WriteTimerTest, TheLastOfThoseThatCameTogetherIsTimed) {
  Have(kOther, 5);
  Advance();
  HaveAll(kOther, 4);
  Advance(milliseconds(1));
  EXPECT_EQ(timer_.TakeDelay(), std::nullopt);
  HaveAll(kOther, 6);
  Advance(milliseconds(1));
  EXPECT_EQ(timer_.TakeDelay(), milliseconds(2));
}

TEST_F(WriteTimerTest, AfterOneItRestsUnlessItIsToTimeOften) {
  HaveAll(kOther, 1);
  Advance();
  Advance(microseconds(1));
  ASSERT_TRUE(timer_.TakeDelay().has_value());
  timer_.TakeBegun();
  Have(kOther, 2);
  Advance(kRest - microseconds(1));
  EXPECT_FALSE(timer_.TakeBegun());
  Advance(microseconds(1));
  EXPECT_FALSE(timer_.TakeBegun()) << "what came while it rested is old";
  Have(kOther, 3);
  Advance();
  EXPECT_TRUE(timer_.TakeBegun());
  HaveAll(kOther, 3);
  Advance(microseconds(1), /*often=*/true);  // Looks at once.
  Have(kOther, 4);
  Advance(microseconds(1), /*often=*/true);
  EXPECT_TRUE(timer_.TakeBegun());
}

TEST_F(WriteTimerTest, WhatWasHereBeforeItLookedIsNotTimed) {
  WriteTimer timer;
  HaveAll(kOther, 7);
  timer.Advance(now_, acks_, kSelf, false);
  timer.Advance(now_, acks_, kSelf, false);
  EXPECT_FALSE(timer.TakeBegun());
}

// Its numbers begin anew, and so may be below those of the view before.
TEST_F(WriteTimerTest, AViewForgetsWhatWasTimedAndNumbersBeginAnew) {
  HaveAll(kOther, 8);
  Have(kSelf, 9);
  Advance();
  EXPECT_TRUE(timer_.TakeBegun());
  timer_.OnView();
  acks_.Reset(3);
  Advance();
  Have(kOther, 1);
  Advance();
  EXPECT_TRUE(timer_.TakeBegun());
  HaveAll(kOther, 1);
  Advance(microseconds(50));
  EXPECT_EQ(timer_.TakeDelay(), microseconds(50));
}

}  // namespace
}  // namespace cohort::engine

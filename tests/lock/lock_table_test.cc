#include "lock/lock_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace cohort::lock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using enum absl::StatusCode;

constexpr Instant kNow = Instant::FromNanos(1'000'000'000);

MemberId Id(char name, uint32_t join_no = 0) { return {{7, static_cast<uint64_t>(name)}, join_no}; }

// Member a, with a map that others write, too, and a view.
class LockTableTest : public ::testing::Test {
 protected:
  LockTableTest() { SetView({Id('b'), Id('a'), Id('c')}); }
  ~LockTableTest() override { EXPECT_TRUE(table_.IsConsistent()); }

  void SetView(const std::vector<MemberId>& members) {
    view_ = {};
    for (const MemberId& id : members) {
      const char name = static_cast<char>(id.instance.lo);
      view_.members.push_back({id, std::string(1, name), "", true});
    }
  }
  void Put(const std::string& name, const std::string& value) {
    map_[name] = {value, {++time_, 0}};
  }
  void PutOf(const std::string& name, const MemberId& owner) {
    Put(name, Encode(Holding{owner, 99}));
  }
  // Carries out all writes of the table, as the group would.
  void Write() {
    while (!out_.writes.empty()) {
      const LockTable::Write write = out_.writes.front();
      out_.writes.erase(out_.writes.begin());
      const auto there = map_.find(write.name);
      const Version version = there == map_.end() ? Version::None() : there->second.second;
      if (version != write.expected) {
        table_.OnWritten(kNow, write.ticket, absl::AbortedError("changed"), version, out_);
        continue;
      }
      if (write.value) Put(write.name, *write.value);
      if (!write.value) map_.erase(write.name);
      table_.OnWritten(kNow, write.ticket, absl::OkStatus(), {time_, 0}, out_);
    }
  }
  void Acquire(uint64_t id, const std::string& name = "l", Duration timeout = seconds(10)) {
    table_.Acquire(kNow, id, name, kNow + timeout, false, out_);
    Write();
  }
  void TryAcquire(uint64_t id, const std::string& name = "l") {
    table_.Acquire(kNow, id, name, Instant::Infinite(), true, out_);
    Write();
  }
  LockTable::Answer Answered() {
    EXPECT_THAT(out_.answers, SizeIs(1));
    if (out_.answers.empty()) return {};
    const LockTable::Answer answer = out_.answers.front();
    out_.answers.clear();
    return answer;
  }

  std::map<std::string, std::pair<std::string, Version>> map_;
  View view_;
  bool readable_ = true;
  bool in_place_ = true;
  bool draining_ = false;
  uint64_t time_ = 0;
  LockTable table_{Id('a').instance,
                   [this](std::string_view name) {
                     LockTable::Seen seen{readable_, in_place_, view_, std::nullopt, {}, draining_};
                     const auto there = map_.find(std::string(name));
                     if (there != map_.end()) {
                       seen.value = there->second.first;
                       seen.version = there->second.second;
                     }
                     return seen;
                   },
                   {}};
  LockTable::Output out_;
};

TEST(HoldingTest, WhatWasWrittenIsReadAndWhatIsNoLockIsNone) {
  const Holding holding{{{0x0123456789abcdef, 5}, 3}, 77};
  EXPECT_EQ(Encode(holding), "0123456789abcdef0000000000000005/3/77");
  EXPECT_EQ(Decode(Encode(holding)), holding);
  for (const char* bad : {"", "x", "0123456789abcdef0000000000000005", "0123456789abcdef5/3/77",
                          "0123456789abcdef0000000000000005/3/", "0123456789abcdef00000000/3/77",
                          "0123456789abcdef0000000000000005/3/77 ",
                          "0123456789abcdef0000000000000005/99999999999/7"}) {
    EXPECT_FALSE(Decode(bad).has_value()) << bad;
  }
}

TEST_F(LockTableTest, AFreeLockIsTakenAndGivenBack) {
  Acquire(1);
  const LockTable::Answer got = Answered();
  EXPECT_TRUE(got.status.ok());
  EXPECT_TRUE(table_.IsHeld(got.hold));
  EXPECT_EQ(got.fence, map_["l"].second);
  EXPECT_EQ(Decode(map_["l"].first)->owner, Id('a'));
  table_.Release(kNow, 2, got.hold, out_);
  EXPECT_FALSE(table_.IsHeld(got.hold));
  Write();
  EXPECT_TRUE(Answered().status.ok());
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, ALockOfALivingMemberIsWaitedForUntilItsEntryGoes) {
  PutOf("l", Id('c'));
  Acquire(1);
  EXPECT_THAT(out_.answers, IsEmpty());
  map_.erase("l");
  table_.OnChange(kNow, "l", out_);
  Write();
  EXPECT_TRUE(Answered().status.ok());
}

TEST_F(LockTableTest, ALockOfAMemberThatLeftTheViewIsTakenOverWithAGreaterFence) {
  PutOf("l", Id('c'));
  const Version before = map_["l"].second;
  Acquire(1);
  EXPECT_THAT(out_.answers, IsEmpty());
  SetView({Id('b'), Id('a')});
  table_.OnChangeOfAll(kNow, out_);
  Write();
  const LockTable::Answer got = Answered();
  EXPECT_TRUE(got.status.ok());
  EXPECT_GT(got.fence, before);
}

TEST_F(LockTableTest, AMemberThatCameBackDoesNotOwnWhatItOwnedBefore) {
  PutOf("l", Id('c'));
  SetView({Id('b'), Id('a'), Id('c', 1)});
  Acquire(1);
  EXPECT_TRUE(Answered().status.ok());
}

TEST_F(LockTableTest, WhoComesSecondWaits) {
  table_.Acquire(kNow, 1, "l", Instant::Infinite(), false, out_);
  PutOf("l", Id('c'));  // Ordered before ours.
  Write();
  EXPECT_THAT(out_.answers, IsEmpty());
  EXPECT_EQ(Decode(map_["l"].first)->owner, Id('c'));
}

TEST_F(LockTableTest, CallersOfOneMemberGetALockOneAfterTheOther) {
  Acquire(1);
  const uint64_t first = Answered().hold;
  Acquire(2);
  Acquire(3);
  EXPECT_THAT(out_.answers, IsEmpty());
  table_.Release(kNow, 4, first, out_);
  Write();
  ASSERT_THAT(out_.answers, SizeIs(2));
  EXPECT_EQ(out_.answers[0].id, 4u);
  EXPECT_EQ(out_.answers[1].id, 2u);
}

TEST_F(LockTableTest, WhoTriesOnceHearsWhoHasIt) {
  PutOf("l", Id('c'));
  TryAcquire(1);
  const LockTable::Answer answer = Answered();
  EXPECT_EQ(answer.status.code(), kAborted);
  EXPECT_THAT(std::string(answer.status.message()), HasSubstr("held by c"));
  TryAcquire(2, "free");
  EXPECT_TRUE(Answered().status.ok());
  TryAcquire(3, "free");
  EXPECT_EQ(Answered().status.code(), kAborted);
}

TEST_F(LockTableTest, WhoseTimeIsUpGetsNothingAndLeavesNothing) {
  PutOf("l", Id('c'));
  Acquire(1, "l", seconds(1));
  EXPECT_EQ(table_.NextDeadline(), kNow + seconds(1));
  table_.OnTimer(kNow + seconds(1), out_);
  EXPECT_EQ(Answered().status.code(), kDeadlineExceeded);
  EXPECT_EQ(table_.waiters(), 0u);
  map_.erase("l");
  table_.OnChange(kNow, "l", out_);
  EXPECT_THAT(out_.writes, IsEmpty());
}

TEST_F(LockTableTest, ALockThatComesWhenNobodyWaitsAnyMoreIsGivenBack) {
  table_.Acquire(kNow, 1, "l", kNow + seconds(1), false, out_);
  ASSERT_THAT(out_.writes, SizeIs(1));
  table_.OnTimer(kNow + seconds(2), out_);
  EXPECT_EQ(Answered().status.code(), kDeadlineExceeded);
  Write();
  EXPECT_THAT(map_, IsEmpty());
}

// ---- Loss.

TEST_F(LockTableTest, AHolderWhoseEntryWasWrittenOverIsTold) {
  Acquire(1);
  const uint64_t hold = Answered().hold;
  PutOf("l", Id('c'));  // A merge.
  table_.OnChange(kNow, "l", out_);
  Write();
  ASSERT_THAT(out_.lost, SizeIs(1));
  EXPECT_EQ(out_.lost[0].hold, hold);
  EXPECT_EQ(out_.lost[0].why.code(), kAborted);
  EXPECT_FALSE(table_.IsHeld(hold));
  EXPECT_EQ(Decode(map_["l"].first)->owner, Id('c')) << "who lost does not touch it";
  table_.Release(kNow, 2, hold, out_);
  EXPECT_EQ(Answered().status.code(), kAborted);
}

TEST_F(LockTableTest, AHolderThatComesBackAsANewMemberHasLostAndItsEntryGoes) {
  Acquire(1);
  Answered();
  SetView({Id('b'), Id('a', 1), Id('c')});
  table_.OnChangeOfAll(kNow, out_);
  Write();
  EXPECT_THAT(out_.lost, SizeIs(1));
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, WhoIsOutLosesAtOnceAndCleansUpWhenItIsBack) {
  Acquire(1);
  const uint64_t hold = Answered().hold;
  in_place_ = false;
  EXPECT_FALSE(table_.IsHeld(hold));
  table_.OnOut(kNow, absl::UnavailableError("no quorum"), out_);
  ASSERT_THAT(out_.lost, SizeIs(1));
  EXPECT_EQ(out_.lost[0].why, absl::UnavailableError("no quorum"));
  EXPECT_THAT(out_.writes, IsEmpty());
  in_place_ = true;
  table_.OnTimer(table_.NextDeadline(), out_);
  Write();
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, WhoWaitsWhileItIsOutWaitsOnAndWhoTriesOnceDoesNot) {
  readable_ = false;
  Acquire(1);
  EXPECT_THAT(out_.answers, IsEmpty());
  TryAcquire(2, "other");
  EXPECT_EQ(Answered().status.code(), kUnavailable);
  readable_ = true;
  table_.OnTimer(table_.NextDeadline(), out_);
  Write();
  EXPECT_TRUE(Answered().status.ok());
}

TEST_F(LockTableTest, AWriteOfUnknownOutcomeIsLookedUp) {
  table_.Acquire(kNow, 1, "l", kNow + seconds(10), false, out_);
  ASSERT_THAT(out_.writes, SizeIs(1));
  const LockTable::Write write = out_.writes[0];
  out_.writes.clear();
  Put("l", *write.value);  // It took effect, but nobody could say so.
  table_.OnWritten(kNow, write.ticket, absl::UnknownError("excluded"), Version::None(), out_);
  EXPECT_THAT(out_.answers, IsEmpty());
  table_.OnTimer(table_.NextDeadline(), out_);
  Write();
  EXPECT_TRUE(Answered().status.ok()) << "taken anew, over its own entry";
}

TEST_F(LockTableTest, AReleaseThatCouldNotBeWrittenIsTriedAgain) {
  Acquire(1);
  const uint64_t hold = Answered().hold;
  table_.Release(kNow, 2, hold, out_);
  ASSERT_THAT(out_.writes, SizeIs(1));
  const uint64_t ticket = out_.writes[0].ticket;
  out_.writes.clear();
  table_.OnWritten(kNow, ticket, absl::ResourceExhaustedError("full"), Version::None(), out_);
  EXPECT_EQ(Answered().status.code(), kResourceExhausted);
  table_.OnTimer(table_.NextDeadline(), out_);
  Write();
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, TheCoordinatorRemovesTheLocksOfWhoLeftAndNobodyElseDoes) {
  PutOf("l", Id('x'));
  table_.OnChange(kNow, "l", out_);
  EXPECT_THAT(out_.writes, IsEmpty());
  SetView({Id('a'), Id('c')});
  table_.OnChange(kNow, "l", out_);
  Write();
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, AnEntryIsLooseFromTheReleaseUntilItIsGone) {
  Acquire(1);
  const uint64_t hold = Answered().hold;
  EXPECT_FALSE(table_.HasLoose());
  table_.Release(kNow, 2, hold, out_);
  EXPECT_TRUE(table_.HasLoose());
  const uint64_t ticket = out_.writes.at(0).ticket;
  out_.writes.clear();
  table_.OnWritten(kNow, ticket, absl::ResourceExhaustedError("full"), Version::None(), out_);
  EXPECT_TRUE(table_.HasLoose());
  table_.OnTimer(table_.NextDeadline(), out_);
  Write();
  EXPECT_FALSE(table_.HasLoose());
}

// ---- Halted, or draining.

TEST_F(LockTableTest, AReleaseThatIsUnderWayWhenThisMemberIsOutIsAnsweredAtOnce) {
  Acquire(1);
  table_.Release(kNow, 2, Answered().hold, out_);
  in_place_ = false;
  table_.OnOut(kNow, absl::UnavailableError("no quorum"), out_);
  const LockTable::Answer answer = Answered();
  EXPECT_EQ(answer.id, 2u);
  EXPECT_EQ(answer.status.code(), kUnavailable);
  in_place_ = true;
  Write();  // It is halted no more, and the write takes effect.
  EXPECT_THAT(out_.answers, IsEmpty());
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, WhoTriesOnceWhileThisMemberIsOutIsAnsweredAtOnceWhateverIsUnderWay) {
  table_.Acquire(kNow, 1, "l", Instant::Infinite(), true, out_);
  ASSERT_THAT(out_.writes, SizeIs(1));
  in_place_ = false;
  table_.OnOut(kNow, absl::UnavailableError("no quorum"), out_);
  EXPECT_EQ(Answered().status.code(), kUnavailable);
  table_.Acquire(kNow, 2, "l", Instant::Infinite(), true, out_);
  EXPECT_EQ(Answered().status.code(), kUnavailable);
  in_place_ = true;
  Write();
  EXPECT_THAT(map_, IsEmpty()) << "a lock that nobody waits for any more is given back";
}

TEST_F(LockTableTest, AReleaseOutOfPlaceIsNoLossYet) {
  Acquire(1);
  const uint64_t hold = Answered().hold;
  in_place_ = false;
  table_.Release(kNow, 2, hold, out_);
  EXPECT_EQ(Answered().status.code(), kUnavailable);
  in_place_ = true;
  table_.OnTimer(table_.NextDeadline(), out_);
  Write();
  EXPECT_THAT(map_, IsEmpty());
}

TEST_F(LockTableTest, WhoDrainsHoldsOnAndReleasesAndTakesNothing) {
  Acquire(1, "held");
  const uint64_t hold = Answered().hold;
  PutOf("wanted", Id('c'));
  Acquire(2, "wanted");
  draining_ = true;
  table_.OnChangeOfAll(kNow, out_);
  const LockTable::Answer refused = Answered();
  EXPECT_EQ(refused.id, 2u);
  EXPECT_EQ(refused.status.code(), kFailedPrecondition);
  EXPECT_TRUE(table_.IsHeld(hold));
  EXPECT_THAT(out_.lost, IsEmpty());
  Acquire(3, "free");
  EXPECT_EQ(Answered().status.code(), kFailedPrecondition);
  TryAcquire(4, "free");
  EXPECT_EQ(Answered().status.code(), kFailedPrecondition);
  table_.Release(kNow, 5, hold, out_);
  Write();
  EXPECT_TRUE(Answered().status.ok());
  EXPECT_FALSE(map_.contains("held"));
  EXPECT_FALSE(map_.contains("free"));
}

// ---- Limits, ends, strangers.

TEST_F(LockTableTest, AnEntryThatIsNoLockIsLeftAloneAndSaidToBe) {
  Put("l", "a session");
  Acquire(1);
  const LockTable::Answer answer = Answered();
  EXPECT_EQ(answer.status.code(), kDataLoss);
  EXPECT_EQ(map_["l"].first, "a session");
}

TEST_F(LockTableTest, AMemberThatDrainsGetsNoLocks) {
  table_.Acquire(kNow, 1, "l", kNow + seconds(10), false, out_);
  const uint64_t ticket = out_.writes.at(0).ticket;
  out_.writes.clear();
  const absl::Status draining = absl::FailedPreconditionError("draining");
  table_.OnWritten(kNow, ticket, draining, Version::None(), out_);
  EXPECT_EQ(Answered().status, draining);
}

TEST_F(LockTableTest, WaitersAreLimited) {
  LockTable table(Id('a').instance,
                  [this](std::string_view) {
                    return LockTable::Seen{readable_, in_place_, view_, Encode(Holding{Id('c'), 1}),
                                           {1, 1},    false};
                  },
                  {.waiters_max = 2});
  table.Acquire(kNow, 1, "l", Instant::Infinite(), false, out_);
  table.Acquire(kNow, 2, "m", Instant::Infinite(), false, out_);
  EXPECT_THAT(out_.answers, IsEmpty());
  table.Acquire(kNow, 3, "n", Instant::Infinite(), false, out_);
  EXPECT_EQ(Answered().status.code(), kResourceExhausted);
}

TEST_F(LockTableTest, WhenTheGroupIsLeftWaitersAndHoldersAreTold) {
  Acquire(1);
  Answered();
  Acquire(2);
  table_.FailAll(absl::CancelledError("left"), out_);
  EXPECT_EQ(Answered().status.code(), kCancelled);
  EXPECT_THAT(out_.lost, SizeIs(1));
}

}  // namespace
}  // namespace cohort::lock

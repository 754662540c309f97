// Reads of a member that has not got the state, at those that have.
#include "transfer/reads.h"

#include <gtest/gtest.h>

#include "map/map_builders.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {
namespace {

class ReadsTest : public ::testing::Test {
 protected:
  ReadsTest() { holder_.Do(map::PutOp{"lamp", "on"}); }

  Reads::Waiting Read(uint64_t id, std::string key, Duration within = seconds(1)) const {
    return {id, "m", std::move(key), now_ + within};
  }
  void SetDonors(const std::vector<MemberId>& donors) {
    reads_.SetDonors(donors, out_);
    for (Output::Message& message : out_.messages) asked_.push_back(std::move(message));
    out_ = {};
  }
  // The oldest question is answered by whom it went to, from what `map` holds.
  void AnswerNext(const map::Map* map) {
    const Output::Message message = std::move(asked_.front());
    asked_.erase(asked_.begin());
    const std::optional<ReadQuestion> question = DecodeRead(message.body);
    ASSERT_TRUE(question.has_value());
    OnAnswer(message.to, AnswerRead(DecodeHeader(message.body)->attempt, map, question->key, 1000));
  }
  void OnAnswer(const MemberId& from, const Buffer& answer) {
    reads_.OnAnswer(now_, from, answer, out_, done_);
    for (Output::Message& message : out_.messages) asked_.push_back(std::move(message));
    out_ = {};
  }
  void Time(Instant now) {
    reads_.OnTimer(now, out_, done_);
    for (Output::Message& message : out_.messages) asked_.push_back(std::move(message));
    out_ = {};
  }
  const map::Map* Held() { return holder_.maps().Get(0); }

  Instant now_ = Instant::Zero() + seconds(100);
  map::Replica holder_;
  const MemberId a_ = map::Writer(1);
  const MemberId b_ = map::Writer(2);
  Reads reads_;
  Output out_;
  std::vector<Output::Message> asked_;
  std::vector<Reads::Done> done_;
};

TEST_F(ReadsTest, WhatTheHolderHasComesBackWithItsVersion) {
  ASSERT_TRUE(reads_.Add(Read(7, "lamp")).ok());
  EXPECT_TRUE(asked_.empty());  // There is nobody to ask yet.
  SetDonors({a_});
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].to, a_);
  AnswerNext(Held());
  ASSERT_EQ(done_.size(), 1u);
  EXPECT_EQ(done_[0].id, 7u);
  EXPECT_TRUE(done_[0].status.ok());
  EXPECT_EQ(done_[0].value.text(), "on");
  EXPECT_EQ(done_[0].version, Held()->Find("lamp")->version);
  EXPECT_EQ(done_[0].ttl_ms, -1);
  EXPECT_TRUE(reads_.empty());
}

TEST_F(ReadsTest, WhatIsLeftOfALifetimeComesToo) {
  map::PutOp put{"bulb", "on"};
  put.ttl_ms = 500;
  holder_.Do(put, 800);
  ASSERT_TRUE(reads_.Add(Read(1, "bulb")).ok());
  SetDonors({a_});
  AnswerNext(Held());
  EXPECT_EQ(done_.at(0).ttl_ms, 300);
}

TEST_F(ReadsTest, WhatIsNotThereIsSaidToBe) {
  ASSERT_TRUE(reads_.Add(Read(1, "none")).ok());
  ASSERT_TRUE(reads_.Add(Read(2, "lamp")).ok());
  SetDonors({a_});
  AnswerNext(Held());
  AnswerNext(nullptr);
  ASSERT_EQ(done_.size(), 2u);
  EXPECT_EQ(done_[0].status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(done_[1].status.message(), "no such map");
}

TEST_F(ReadsTest, ALargeValueIsNotSent) {
  holder_.Do(map::PutOp{"large", std::string(kReadValueBytesMax + 1, 'x')});
  holder_.Do(map::PutOp{"largest", std::string(kReadValueBytesMax, 'x')});
  ASSERT_TRUE(reads_.Add(Read(1, "large")).ok());
  ASSERT_TRUE(reads_.Add(Read(2, "largest")).ok());
  SetDonors({a_});
  AnswerNext(Held());
  AnswerNext(Held());
  EXPECT_EQ(done_.at(0).status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(done_.at(1).value.size(), kReadValueBytesMax);
}

TEST_F(ReadsTest, AFewAreAskedAtATimeAndTheHoldersInTurn) {
  for (uint64_t id = 0; id < 20; ++id) ASSERT_TRUE(reads_.Add(Read(id, "lamp")).ok());
  SetDonors({a_, b_});
  ASSERT_EQ(asked_.size(), 2 * kReadsAskedMax);
  EXPECT_EQ(asked_[0].to, a_);
  EXPECT_EQ(asked_[1].to, b_);
  for (int i = 0; i < 20; ++i) {
    AnswerNext(Held());
    EXPECT_LE(asked_.size(), 2 * kReadsAskedMax);
  }
  EXPECT_EQ(done_.size(), 20u);
}

TEST_F(ReadsTest, MoreThanMayWaitAreRefused) {
  for (uint64_t id = 0; id < kReadsMax; ++id) ASSERT_TRUE(reads_.Add(Read(id, "lamp")).ok());
  EXPECT_EQ(reads_.Add(Read(1, "lamp")).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ReadsTest, WhoGoesIsReplacedByAnother) {
  ASSERT_TRUE(reads_.Add(Read(1, "lamp")).ok());
  SetDonors({a_, b_});
  asked_.clear();
  reads_.OnGone(now_, a_, out_);
  ASSERT_EQ(out_.messages.size(), 1u);
  EXPECT_EQ(out_.messages[0].to, b_);
  out_ = {};
  SetDonors({a_});  // And b is not in the next view.
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].to, a_);
  AnswerNext(Held());
  EXPECT_EQ(done_.size(), 1u);
}

TEST_F(ReadsTest, TheOnlyHolderIsAskedAgainWhenItsLifelineHasBroken) {
  ASSERT_TRUE(reads_.Add(Read(1, "lamp")).ok());
  SetDonors({a_});
  asked_.clear();
  reads_.OnGone(now_, a_, out_);
  SetDonors({a_});
  EXPECT_TRUE(asked_.empty()) << "not at once";
  EXPECT_LT(reads_.NextDeadline(), now_ + seconds(1));
  Time(reads_.NextDeadline());
  ASSERT_EQ(asked_.size(), 1u);
  AnswerNext(Held());
  EXPECT_EQ(done_.size(), 1u);
}

// Between two lives of this member, in which the same ones hold the state.
TEST_F(ReadsTest, WhoWentWhileNobodyAskedIsAskedWhenSomebodyDoes) {
  SetDonors({a_});
  reads_.OnGone(now_, a_, out_);
  EXPECT_TRUE(reads_.TakeAll().empty());
  ASSERT_TRUE(reads_.Add(Read(1, "lamp")).ok());
  SetDonors({a_});
  EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(ReadsTest, WhoHasLostTheStateSendsTheReadToAnother) {
  ASSERT_TRUE(reads_.Add(Read(1, "lamp")).ok());
  SetDonors({a_, b_});
  asked_.clear();
  OnAnswer(a_, EncodeReadAnswer(1, {.code = ReadCode::kNoState, .value = {}}));
  EXPECT_TRUE(done_.empty());
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].to, b_);
}

// However short their times are, and however slow the holder: its lifeline carries so many answers.
TEST_F(ReadsTest, ReadsWhoseTimeIsOverStillCountAsAsked) {
  SetDonors({a_});
  for (uint64_t id = 0; id < 3 * kReadsAskedMax; ++id) {
    ASSERT_TRUE(reads_.Add(Read(id, "lamp", milliseconds(10))).ok());
    SetDonors({a_});
  }
  EXPECT_EQ(asked_.size(), kReadsAskedMax);
  Time(now_ + milliseconds(10));
  EXPECT_EQ(done_.size(), 3 * kReadsAskedMax);
  ASSERT_TRUE(reads_.Add(Read(99, "lamp")).ok());
  SetDonors({a_});
  EXPECT_EQ(asked_.size(), kReadsAskedMax) << "one more is on its way than may be";
  AnswerNext(Held());
  EXPECT_EQ(done_.size(), 3 * kReadsAskedMax) << "told twice";
  EXPECT_EQ(asked_.size(), kReadsAskedMax);
  SetDonors({b_});  // Who does not answer any more, holds up nobody.
  EXPECT_EQ(reads_.size(), 1u);
}

TEST_F(ReadsTest, AnAnswerOfSomebodyElseCountsForNothing) {
  ASSERT_TRUE(reads_.Add(Read(1, "lamp")).ok());
  SetDonors({a_});
  OnAnswer(b_, AnswerRead(1, Held(), "lamp", 1000));
  OnAnswer(a_, AnswerRead(2, Held(), "lamp", 1000));
  OnAnswer(a_, Buffer::CopyOf("rubbish"));
  EXPECT_TRUE(done_.empty());
  AnswerNext(Held());
  OnAnswer(a_, AnswerRead(1, Held(), "lamp", 1000));  // Once more.
  EXPECT_EQ(done_.size(), 1u);
}

TEST_F(ReadsTest, TheTimeLimitTellsWhetherAnybodyWasAsked) {
  ASSERT_TRUE(reads_.Add(Read(1, "lamp", seconds(1))).ok());
  ASSERT_TRUE(reads_.Add(Read(2, "lamp", seconds(2))).ok());
  EXPECT_EQ(reads_.NextDeadline(), now_ + seconds(1));
  Time(now_ + seconds(1));
  ASSERT_EQ(done_.size(), 1u);
  EXPECT_EQ(done_[0].status.code(), absl::StatusCode::kUnavailable);
  SetDonors({a_});
  Time(now_ + seconds(2));
  ASSERT_EQ(done_.size(), 2u);
  EXPECT_EQ(done_[1].status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(reads_.NextDeadline().is_infinite());
}

TEST_F(ReadsTest, WhoHasGotTheStateItselfTakesWhatWaits) {
  ASSERT_TRUE(reads_.Add(Read(1, "lamp")).ok());
  ASSERT_TRUE(reads_.Add(Read(2, "bulb")).ok());
  SetDonors({a_});
  const std::vector<Reads::Waiting> waiting = reads_.TakeAll();
  ASSERT_EQ(waiting.size(), 2u);
  EXPECT_EQ(waiting[0].key, "lamp");
  EXPECT_TRUE(reads_.empty());
  AnswerNext(Held());  // Too late.
  EXPECT_TRUE(done_.empty());
}

// ---- Who answers.

constexpr InstanceId kAsker{1, 1};
constexpr InstanceId kOther{2, 2};

// How many turns, all in one second, in which `member` is answered `bytes` each, until it is turned
// away.
size_t TurnsAnswered(ReadBudget& budget, Instant& now, const InstanceId& member, size_t bytes) {
  for (size_t turns = 0;; ++turns, now = now + microseconds(1)) {
    if (!budget.HasFor(now, member)) return turns;
    budget.Spend(member, bytes);
    budget.OnEndOfTurn();
  }
}

TEST(ReadBudgetTest, OneThatAsksForEverIsAnsweredSoMuchInASecond) {
  ReadBudget budget;
  Instant now = Instant::Zero() + seconds(100);
  EXPECT_EQ(TurnsAnswered(budget, now, kAsker, kReadValueBytesMax),
            kReadBytesPerSecondMax / kReadValueBytesMax);
  EXPECT_EQ(budget.turned_away(), 1u);
  EXPECT_TRUE(budget.HasFor(now, kOther)) << "it is not another one's fault";
  now = now + seconds(1);
  EXPECT_EQ(TurnsAnswered(budget, now, kAsker, kReadValueBytesMax),
            kReadBytesPerSecondMax / kReadValueBytesMax);
  EXPECT_EQ(budget.turned_away(), 2u);
}

TEST(ReadBudgetTest, SmallAnswersCostSomethingToo) {
  ReadBudget budget;
  Instant now = Instant::Zero() + seconds(100);
  EXPECT_EQ(TurnsAnswered(budget, now, kAsker, 30), kReadBytesPerSecondMax / kReadBytesCountedMin);
}

TEST(ReadBudgetTest, AllTogetherAreAnsweredSoMuchInATurn) {
  ReadBudget budget;
  const Instant now = Instant::Zero() + seconds(100);
  for (size_t bytes = 0; bytes < kReadBytesPerTurnMax; bytes += kReadValueBytesMax) {
    EXPECT_TRUE(budget.HasFor(now, kAsker));
    budget.Spend(kAsker, kReadValueBytesMax);
  }
  EXPECT_FALSE(budget.HasFor(now, kOther));
  budget.OnEndOfTurn();
  EXPECT_TRUE(budget.HasFor(now, kOther));
}

TEST(ReadCodecTest, WhatIsTooShortTooLongOrOfNoCodeIsNone) {
  const Buffer question = EncodeRead(3, {"map", "key"});
  for (size_t size = 0; size < kMessageHeaderBytes + 2 + 3; ++size)
    EXPECT_FALSE(DecodeRead(question.bytes().first(size)).has_value()) << size;
  EXPECT_FALSE(DecodeRead(EncodeRead(3, {"map", std::string(4097, 'k')})).has_value());
  EXPECT_FALSE(DecodeRead(EncodeRead(3, {std::string(65, 'm'), "key"})).has_value());
  const Buffer answer = EncodeReadAnswer(3, {.code = ReadCode::kFound, .value = AsBytes("v")});
  for (size_t size = 0; size + 1 < answer.size(); ++size)
    EXPECT_FALSE(DecodeReadAnswer(answer.bytes().first(size)).has_value()) << size;
  EXPECT_FALSE(
      DecodeReadAnswer(EncodeReadAnswer(3, {.code = static_cast<ReadCode>(5), .value = {}}))
          .has_value());
  EXPECT_FALSE(DecodeReadAnswer(EncodeReadAnswer(3, {.ttl_ms = -2, .value = {}})).has_value());
}

}  // namespace
}  // namespace cohort::transfer

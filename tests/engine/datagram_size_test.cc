#include "engine/datagram_size.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <vector>

#include "wire/limits.h"

namespace cohort::engine {
namespace {

constexpr size_t kSmall = wire::kDatagramMax6;
constexpr size_t kLarge = wire::kJumboDatagramMax6;

std::vector<MemberInfo> Members(std::initializer_list<uint64_t> numbers) {
  std::vector<MemberInfo> members;
  for (const uint64_t number : numbers) {
    MemberInfo member;
    member.id = {.instance = {number, number}, .join_no = 1};
    members.push_back(std::move(member));
  }
  return members;
}

// Rank 0 is this member. The others answer unless they are deaf.
class DatagramSizeTest : public ::testing::Test {
 protected:
  void Begin(std::initializer_list<uint64_t> numbers) {
    members_ = numbers.size();
    size_.OnView(now_, 0, Members(numbers));
  }
  void Offer(Rank from, size_t bytes = kLarge) {
    size_.OnOffer(now_, from, {.bytes = static_cast<uint16_t>(bytes)});
  }
  void OfferAll() {
    for (Rank rank = 1; rank < members_; ++rank) Offer(rank);
  }
  void Answer(Rank from, uint32_t nonce, size_t bytes = kLarge) {
    size_.OnAnswer(now_, from, {.nonce = nonce, .bytes = static_cast<uint16_t>(bytes)});
  }
  void Pass(Duration duration) {
    const Instant end = now_ + duration;
    while (size_.NextDeadline() <= end) {
      now_ = std::max(now_, size_.NextDeadline());
      std::vector<wire::OutFrame> frames;
      if (auto fall =
              size_.OnTimer(now_, [this](Rank rank) { return !silent_.contains(rank); }, frames)) {
        fall_ = fall;
      }
      for (const wire::OutFrame& frame : frames) {
        EXPECT_EQ(frame.to, kAllRanks);
        last_probe_ = std::get<wire::SizeProbeFrame>(frame.frame);
        ++probes_;
        for (Rank rank = 1; rank < members_; ++rank) {
          if (!deaf_.contains(rank)) Answer(rank, last_probe_.nonce, last_probe_.bytes);
        }
      }
    }
    now_ = end;
  }
  // Large chunks all the time.
  void SendFor(Duration duration) {
    for (Instant end = now_ + duration; now_ < end; Pass(milliseconds(10))) {
      if (size_.bytes() > kSmall) size_.OnSent();
    }
  }

  DatagramSize size_{kLarge};
  size_t members_ = 0;
  Instant now_ = Instant::Zero() + seconds(10);
  std::set<Rank> deaf_;    // Large datagrams do not reach them.
  std::set<Rank> silent_;  // Nothing is heard of them.
  wire::SizeProbeFrame last_probe_;
  int probes_ = 0;
  std::optional<DatagramSize::Fall> fall_;
};

TEST_F(DatagramSizeTest, GrowsOnceAllHaveOfferedAndShownIt) {
  Begin({1, 2, 3});
  EXPECT_EQ(size_.Offer()->bytes, kLarge);
  Pass(seconds(5));
  Offer(1);
  Pass(seconds(5));
  EXPECT_EQ(probes_, 0) << "one has not offered";
  Offer(2);
  deaf_ = {2};
  Pass(seconds(1));
  EXPECT_GT(probes_, 0);
  EXPECT_EQ(size_.bytes(), kSmall) << "one has not answered";
  deaf_.clear();
  Pass(seconds(30));
  EXPECT_EQ(size_.bytes(), kLarge);
  EXPECT_FALSE(fall_);
}

TEST_F(DatagramSizeTest, IsTheLeastOfWhatAllTake) {
  Begin({1, 2, 3});
  Offer(1, 4000);
  Offer(2);
  Pass(seconds(1));
  EXPECT_EQ(last_probe_.bytes, 4000);
  EXPECT_EQ(size_.bytes(), 4000u);
}

TEST_F(DatagramSizeTest, AMemberThatTakesOnlySmallOnesOffersAndProbesNothing) {
  size_ = DatagramSize(1472);
  Begin({1, 2});
  EXPECT_FALSE(size_.Offer());
  OfferAll();
  Pass(seconds(60));
  EXPECT_EQ(probes_, 0);
  EXPECT_TRUE(size_.NextDeadline().is_infinite());
}

TEST_F(DatagramSizeTest, AloneOrAmongVeryManyAllStaysSmall) {
  Begin({1});
  EXPECT_FALSE(size_.Offer());
  members_ = kSizedMembersMax + 1;
  std::vector<MemberInfo> many;
  for (uint64_t number = 1; number <= members_; ++number) many.push_back(Members({number}).front());
  size_.OnView(now_, 0, many);
  EXPECT_FALSE(size_.Offer());
  OfferAll();
  Pass(seconds(10));
  EXPECT_EQ(probes_, 0);
}

TEST_F(DatagramSizeTest, WithoutTrafficNothingIsProbedAgain) {
  Begin({1, 2});
  OfferAll();
  Pass(seconds(60));
  EXPECT_EQ(probes_, 1);
  SendFor(seconds(10));
  EXPECT_GE(probes_, 9);
  EXPECT_LE(probes_, 12);
}

TEST_F(DatagramSizeTest, WhoNeverAnswersIsProbedMoreAndMoreRarely) {
  Begin({1, 2});
  OfferAll();
  deaf_ = {1};
  Pass(seconds(600));
  EXPECT_LE(probes_, 9 + 600 / 30);
  EXPECT_FALSE(fall_) << "nothing was large";
}

TEST_F(DatagramSizeTest, MembersThatStayKeepWhatTheyHaveShownAndANewcomerShowsItFirst) {
  Begin({1, 2, 3});
  OfferAll();
  Pass(seconds(1));
  ASSERT_EQ(size_.bytes(), kLarge);
  Begin({1, 3});
  EXPECT_EQ(size_.bytes(), kLarge);
  Begin({1, 3, 4});
  EXPECT_EQ(size_.bytes(), kSmall);
  deaf_ = {2};
  Offer(2);
  Pass(milliseconds(500));
  EXPECT_EQ(size_.bytes(), kSmall);
  deaf_.clear();
  Pass(seconds(5));
  EXPECT_EQ(size_.bytes(), kLarge);
}

TEST_F(DatagramSizeTest, FourProbesThatALivingMemberDoesNotAnswerMakeItSmall) {
  Begin({1, 2, 3});
  OfferAll();
  Pass(seconds(1));
  deaf_ = {2};
  SendFor(milliseconds(300));
  EXPECT_EQ(size_.bytes(), kLarge) << "one or two may be lost";
  SendFor(milliseconds(500));
  EXPECT_EQ(size_.bytes(), kSmall);
  ASSERT_TRUE(fall_);
  EXPECT_EQ(fall_->member, 2);
  EXPECT_EQ(fall_->bytes, kLarge);
  EXPECT_EQ(size_.falls(), 1u);
  deaf_.clear();
  Pass(seconds(30));
  EXPECT_EQ(size_.bytes(), kLarge) << "and back";
}

TEST_F(DatagramSizeTest, WhatIsAskedForAgainIsAReasonToProbeAtOnce) {
  Begin({1, 2});
  OfferAll();
  Pass(seconds(60));
  deaf_ = {1};
  for (int i = 0; i < 60; ++i) {
    size_.OnAskedAgain(now_);
    Pass(milliseconds(10));
  }
  EXPECT_EQ(size_.bytes(), kSmall);
  EXPECT_LE(probes_, 1 + 600 / 125 + 1) << "however often it is asked";
}

TEST_F(DatagramSizeTest, AMemberThatIsNotHeardAtAllSaysNothingAboutThePath) {
  Begin({1, 2});
  OfferAll();
  Pass(seconds(1));
  deaf_ = silent_ = {1};
  SendFor(seconds(10));
  EXPECT_EQ(size_.bytes(), kLarge);
  EXPECT_FALSE(fall_);
}

TEST_F(DatagramSizeTest, APathThatComesAndGoesIsTakenForNarrowForLongerAndLonger) {
  Begin({1, 2});
  OfferAll();
  for (int i = 0; i < 4; ++i) {
    deaf_.clear();
    Pass(seconds(9));
    ASSERT_EQ(size_.bytes(), kLarge) << i;
    fall_.reset();
    deaf_ = {1};
    SendFor(seconds(3));
    ASSERT_TRUE(fall_) << i;
  }
  EXPECT_GE(fall_->held, seconds(2));
  EXPECT_EQ(fall_->times, 4u);
}

TEST_F(DatagramSizeTest, IsLargeAgainAfterTheHoldAlsoWhenTheNarrowMemberHasLeftMeanwhile) {
  Begin({1, 2, 3});
  OfferAll();
  while (!fall_ || fall_->held == Duration::zero()) {
    deaf_.clear();
    Pass(seconds(9));
    ASSERT_EQ(size_.bytes(), kLarge);
    deaf_ = {2};
    fall_.reset();
    for (int i = 0; i < 300 && !fall_; ++i) SendFor(milliseconds(10));
    ASSERT_TRUE(fall_);
  }
  deaf_.clear();
  Begin({1, 2});
  EXPECT_EQ(size_.bytes(), kSmall) << "it is held";
  Pass(seconds(60));
  EXPECT_EQ(size_.bytes(), kLarge);
}

TEST_F(DatagramSizeTest, AnswersThatWereNeverAskedForOrAreOutOfDateRaiseNothing) {
  Begin({1, 2});
  OfferAll();
  deaf_ = {1};
  Pass(seconds(1));
  Answer(1, last_probe_.nonce + 1);
  Answer(1, 0);
  EXPECT_EQ(size_.bytes(), kSmall) << "a nonce of ours only";
  Answer(1, last_probe_.nonce, 2000);
  EXPECT_EQ(size_.bytes(), kSmall) << "a smaller one says nothing of the larger";
  Answer(7, last_probe_.nonce);
  Answer(0, last_probe_.nonce);
  EXPECT_EQ(size_.bytes(), kSmall) << "a member only";
  Answer(1, last_probe_.nonce);
  EXPECT_EQ(size_.bytes(), kLarge);
  const uint32_t old = last_probe_.nonce;
  SendFor(seconds(3));
  ASSERT_EQ(size_.bytes(), kSmall);
  Answer(1, old);
  EXPECT_EQ(size_.bytes(), kSmall) << "it is of before the fall";
}

TEST_F(DatagramSizeTest, AnInterfaceThatTakesLessMakesItSmallAtOnceAndOneThatTakesMoreIsProbed) {
  Begin({1, 2});
  OfferAll();
  Pass(seconds(1));
  size_.SetOwn(now_, kSmall);
  EXPECT_EQ(size_.bytes(), kSmall);
  ASSERT_TRUE(size_.Offer()) << "the others hold its larger offer, and need not find out by probes";
  EXPECT_EQ(size_.Offer()->bytes, kSmall);
  size_.SetOwn(now_, kLarge);
  Pass(seconds(1));
  EXPECT_EQ(size_.bytes(), kLarge);
  Offer(1, 3000);
  Pass(seconds(1));
  EXPECT_EQ(size_.bytes(), 3000u) << "it has shown more";
  Offer(1, 0);
  EXPECT_EQ(size_.bytes(), kSmall);
}

}  // namespace
}  // namespace cohort::engine

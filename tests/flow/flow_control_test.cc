#include "flow/flow_control.h"

#include <gtest/gtest.h>

#include "flow/under_way.h"

namespace cohort::flow {
namespace {

class FlowControlTest : public ::testing::Test {
 protected:
  void SetUp() override { flow_.OnView(now_, 0, 3); }
  void Status(Rank from, uint16_t credit, uint16_t backlog = 0, uint16_t drops = 0) {
    wire::StatusFrame status;
    status.status_no = ++status_no_;
    status.credit_packets = credit;
    status.backlog_packets = backlog;
    status.queue_drops = drops;
    flow_.OnStatus(now_, from, status);
  }
  void Credit(uint16_t credit) {
    Status(1, credit);
    Status(2, credit);
  }
  // A round trip in which the whole window is used and acknowledged.
  void RoundTrip() {
    const uint32_t window = flow_.window();
    flow_.OnSent(now_, window);
    now_ = now_ + milliseconds(1);
    flow_.OnAcked(now_, window);
  }
  void TearDown() override { EXPECT_TRUE(flow_.IsConsistent()); }

  Instant now_ = Instant::Zero() + seconds(1);
  FlowControl flow_;
  uint32_t status_no_ = 0;
};

TEST_F(FlowControlTest, TheWindowStartsAt16AndDoublesEachRoundTripUpToTheSmallestCredit) {
  Status(1, 1000);
  Status(2, 100);
  EXPECT_EQ(flow_.window(), 16u);
  RoundTrip();
  EXPECT_EQ(flow_.window(), 32u);
  for (int i = 0; i < 10; ++i) RoundTrip();
  EXPECT_EQ(flow_.window(), 100u);
  EXPECT_TRUE(flow_.CanSend(now_, 99));
  EXPECT_FALSE(flow_.CanSend(now_, 100));
}

TEST_F(FlowControlTest, AnUnusedWindowDoesNotGrow) {
  Credit(1000);
  for (int i = 0; i < 10; ++i) {
    flow_.OnSent(now_, 1);
    flow_.OnAcked(now_, 1);
  }
  EXPECT_EQ(flow_.window(), 16u);
}

TEST_F(FlowControlTest, ALossCutsTheWindowOncePerRoundTripThenItGrowsByOne) {
  Credit(5000);
  flow_.SetRoundTrip(1, milliseconds(2));
  for (int i = 0; i < 3; ++i) RoundTrip();
  EXPECT_EQ(flow_.window(), 128u);
  flow_.OnLoss(now_);
  flow_.OnLoss(now_ + milliseconds(1));
  EXPECT_EQ(flow_.window(), 89u);
  RoundTrip();
  EXPECT_EQ(flow_.window(), 90u);
  flow_.OnLoss(now_ + milliseconds(2));
  EXPECT_EQ(flow_.window(), 63u);
}

TEST_F(FlowControlTest, TheWindowNeverFallsBelowFour) {
  Credit(5000);
  for (int i = 0; i < 20; ++i) {
    now_ = now_ + seconds(1);
    flow_.OnLoss(now_);
  }
  EXPECT_EQ(flow_.window(), 4u);
}

TEST_F(FlowControlTest, DropsOfAReceiverLowerItsCreditAndGiveBackTheCut) {
  Credit(5000);
  for (int i = 0; i < 3; ++i) RoundTrip();
  flow_.OnLoss(now_);
  Status(1, 5000, 0, 7);
  EXPECT_EQ(flow_.congestion_window(), 128u);
  EXPECT_EQ(flow_.window(), 89u);
  Status(1, 5000, 0, 7);  // Nothing new.
  EXPECT_EQ(flow_.window(), 89u);
}

TEST_F(FlowControlTest, TheCreditIsSharedByBacklog) {
  for (int i = 0; i < 10; ++i) {
    Credit(1000);
    RoundTrip();
  }
  flow_.SetBacklog(100);
  Status(1, 1000, 300);
  EXPECT_EQ(flow_.window(), 250u);
  Status(2, 1000, 60000);
  EXPECT_EQ(flow_.window(), 4u);
  Status(1, 1000, 0);
  Status(2, 1000, 0);
  EXPECT_EQ(flow_.window(), 1000u);
}

TEST_F(FlowControlTest, WithoutCreditOneChunkProbesAfterAWaitThatDoubles) {
  Credit(1000);
  Status(1, 0);
  EXPECT_FALSE(flow_.CanSend(now_, 0));
  Duration last{};
  for (int i = 0; i < 8; ++i) {
    const Instant due = flow_.NextDeadline();
    ASSERT_FALSE(due.is_infinite());
    const Duration wait = due - now_;
    EXPECT_GE(wait, last);
    EXPECT_LE(wait, milliseconds(50));
    last = wait;
    now_ = due;
    flow_.OnTimer(now_);
    EXPECT_TRUE(flow_.CanSend(now_, 5));
    flow_.OnSent(now_, 6);
    EXPECT_FALSE(flow_.CanSend(now_, 6));
  }
  EXPECT_EQ(last, milliseconds(50));
  Status(1, 100);
  EXPECT_TRUE(flow_.CanSend(now_, 6));
  EXPECT_TRUE(flow_.NextDeadline().is_infinite());
}

TEST_F(FlowControlTest, AnOlderStatusThatArrivesLaterIsIgnored) {
  Credit(1000);
  wire::StatusFrame old;
  old.status_no = 1;
  old.credit_packets = 0;
  flow_.OnStatus(now_, 1, old);
  EXPECT_TRUE(flow_.CanSend(now_, 0));
  EXPECT_EQ(flow_.stats().stale_statuses, 1u);
  flow_.OnStatus(now_, 9, old);
  flow_.OnStatus(now_, 0, old);
  EXPECT_EQ(flow_.stats().unknown_ranks, 2u);
}

TEST_F(FlowControlTest, AnAcknowledgementIsAskedForEachQuarterOfTheWindowAndBeforeItIsFull) {
  Credit(1000);
  int asked = 0;
  for (size_t in_flight = 0; in_flight < 16; ++in_flight) asked += flow_.WantsAck(in_flight);
  EXPECT_EQ(asked, 4);
  EXPECT_TRUE(flow_.WantsAck(15));
}

TEST_F(FlowControlTest, LargeChunksAskForAnAcknowledgementEachQuarterToo) {
  Credit(1000);
  constexpr size_t kPackets = 3;
  int asked = 0;
  for (size_t in_flight = 0; in_flight < 16; in_flight += kPackets)
    asked += flow_.WantsAck(in_flight, kPackets);
  EXPECT_EQ(asked, 4);
}

TEST(UnderWayTest, WhatIsInFlightCountsInPacketsAndOnlyWhatIsNotAcknowledged) {
  UnderWay under_way;
  EXPECT_EQ(under_way.Packets(0), 0u);
  for (const size_t packets : {1, 7, 7, 2}) under_way.Add(packets);
  EXPECT_EQ(under_way.Packets(4), 17u);
  EXPECT_EQ(under_way.Packets(3), 16u);
  EXPECT_EQ(under_way.Packets(1), 2u);
  under_way.Clear();
  EXPECT_EQ(under_way.Packets(1), 0u);
}

TEST_F(FlowControlTest, CreditIsHalfOfWhatTheSocketHoldsAndTheFreeSlotsWithinSixteenBits) {
  flow_.SetReceiveCapacity(2304 * 200);
  EXPECT_EQ(flow_.credit_packets(50), 150);
  EXPECT_EQ(flow_.credit_packets(1'000'000), 65535);
}

TEST_F(FlowControlTest, AloneOnlyTheCongestionWindowCounts) {
  flow_.OnView(now_, 0, 1);
  EXPECT_TRUE(flow_.CanSend(now_, 0));
  EXPECT_TRUE(flow_.NextDeadline().is_infinite());
}

// 200 us of round trip on a network that loses nothing must not cap the rate below 150'000 chunks a
// second.
TEST_F(FlowControlTest, ALosslessNetworkIsNotThrottled) {
  flow_.SetReceiveCapacity(208u << 10);
  Credit(8000);
  for (int i = 0; i < 100; ++i) RoundTrip();
  EXPECT_GE(flow_.window() * 5000, 150'000u);
}

}  // namespace
}  // namespace cohort::flow

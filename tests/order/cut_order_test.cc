#include "order/cut_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "wire/frames.h"
#include "wire/mark_record.h"
#include "wire/order_record.h"

namespace cohort::order {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Names = std::vector<std::string>;

// One member of a view, fed by hand.
class CutOrderTest : public ::testing::Test {
 protected:
  void Join(Rank self, size_t members) {
    self_ = self;
    members_ = members;
    next_.assign(members, 0);
    cut_ = 0;
    acks_.Reset(members);
    order_.OnView(now_, self, members, out_);
  }
  // The next chunk of `origin`; returns its number.
  SeqNo Feed(Rank origin, DeliveryClass cls, uint8_t flags = 0, Buffer payload = {}) {
    const SeqNo seq = ++next_[origin];
    order_.OnChunk(now_, {origin, seq, cls, flags, std::move(payload)}, out_);
    return seq;
  }
  SeqNo Conv(Rank origin) { return Feed(origin, DeliveryClass::kConv); }
  SeqNo Agreed(Rank origin, uint8_t flags = 0) {
    return Feed(origin, DeliveryClass::kAgreed, flags);
  }
  SeqNo Safe(Rank origin) { return Feed(origin, DeliveryClass::kSafe); }
  SeqNo Order(std::vector<wire::OrderRun> runs) {
    wire::OrderRecord record;
    record.cut = ++cut_;
    for (const wire::OrderRun& run : runs) record.runs.push_back(run);
    return Feed(0, DeliveryClass::kCtrl, 0, wire::EncodeOrderRecord(record));
  }
  void AllAck(Rank origin, SeqNo upto) {
    for (Rank rank = 0; rank < members_; ++rank) acks_.Raise(rank, origin, upto);
    order_.OnAcks(now_, acks_, out_);
  }
  // "origin:seq", with "~" when transitional.
  Names Take() {
    Names names;
    for (const CutOrder::Delivery& delivery : out_.deliveries) {
      names.push_back(std::to_string(delivery.chunk.origin) + ":" +
                      std::to_string(delivery.chunk.seq) + (delivery.transitional ? "~" : ""));
    }
    out_.deliveries.clear();
    return names;
  }
  // What the sequencer would send now, sent and received here.
  std::vector<wire::OrderRecord> Emit() {
    out_.order_records.clear();
    order_.EndOfTurn(now_, out_);
    std::vector<wire::OrderRecord> records;
    for (const Buffer& record : std::vector<Buffer>(out_.order_records)) {
      records.push_back(*wire::ParseOrderRecord(record));
      Feed(0, DeliveryClass::kCtrl, 0, record);
    }
    return records;
  }
  void TearDown() override { EXPECT_TRUE(order_.IsConsistent()); }

  Instant now_;
  Rank self_ = 0;
  size_t members_ = 0;
  std::vector<SeqNo> next_;
  CutNo cut_ = 0;
  wire::AckTable acks_;
  CutOrder order_;
  CutOrder::Output out_;
};

TEST_F(CutOrderTest, ConvIsDeliveredOnArrivalAndAgreedWaitsForItsCut) {
  Join(1, 3);
  Conv(2);
  Agreed(2);
  Conv(2);
  EXPECT_EQ(Take(), (Names{"2:1", "2:3"}));
  EXPECT_EQ(order_.delivered(2), 1u);
  Order({{2, 2}});
  EXPECT_EQ(Take(), (Names{"2:2"}));
  EXPECT_EQ(order_.delivered(2), 3u);
  EXPECT_EQ(order_.applied_cut(), 1u);
}

TEST_F(CutOrderTest, InsideACutRanksGoAsListedAndNumbersAscend) {
  Join(2, 3);
  Agreed(2);
  Agreed(1);
  Agreed(1);
  Agreed(0);
  Order({{0, 1}, {1, 2}, {2, 1}});
  EXPECT_EQ(Take(), (Names{"0:1", "1:1", "1:2", "2:1"}));
}

TEST_F(CutOrderTest, ABarrierChunkWaitsInTheOrderAndTriggersIt) {
  Join(0, 3);
  Agreed(1);
  Feed(1, DeliveryClass::kConv, wire::DataFrame::kBarrier);
  EXPECT_THAT(Take(), IsEmpty());
  const auto records = Emit();
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].runs, ElementsAre(wire::OrderRun{1, 2}));
  EXPECT_EQ(Take(), (Names{"1:1", "1:2"}));
}

TEST_F(CutOrderTest, TheSequencerEmitsOneOrderATurnAndNoneWithoutAgreedTraffic) {
  Join(0, 3);
  Conv(1);
  EXPECT_THAT(Emit(), IsEmpty());
  Agreed(1);
  Conv(1);
  Agreed(2);
  const auto records = Emit();
  ASSERT_THAT(records, SizeIs(1));
  // The CONV chunk before is counted, the one behind is not needed.
  EXPECT_THAT(records[0].runs, ElementsAre(wire::OrderRun{1, 2}, wire::OrderRun{2, 1}));
  EXPECT_THAT(Emit(), IsEmpty());
}

TEST_F(CutOrderTest, OthersThanTheSequencerEmitNothing) {
  Join(1, 3);
  Agreed(1);
  Agreed(2);
  EXPECT_THAT(Emit(), IsEmpty());
}

TEST_F(CutOrderTest, AnAdvanceBeyond65535IsListedInSeveralRuns) {
  Join(0, 2);
  for (int i = 0; i < 70'000; ++i) Conv(1);
  Agreed(1);
  const auto records = Emit();
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].runs, ElementsAre(wire::OrderRun{1, 65535}, wire::OrderRun{1, 4466}));
  EXPECT_EQ(order_.applied_cut(), 1u);
}

TEST_F(CutOrderTest, DeliveryStopsAtAMissingChunkWhichIsNamedAtTheEndOfTheTurnOnce) {
  Join(1, 3);
  Agreed(1);
  Order({{1, 1}, {2, 2}});
  EXPECT_EQ(Take(), (Names{"1:1"}));
  order_.EndOfTurn(now_, out_);
  ASSERT_THAT(out_.missing, SizeIs(1));
  EXPECT_EQ(out_.missing[0].origin, 2);
  EXPECT_EQ(out_.missing[0].upto, 2u);
  order_.EndOfTurn(now_, out_);
  EXPECT_THAT(out_.missing, SizeIs(1));
  Agreed(2);
  EXPECT_EQ(Take(), (Names{"2:1"}));
  EXPECT_EQ(order_.applied_cut(), 0u);
  Agreed(2);
  EXPECT_EQ(Take(), (Names{"2:2"}));
  EXPECT_EQ(order_.applied_cut(), 1u);
}

TEST_F(CutOrderTest, SafeWaitsUntilAllHoldTheCutItsOrderAndEverythingBefore) {
  Join(1, 3);
  Agreed(2);
  Order({{2, 1}});  // Chunk 1 of the sequencer.
  Safe(1);
  Order({{1, 1}});  // Chunk 2.
  EXPECT_EQ(Take(), (Names{"2:1"}));
  AllAck(1, 1);
  AllAck(0, 2);
  EXPECT_THAT(Take(), IsEmpty());  // The chunk of the first cut is not with all.
  AllAck(2, 1);
  EXPECT_EQ(Take(), (Names{"1:1"}));
  EXPECT_EQ(order_.stable_cut(), 2u);
}

TEST_F(CutOrderTest, SafeWaitsForTheOrderChunkToo) {
  Join(1, 3);
  Safe(1);
  Order({{1, 1}});
  AllAck(1, 1);
  EXPECT_THAT(Take(), IsEmpty());
  AllAck(0, 1);
  EXPECT_EQ(Take(), (Names{"1:1"}));
}

TEST_F(CutOrderTest, WhatIsOrderedBehindASafeChunkWaitsWithIt) {
  Join(1, 3);
  Safe(1);
  Order({{1, 1}});
  Agreed(2);
  Order({{2, 1}});
  Conv(2);
  EXPECT_EQ(Take(), (Names{"2:2"}));
  AllAck(1, 1);
  AllAck(0, 1);
  EXPECT_EQ(Take(), (Names{"1:1", "2:1"}));
}

TEST_F(CutOrderTest, AnAcknowledgementIsDueWhenASyncCutIsAppliedOrASafeCutIsHeld) {
  Join(1, 3);
  Agreed(2, wire::DataFrame::kSync);
  EXPECT_FALSE(out_.ack_due);
  Order({{2, 1}});
  EXPECT_TRUE(out_.ack_due);
  out_.Clear();
  Agreed(2);
  Order({{2, 1}});
  EXPECT_FALSE(out_.ack_due);
  Order({{2, 1}});
  EXPECT_FALSE(out_.ack_due);
  Safe(2);
  EXPECT_TRUE(out_.ack_due);
}

TEST_F(CutOrderTest, AnOrderTellsThatTheSequencerHoldsWhatItNames) {
  Join(1, 2);
  Agreed(1);
  Order({{1, 1}});
  ASSERT_THAT(out_.held, SizeIs(1));
  EXPECT_EQ(out_.held[0].holder, 0);
  EXPECT_EQ(out_.held[0].upto, 1u);
  // It has applied the cut as well: it delivers before it sends.
  EXPECT_EQ(order_.applied_by_all(), 1u);
  Safe(1);
  Order({{1, 1}});
  AllAck(1, 2);
  AllAck(0, 2);
  EXPECT_EQ(order_.applied_cut(), 2u);
  EXPECT_EQ(order_.applied_by_all(), 1u);  // With SAFE it had to wait.
  order_.OnStatus(0, 2);
  EXPECT_EQ(order_.applied_by_all(), 2u);
}

TEST_F(CutOrderTest, AppliedByCountsMembers) {
  Join(0, 3);
  Agreed(0);
  Emit();
  EXPECT_EQ(order_.AppliedBy(1), 1u);
  order_.OnStatus(2, 1);
  EXPECT_EQ(order_.AppliedBy(1), 2u);
  EXPECT_EQ(order_.applied_by_all(), 0u);
  order_.OnStatus(1, 3);
  EXPECT_EQ(order_.applied_by_all(), 1u);
}

TEST_F(CutOrderTest, AnOrderChunkIsNeededUntilItsCutIsAppliedAndStable) {
  Join(1, 3);
  Agreed(2);
  Conv(0);
  Order({{2, 1}});
  Conv(0);
  EXPECT_EQ(order_.delivered(0), 1u);
  AllAck(2, 1);
  AllAck(0, 3);
  EXPECT_EQ(order_.delivered(0), 3u);
}

TEST_F(CutOrderTest, ForeignMalformedAndWrongOrdersAreCountedAndChangeNothing) {
  Join(1, 3);
  Agreed(2);
  const auto feed = [&](Rank from, CutNo cut, std::vector<wire::OrderRun> runs) {
    wire::OrderRecord record;
    record.cut = cut;
    for (const wire::OrderRun& run : runs) record.runs.push_back(run);
    Feed(from, DeliveryClass::kCtrl, 0, wire::EncodeOrderRecord(record));
  };
  feed(2, 1, {{2, 1}});
  feed(0, 2, {{2, 1}});
  feed(0, 1, {{7, 1}});
  feed(0, 1, {{1, 1}, {2, 9000}});
  Feed(0, DeliveryClass::kCtrl, 0, Buffer::CopyOf("\x01short"));
  Feed(0, DeliveryClass::kCtrl, 0, Buffer::CopyOf("?"));
  Feed(0, DeliveryClass::kCtrl);
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(order_.last_cut(), 0u);
  EXPECT_EQ(order_.stats().orders_foreign, 1u);
  EXPECT_EQ(order_.stats().orders_out_of_turn, 1u);
  EXPECT_EQ(order_.stats().orders_malformed, 2u);
  EXPECT_EQ(order_.stats().orders_too_far, 1u);
  EXPECT_EQ(order_.stats().records_unknown, 2u);
  feed(0, 1, {{2, 1}});
  EXPECT_EQ(Take(), (Names{"2:1"}));
}

TEST_F(CutOrderTest, AMarkIsHandedUpAtItsPlaceInTheStreamOfItsSender) {
  Join(1, 3);
  Conv(2);
  Feed(2, DeliveryClass::kCtrl, 0, wire::EncodeMarkRecord({{1, 2}, 3}));
  Conv(2);
  EXPECT_EQ(Take(), (Names{"2:1", "2:2", "2:3"}));
  EXPECT_EQ(order_.stats().records_unknown, 0u);
}

TEST_F(CutOrderTest, TheClosingOrderIsTheKnownCutsThenTheRestByRankAndNumber) {
  Join(2, 3);
  Agreed(2);
  Agreed(1);
  Safe(2);
  Order({{1, 2}, {2, 2}});
  Agreed(2);
  Agreed(0);
  Agreed(1);  // 1:2 comes out of the fetch.
  EXPECT_EQ(Take(), (Names{"1:1", "1:2", "2:1"}));
  Agreed(1);
  order_.CloseView(now_, {2, 3, 3}, out_);
  EXPECT_EQ(Take(), (Names{"2:2~", "0:2", "1:3", "2:3"}));
  EXPECT_EQ(order_.pending_chunks(), 0u);
}

TEST_F(CutOrderTest, AChunkNobodyHoldsIsSkippedByTheClosingOrder) {
  Join(2, 3);
  Agreed(2);
  Order({{1, 3}, {2, 1}});
  EXPECT_THAT(Take(), IsEmpty());
  order_.CloseView(now_, {1, 0, 1}, out_);
  EXPECT_EQ(Take(), (Names{"2:1"}));
  EXPECT_EQ(order_.stats().closing_skipped, 3u);
}

TEST_F(CutOrderTest, AViewStartsFromNothing) {
  Join(1, 3);
  Agreed(2);
  Order({{2, 1}});
  Agreed(2);
  Join(0, 2);
  EXPECT_EQ(order_.applied_cut(), 0u);
  EXPECT_EQ(order_.pending_chunks(), 0u);
  out_.Clear();
  Agreed(1);
  Emit();
  EXPECT_EQ(Take(), (Names{"1:1"}));
}

TEST_F(CutOrderTest, AloneAMemberOrdersAndStabilisesItsOwn) {
  Join(0, 1);
  Safe(0);
  Emit();
  AllAck(0, 2);
  EXPECT_EQ(Take(), (Names{"0:1"}));
  EXPECT_EQ(order_.applied_by_all(), 1u);
}

}  // namespace
}  // namespace cohort::order

#include "rmcast/reliable_multicast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cohort::rmcast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::DataFrame;
using wire::NakFrame;
using wire::NakRange;

constexpr uint8_t kWhole = DataFrame::kFirst | DataFrame::kLast;

// One member of a view, driven by hand.
class ReliableMulticastTest : public ::testing::Test {
 protected:
  void Join(Rank self, size_t members, ReliableMulticast::Options options = {}) {
    multicast_.emplace(options, random_);
    multicast_->OnView(now_, {1, 1}, self, members, out_);
  }
  static DataFrame Chunk(Rank origin, SeqNo seq, uint8_t flags = kWhole,
                         DeliveryClass cls = DeliveryClass::kConv, std::string text = "") {
    if (text.empty()) text = std::to_string(origin) + ":" + std::to_string(seq);
    return DataFrame{seq, origin, cls, flags, Buffer::CopyOf(text)};
  }
  void Data(Rank from, const DataFrame& data) { multicast_->OnData(now_, from, false, data, out_); }
  void Chunks(Rank origin, SeqNo first, SeqNo last) {
    for (SeqNo seq = first; seq <= last; ++seq) Data(origin, Chunk(origin, seq));
  }
  SeqNo Send(const std::string& text = "own", uint8_t flags = kWhole,
             DeliveryClass cls = DeliveryClass::kConv) {
    return multicast_->Send(now_, cls, flags, Buffer::CopyOf(text), out_);
  }
  void Status(Rank from, std::vector<wire::VectorEntry> received) {
    wire::StatusFrame status;
    for (const wire::VectorEntry& entry : received) status.received.push_back(entry);
    multicast_->OnStatus(now_, from, status, out_);
  }
  void Nak(Rank from, Rank origin, NakRange range, bool previous_view = false) {
    NakFrame nak;
    nak.origin = origin;
    nak.ranges.push_back(range);
    multicast_->OnNak(now_, from, previous_view, nak, out_);
  }
  void Advance(Duration duration) {
    now_ = now_ + duration;
    if (multicast_->NextDeadline() <= now_) multicast_->OnTimer(now_, out_);
  }

  template <class T>
  std::vector<std::pair<Rank, T>> Take() {
    std::vector<std::pair<Rank, T>> taken;
    for (const wire::OutFrame& frame : out_.frames) {
      if (const T* body = std::get_if<T>(&frame.frame)) taken.emplace_back(frame.to, *body);
    }
    out_.frames.clear();
    return taken;
  }
  std::vector<SeqNo> TakeArrived(Rank origin) {
    std::vector<SeqNo> arrived;
    for (const wire::Chunk& chunk : out_.arrived) {
      if (chunk.origin == origin) arrived.push_back(chunk.seq);
    }
    out_.arrived.clear();
    return arrived;
  }
  void TearDown() override {
    if (multicast_.has_value()) {
      EXPECT_TRUE(multicast_->IsConsistent());
    }
  }

  Random random_{7};
  Instant now_ = Instant::Zero() + seconds(1);
  std::optional<ReliableMulticast> multicast_;
  ReliableMulticast::Output out_;
};

TEST_F(ReliableMulticastTest, OwnChunksAreNumberedFromOneMulticastAndHandedUpAtOnce) {
  Join(1, 3);
  EXPECT_EQ(Send(), 1u);
  EXPECT_EQ(Send(), 2u);
  EXPECT_THAT(TakeArrived(1), ElementsAre(1, 2));
  const auto sent = Take<DataFrame>();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].first, kAllRanks);
  EXPECT_EQ(sent[1].second.seq, 2u);
}

TEST_F(ReliableMulticastTest, TwoMembersUseUnicastAndOneSendsNothing) {
  Join(1, 2);
  Send();
  EXPECT_EQ(Take<DataFrame>()[0].first, 0);
  Join(0, 1);
  Send();
  EXPECT_THAT(out_.frames, IsEmpty());
  EXPECT_EQ(multicast_->in_flight(), 0u);
}

TEST_F(ReliableMulticastTest, ChunksAreHandedUpInOrderOnceTheGapCloses) {
  Join(0, 3);
  Chunks(1, 1, 1);
  Chunks(1, 3, 4);
  EXPECT_THAT(TakeArrived(1), ElementsAre(1));
  Data(1, Chunk(1, 2));
  EXPECT_THAT(TakeArrived(1), ElementsAre(2, 3, 4));
}

TEST_F(ReliableMulticastTest, ARepeatedChunkIsHandedUpOnce) {
  Join(0, 3);
  Chunks(1, 1, 2);
  Chunks(1, 1, 2);
  Data(1, Chunk(1, 4));
  Data(1, Chunk(1, 4));
  Data(1, Chunk(1, 3));
  EXPECT_THAT(TakeArrived(1), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(multicast_->stats().duplicates, 3u);
}

TEST_F(ReliableMulticastTest, OnlyWhatIsContiguousIsAcknowledged) {
  Join(0, 3);
  Chunks(1, 1, 2);
  Data(1, Chunk(1, 5));
  wire::StatusFrame status;
  multicast_->FillStatus(now_, status);
  EXPECT_THAT(status.received, ElementsAre(wire::VectorEntry{0, 0}, wire::VectorEntry{1, 2}));
  EXPECT_EQ(multicast_->acks().Get(0, 1), 2u);
}

TEST_F(ReliableMulticastTest, ASyncChunkWantsAnAcknowledgementAtOnceOthersByTheInterval) {
  Join(0, 3);
  Data(1, Chunk(1, 1));
  EXPECT_FALSE(out_.ack_due);
  Advance(milliseconds(5));
  EXPECT_TRUE(out_.ack_due);
  out_.Clear();
  Data(1, Chunk(1, 2, kWhole | DataFrame::kSync));
  EXPECT_TRUE(out_.ack_due);
  out_.Clear();
  // Its cut, not its arrival, is what the sender waits for.
  Data(1, Chunk(1, 3, kWhole | DataFrame::kSync, DeliveryClass::kAgreed));
  Data(1, Chunk(1, 4, kWhole | DataFrame::kSync | DataFrame::kBarrier));
  EXPECT_FALSE(out_.ack_due);
}

TEST_F(ReliableMulticastTest, ManyChunksWantAnAcknowledgementWithoutWaiting) {
  Join(0, 3);
  Chunks(1, 1, 63);
  EXPECT_FALSE(out_.ack_due);
  Chunks(1, 64, 64);
  EXPECT_TRUE(out_.ack_due);
}

TEST_F(ReliableMulticastTest, AGapIsAskedOfItsOriginAfterAQuarterMillisecond) {
  Join(0, 3);
  Chunks(1, 1, 1);
  Chunks(1, 4, 4);
  Chunks(1, 6, 6);
  EXPECT_THAT(Take<NakFrame>(), IsEmpty());
  Advance(microseconds(249));
  EXPECT_THAT(Take<NakFrame>(), IsEmpty());
  Advance(microseconds(1));
  const auto naks = Take<NakFrame>();
  ASSERT_THAT(naks, SizeIs(1));
  EXPECT_EQ(naks[0].first, 1);
  EXPECT_THAT(naks[0].second.ranges, ElementsAre(NakRange{2, 2}, NakRange{5, 1}));
}

TEST_F(ReliableMulticastTest, AGapThatReorderingClosedIsNotAskedFor) {
  Join(0, 3);
  Chunks(1, 2, 2);
  Chunks(1, 1, 1);
  Advance(milliseconds(1));
  EXPECT_THAT(Take<NakFrame>(), IsEmpty());
}

TEST_F(ReliableMulticastTest, LaterTriesGoToOtherHoldersAndTheIntervalDoublesToItsLimit) {
  Join(0, 4);
  Status(2, {{1, 2}});
  Status(3, {{1, 2}});
  Advance(microseconds(250));
  EXPECT_EQ(Take<NakFrame>()[0].first, 1);
  std::vector<Rank> asked;
  std::vector<int64_t> waits;
  for (int i = 0; i < 7; ++i) {
    const Instant before = now_;
    const Instant due = multicast_->NextDeadline();
    Advance(due - now_);
    for (const auto& nak : Take<NakFrame>()) {
      asked.push_back(nak.first);
      waits.push_back((now_ - before).count() / 1000);
    }
  }
  ASSERT_GE(asked.size(), 4u);
  EXPECT_NE(asked[0], 1);
  EXPECT_NE(asked[1], 1);
  EXPECT_NE(asked[0], asked[1]);
  EXPECT_EQ(waits[0], 500);
  EXPECT_EQ(waits[1], 1000);
  EXPECT_LE(waits.back(), 20'000);
}

TEST_F(ReliableMulticastTest, ASuspectIsNotAskedAndWhatItWasAskedGoesElsewhereAtOnce) {
  Join(0, 3);
  Status(2, {{1, 3}});
  Advance(microseconds(250));
  EXPECT_EQ(Take<NakFrame>()[0].first, 1);
  multicast_->SetSuspected(1, true);
  Advance(Duration(0));
  const auto naks = Take<NakFrame>();
  ASSERT_THAT(naks, SizeIs(1));
  EXPECT_EQ(naks[0].first, 2);
}

TEST_F(ReliableMulticastTest, AnOrderThatOvertakesItsChunksDoesNotAskForThem) {
  Join(0, 3);
  multicast_->OnMissing(now_, 1, 2);
  Advance(microseconds(249));
  Chunks(1, 1, 2);
  Advance(milliseconds(10));
  EXPECT_THAT(Take<NakFrame>(), IsEmpty());
}

TEST_F(ReliableMulticastTest, WhatAnOrderNamesAndDoesNotComeIsAskedForAsAnyGap) {
  Join(0, 3);
  multicast_->OnMissing(now_, 1, 2);
  Advance(microseconds(250));
  const auto naks = Take<NakFrame>();
  ASSERT_THAT(naks, SizeIs(1));
  EXPECT_EQ(naks[0].first, 1);
  EXPECT_THAT(naks[0].second.ranges, ElementsAre(NakRange{1, 2}));
}

TEST_F(ReliableMulticastTest, ALostTailIsLearntFromStatusAndHeartbeat) {
  Join(0, 3);
  Status(1, {{1, 1}});
  multicast_->OnHeartbeat(now_, 2, 1, out_);
  Advance(microseconds(250));
  EXPECT_THAT(Take<NakFrame>(), SizeIs(2));
}

TEST_F(ReliableMulticastTest, ALongGapIsAskedForPieceByPiece) {
  Join(0, 3);
  Data(1, Chunk(1, 601));
  Advance(microseconds(250));
  auto naks = Take<NakFrame>();
  EXPECT_THAT(naks[0].second.ranges, ElementsAre(NakRange{1, 256}));
  Chunks(1, 1, 256);
  Advance(Duration(0));
  naks = Take<NakFrame>();
  ASSERT_THAT(naks, SizeIs(1));
  EXPECT_THAT(naks[0].second.ranges, ElementsAre(NakRange{257, 256}));
}

TEST_F(ReliableMulticastTest, ANakNeverHasMoreRangesThanAFrameHolds) {
  Join(0, 3);
  for (SeqNo seq = 2; seq <= 2000; seq += 2) Data(1, Chunk(1, seq));
  for (int i = 0; i < 20; ++i) {
    Advance(milliseconds(1));
    for (const auto& nak : Take<NakFrame>()) {
      EXPECT_LE(nak.second.ranges.size(), wire::kNakRangesMax);
    }
  }
  EXPECT_GT(multicast_->stats().naks_sent, 0u);
}

TEST_F(ReliableMulticastTest, AnyHolderRepairsUnicastAndNotTheSameTwiceWithinTheRoundTrip) {
  Join(0, 3);
  Chunks(1, 1, 3);
  multicast_->SetRoundTrip(2, milliseconds(1));
  Nak(2, 1, {2, 9});
  const auto repairs = Take<DataFrame>();
  ASSERT_THAT(repairs, SizeIs(2));
  EXPECT_EQ(repairs[0].first, 2);
  EXPECT_EQ(repairs[0].second.origin, 1);
  EXPECT_EQ(repairs[0].second.flags, kWhole | DataFrame::kRepair);
  Nak(2, 1, {2, 2});
  EXPECT_THAT(Take<DataFrame>(), IsEmpty());
  now_ = now_ + milliseconds(1);
  Nak(2, 1, {2, 2});
  EXPECT_THAT(Take<DataFrame>(), SizeIs(2));
}

TEST_F(ReliableMulticastTest, ASecondRequesterMakesTheRepairAMulticast) {
  Join(0, 4);
  Send();
  out_.Clear();
  Nak(1, 0, {1, 1});
  Nak(2, 0, {1, 1});
  Nak(3, 0, {1, 1});
  const auto repairs = Take<DataFrame>();
  ASSERT_THAT(repairs, SizeIs(2));
  EXPECT_EQ(repairs[0].first, 1);
  EXPECT_EQ(repairs[1].first, kAllRanks);
  EXPECT_EQ(out_.lost, 1u);
}

TEST_F(ReliableMulticastTest, RepairsHaveABudgetThatRefills) {
  ReliableMulticast::Options options;
  options.repairs_burst = 10;
  options.repairs_per_second = 1000;
  Join(0, 3, options);
  Chunks(1, 1, 40);
  Nak(2, 1, {1, 40});
  EXPECT_THAT(Take<DataFrame>(), SizeIs(10));
  now_ = now_ + milliseconds(5);
  Nak(2, 1, {11, 30});
  EXPECT_THAT(Take<DataFrame>(), SizeIs(5));
  // A view change waits for repairs, so they have none while wedged.
  multicast_->Wedge();
  now_ = now_ + milliseconds(5);
  Nak(2, 1, {1, 40});
  EXPECT_THAT(Take<DataFrame>(), SizeIs(40));
}

TEST_F(ReliableMulticastTest, TheLastChunkIsProbedUntilItIsAcknowledged) {
  Join(0, 3);
  Send("a", kWhole | DataFrame::kSync);
  Send("b", kWhole | DataFrame::kSync);
  out_.Clear();
  Advance(milliseconds(1));
  auto probes = Take<DataFrame>();
  ASSERT_THAT(probes, SizeIs(1));
  EXPECT_EQ(probes[0].first, kAllRanks);
  EXPECT_EQ(probes[0].second.seq, 2u);
  Advance(milliseconds(1));
  EXPECT_THAT(Take<DataFrame>(), IsEmpty());
  Status(1, {{0, 2}});
  for (int i = 0; i < 20; ++i) Advance(milliseconds(1));
  probes = Take<DataFrame>();
  ASSERT_FALSE(probes.empty());
  EXPECT_EQ(probes[0].first, 2);
  Status(2, {{0, 2}});
  for (int i = 0; i < 100; ++i) Advance(milliseconds(1));
  EXPECT_THAT(Take<DataFrame>(), IsEmpty());
  EXPECT_TRUE(multicast_->NextDeadline().is_infinite());
}

TEST_F(ReliableMulticastTest, AProbeOfWhatIsHeldIsAnsweredWithAStatus) {
  Join(0, 3);
  Chunks(1, 1, 1);
  out_.Clear();
  Data(1, Chunk(1, 1, kWhole | DataFrame::kRepair));
  EXPECT_TRUE(out_.ack_due);
}

TEST_F(ReliableMulticastTest, AnAcknowledgementLostOnTheWayHereAloneIsAskedForAgain) {
  Join(0, 3);
  Chunks(1, 1, 1);
  wire::StatusFrame status;
  std::vector<std::pair<Rank, DataFrame>> pushed;
  for (int i = 0; i < 30 && pushed.empty(); ++i) {
    Advance(milliseconds(1));
    if (out_.ack_due) multicast_->FillStatus(now_, status);
    out_.ack_due = false;
    pushed = Take<DataFrame>();
  }
  ASSERT_THAT(pushed, SizeIs(1));
  EXPECT_EQ(pushed[0].first, 2);
  EXPECT_EQ(pushed[0].second.origin, 1);
}

TEST_F(ReliableMulticastTest, AChunkStaysUntilAllHoldItAndItIsDeliveredHere) {
  Join(0, 3);
  Chunks(1, 1, 1);
  const size_t held = multicast_->bytes_held();
  Status(2, {{1, 1}});
  EXPECT_EQ(multicast_->bytes_held(), held);
  multicast_->SetDelivered(1, 1);
  EXPECT_EQ(multicast_->bytes_held(), 0u);
  Chunks(1, 2, 2);
  multicast_->SetDelivered(1, 2);
  EXPECT_EQ(multicast_->bytes_held(), held);
  Status(2, {{1, 2}});
  EXPECT_EQ(multicast_->bytes_held(), 0u);
}

TEST_F(ReliableMulticastTest, ADeadMemberClosesTheWindowWithAReserveForControlChunks) {
  ReliableMulticast::Options options;
  options.window_chunks_max = 256;
  Join(0, 3, options);
  SeqNo sent = 0;
  while (multicast_->CanSend(DeliveryClass::kConv)) {
    sent = Send();
    multicast_->SetDelivered(0, sent);
    Status(1, {{0, sent}});
  }
  EXPECT_EQ(sent, 192u);
  while (multicast_->CanSend(DeliveryClass::kCtrl)) sent = Send("c", 0, DeliveryClass::kCtrl);
  EXPECT_EQ(sent, 256u);
  Status(2, {{0, 100}});
  EXPECT_TRUE(multicast_->CanSend(DeliveryClass::kConv));
}

TEST_F(ReliableMulticastTest, WhatLiesOutsideTheWindowIsDroppedAndCounted) {
  ReliableMulticast::Options options;
  options.window_chunks_max = 256;
  Join(0, 3, options);
  Data(1, Chunk(1, 257));
  Data(1, Chunk(1, kSeqNoMax));
  EXPECT_EQ(multicast_->stats().dropped_outside_window, 2u);
  Data(1, Chunk(1, 256));
  EXPECT_EQ(multicast_->stats().received, 1u);
}

TEST_F(ReliableMulticastTest, BytesAreBoundedAndTheChunkThatClosesAGapStillFits) {
  ReliableMulticast::Options options;
  options.window_bytes_max = 64 << 10;
  Join(0, 3, options);
  const std::string big(1392, 'x');
  for (SeqNo seq = 2; seq <= 200; ++seq) {
    Data(1, Chunk(1, seq, kWhole, DeliveryClass::kConv, big));
  }
  EXPECT_LE(multicast_->bytes_held(), (64u << 10) / 2);
  EXPECT_GT(multicast_->stats().dropped_over_bytes, 0u);
  Data(1, Chunk(1, 1, kWhole, DeliveryClass::kConv, big));
  EXPECT_FALSE(TakeArrived(1).empty());
}

TEST_F(ReliableMulticastTest, ForgedChunksAndNumbersAreDropped) {
  Join(0, 3);
  Send();
  out_.Clear();
  Data(1, Chunk(2, 1));                               // In another's name, and no repair.
  Data(1, Chunk(0, 2, kWhole | DataFrame::kRepair));  // Ours, but we never sent it.
  Data(1, Chunk(7, 1));                               // Nobody's.
  Data(9, Chunk(1, 1));
  Status(1, {{0, 5}, {9, 1}, {2, 1u << 20}});
  multicast_->OnHeartbeat(now_, 1, kSeqNoMax, out_);
  Nak(1, 9, {1, 1});
  Nak(9, 1, {1, 1});
  EXPECT_THAT(out_.arrived, IsEmpty());
  EXPECT_THAT(out_.frames, IsEmpty());
  EXPECT_EQ(multicast_->stats().dropped_forged, 2u);
  EXPECT_EQ(multicast_->stats().ignored_acks, 4u);
  EXPECT_EQ(multicast_->in_flight(), 1u);
}

TEST_F(ReliableMulticastTest, AWildRangeInANakCostsNoMoreThanTheWindow) {
  Join(0, 3);
  Chunks(1, 1, 1);
  Nak(2, 1, {1, 65535});
  EXPECT_THAT(Take<DataFrame>(), SizeIs(1));
  EXPECT_LE(multicast_->stats().repairs_not_held, 64u);
}

TEST_F(ReliableMulticastTest, WedgedItStoresAndRepairsButHandsUpAcknowledgesAndSendsNothing) {
  Join(0, 3);
  Send();
  Chunks(1, 1, 2);
  multicast_->Wedge();
  out_.Clear();
  Chunks(1, 3, 3);
  Data(2, Chunk(2, 2, kWhole | DataFrame::kSync));
  EXPECT_THAT(out_.arrived, IsEmpty());
  EXPECT_FALSE(out_.ack_due);
  EXPECT_FALSE(multicast_->CanSend(DeliveryClass::kConv));
  EXPECT_FALSE(multicast_->CanSend(DeliveryClass::kCtrl));
  EXPECT_EQ(multicast_->acks().Get(0, 1), 2u);
  Status(1, {{0, 1}});
  EXPECT_EQ(multicast_->acks().Get(1, 0), 0u);
  EXPECT_THAT(multicast_->Received(), ElementsAre(1, 3, 0));
  Nak(1, 2, {2, 1});  // Held, though not contiguous.
  EXPECT_THAT(Take<DataFrame>(), SizeIs(1));
  EXPECT_TRUE(multicast_->NextDeadline().is_infinite());
}

TEST_F(ReliableMulticastTest, FetchAsksTheHoldersInTurnAndReleaseHandsOverUpToTheTrim) {
  Join(0, 4);
  Chunks(1, 1, 2);
  Chunks(1, 5, 7);
  multicast_->Wedge();
  out_.Clear();
  const std::vector<SeqNo> trim = {0, 6, 0, 0};
  multicast_->FetchTo(now_, trim, {{}, {2, 3}, {}, {}}, out_);
  std::vector<Rank> asked;
  for (int i = 0; i < 2; ++i) {
    for (const auto& nak : Take<NakFrame>()) {
      asked.push_back(nak.first);
      EXPECT_THAT(nak.second.ranges, ElementsAre(NakRange{3, 2}));
    }
    Advance(microseconds(500));
  }
  EXPECT_THAT(asked, ::testing::UnorderedElementsAre(2, 3));
  EXPECT_FALSE(multicast_->CompleteTo(trim));
  Data(2, Chunk(1, 3, kWhole | DataFrame::kRepair));
  Data(2, Chunk(1, 4, kWhole | DataFrame::kRepair));
  EXPECT_TRUE(multicast_->CompleteTo(trim));
  EXPECT_THAT(out_.arrived, IsEmpty());
  multicast_->ReleaseTo(trim, out_);
  EXPECT_THAT(TakeArrived(1), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(multicast_->Received(), ElementsAre(0, 6, 0, 0));
}

// Under quorums a convicted member may be alive, and the only one that holds what was decided.
TEST_F(ReliableMulticastTest, FetchAsksASuspectWhenNobodyElseIsNamed) {
  Join(0, 3);
  multicast_->Wedge();
  multicast_->SetSuspected(2, true);
  out_.Clear();
  multicast_->FetchTo(now_, {0, 4, 0}, {{}, {2}, {}}, out_);
  const auto naks = Take<NakFrame>();
  ASSERT_THAT(naks, SizeIs(1));
  EXPECT_EQ(naks[0].first, 2);
}

TEST_F(ReliableMulticastTest, ATrimBelowWhatWasHandedUpIsNeverComplete) {
  Join(0, 3);
  Chunks(1, 1, 2);
  multicast_->Wedge();
  EXPECT_TRUE(multicast_->CompleteTo({0, 2, 0}));
  EXPECT_FALSE(multicast_->CompleteTo({0, 1, 0}));
  EXPECT_FALSE(multicast_->CompleteTo({0, 2}));
}

TEST_F(ReliableMulticastTest, AnAbsurdTrimIsIgnored) {
  Join(0, 3);
  multicast_->Wedge();
  multicast_->FetchTo(now_, {0, kSeqNoMax, 0}, {{}, {2}, {}}, out_);
  multicast_->FetchTo(now_, {0, 1}, {{}, {2}}, out_);
  multicast_->FetchTo(now_, {1, 0, 0}, {{2}, {}, {}}, out_);  // Ours, beyond what we sent.
  EXPECT_EQ(multicast_->stats().bad_trims, 3u);
  EXPECT_THAT(Take<NakFrame>(), IsEmpty());
}

TEST_F(ReliableMulticastTest, FetchReachesAWindowBeyondWhatWasHandedUp) {
  ReliableMulticast::Options options;
  options.window_chunks_max = 256;
  Join(0, 3, options);
  Chunks(1, 1, 256);  // None is delivered, so none is freed.
  multicast_->Wedge();
  out_.Clear();
  const std::vector<SeqNo> trim = {0, 300, 0};
  multicast_->FetchTo(now_, trim, {{}, {2}, {}}, out_);
  for (SeqNo seq = 257; seq <= 300; ++seq) Data(2, Chunk(1, seq, kWhole | DataFrame::kRepair));
  EXPECT_TRUE(multicast_->CompleteTo(trim));
  multicast_->ReleaseTo(trim, out_);
  EXPECT_THAT(TakeArrived(1), SizeIs(44));
}

TEST_F(ReliableMulticastTest, ThePreviousViewIsRepairedInItsOwnRanksUntilItIsDropped) {
  Join(1, 3);
  Chunks(2, 1, 2);
  multicast_->Wedge();
  const std::vector<SeqNo> trim = {0, 0, 2};
  multicast_->ReleaseTo(trim, out_);
  multicast_->OnView(now_, {2, 1}, 0, 2, out_);
  out_.Clear();
  Nak(0, 2, {1, 2}, true);
  ASSERT_THAT(out_.frames, SizeIs(2));
  EXPECT_TRUE(out_.frames[0].previous_view);
  EXPECT_EQ(out_.frames[0].to, 0);
  multicast_->OnData(now_, 0, true, Chunk(0, 1), out_);
  EXPECT_EQ(multicast_->stats().dropped_previous, 1u);
  out_.Clear();
  multicast_->DropPrevious();
  Nak(0, 2, {1, 2}, true);
  EXPECT_THAT(out_.frames, IsEmpty());
  EXPECT_EQ(multicast_->bytes_held(), 0u);
}

TEST_F(ReliableMulticastTest, NumbersStartAnewInEachView) {
  Join(0, 3);
  Send();
  Chunks(1, 1, 3);
  multicast_->OnView(now_, {2, 1}, 0, 3, out_);
  out_.Clear();
  EXPECT_EQ(Send(), 1u);
  Chunks(1, 1, 1);
  EXPECT_THAT(TakeArrived(1), ElementsAre(1));
}

TEST_F(ReliableMulticastTest, AStatusOfALargeGroupCoversAllRanksInTurns) {
  Join(0, 200);
  for (Rank rank = 1; rank < 200; ++rank) Chunks(rank, 1, 1);
  std::vector<bool> covered(200, false);
  for (int i = 0; i < 2; ++i) {
    wire::StatusFrame status;
    multicast_->FillStatus(now_, status);
    EXPECT_LE(status.received.size(), wire::kStatusVectorMax);
    EXPECT_EQ(status.received[0].rank, 0);
    for (const wire::VectorEntry& entry : status.received) covered[entry.rank] = true;
  }
  EXPECT_EQ(std::count(covered.begin(), covered.end(), true), 200);
}

}  // namespace
}  // namespace cohort::rmcast

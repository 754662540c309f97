#include "engine/piece_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace cohort::engine {
namespace {

std::vector<wire::PieceFrame> Cut(SeqNo seq, const std::string& text, Rank origin = 3) {
  std::vector<wire::PieceFrame> pieces;
  for (size_t at = 0; at < text.size(); at += wire::kPieceBytes) {
    pieces.push_back({.seq = seq,
                      .origin = origin,
                      .cls = DeliveryClass::kAgreed,
                      .flags = wire::DataFrame::kRepair,
                      .total = static_cast<uint16_t>(text.size()),
                      .index = static_cast<uint8_t>(pieces.size()),
                      .payload = Buffer::CopyOf(text.substr(at, wire::kPieceBytes))});
  }
  return pieces;
}

std::string Text(size_t size) {
  std::string text(size, 'x');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 / 7);
  return text;
}

std::optional<wire::DataFrame> Add(PieceTable& table, const wire::PieceFrame& piece) {
  return table.Add(piece, [](Rank, SeqNo) { return true; });
}

TEST(PieceTable, TheLastPieceOfAChunkGivesItInWhateverOrderTheyCome) {
  for (const size_t size : {wire::kPieceBytes + 1, 2 * wire::kPieceBytes, wire::kJumboPayloadMax}) {
    PieceTable table;
    const std::string text = Text(size);
    std::vector<wire::PieceFrame> pieces = Cut(5, text);
    std::reverse(pieces.begin(), pieces.end());
    for (size_t i = 0; i + 1 < pieces.size(); ++i) {
      EXPECT_FALSE(Add(table, pieces[i]));
      EXPECT_FALSE(Add(table, pieces[i])) << "twice the same is one";
    }
    const auto data = Add(table, pieces.back());
    ASSERT_TRUE(data);
    EXPECT_EQ(data->payload.text(), text);
    EXPECT_EQ(data->seq, 5u);
    EXPECT_EQ(data->origin, 3);
    EXPECT_EQ(data->cls, DeliveryClass::kAgreed);
    EXPECT_EQ(data->flags, wire::DataFrame::kRepair);
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST(PieceTable, WhatCameStaysUntilTheNextTryFillsTheHoles) {
  PieceTable table;
  const std::string text = Text(4000);
  const std::vector<wire::PieceFrame> pieces = Cut(1, text);
  Add(table, pieces[0]);
  EXPECT_FALSE(Add(table, pieces[2]));
  const auto data = Add(table, pieces[1]);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload.text(), text);
}

TEST(PieceTable, ChunksDoNotMixAndOnesThatContradictBeginAnew) {
  PieceTable table;
  const std::vector<wire::PieceFrame> one = Cut(1, Text(2000));
  const std::vector<wire::PieceFrame> other = Cut(2, Text(2000));
  EXPECT_FALSE(Add(table, one[0]));
  EXPECT_FALSE(Add(table, other[1]));
  EXPECT_EQ(table.size(), 2u);
  EXPECT_FALSE(Add(table, Cut(1, Text(2001))[1])) << "another size under the same number";
  EXPECT_EQ(table.size(), 2u);
  EXPECT_TRUE(Add(table, other[0]));
}

TEST(PieceTable, OfALongGapTheFirstChunksStayUntilTheNextTryMakesThemWhole) {
  PieceTable table;
  const std::string text = Text(2000);
  for (SeqNo seq = 1; seq <= 4 * kPiecedMax; ++seq) Add(table, Cut(seq, text)[0]);
  EXPECT_EQ(table.size(), kPiecedMax);
  size_t whole = 0;
  for (SeqNo seq = 1; seq <= 4 * kPiecedMax; ++seq) whole += Add(table, Cut(seq, text)[1]) ? 1 : 0;
  EXPECT_EQ(whole, kPiecedMax);
}

TEST(PieceTable, ASenderWithManyChunksLeavesRoomForAnother) {
  PieceTable table;
  const std::string text = Text(2000);
  for (SeqNo seq = 1; seq <= 10 * kPiecedMax; ++seq) Add(table, Cut(seq, text, 4)[0]);
  Add(table, Cut(1000, text)[0]);
  for (SeqNo seq = 1; seq <= 10 * kPiecedMax; ++seq) Add(table, Cut(seq, text, 4)[0]);
  EXPECT_TRUE(Add(table, Cut(1000, text)[1]));
}

TEST(PieceTable, ChunksThatCameWholeMeanwhileMakeRoomFirst) {
  PieceTable table;
  const std::string text = Text(2000);
  for (SeqNo seq = 1; seq <= kPiecedMax; ++seq) Add(table, Cut(seq, text)[0]);
  const auto is_wanted = [](Rank, SeqNo seq) { return seq > kPiecedMax - 1; };
  table.Add(Cut(kPiecedMax + 1, text)[0], is_wanted);
  EXPECT_EQ(table.size(), 2u);
}

TEST(PieceTable, HoldsABoundedNumberOfChunks) {
  PieceTable table;
  for (SeqNo seq = 10 * kPiecedMax; seq > 0; --seq) {
    Add(table, Cut(seq, Text(2000), static_cast<Rank>(seq % 7))[0]);
    EXPECT_LE(table.size(), kPiecedMax);
  }
  EXPECT_EQ(table.size(), kPiecedMax);
  table.Clear();
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace cohort::engine

#include "engine/piece_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace cohort::engine {
namespace {

std::vector<wire::PieceFrame> Cut(SeqNo seq, const std::string& text) {
  std::vector<wire::PieceFrame> pieces;
  for (size_t at = 0; at < text.size(); at += wire::kPieceBytes) {
    pieces.push_back({.seq = seq,
                      .origin = 3,
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

TEST(PieceTable, TheLastPieceOfAChunkGivesItInWhateverOrderTheyCome) {
  for (const size_t size : {wire::kPieceBytes + 1, 2 * wire::kPieceBytes, wire::kJumboPayloadMax}) {
    PieceTable table;
    const std::string text = Text(size);
    std::vector<wire::PieceFrame> pieces = Cut(5, text);
    std::reverse(pieces.begin(), pieces.end());
    for (size_t i = 0; i + 1 < pieces.size(); ++i) {
      EXPECT_FALSE(table.Add(pieces[i]));
      EXPECT_FALSE(table.Add(pieces[i])) << "twice the same is one";
    }
    const auto data = table.Add(pieces.back());
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
  table.Add(pieces[0]);
  EXPECT_FALSE(table.Add(pieces[2]));
  const auto data = table.Add(pieces[1]);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload.text(), text);
}

TEST(PieceTable, ChunksDoNotMixAndOnesThatContradictBeginAnew) {
  PieceTable table;
  const std::vector<wire::PieceFrame> one = Cut(1, Text(2000));
  const std::vector<wire::PieceFrame> other = Cut(2, Text(2000));
  EXPECT_FALSE(table.Add(one[0]));
  EXPECT_FALSE(table.Add(other[1]));
  EXPECT_EQ(table.size(), 2u);
  EXPECT_FALSE(table.Add(Cut(1, Text(2001))[1])) << "another size under the same number";
  EXPECT_EQ(table.size(), 2u);
  EXPECT_TRUE(table.Add(other[0]));
}

TEST(PieceTable, HoldsABoundedNumberOfChunksAndForgetsTheOldest) {
  PieceTable table;
  for (SeqNo seq = 1; seq <= kPiecedMax + 1; ++seq) table.Add(Cut(seq, Text(2000))[0]);
  EXPECT_EQ(table.size(), kPiecedMax);
  EXPECT_FALSE(table.Add(Cut(1, Text(2000))[1]));
  EXPECT_TRUE(table.Add(Cut(kPiecedMax + 1, Text(2000))[1]));
  table.Clear();
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace cohort::engine

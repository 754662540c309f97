#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "map/limits.h"
#include "transfer/chunk_codec.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {
namespace {

map::Entry EntryOf(std::string_view value, bool tombstone = false) {
  map::Entry entry;
  entry.value = Buffer::CopyOf(value);
  entry.version = {1, 2};
  entry.view = {3, 4};
  entry.expires_at = tombstone ? 0 : 5;
  entry.ttl_ms = tombstone ? 0 : 6;
  entry.tombstone = tombstone;
  return entry;
}

Buffer ChunkOfTwo() {
  const map::Entry first = EntryOf("value"), second = EntryOf("", true);
  ChunkWriter writer(7, 8, 9, 10,
                     kChunkHeaderBytes + ChunkBytesOf("key", first) + ChunkBytesOf("k", second));
  writer.Add("key", first);
  writer.Add("k", second);
  return writer.Finish();
}

TEST(ChunkCodec, GivesBackTheEntries) {
  const Buffer chunk = ChunkOfTwo();
  ASSERT_EQ(DecodeHeader(chunk)->type, MessageType::kChunk);
  EXPECT_EQ(DecodeHeader(chunk)->attempt, 7u);
  ChunkReader reader(chunk);
  EXPECT_EQ(reader.number(), 8u);
  EXPECT_EQ(reader.map(), 9u);
  EXPECT_EQ(reader.buckets(), 10u);
  const auto first = reader.Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->key, "key");
  EXPECT_EQ(first->value, "value");
  EXPECT_EQ(first->entry.version, (Version{1, 2}));
  EXPECT_EQ(first->entry.view, (ViewId{3, 4}));
  EXPECT_EQ(first->entry.expires_at, 5);
  EXPECT_EQ(first->entry.ttl_ms, 6u);
  const auto second = reader.Next();
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->entry.tombstone);
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_TRUE(reader.valid());
}

TEST(ChunkCodec, AChunkIsTheseBytes) {
  const map::Entry entry = EntryOf("V");
  ChunkWriter writer(1, 2, 3, 4, kChunkHeaderBytes + ChunkBytesOf("K", entry));
  writer.Add("K", entry);
  const Buffer chunk = writer.Finish();
  std::string hex;
  for (std::byte byte : chunk.bytes()) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(byte));
    hex += digits;
  }
  EXPECT_EQ(hex,
            "0301000000020000000300040000000001000100000001000000000000000200000000000000"
            "03000000000000000400000000000000050000000000000006000000000000004b56");
}

TEST(ChunkCodec, NoticesWhatIsCutShortAnywhere) {
  const Buffer chunk = ChunkOfTwo();
  for (size_t size = 0; size < chunk.size(); ++size) {
    ChunkReader reader(chunk.bytes().first(size));
    size_t items = 0;
    while (reader.Next().has_value()) ++items;
    const bool at_a_border = size == kChunkHeaderBytes ||
                             (items == 1 && size == kChunkHeaderBytes + kChunkEntryBytes + 8);
    EXPECT_EQ(reader.valid(), at_a_border) << size;
  }
}

TEST(ChunkCodec, SurvivesAnyBytes) {
  Random random(1);
  const Buffer chunk = ChunkOfTwo();
  for (int i = 0; i < 20000; ++i) {
    Buffer bytes = Buffer::CopyOf(chunk.bytes());
    for (uint64_t n = random.Between(1, 4); n > 0; --n) {
      bytes.Fill()[random.Below(bytes.size())] = static_cast<std::byte>(random.Below(256));
    }
    ChunkReader reader(bytes);
    while (const auto item = reader.Next()) {
      ASSERT_LE(item->key.size(), map::kKeyBytesMax);
      ASSERT_LE(item->value.size(), map::kValueBytesMax);
    }
  }
}

TEST(TransferMessages, GiveBackWhatWentIn) {
  EXPECT_EQ(DecodeRequest(EncodeRequest(1, {{2, 3}}))->view, (ViewId{2, 3}));
  EXPECT_EQ(DecodeAck(EncodeAck(1, {9}))->chunks, 9u);
  EXPECT_EQ(DecodeRefused(EncodeRefused(1, {"no"}))->reason, "no");
  EXPECT_TRUE(DecodeDone(EncodeDone(1, {true}))->whole);
  EXPECT_TRUE(DecodeRequest(EncodeRequest(1, {{2, 3}, true}))->helps);
  BeginMessage begin;
  begin.view = {5, 6};
  begin.position = 7;
  begin.settings.bytes_max = 8;
  begin.history.Add({1, 1});
  begin.history.Add({5, 6});
  begin.maps.push_back(
      {"m",
       {.settings = {}, .configured = true, .cleared = {1, 2}, .forgotten = 2, .greatest = 9},
       3,
       4,
       {5, 6}});
  begin.sides.push_back({{3, 4}, {{{1, 2}, 3}, {{4, 5}, 6}}, true});
  const auto got = DecodeBegin(EncodeBegin(2, begin));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->view, begin.view);
  EXPECT_EQ(got->position, 7u);
  EXPECT_EQ(got->settings, begin.settings);
  EXPECT_EQ(got->history.first(), (ViewId{1, 1}));
  EXPECT_EQ(got->history.last(), begin.view);
  ASSERT_EQ(got->maps.size(), 1u);
  EXPECT_EQ(got->maps[0].state, begin.maps[0].state);
  EXPECT_EQ(got->maps[0].entries, 3u);
  EXPECT_EQ(got->maps[0].digest, (map::Digest{5, 6}));
  ASSERT_EQ(got->sides.size(), 1u);
  EXPECT_EQ(got->sides[0].came_from, (ViewId{3, 4}));
  EXPECT_EQ(got->sides[0].carriers, begin.sides[0].carriers);
  EXPECT_TRUE(got->sides[0].merged);
}

TEST(TransferMessages, NameAsManyCarriersAsTheyMayAndNoSideWithout) {
  BeginMessage begin;
  const uint64_t most = ~uint64_t{0};
  begin.sides.push_back({{1, 1}, std::vector<MemberId>(kCarriersMax - 1, {{most, most}, ~0u})});
  begin.sides.push_back({{2, 2}, std::vector<MemberId>(2, {{most, most}, ~0u})});
  begin.sides.push_back({{3, 3}, {{{1, 1}, 1}}});
  const Buffer bytes = EncodeBegin(1, begin);
  EXPECT_LE(bytes.size(), kControlBytesMax);
  const auto got = DecodeBegin(bytes);
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->sides.size(), 2u) << "the rest is left out";
  EXPECT_EQ(got->sides[1].carriers.size(), 1u);
  begin.sides = {{{1, 1}, {}}};
  EXPECT_FALSE(DecodeBegin(EncodeBegin(1, begin)).has_value());
}

TEST(TransferMessages, TheLargestBeginFitsItsBound) {
  BeginMessage begin;
  for (uint64_t num = 1; num <= map::kViewHistoryMax; ++num) begin.history.Add({num, ~uint64_t{0}});
  map::MapState state;
  state.settings = {~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}};
  state.greatest = map::kHlcMax;
  begin.maps.assign(map::kMapsMax, {std::string(map::kMapNameBytesMax, 'm'),
                                    state,
                                    ~uint64_t{0},
                                    ~uint64_t{0},
                                    {~uint64_t{0}, ~uint64_t{0}}});
  begin.received.assign(kReceivedMax, 1u << 14);
  const MemberId carrier{{~uint64_t{0}, ~uint64_t{0}}, ~0u};
  begin.sides.assign(kCarriersMax, {{~uint64_t{0}, ~uint64_t{0}}, {carrier}, true});
  const Buffer bytes = EncodeBegin(1, begin);
  EXPECT_LE(bytes.size(), kControlBytesMax);
  EXPECT_TRUE(DecodeBegin(bytes).has_value());
}

TEST(TransferMessages, RefuseContradictions) {
  BeginMessage begin;
  begin.maps.push_back({"m", {}, 0, 0, {}});
  begin.maps[0].state.forgotten = 5;  // Greater than the greatest.
  EXPECT_FALSE(DecodeBegin(EncodeBegin(1, begin)).has_value());
  begin.maps.assign(map::kMapsMax + 1, {"m", {}, 0, 0, {}});
  EXPECT_FALSE(DecodeBegin(EncodeBegin(1, begin)).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes("")).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes(std::string("\x00\0\0\0\0", 5))).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes(std::string("\x0c\0\0\0\0", 5))).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes(std::string(kControlBytesMax + 1, '\x02'))).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes(std::string(kChunkBytesMax + 1, '\x03'))).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes(std::string(kDigestsBytesMax + 1, '\x08'))).has_value());
  EXPECT_FALSE(DecodeHeader(AsBytes(std::string(kControlBytesMax + 1, '\x09'))).has_value());
  EXPECT_FALSE(DecodeDone(AsBytes(std::string("\x05\0\0\0\0\xff\xff", 7))).has_value());
}

}  // namespace
}  // namespace cohort::transfer

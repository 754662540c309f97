// What of an operation is told from its bytes, and that to be told of what comes changes nothing.
#include "map/foresight.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "map/convergent_op_codec.h"
#include "map/map_op_codec.h"
#include "map/map_set.h"

namespace cohort::map {
namespace {

constexpr uint64_t kHlc = uint64_t{1'700'000'000'000} << 16;

Buffer PutTo(std::string_view map, std::string_view key, std::string_view value) {
  MapOp op;
  op.map = map;
  op.hlc = kHlc;
  op.body = PutOp{key, value};
  return EncodeMapOp(op);
}

TEST(ForesightTest, TellsTheKeyOfAPut) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1024}, size_t{100'000}}) {
    const Buffer put = PutTo("main", "session-1", std::string(size, 'v'));
    const std::optional<Target> target = TargetOf(put);
    ASSERT_TRUE(target.has_value()) << size;
    EXPECT_EQ(target->map, "main");
    EXPECT_EQ(target->key, "session-1");
  }
}

TEST(ForesightTest, TellsTheKeyOfAnErase) {
  MapOp op;
  op.map = "main";
  op.hlc = kHlc;
  op.body = EraseOp{"gone"};
  const Buffer bytes = EncodeMapOp(op);
  const std::optional<Target> target = TargetOf(bytes);
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->key, "gone");
}

TEST(ForesightTest, TellsTheFirstKeyOfAConvergentWriteWhateverStampFollows) {
  ConvergentOp op;
  op.map = "carts";
  op.items.push_back({.key = "cart-7", .writes = {{"", "value", false}}});
  const Buffer bytes = EncodeConvergentOp(op, 0, 30);
  const std::optional<Target> target = TargetOf(bytes);
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->map, "carts");
  EXPECT_EQ(target->key, "cart-7");
}

TEST(ForesightTest, ReadsNothingBeyondBytesThatAreCutOffOrChanged) {
  const Buffer put = PutTo("main", "session-1", "value");
  for (size_t size = 0; size < put.size(); ++size) {
    // Of memory of its own, so that a sanitizer sees what is read behind it.
    std::vector<std::byte> part(put.data(), put.data() + size);
    TargetOf(part);
    for (size_t at = 0; at < size; ++at) {
      for (const int other : {0x00, 0x7F, 0x80, 0xFF}) {
        const std::byte before = std::exchange(part[at], static_cast<std::byte>(other));
        TargetOf(part);
        part[at] = before;
      }
    }
  }
}

TEST(ForesightTest, WhatIsForeseenIsAppliedAsIfItWereNot) {
  MapSet told({.hash_key = 7, .settings = {}});
  MapSet untold({.hash_key = 7, .settings = {}});
  const ViewId view{1, 1};
  const MemberId writer{{1, 2}, 0};
  Output out;
  uint64_t position = 0;
  told.OnView(view);
  untold.OnView(view);
  for (int round = 0; round < 3; ++round) {
    std::vector<Buffer> puts;
    for (int i = 0; i < 20; ++i)
      puts.push_back(PutTo("main", "key-" + std::to_string(i * (round + 1)), "value"));
    // Also more than are looked at, what has no map, and nothing at all.
    std::vector<Bytes> operations(puts.begin(), puts.end());
    const Buffer elsewhere = PutTo("elsewhere", "key", "value");
    operations[1] = {};
    operations[2] = elsewhere;
    // Of the first eight two are not about this map, and what is not there yet is not foreseen.
    EXPECT_EQ(told.Foresee(operations), round == 0 ? 0u : round == 1 ? 6u : 5u) << round;
    EXPECT_EQ(told.Foresee({}), 0u);
    for (const Buffer& put : puts) {
      told.Apply(put, {view, ++position, writer}, out);
      untold.Apply(put, {view, position, writer}, out);
    }
  }
  EXPECT_EQ(told.size(), 1u);
  EXPECT_EQ(told.digest(), untold.digest());
  EXPECT_TRUE(told.IsConsistent());
}

}  // namespace
}  // namespace cohort::map

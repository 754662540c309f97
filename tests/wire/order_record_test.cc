#include "wire/order_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/golden_file.h"

namespace cohort::wire {
namespace {

using ::cohort::testing::Golden;
using ::testing::ElementsAreArray;

OrderRecord Specimen() {
  return {.cut = 0x0102030405060708,
          .runs = {{.rank = 0, .delta = 0x1112}, {.rank = 0x0203, .delta = 1}}};
}

std::vector<std::byte> Encoded(const OrderRecord& record) {
  const Buffer payload = EncodeOrderRecord(record);
  return {payload.bytes().begin(), payload.bytes().end()};
}

TEST(OrderRecord, WritesAndReadsItsGoldenFile) {
  const std::vector<std::byte> bytes = Encoded(Specimen());
  const std::vector<std::byte> golden =
      Golden("wire/order_record.hex", ToString(Specimen()), bytes);
  EXPECT_THAT(bytes, ElementsAreArray(golden));
  EXPECT_EQ(ParseOrderRecord(golden), Specimen());
}

TEST(OrderRecord, ARankThatAdvancesFarIsListedAgain) {
  const OrderRecord record{.cut = 1,
                           .runs = {{.rank = 2, .delta = 0xFFFF}, {.rank = 2, .delta = 7}}};
  EXPECT_EQ(ParseOrderRecord(EncodeOrderRecord(record)), record);
}

TEST(OrderRecord, TheLargestFillsAChunkAndOneMoreRunIsRefused) {
  OrderRecord record{.cut = 1, .runs = {}};
  for (size_t i = 0; i < kOrderRunsMax; ++i)
    record.runs.push_back({.rank = static_cast<Rank>(i), .delta = 1});
  const Buffer payload = EncodeOrderRecord(record);
  EXPECT_LE(payload.size(), kChunkPayloadMax);
  EXPECT_EQ(ParseOrderRecord(payload), record);
  record.runs.push_back({.rank = 999, .delta = 1});
  EXPECT_TRUE(EncodeOrderRecord(record).empty());
}

TEST(OrderRecord, ARecordThatBreaksItsRulesIsNeitherWrittenNorRead) {
  EXPECT_TRUE(EncodeOrderRecord({.cut = 1, .runs = {}}).empty()) << "no runs";
  EXPECT_TRUE(EncodeOrderRecord({.cut = 1, .runs = {{.rank = 0, .delta = 0}}}).empty())
      << "empty run";
  EXPECT_TRUE(EncodeOrderRecord({.cut = 1, .runs = {{2, 1}, {1, 1}}}).empty()) << "ranks descend";

  std::vector<std::byte> bytes = Encoded(Specimen());
  EXPECT_FALSE(ParseOrderRecord(Bytes(bytes).first(bytes.size() - 1))) << "cut short";
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(ParseOrderRecord(bytes)) << "a byte too many";
  bytes.pop_back();
  const auto with = [&bytes](size_t offset, int value) {
    std::vector<std::byte> changed = bytes;
    changed[offset] = static_cast<std::byte>(value);
    return ParseOrderRecord(changed).has_value();
  };
  EXPECT_FALSE(with(0, 2)) << "another kind";
  EXPECT_FALSE(with(9, 1)) << "count less than the runs";
  EXPECT_FALSE(with(9, 3)) << "count more than the runs";
  EXPECT_FALSE(with(12, 3)) << "ranks descend";
  EXPECT_FALSE(with(17, 0)) << "empty run";
  EXPECT_FALSE(ParseOrderRecord({})) << "nothing";
}

}  // namespace
}  // namespace cohort::wire

#include "wire/mark_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/golden_file.h"
#include "wire/order_record.h"

namespace cohort::wire {
namespace {

using ::cohort::testing::Golden;
using ::testing::ElementsAreArray;

constexpr MarkRecord kSpecimen{{0x0102030405060708, 0x1112131415161718}, 0x2122232425262728};

std::vector<std::byte> Encoded(const MarkRecord& record) {
  const Buffer payload = EncodeMarkRecord(record);
  return {payload.bytes().begin(), payload.bytes().end()};
}

TEST(MarkRecord, WritesAndReadsItsGoldenFile) {
  const std::vector<std::byte> bytes = Encoded(kSpecimen);
  const std::vector<std::byte> golden = Golden("wire/mark_record.hex", "MARK", bytes);
  EXPECT_THAT(bytes, ElementsAreArray(golden));
  EXPECT_EQ(ParseMarkRecord(golden), kSpecimen);
}

TEST(MarkRecord, AnotherSizeOrAnotherRecordIsNoMark) {
  std::vector<std::byte> bytes = Encoded(kSpecimen);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(ParseMarkRecord(Bytes(bytes).first(size)));
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(ParseMarkRecord(bytes));
  bytes.pop_back();
  bytes[0] = static_cast<std::byte>(ControlRecord::kOrder);
  EXPECT_FALSE(ParseMarkRecord(bytes));
}

}  // namespace
}  // namespace cohort::wire

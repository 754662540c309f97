#include "transfer/bucket_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {
namespace {

std::string HexOf(Bytes bytes) {
  std::string hex;
  for (std::byte byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(byte));
    hex += digits;
  }
  return hex;
}

DigestsMessage TwoSums() { return {.map = 3, .sums = {{5, 6, {7, 8}}, {4095, 9, {10, 11}}}}; }

TEST(BucketCodec, DigestsAreTheseBytes) {
  DigestsMessage message = TwoSums();
  message.sums.resize(1);
  EXPECT_EQ(HexOf(EncodeDigests(1, message)),
            "0801000000"
            "0300"
            "05000600000007000000000000000800000000000000");
}

TEST(BucketCodec, WantsAreTheseBytes) {
  const std::vector<Want> wants = {{3, 5, {7}}, {3, 6, {}}};
  const std::vector<Buffer> messages = EncodeWants(1, wants);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(HexOf(messages[0]),
            "0901000000"
            "0300050001000700000000000000"
            "030006000000");
}

TEST(BucketCodec, GivesBackWhatWentIn) {
  const auto digests = DecodeDigests(EncodeDigests(1, TwoSums()));
  ASSERT_TRUE(digests.has_value());
  EXPECT_EQ(digests->map, 3);
  ASSERT_EQ(digests->sums.size(), 2u);
  EXPECT_EQ(digests->sums[1].bucket, 4095);
  EXPECT_EQ(digests->sums[1].entries, 9u);
  EXPECT_EQ(digests->sums[1].digest, (map::Digest{10, 11}));
  const std::vector<Want> wants = {{3, 5, {7, 8, 9}}, {4, 6, {}}};
  const auto got = DecodeWant(EncodeWants(1, wants)[0]);
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->size(), 2u);
  EXPECT_EQ((*got)[0].held, wants[0].held);
  EXPECT_EQ((*got)[1].map, 4);
  EXPECT_EQ((*got)[1].bucket, 6);
}

TEST(BucketCodec, TheLargestOfEachFitsItsBound) {
  DigestsMessage digests;
  for (uint16_t bucket = 0; bucket < map::kBucketsPerMap; ++bucket)
    digests.sums.push_back({bucket, 1, {}});
  const Buffer all = EncodeDigests(1, digests);
  EXPECT_EQ(all.size(), kDigestsBytesMax);
  EXPECT_TRUE(DecodeHeader(all).has_value());
  EXPECT_TRUE(DecodeDigests(all).has_value());
  const std::vector<Want> wants(10, Want{1, 2, std::vector<uint64_t>(kHeldMax, 3)});
  const std::vector<Buffer> messages = EncodeWants(1, wants);
  EXPECT_GT(messages.size(), 1u);
  size_t got = 0;
  for (const Buffer& message : messages) {
    EXPECT_TRUE(DecodeHeader(message).has_value());
    got += DecodeWant(message)->size();
  }
  EXPECT_EQ(got, wants.size());
}

TEST(BucketCodec, RefusesContradictions) {
  const auto refused = [](std::vector<DigestsMessage::Sum> sums) {
    return !DecodeDigests(EncodeDigests(1, {.map = 0, .sums = std::move(sums)})).has_value();
  };
  EXPECT_TRUE(refused({{5, 1, {}}, {5, 1, {}}})) << "doubled";
  EXPECT_TRUE(refused({{5, 1, {}}, {4, 1, {}}})) << "not upwards";
  EXPECT_TRUE(refused({{4096, 1, {}}})) << "no such bucket";
  EXPECT_TRUE(refused({{5, 0, {}}})) << "holds nothing";
  EXPECT_FALSE(refused({{5, 1, {}}, {6, 1, {}}}));
  const std::vector<Want> beyond = {{0, 4096, {}}};
  EXPECT_FALSE(DecodeWant(EncodeWants(1, beyond)[0]).has_value());
}

TEST(BucketCodec, NoticesWhatIsCutShortAnywhere) {
  const Buffer digests = EncodeDigests(1, TwoSums());
  for (size_t size = 0; size < digests.size(); ++size) {
    const bool at_a_border = size == 7 || size == 29;
    EXPECT_EQ(DecodeDigests(digests.bytes().first(size)).has_value(), at_a_border) << size;
  }
  const std::vector<Want> wants = {{3, 5, {7, 8}}, {4, 6, {}}};
  const Buffer want = EncodeWants(1, wants)[0];
  for (size_t size = 0; size < want.size(); ++size) {
    const bool at_a_border = size == 5 || size == 27;
    EXPECT_EQ(DecodeWant(want.bytes().first(size)).has_value(), at_a_border) << size;
  }
}

TEST(BucketCodec, SurvivesAnyBytes) {
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    Buffer bytes = Buffer::Allocate(random.Below(200));
    for (std::byte& byte : bytes.Fill()) byte = static_cast<std::byte>(random.Below(4));
    if (const auto wants = DecodeWant(bytes); wants.has_value()) {
      for (const Want& want : *wants) ASSERT_LE(want.held.size() * 8, bytes.size());
    }
    static_cast<void>(DecodeDigests(bytes));
  }
}

}  // namespace
}  // namespace cohort::transfer

#include <cohort/codec.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace cohort::testing {
namespace {

using ::testing::Optional;

template <class T>
void ExpectKeysSortAndComeBack(const std::vector<T>& ascending) {
  std::string before;
  for (const T value : ascending) {
    const std::optional<std::string> bytes = KeyCodec<T>::Encode(value);
    ASSERT_TRUE(bytes) << value;
    EXPECT_EQ(bytes->size(), sizeof(T));
    EXPECT_LT(before, *bytes) << value;
    EXPECT_THAT(KeyCodec<T>::Decode(*bytes), Optional(value));
    before = *bytes;
  }
}

template <class T>
std::vector<T> Integers() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_signed_v<T>) return {Limits::min(), -77, -1, 0, 1, 77, Limits::max()};
  return {0, 1, 77, Limits::max() - 1, Limits::max()};
}

TEST(KeyCodecTest, IntegersSortAsNumbersAndHaveOneSize) {
  ExpectKeysSortAndComeBack(Integers<int8_t>());
  ExpectKeysSortAndComeBack(Integers<uint8_t>());
  ExpectKeysSortAndComeBack(Integers<int16_t>());
  ExpectKeysSortAndComeBack(Integers<uint16_t>());
  ExpectKeysSortAndComeBack(Integers<int32_t>());
  ExpectKeysSortAndComeBack(Integers<uint32_t>());
  ExpectKeysSortAndComeBack(Integers<int64_t>());
  ExpectKeysSortAndComeBack(Integers<uint64_t>());
  EXPECT_EQ(KeyCodec<uint32_t>::Encode(0x01020304), "\x01\x02\x03\x04");
  EXPECT_EQ(KeyCodec<uint32_t>::Decode("\x01\x02\x03"), std::nullopt);
  EXPECT_EQ(KeyCodec<uint32_t>::Decode("\x01\x02\x03\x04\x05"), std::nullopt);
}

TEST(KeyCodecTest, RealsSortAsNumbersAndZeroIsOneKey) {
  const double infinity = std::numeric_limits<double>::infinity();
  ExpectKeysSortAndComeBack<double>(
      {-infinity, -1e300, -1.5, -5e-324, 0, 5e-324, 1, 1.5, infinity});
  ExpectKeysSortAndComeBack<float>({-3e38F, -1.5F, 0, 1e-45F, 1.5F, 3e38F});
  EXPECT_EQ(KeyCodec<double>::Encode(-0.0), KeyCodec<double>::Encode(0.0));
  EXPECT_EQ(KeyCodec<double>::Encode(std::nan("")), std::nullopt);
  // Bytes that the other zero and not a number have as values: no two keys may be equal.
  EXPECT_EQ(KeyCodec<double>::Decode(*Codec<double>::Encode(-0.0)), std::nullopt);
  EXPECT_EQ(KeyCodec<double>::Decode(*Codec<double>::Encode(std::nan(""))), std::nullopt);
}

TEST(CodecTest, IntegersAreDecimalTextAndNothingElseIsRead) {
  EXPECT_EQ(Codec<int64_t>::Encode(-12), "-12");
  EXPECT_EQ(Codec<uint64_t>::Encode(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_THAT(Codec<int64_t>::Decode("-9223372036854775808"),
              Optional(std::numeric_limits<int64_t>::min()));
  EXPECT_THAT(Codec<uint8_t>::Decode("255"), Optional(255));
  for (const char* bad : {"", "-", "+1", " 1", "1 ", "1.5", "0x1", "99999999999999999999"}) {
    EXPECT_EQ(Codec<int64_t>::Decode(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(Codec<int8_t>::Decode("128"), std::nullopt);
  EXPECT_EQ(Codec<uint8_t>::Decode("256"), std::nullopt);
  EXPECT_EQ(Codec<uint8_t>::Decode("-1"), std::nullopt);
}

TEST(CodecTest, RealsComeBackBitByBit) {
  for (const double value : {0.0, -0.0, 0.1, -1e-310, std::numeric_limits<double>::max()}) {
    const std::optional<double> back = Codec<double>::Decode(*Codec<double>::Encode(value));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, value);
    EXPECT_EQ(std::signbit(*back), std::signbit(value));
  }
  EXPECT_TRUE(std::isnan(*Codec<double>::Decode(*Codec<double>::Encode(std::nan("")))));
  EXPECT_EQ(Codec<double>::Decode("1.5"), std::nullopt);
}

TEST(CodecTest, BooleansAreTwoTextsOnly) {
  EXPECT_THAT(Codec<bool>::Decode(*Codec<bool>::Encode(true)), Optional(true));
  EXPECT_THAT(Codec<bool>::Decode(*Codec<bool>::Encode(false)), Optional(false));
  EXPECT_EQ(Codec<bool>::Decode("true"), std::nullopt);
  EXPECT_EQ(Codec<bool>::Decode(""), std::nullopt);
}

TEST(CodecTest, AMessageOfProtocolBuffersSerializesItself) {
  google::protobuf::Struct message;
  (*message.mutable_fields())["owner"].set_string_value("ann");
  const std::optional<std::string> bytes = Codec<google::protobuf::Struct>::Encode(message);
  ASSERT_TRUE(bytes);
  const auto back = Codec<google::protobuf::Struct>::Decode(*bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->fields().at("owner").string_value(), "ann");
  EXPECT_FALSE(Codec<google::protobuf::Struct>::Decode("\xFF\xFF\xFF"));
}

// What serializes itself may also refuse to.
struct Unfinished {
  bool SerializeToString(std::string*) const { return false; }
  bool ParseFromString(const std::string&) { return true; }
};

TEST(CodecTest, WhatRefusesToSerializeHasNoBytes) {
  EXPECT_EQ(Codec<Unfinished>::Encode({}), std::nullopt);
}

// Whatever decodes encodes to bytes that decode to the same.
template <class AnyCodec>
void ExpectStable(const std::string& bytes) {
  const auto value = AnyCodec::Decode(bytes);
  if (!value) return;
  const auto again = AnyCodec::Encode(*value);
  ASSERT_TRUE(again);
  const auto back = AnyCodec::Decode(*again);
  ASSERT_TRUE(back);
  EXPECT_EQ(AnyCodec::Encode(*back), again);
}

TEST(CodecTest, AnyBytesDecodeOrAreRefused) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 12, '\0');
    const bool text = random() % 2 == 0;
    for (char& byte : bytes)
      byte = text ? "0123456789-"[random() % 11] : static_cast<char>(random());
    ExpectStable<Codec<int64_t>>(bytes);
    ExpectStable<Codec<uint16_t>>(bytes);
    ExpectStable<Codec<bool>>(bytes);
    ExpectStable<Codec<float>>(bytes);
    ExpectStable<Codec<double>>(bytes);
    ExpectStable<KeyCodec<int64_t>>(bytes);
    ExpectStable<KeyCodec<double>>(bytes);
    Codec<google::protobuf::StringValue>::Decode(bytes);
    Codec<google::protobuf::Struct>::Decode(bytes);
  }
}

}  // namespace
}  // namespace cohort::testing

#include "messaging/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cohort/options.h"

namespace cohort::messaging {
namespace {

std::string Hex(const Buffer& bytes) {
  std::string text;
  for (const std::byte byte : bytes.bytes()) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(byte));
    text += digits;
  }
  return text;
}

const InstanceId kFirst{0x0102030405060708, 0x1112131415161718};
const InstanceId kSecond{3, 4};

TEST(FrameTest, TheBytesOfEachFrameAreThoseOfThisVersion) {
  EXPECT_EQ(Hex(Encode(MessageFrame{"ab", "xyz"})),
            "01026162"
            "78797a");
  RequestFrame request{.number = 7, .channel = "c", .payload = "p"};
  EXPECT_EQ(Hex(Encode(request, {})),
            "0201"
            "0700000000000000"
            "0000"
            "0163"
            "70");
  request.wanted = false;
  request.include_self = false;
  EXPECT_EQ(Hex(Encode(request, {{kFirst, 9}})),
            "0202"
            "0700000000000000"
            "0100"
            "08070605040302011817161514131211"
            "0163"
            "70");
  EXPECT_EQ(Hex(Encode(AnswerFrame{kFirst, 258, kCodeNoHandler, "z"})),
            "03ff"
            "08070605040302011817161514131211"
            "0201000000000000"
            "7a");
}

TEST(FrameTest, WhatWasEncodedIsReadBack) {
  const Buffer request =
      Encode(RequestFrame{.number = 1, .wanted = true, .channel = "stock", .payload = "lamps"},
             {{kFirst, 0}, {kSecond, 1}});
  const auto frame = Decode(request);
  ASSERT_TRUE(frame.has_value());
  const auto& read = std::get<RequestFrame>(*frame);
  EXPECT_EQ(read.channel, "stock");
  EXPECT_EQ(read.payload, "lamps");
  EXPECT_TRUE(read.wanted && read.include_self);
  EXPECT_TRUE(read.IsFor(kSecond));
  EXPECT_FALSE(read.IsFor({3, 5}));
  const Buffer answer = Encode(AnswerFrame{kSecond, 5, 13, "why"});
  const auto told = Decode(answer);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(std::get<AnswerFrame>(*told).asker, kSecond);
  EXPECT_EQ(std::get<AnswerFrame>(*told).code, 13);
}

TEST(FrameTest, ARequestThatNamesNobodyIsForEverybody) {
  const Buffer request = Encode(RequestFrame{.number = 1, .channel = "c", .payload = ""}, {});
  EXPECT_TRUE(std::get<RequestFrame>(*Decode(request)).IsFor(kFirst));
}

TEST(FrameTest, EveryFrameThatIsCutShortIsNoneOrHasAShorterPayload) {
  for (const Buffer& whole :
       {Encode(MessageFrame{"name", ""}), Encode(AnswerFrame{kFirst, 1, 0, ""}),
        Encode(RequestFrame{.number = 1, .channel = "name", .payload = ""}, {{kFirst, 0}})}) {
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(Decode(whole.bytes().first(size)).has_value()) << Hex(whole) << " " << size;
  }
}

TEST(FrameTest, WhatIsBeyondTheLimitsIsNoFrame) {
  Buffer empty_name = Encode(MessageFrame{"x", ""});
  empty_name.Fill()[1] = std::byte{0};
  EXPECT_FALSE(Decode(empty_name).has_value());
  Buffer long_name = Encode(MessageFrame{std::string(64, 'n'), "payload"});
  EXPECT_TRUE(Decode(long_name).has_value());
  long_name.Fill()[1] = std::byte{65};
  EXPECT_FALSE(Decode(long_name).has_value());
  const std::vector<MemberId> many(kRequestTargetsMax + 1);
  const RequestFrame request{.number = 1, .channel = "c", .payload = ""};
  EXPECT_FALSE(Decode(Encode(request, many)).has_value());
  Buffer unknown = Encode(MessageFrame{"x", ""});
  unknown.Fill()[0] = std::byte{4};
  EXPECT_FALSE(Decode(unknown).has_value());
}

TEST(FrameTest, TheLargestOfEachFitsOneMessageOfTheEngine) {
  constexpr size_t kEngineMessageMax = (size_t{1} << 20) - 1;  // A byte says what it is.
  const std::string name(kNameBytesMax, 'n');
  const std::vector<MemberId> many(kRequestTargetsMax);
  EXPECT_LE(Encode(MessageFrame{name, std::string(kMessageBytesMax, 'm')}).size(),
            kEngineMessageMax);
  EXPECT_LE(
      Encode(
          RequestFrame{.number = 1, .channel = name, .payload = std::string(kRequestBytesMax, 'r')},
          many)
          .size(),
      kEngineMessageMax);
  const std::string answer(kAnswerBytesMax, 'a');
  EXPECT_LE(Encode(AnswerFrame{kFirst, 1, 0, answer}).size(), kEngineMessageMax);
}

}  // namespace
}  // namespace cohort::messaging

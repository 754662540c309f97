#include "session/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cohort::session {
namespace {

const InfoRecord kInfo = {absl::FromUnixMillis(0x0102030405), absl::Milliseconds(0x1122),
                          absl::Milliseconds(0x33)};
const EndRecord kEnd = {EndCause::kRenamed, "old", "new"};

TEST(SessionRecordTest, TheBytesAreThoseOfEveryRelease) {
  EXPECT_EQ(Encode(kInfo), std::string("\x01\x05\x04\x03\x02\x01\0\0\0\x22\x11\0\0\0\0\0\0"
                                       "\x33\0\0\0\0\0\0\0",
                                       25));
  EXPECT_EQ(Encode(kEnd), std::string("\x01\x04\x03\0old\x03\0new", 12));
}

TEST(SessionRecordTest, ARecordComesBackAsItWas) {
  EXPECT_EQ(DecodeInfo(Encode(kInfo)), kInfo);
  const InfoRecord for_ever = {kInfo.created, absl::InfiniteDuration(), kInfo.orphan_time};
  EXPECT_EQ(DecodeInfo(Encode(for_ever)), for_ever);
  EXPECT_EQ(DecodeEnd(Encode(kEnd)), kEnd);
  const EndRecord longest = {EndCause::kExpired, std::string(kSessionIdBytesMax, 'x'), ""};
  EXPECT_EQ(DecodeEnd(Encode(longest)), longest);
}

TEST(SessionRecordTest, WhatIsShorterLongerOrOfAnotherFormatIsRefused) {
  for (const std::string& bytes : {Encode(kInfo), Encode(kEnd)}) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(DecodeInfo(bytes.substr(0, size)).has_value()) << size;
      EXPECT_FALSE(DecodeEnd(bytes.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(DecodeInfo(bytes + "x").has_value());
    EXPECT_FALSE(DecodeEnd(bytes + "x").has_value());
    std::string later = bytes;
    later[0] = 2;
    EXPECT_FALSE(DecodeInfo(later).has_value());
    EXPECT_FALSE(DecodeEnd(later).has_value());
  }
}

TEST(SessionRecordTest, WhateverIsReadIsWithinItsLimits) {
  for (const std::string& good : {Encode(kInfo), Encode(kEnd)}) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string bytes = good;
        bytes[at] = static_cast<char>(byte);
        if (const auto info = DecodeInfo(bytes)) {
          EXPECT_GE(info->max_inactive, absl::ZeroDuration());
          EXPECT_EQ(DecodeInfo(Encode(*info)), info);
        }
        if (const auto end = DecodeEnd(bytes)) {
          EXPECT_FALSE(end->id.empty());
          EXPECT_LE(end->new_id.size(), kSessionIdBytesMax);
          EXPECT_EQ(DecodeEnd(Encode(*end)), end);
        }
      }
    }
  }
  const EndRecord too_long = {EndCause::kExpired, std::string(kSessionIdBytesMax + 1, 'x'), ""};
  EXPECT_FALSE(DecodeEnd(Encode(too_long)).has_value());
  EXPECT_FALSE(DecodeEnd(Encode(EndRecord{EndCause::kRenamed, "old", ""})).has_value());
}

TEST(SessionRecordTest, AnEntryWithoutItsRecordIsNoSession) {
  EXPECT_TRUE(absl::IsNotFound(ContentsOf({}).status()));
  EXPECT_TRUE(absl::IsNotFound(ContentsOf({{"acart", "1"}}).status()));
  EXPECT_TRUE(absl::IsDataLoss(ContentsOf({{"i", "garbage"}}).status()));
  const absl::StatusOr<Contents> contents =
      ContentsOf({{"acart", "1"}, {"i", Encode(kInfo)}, {"m", "ann"}, {"zlater", "x"}});
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(contents->info, kInfo);
  EXPECT_EQ(contents->metadata, "ann");
  ASSERT_EQ(contents->attributes.size(), 1U);
  EXPECT_EQ(contents->attributes.at("cart"), "1");
}

TEST(SessionRecordTest, KeysTellSessionsFromTheirEnds) {
  EXPECT_EQ(IdOfKey(SessionKey("x")), "x");
  EXPECT_EQ(IdOfKey("s"), std::nullopt);
  EXPECT_EQ(IdOfKey(EndKey(1, 2)), std::nullopt);
  EXPECT_TRUE(IsEndKey(EndKey(1, 2)));
  EXPECT_NE(EndKey(1, 2), EndKey(2, 1));
  EXPECT_FALSE(IsEndKey(SessionKey("e")));
  EXPECT_EQ(IdOfKey(NewIdKey("s")), std::nullopt);
  EXPECT_FALSE(IsEndKey(NewIdKey("e")));
}

}  // namespace
}  // namespace cohort::session

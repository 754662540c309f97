#include "security/group_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cohort::security {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::array<std::byte, kKeyBytes> SomeBytes() {
  std::array<std::byte, kKeyBytes> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}
constexpr char kHex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr char kBase64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<GroupKey> key = ParseKeyFile(text);
  return key.ok() ? "accepted" : std::string(key.status().message());
}

TEST(KeyFile, ReadsTheKeyItGenerated) {
  const std::string text = GenerateKeyFile(SomeBytes());
  EXPECT_THAT(text, HasSubstr(std::string("cohort-key-1 ") + kBase64 + "\n"));
  const absl::StatusOr<GroupKey> key = ParseKeyFile(text);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, GroupKey(SomeBytes()));
}

TEST(KeyFile, ReadsHexadecimalAndBase64WithCommentsAndBlanks) {
  for (const std::string key :
       {kHex, kBase64, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"}) {
    const absl::StatusOr<GroupKey> parsed =
        ParseKeyFile("# ours\r\n\n \t# too\n  cohort-key-1 \t" + key + "  \r\n# end");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, GroupKey(SomeBytes()));
  }
}

TEST(KeyFile, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("# only a comment\n"), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("hello\n"), HasSubstr("line 1: not a Cohort key"));
  EXPECT_THAT(ErrorOf("#\ncohort-key-2 00\n"), HasSubstr("line 2: not a Cohort key"));
  EXPECT_THAT(ErrorOf("cohort-key-12 00\n"), HasSubstr("format"));
  EXPECT_THAT(ErrorOf("cohort-key-1"), HasSubstr("missing"));
  EXPECT_THAT(ErrorOf("cohort-key-1 AAEC\n"), HasSubstr("too short, 3 bytes"));
  EXPECT_THAT(ErrorOf(std::string("cohort-key-1 ") + kHex + "20"), HasSubstr("too long"));
  EXPECT_THAT(ErrorOf("cohort-key-1 !!!"), HasSubstr("neither base64 nor hexadecimal"));
  EXPECT_THAT(ErrorOf(std::string("cohort-key-1 ") + std::string(64, '0')),
              HasSubstr("not random"));
  EXPECT_THAT(ErrorOf(std::string("cohort-key-1 ") + kHex + "\ncohort-key-1 " + kHex),
              HasSubstr("second key"));
  EXPECT_THAT(ErrorOf(std::string(kKeyFileMax + 1, '#')), HasSubstr("too long"));
}

TEST(KeyFile, AnErrorNeverShowsTheKey) {
  const std::string secret = std::string(kHex).substr(0, 62);
  EXPECT_THAT(ErrorOf("cohort-key-1 " + secret), Not(HasSubstr(secret.substr(0, 8))));
}

}  // namespace
}  // namespace cohort::security

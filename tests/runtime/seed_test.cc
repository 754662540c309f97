#include "runtime/seed.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = Seed::Kind;

std::string Refusal(const std::string& text) {
  const absl::Status status = ParseSeed(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(SeedTest, AnAddressAHostAndAServiceAreToldApart) {
  EXPECT_EQ(ParseSeed("10.0.0.5:7601")->kind, Kind::kAddress);
  EXPECT_EQ(ParseSeed("10.0.0.5:7601")->address.ToString(), "10.0.0.5:7601");
  EXPECT_EQ(ParseSeed("[fd00::5]:7601")->address.ToString(), "[fd00::5]:7601");
  EXPECT_EQ(ParseSeed("node1.example.org:7601")->kind, Kind::kHost);
  const Seed service = *ParseSeed("srv:_cohort._tcp.example.org");
  EXPECT_EQ(service.kind, Kind::kService);
  EXPECT_EQ(service.service, "_cohort._tcp.example.org");
  EXPECT_EQ(service.text, "srv:_cohort._tcp.example.org");
}

TEST(SeedTest, AHostMayBeCalledSrv) {
  const Seed seed = *ParseSeed("srv:7601");
  EXPECT_EQ(seed.kind, Kind::kHost);
  EXPECT_EQ(seed.host.host, "srv");
  EXPECT_EQ(seed.host.port, 7601);
}

TEST(SeedTest, WhatIsNoneIsRefusedWithItsTextAndAnExample) {
  for (const char* text : {"", "host", "host:", ":7600", "host:0", "host:99999", "[::1:7600"})
    EXPECT_THAT(Refusal(text), StartsWith("seeds: '" + std::string(text) + "'")) << text;
  EXPECT_THAT(Refusal("host"), HasSubstr("HOST:PORT"));
  EXPECT_THAT(Refusal("srv:"), HasSubstr("_cohort._tcp"));
  EXPECT_THAT(Refusal("srv:_cohort._tcp.example.org:7600"), HasSubstr("no port"));
  EXPECT_THAT(Refusal("srv:a b"), HasSubstr("no service"));
  EXPECT_THAT(Refusal("srv:" + std::string(254, 'a')), HasSubstr("no service"));
  EXPECT_THAT(Refusal(std::string(254, 'a') + ":1"), HasSubstr("longer"));
}

TEST(SeedTest, AnAddressStandsForItselfInItsOwnIpVersionOnly) {
  const Seed seed = *ParseSeed("127.0.0.1:7601");
  const auto found = LookUpSeed(seed, 4);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().ToString(), "127.0.0.1:7601");
  EXPECT_EQ(LookUpSeed(seed, 6).status().code(), absl::StatusCode::kNotFound);
}

TEST(SeedTest, AHostIsLookedUpAsTheSystemDoes) {
  const auto found = LookUpSeed(*ParseSeed("localhost:7601"), 4);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->front().ToString(), "127.0.0.1:7601");
  const absl::Status unknown = LookUpSeed(*ParseSeed("no..such.host:7601"), 4).status();
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("'no..such.host'"));
}

}  // namespace
}  // namespace cohort::runtime

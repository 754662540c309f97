#include "runtime/service_records.h"

#include <string>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kA = 1, kCname = 5, kSrv = 33;

std::string U16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
}

// "a.b" as labels.
std::string Name(const std::string& dotted) {
  std::string bytes;
  for (size_t at = 0; at < dotted.size();) {
    const size_t dot = std::min(dotted.find('.', at), dotted.size());
    bytes += static_cast<char>(dot - at) + dotted.substr(at, dot - at);
    at = dot + 1;
  }
  return bytes + '\0';
}

std::string Record(uint16_t type, const std::string& data, const std::string& name = "\xC0\x0C") {
  return name + U16(type) + U16(1) + std::string(4, '\0') +
         U16(static_cast<unsigned>(data.size())) + data;
}

std::string Srv(unsigned priority, unsigned weight, unsigned port, const std::string& host) {
  return Record(kSrv, U16(priority) + U16(weight) + U16(port) + host);
}

std::string Answer(const std::vector<std::string>& records) {
  std::string bytes = U16(7) + U16(0x8180) + U16(1) + U16(static_cast<unsigned>(records.size())) +
                      U16(0) + U16(0) + Name("_cohort._tcp.shop.test") + U16(kSrv) + U16(1);
  for (const std::string& record : records) bytes += record;
  return bytes;
}

auto Parse(const std::string& bytes) { return ParseServiceRecords(AsBytes(bytes)); }

TEST(ServiceRecordsTest, RecordsComeByPriorityThenWeight) {
  const auto records = Parse(Answer({Srv(20, 0, 1, Name("c.test")), Srv(10, 1, 2, Name("b.test")),
                                     Srv(10, 5, 3, Name("a.test"))}));
  ASSERT_TRUE(records.has_value());
  EXPECT_THAT(*records,
              ElementsAre(ServiceRecord{10, 5, 3, "a.test"}, ServiceRecord{10, 1, 2, "b.test"},
                          ServiceRecord{20, 0, 1, "c.test"}));
}

TEST(ServiceRecordsTest, AHostMayGoOnAtAnEarlierPlace) {
  // The question's name begins at 12; "shop.test" 13 bytes later.
  const auto records = Parse(Answer({Srv(0, 0, 7,
                                         std::string("\x01"
                                                     "a") +
                                             "\xC0\x19")}));
  ASSERT_TRUE(records.has_value());
  EXPECT_THAT(*records, ElementsAre(ServiceRecord{0, 0, 7, "a.shop.test"}));
}

TEST(ServiceRecordsTest, OtherRecordsAreLeftOut) {
  const auto records = Parse(Answer({Record(kCname, Name("x.test")), Srv(0, 0, 7, Name("a.test")),
                                     Record(kA, std::string(4, '\1'))}));
  ASSERT_TRUE(records.has_value());
  EXPECT_THAT(*records, SizeIs(1));
}

TEST(ServiceRecordsTest, AServiceThatIsNotOfferedHasNoHost) {
  const auto records =
      Parse(Answer({Srv(0, 0, 7, std::string(1, '\0')), Srv(0, 0, 0, Name("a.test"))}));
  ASSERT_TRUE(records.has_value());
  EXPECT_THAT(*records, IsEmpty());
}

TEST(ServiceRecordsTest, NoMoreRecordsThanTheLimitAreLookedAt) {
  std::vector<std::string> many(kServiceRecordsMax + 5, Srv(0, 0, 7, Name("a.test")));
  EXPECT_THAT(*Parse(Answer(many)), SizeIs(kServiceRecordsMax));
}

TEST(ServiceRecordsTest, AnAnswerThatEndsEarlyOrRunsInCirclesIsMalformed) {
  const std::string whole = Answer({Srv(10, 5, 3, Name("a.test"))});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(Parse(whole.substr(0, size)).has_value()) << size;
  EXPECT_TRUE(Parse(whole).has_value());
  // The host points at itself.
  const std::string before = Answer({Srv(0, 0, 7, "")});
  const std::string circle = "\xC0" + std::string(1, static_cast<char>(before.size()));
  EXPECT_FALSE(Parse(Answer({Srv(0, 0, 7, circle)})).has_value());
  // The host is longer than its record says.
  std::string longer = Answer({Srv(0, 0, 7, Name("a.test"))});
  longer[before.size() - 7] = 3;
  EXPECT_FALSE(Parse(longer).has_value());
}

TEST(ServiceRecordsTest, HostileBytesDoNoHarm) {
  Random random(1);
  const std::string whole = Answer({Srv(10, 5, 3, Name("a.test")), Record(kA, "abcd"),
                                    Srv(1, 1, 4,
                                        std::string("\x01"
                                                    "b") +
                                            "\xC0\x19")});
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole.substr(0, random.Between(uint64_t{0}, uint64_t{whole.size()}));
    for (uint64_t i = random.Below(8); i > 0 && !bytes.empty(); --i)
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    const auto records = Parse(bytes);
    EXPECT_LE(records.value_or(std::vector<ServiceRecord>()).size(), kServiceRecordsMax);
  }
}

}  // namespace
}  // namespace cohort::runtime

#include "engine/drop_reporter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::engine {
namespace {

using security::Verdict;
using std::chrono::seconds;
using ::testing::HasSubstr;

Instant At(int64_t second) { return Instant::FromNanos(second * 1'000'000'000); }

Address From() {
  Address address;
  address.family = 4;
  address.ip = {192, 0, 2, 9};
  address.port = 7;
  return address;
}

TEST(DropReporterTest, TheFirstIsToldAtOnceWithWhatToDo) {
  DropReporter drops;
  const auto report = drops.OnDrop(At(1), Verdict::kForeignGroup, From());
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->number, 1);
  EXPECT_THAT(report->text, HasSubstr("192.0.2.9:7"));
  EXPECT_THAT(report->text, HasSubstr("another group or another key"));
  EXPECT_THAT(report->text, HasSubstr("compare"));
}

TEST(DropReporterTest, AFloodIsToldEverMoreRarelyButCountedWhole) {
  DropReporter drops;
  int64_t told = 0;
  int64_t reports = 0;
  constexpr int64_t kDay = 24 * 3600;
  for (int64_t second = 0; second < kDay; ++second) {
    const auto report = drops.OnDrop(At(second), Verdict::kMalformed, From());
    if (!report.has_value()) continue;
    told += report->number;
    ++reports;
  }
  EXPECT_LT(reports, 40);
  EXPECT_GT(reports, 24);
  EXPECT_GT(told, kDay - 3600);
}

TEST(DropReporterTest, EachCauseHasItsOwnTurnAndThoseOfTheProtocolHaveNone) {
  DropReporter drops;
  EXPECT_TRUE(drops.OnDrop(At(1), Verdict::kWrongVersion, From()).has_value());
  EXPECT_FALSE(drops.OnDrop(At(1), Verdict::kWrongVersion, From()).has_value());
  for (const Verdict verdict :
       {Verdict::kForeignGroup, Verdict::kForged, Verdict::kPlaintextMismatch, Verdict::kUnknownKey,
        Verdict::kMalformed}) {
    EXPECT_TRUE(drops.OnDrop(At(1), verdict, From()).has_value());
  }
  for (const Verdict verdict : {Verdict::kOwn, Verdict::kReplay, Verdict::kUnknownView,
                                Verdict::kBadRank, Verdict::kStrangerLimit}) {
    EXPECT_FALSE(drops.OnDrop(At(1), verdict, From()).has_value());
  }
}

}  // namespace
}  // namespace cohort::engine

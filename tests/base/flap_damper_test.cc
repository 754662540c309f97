#include "base/flap_damper.h"

#include <gtest/gtest.h>

namespace cohort {
namespace {

constexpr Instant kNow = Instant::FromNanos(1'000'000'000);

TEST(FlapDamperTest, FromTheThirdTimeWithinAMinuteTheWaitDoublesUpToAMinute) {
  FlapDamper damper;
  Instant now = kNow;
  for (const int seconds_expected : {0, 0, 1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(damper.Note(now), seconds(seconds_expected));
    now = now + seconds(5) + seconds(seconds_expected);
  }
  EXPECT_EQ(damper.times(), 10u);
}

TEST(FlapDamperTest, TwiceAMinuteIsBadLuckForEver) {
  FlapDamper damper;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(damper.Note(kNow + i * seconds(31)), Duration::zero());
}

TEST(FlapDamperTest, TenMinutesWithoutAnyForgetThem) {
  FlapDamper damper;
  for (int i = 0; i < 5; ++i) damper.Note(kNow + i * seconds(1));
  EXPECT_EQ(damper.Note(kNow + seconds(590)), seconds(8)) << "not yet";
  EXPECT_EQ(damper.Note(kNow + seconds(1191)), Duration::zero());
  EXPECT_EQ(damper.times(), 1u);
}

}  // namespace
}  // namespace cohort

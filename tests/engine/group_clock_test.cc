#include "engine/group_clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace cohort::engine {
namespace {

constexpr int64_t kUnixMs = 1'700'000'000'000;
constexpr int64_t kYearMs = int64_t{365} * 86'400'000;

class GroupClockTest : public ::testing::Test {
 protected:
  GroupClockTest() { clock_.Set(start_, kUnixMs); }

  // A host that has been up for weeks.
  const Instant start_ = Instant::Zero() + std::chrono::hours(24 * 60) + Duration(123'456);
  GroupClock clock_;
};

TEST_F(GroupClockTest, ATimeIsReachedWhenTheClockSaysSo) {
  for (const int64_t ms : {int64_t{0}, int64_t{1}, int64_t{90'000'000}, kYearMs}) {
    const Instant at = clock_.At(kUnixMs + ms);
    EXPECT_EQ(at, start_ + milliseconds(ms));
    EXPECT_EQ(clock_.NowMs(at), kUnixMs + ms);
    EXPECT_LT(clock_.NowMs(at - Duration(1)), kUnixMs + ms + (ms == 0 ? 1 : 0));
  }
}

TEST_F(GroupClockTest, ATimeThatIsOverIsBeforeTheStart) {
  EXPECT_EQ(clock_.At(kUnixMs - 5000), start_ - seconds(5));
  EXPECT_LT(clock_.At(std::numeric_limits<int64_t>::min()), start_);
}

TEST_F(GroupClockTest, ATimeBeyondAllCenturiesIsFarAndNoOverflow) {
  const Instant far = clock_.At(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(far, start_ + milliseconds(100 * kYearMs));
  EXPECT_EQ(clock_.At(kUnixMs + 200 * kYearMs), far);
}

}  // namespace
}  // namespace cohort::engine

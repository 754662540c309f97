#include "base/instant.h"

#include <gtest/gtest.h>

namespace cohort {
namespace {

TEST(Instant, AddingSaturatesAtInfinity) {
  EXPECT_TRUE((Instant::Infinite() + seconds(1)).is_infinite());
  EXPECT_TRUE((Instant::Infinite() + seconds(-1)).is_infinite());
  const Instant late = Instant::FromNanos(Instant::Infinite().nanos() - 10);
  EXPECT_TRUE((late + Duration(11)).is_infinite());
  EXPECT_EQ((late + Duration(9)).nanos(), Instant::Infinite().nanos() - 1);
}

TEST(Instant, InstantsBeforeTheStartOfTimeAreInstantsToo) {
  const Instant before = Instant::Zero() - seconds(1);
  EXPECT_EQ(before + milliseconds(10), Instant::FromNanos(-990'000'000));
  EXPECT_EQ(Instant::Zero() - before, seconds(1));
}

}  // namespace
}  // namespace cohort

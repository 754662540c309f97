#include "security/replay_window.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/random.h"

namespace cohort::security {
namespace {

TEST(ReplayWindow, ANumberIsFreshOnce) {
  ReplayWindow window;
  EXPECT_TRUE(window.IsFresh(1));
  window.Record(1);
  EXPECT_FALSE(window.IsFresh(1));
  EXPECT_TRUE(window.IsFresh(2));
}

TEST(ReplayWindow, ZeroIsNeverFresh) {
  ReplayWindow window;
  EXPECT_FALSE(window.IsFresh(0));
  window.Record(5);
  EXPECT_FALSE(window.IsFresh(0));
}

TEST(ReplayWindow, AcceptsLateNumbersUpToItsEdge) {
  ReplayWindow window;
  window.Record(10000);
  EXPECT_TRUE(window.IsFresh(10000 - ReplayWindow::kPackets + 1));
  EXPECT_FALSE(window.IsFresh(10000 - ReplayWindow::kPackets));
}

TEST(ReplayWindow, AsksWithoutRecording) {
  ReplayWindow window;
  EXPECT_TRUE(window.IsFresh(uint64_t{1} << 40));
  EXPECT_TRUE(window.IsFresh(1)) << "a forged number must not move the window";
}

TEST(ReplayWindow, BehavesLikeASetOfTheLast4096) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ReplayWindow window;
    std::set<uint64_t> seen;
    uint64_t highest = 0;
    for (int step = 0; step < 20000; ++step) {
      uint64_t number = highest + random.Between(1, 70);
      if (random.Chance(0.7)) number = highest - std::min(highest, random.Below(5000));
      if (random.Chance(0.001)) number = highest + random.Between(3000, 9000);
      const bool fresh = number != 0 && !seen.contains(number) &&
                         (number > highest || highest - number < ReplayWindow::kPackets);
      ASSERT_EQ(window.IsFresh(number), fresh) << number << " after " << highest;
      if (!fresh) continue;
      window.Record(number);
      seen.insert(number);
      highest = std::max(highest, number);
      ASSERT_EQ(window.highest(), highest);
    }
  }
}

}  // namespace
}  // namespace cohort::security

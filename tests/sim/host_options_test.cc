#include "sim/host_options.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::sim {
namespace {

using ::testing::HasSubstr;

TEST(HostOptions, FollowFromTheSeedAlone) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const HostOptions first = DrawHostOptions(seed, 5);
    const HostOptions second = DrawHostOptions(seed, 5);
    EXPECT_EQ(first.ToString(), second.ToString());
    EXPECT_EQ(first.wall_clock_ms, second.wall_clock_ms);
  }
}

TEST(HostOptions, DrawEachDimensionSometimes) {
  std::string all;
  for (uint64_t seed = 1; seed <= 100; ++seed) all += DrawHostOptions(seed, 5).ToString();
  for (const char* dimension :
       {"joiners' queues", "send queues", "maps", "sockets", "tombstones", "started in bulk",
        "quick restarts", "who leaves drains", "clocks up to an hour apart", " without data",
        "without data or a vote"}) {
    EXPECT_THAT(all, HasSubstr(dimension));
  }
}

TEST(HostOptions, LeaveAtLeastTwoThatHoldData) {
  size_t twos = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    for (size_t hosts = 1; hosts <= 7; ++hosts) {
      const HostOptions options = DrawHostOptions(seed, hosts);
      EXPECT_LE(options.without_data.size() + 2, std::max<size_t>(hosts, 2));
      EXPECT_TRUE(options.votes || !options.without_data.empty());
      if (hosts == 4 && options.without_data.size() == 2) ++twos;
    }
  }
  EXPECT_GT(twos, 10u);
}

TEST(HostOptions, AskForNoLessThanAUserMay) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    engine::EngineOptions engine;
    DrawHostOptions(seed, 5).Apply(Policy::kAvailable, engine);
    EXPECT_GE(engine.send_queue_bytes_max, size_t{64} << 10);
    EXPECT_GE(engine.map_bytes_max, size_t{64} << 10);
    EXPECT_GT(engine.tombstone_horizon, Duration());
    EXPECT_EQ(engine.tie_breaker, "");
  }
}

}  // namespace
}  // namespace cohort::sim

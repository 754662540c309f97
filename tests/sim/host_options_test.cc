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
        "quick restarts", "who leaves drains", "clocks up to an hour apart"}) {
    EXPECT_THAT(all, HasSubstr(dimension));
  }
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

// A user's resolver in whole engines: both sides of a partition, with several members each.
#include <algorithm>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "gtest/gtest.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;

std::optional<std::string> Greater(const map::BothWritten& both) {
  return std::string(std::max(both.held, both.brought));
}

TEST(EngineResolver, SettlesWhatBothSidesHaveWrittenAndAllHoldTheSame) {
  EngineNet net;
  for (const char* name : {"a", "b", "c", "d"}) net.Add(net.Options(name));
  ASSERT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2, 3}); }));
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t id = 1'000'000 + i;
    OpenMap open{.id = id, .name = "m"};
    open.resolver = Greater;
    ASSERT_TRUE(net.Execute(i, open).ok());
    ASSERT_TRUE(net.RunUntil([&] { return net.host(i).done.contains(id); }));
  }
  net.Split({0, 0, 1, 1});
  ASSERT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1}) && net.AllIn({2, 3}); }));
  const auto key = [](int i) { return "key" + std::to_string(i); };
  // The lesser value is the later version, on one side and on the other.
  for (int i = 0; i < 200; ++i) net.Put(i % 2 == 0 ? 0 : 2, "m", key(i), "z");
  net.RunFor(seconds(1));
  for (int i = 0; i < 200; ++i) net.Put(i % 2 == 0 ? 2 : 0, "m", key(i), "a");
  net.RunFor(seconds(1));
  net.Heal();
  ASSERT_TRUE(net.RunUntil([&] { return net.AllIn({0, 1, 2, 3}); }, seconds(30)));
  net.RunFor(seconds(2));
  for (size_t member = 0; member < 4; ++member) {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(net.Get(member, "m", key(i)), "z") << member;
    EXPECT_EQ(net.engine(member).FindMap(*net.engine(member).MapId("m"))->digest(),
              net.engine(0).FindMap(*net.engine(0).MapId("m"))->digest());
  }
}

}  // namespace
}  // namespace cohort::engine

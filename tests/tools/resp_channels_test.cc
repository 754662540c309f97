#include "resp_channels.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "resp_keyspace.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = RespChannels::Kind;

std::vector<std::string> Heard(const RespChannels& channels, std::string_view channel) {
  std::vector<std::string> heard;
  channels.Match(channel, [&](uint64_t client, const std::string* pattern) {
    heard.push_back(std::to_string(client) + (pattern != nullptr ? " by " + *pattern : ""));
  });
  return heard;
}

TEST(RespChannels, AMessageGoesToWhoListensByNameAndByEveryPatternThatMatches) {
  RespChannels channels;
  channels.Add(1, Kind::kChannel, "news");
  channels.Add(2, Kind::kPattern, "n*");
  channels.Add(2, Kind::kPattern, "*s");
  channels.Add(3, Kind::kPattern, "n*");
  channels.Add(3, Kind::kChannel, "other");
  EXPECT_THAT(Heard(channels, "news"), ElementsAre("1", "2 by *s", "2 by n*", "3 by n*"));
  EXPECT_THAT(Heard(channels, "none"), ElementsAre("2 by n*", "3 by n*"));
  channels.Remove(2, Kind::kPattern, "n*");
  channels.RemoveAll(3);
  EXPECT_THAT(Heard(channels, "news"), ElementsAre("1", "2 by *s"));
  EXPECT_THAT(Heard(channels, "other"), IsEmpty());
}

TEST(RespChannels, ItTellsWhenTheFirstNameComesAndTheLastOneGoes) {
  RespChannels channels;
  std::vector<bool> told;
  channels.on_used = [&](bool any) { told.push_back(any); };
  channels.Add(1, Kind::kChannel, "a");
  channels.Add(1, Kind::kChannel, "a");
  channels.Add(2, Kind::kPattern, "b");
  channels.Remove(1, Kind::kChannel, "a");
  channels.Remove(1, Kind::kChannel, "a");
  EXPECT_THAT(told, ElementsAre(true));
  channels.RemoveAll(2);
  channels.RemoveAll(2);
  EXPECT_THAT(told, ElementsAre(true, false));
  channels.Add(2, Kind::kPattern, "b");
  EXPECT_THAT(told, ElementsAre(true, false, true));
}

TEST(KeyspaceQueue, WakesOnceForWhatWasPushedAndGivesItOutInOrder) {
  int woken = 0;
  KeyspaceQueue queue([&] { ++woken; });
  for (const char* const key : {"a", "b", "c"}) queue.Push({0, "set", key});
  EXPECT_EQ(woken, 1);
  KeyspaceQueue::Taken taken = queue.Take(2);
  ASSERT_EQ(taken.events.size(), 2u);
  EXPECT_EQ(taken.events[0].KeyspaceChannel(), "__keyspace@0__:a");
  EXPECT_EQ(taken.events[1].KeyeventChannel(), "__keyevent@0__:set");
  EXPECT_TRUE(taken.more);
  taken = queue.Take(2);
  EXPECT_EQ(taken.events.size(), 1u);
  EXPECT_FALSE(taken.more);
  queue.Push({0, "set", "d"});
  EXPECT_EQ(woken, 2);
}

TEST(KeyspaceQueue, BeyondEitherBoundAllIsThrownAwayAndSaidSo) {
  int woken = 0;
  KeyspaceQueue queue([&] { ++woken; });
  for (size_t i = 0; i <= kKeyspaceEventsMax; ++i) queue.Push({0, "set", "k"});
  KeyspaceQueue::Taken taken = queue.Take(10);
  EXPECT_TRUE(taken.lost);
  EXPECT_THAT(taken.events, IsEmpty());
  EXPECT_EQ(woken, 1);
  const std::string key(kKeyBytesMax, 'k');
  for (size_t bytes = 0; bytes <= kKeyspaceBytesMax; bytes += key.size())
    queue.Push({0, "set", key});
  queue.Push({0, "set", "after"});
  taken = queue.Take(10);
  EXPECT_TRUE(taken.lost);
  EXPECT_EQ(woken, 2);
  queue.Push({0, "set", "k"});
  EXPECT_FALSE(queue.Take(10).lost);
}

}  // namespace
}  // namespace cohort::tools

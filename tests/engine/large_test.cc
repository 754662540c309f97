// Large values between whole engines: what goes on meanwhile, and what a view change, a joiner, a
// death or a partition in the middle of one leaves (Spec 5.20 to 5.23, 9.11).
#include <algorithm>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;

constexpr size_t kMiB = size_t{1} << 20;

class LargeTest : public ::testing::Test {
 protected:
  void Start(size_t members, size_t under_way_max = 128 * kMiB) {
    for (size_t i = 0; i < members; ++i) Add(under_way_max);
    ASSERT_TRUE(net_.RunUntil([&] { return Together(members); }));
  }
  size_t Add(size_t under_way_max = 128 * kMiB) {
    EngineOptions options = net_.Options(std::string(1, static_cast<char>('a' + net_.size())));
    options.large_under_way_max = under_way_max;
    return net_.Add(options);
  }
  bool Together(size_t members) {
    for (size_t i = 0; i < net_.size(); ++i) {
      if (!net_.host(i).alive) continue;
      if (net_.engine(i).view().members.size() != members || !net_.engine(i).synced()) return false;
    }
    return true;
  }
  static std::string Value(size_t size, char fill = 'v') { return std::string(size, fill); }
  bool IsDone(size_t index, uint64_t id) { return net_.host(index).done.contains(id); }
  bool Finish(size_t index, uint64_t id) {
    return net_.RunUntil([&] { return IsDone(index, id); }, seconds(60)) &&
           net_.host(index).done[id].status.ok();
  }
  bool PutNow(size_t index, std::string_view key, std::string_view value) {
    return Finish(index, net_.Put(index, "main", key, value));
  }
  uint64_t Stat(size_t index, const char* name) { return net_.engine(index).stats()[name]; }
  // Without printing it.
  bool Holds(size_t index, std::string_view key, std::string_view value) {
    return net_.Get(index, "main", key) == value;
  }
  // Until a part of what `writer` sends is at `index`.
  bool UntilPartsAt(size_t index) {
    return net_.RunUntil([&] { return Stat(index, "frag.large_bytes_held") > 0; });
  }
  void ExpectEqualEverywhere() {
    net_.RunFor(seconds(1));
    size_t first = 0;
    while (!net_.host(first).alive) ++first;
    for (size_t i = 0; i < net_.size(); ++i) {
      if (!net_.host(i).alive) continue;
      EXPECT_EQ(net_.engine(i).FindMap(0)->digest(), net_.engine(first).FindMap(0)->digest()) << i;
      EXPECT_EQ(Stat(i, "frag.large_bytes_held"), 0u) << i;
      EXPECT_EQ(Stat(i, "frag.malformed_chunks"), 0u) << i;
    }
  }

  EngineNet net_;
};

TEST_F(LargeTest, AValueOfTheGreatestSizeIsWithAllWhileSmallOnesPassIt) {
  Start(3);
  ASSERT_TRUE(PutNow(1, "small", "0"));
  const std::string value = Value(64 * kMiB);
  const uint64_t large = net_.Put(0, "main", "large", value);
  ASSERT_TRUE(net_.last_status().ok());
  ASSERT_TRUE(UntilPartsAt(2));
  const Instant begin = net_.now();
  Duration longest{};
  int others = 0;
  while (!IsDone(0, large)) {
    for (const size_t index : {0, 1}) {
      const Instant before = net_.now();
      ASSERT_TRUE(PutNow(index, "small", std::to_string(++others)));
      longest = std::max(longest, net_.now() - before);
    }
  }
  EXPECT_TRUE(net_.host(0).done[large].status.ok());
  EXPECT_EQ(net_.host(0).done[large].replicas, 3);
  EXPECT_GT(others, 100);
  EXPECT_LT(longest, (net_.now() - begin) / 20);
  for (const size_t index : {0, 1, 2}) EXPECT_TRUE(Holds(index, "large", value));
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, OneByteMoreIsRefused) {
  Start(2);
  net_.Put(0, "main", "large", Value(66 * kMiB));
  EXPECT_EQ(net_.last_status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LargeTest, WritesToItsKeyStayBehindItAndOthersDoNot) {
  Start(3);
  const uint64_t large = net_.Put(0, "main", "key", Value(4 * kMiB));
  const uint64_t same = net_.Put(0, "main", "key", "later");
  const uint64_t other = net_.Put(0, "main", "other", "value");
  ASSERT_TRUE(Finish(0, other));
  EXPECT_FALSE(IsDone(0, large));
  EXPECT_EQ(net_.Get(1, "main", "key"), "(none)");
  ASSERT_TRUE(Finish(0, same));
  EXPECT_TRUE(IsDone(0, large));
  EXPECT_LT(net_.host(0).done[large].version, net_.host(0).done[same].version);
  for (const size_t index : {0, 1, 2}) EXPECT_EQ(net_.Get(index, "main", "key"), "later");
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, AMemberThatJoinsInTheMiddleHasItToo) {
  Start(2);
  const size_t joiner = Add();
  const auto has_joined = [&] { return net_.engine(joiner).view().members.size() == 3; };
  // One after the other, so that the view comes in the middle of one.
  uint64_t large = 0;
  char fill = 'a';
  while (!has_joined()) {
    large = net_.Put(0, "main", "large", Value(4 * kMiB, ++fill));
    ASSERT_TRUE(net_.RunUntil([&] { return IsDone(0, large) || has_joined(); }));
  }
  EXPECT_FALSE(IsDone(0, large)) << "the view came in the middle";
  ASSERT_TRUE(Finish(0, large));
  ASSERT_TRUE(net_.RunUntil([&] { return Together(3); }));
  net_.RunFor(seconds(1));
  EXPECT_TRUE(Holds(joiner, "large", Value(4 * kMiB, fill)));
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, AStateOfLargeValuesReachesAJoinerWhileAnotherIsUnderWay) {
  Start(2);
  ASSERT_TRUE(PutNow(0, "first", Value(64 * kMiB, 'f')));
  ASSERT_TRUE(PutNow(0, "second", Value(3 * kMiB, 's')));
  const uint64_t third = net_.Put(1, "main", "third", Value(20 * kMiB, 't'));
  const size_t joiner = Add();
  ASSERT_TRUE(net_.RunUntil([&] { return Together(3); }, seconds(60)));
  ASSERT_TRUE(Finish(1, third));
  net_.RunFor(seconds(1));
  EXPECT_TRUE(Holds(joiner, "first", Value(64 * kMiB, 'f')));
  EXPECT_TRUE(Holds(joiner, "third", Value(20 * kMiB, 't')));
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, AReceiverThatDiesInTheMiddleDelaysIt) {
  Start(3);
  const uint64_t large = net_.Put(0, "main", "large", Value(8 * kMiB));
  ASSERT_TRUE(UntilPartsAt(1));
  net_.Kill(2);
  ASSERT_TRUE(Finish(0, large));
  EXPECT_EQ(net_.host(0).done[large].replicas, 2);
  EXPECT_TRUE(Holds(1, "large", Value(8 * kMiB)));
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, TheDeathOfItsWriterLeavesNothingOfIt) {
  Start(3);
  ASSERT_TRUE(PutNow(1, "large", "before"));
  net_.Put(0, "main", "large", Value(8 * kMiB));
  ASSERT_TRUE(UntilPartsAt(1));
  ASSERT_TRUE(UntilPartsAt(2));
  net_.Kill(0);
  ASSERT_TRUE(net_.RunUntil([&] { return Together(2); }));
  for (const size_t index : {1, 2}) {
    EXPECT_EQ(Stat(index, "frag.large_bytes_held"), 0u);
    EXPECT_EQ(net_.Get(index, "main", "large"), "before");
  }
  ASSERT_TRUE(PutNow(2, "large", Value(2 * kMiB)));
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, WhatIsUnderWayFromAllTogetherStaysWithinItsBound) {
  Start(4, 5 * kMiB);
  std::vector<uint64_t> ids;
  for (const size_t index : {0, 1, 2, 3}) {
    ids.push_back(
        net_.Put(index, "main", "k" + std::to_string(index), Value((index + 1) * 3 / 2 * kMiB)));
    ASSERT_TRUE(net_.last_status().ok());
  }
  uint64_t most = 0;
  ASSERT_TRUE(net_.RunUntil(
      [&] {
        bool done = true;
        for (const size_t index : {0, 1, 2, 3}) {
          most = std::max(most, Stat(index, "frag.large_bytes_held"));
          done = done && IsDone(index, ids[index]);
        }
        return done;
      },
      seconds(60)));
  EXPECT_GT(most, 4 * kMiB);
  EXPECT_LE(most, 6 * kMiB + 1000) << "one larger than the bound goes alone";
  for (const size_t index : {0, 1, 2, 3})
    EXPECT_TRUE(net_.host(index).done[ids[index]].status.ok());
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, SidesThatCarryLargeValuesAreMerged) {
  Start(2);
  ASSERT_TRUE(PutNow(0, "before", "0"));
  net_.Split({0, 1});
  ASSERT_TRUE(net_.RunUntil([&] { return net_.AllIn({0}) && net_.AllIn({1}); }));
  ASSERT_TRUE(PutNow(0, "of a", Value(64 * kMiB, 'a')));
  ASSERT_TRUE(PutNow(1, "of b", Value(64 * kMiB, 'b')));
  ASSERT_TRUE(PutNow(1, "also of b", Value(5 * kMiB, 'c')));
  ASSERT_TRUE(PutNow(1, "small of b", "1"));
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil(
      [&] {
        return Together(2) && net_.engine(0).FindMap(0)->Size() == 5 &&
               net_.engine(1).FindMap(0)->Size() == 5;
      },
      seconds(60)));
  net_.RunFor(seconds(1));
  for (const size_t index : {0, 1}) {
    EXPECT_TRUE(Holds(index, "of a", Value(64 * kMiB, 'a')));
    EXPECT_TRUE(Holds(index, "of b", Value(64 * kMiB, 'b')));
    EXPECT_TRUE(Holds(index, "also of b", Value(5 * kMiB, 'c')));
  }
  ExpectEqualEverywhere();
}

TEST_F(LargeTest, AWriterThatLeavesInTheMiddleAnswersItsWrite) {
  Start(2);
  const uint64_t large = net_.Put(0, "main", "large", Value(8 * kMiB));
  ASSERT_TRUE(UntilPartsAt(1));
  ASSERT_TRUE(net_.Execute(0, Leave{.id = 999}).ok());
  ASSERT_TRUE(net_.RunUntil([&] { return IsDone(0, large); }));
  EXPECT_FALSE(net_.host(0).done[large].status.ok());
  net_.RunFor(seconds(2));
  EXPECT_EQ(net_.Get(1, "main", "large"), "(no map)");
  EXPECT_EQ(Stat(1, "frag.large_bytes_held"), 0u);
}

TEST_F(LargeTest, AloneItWorksAsWell) {
  Start(1);
  ASSERT_TRUE(PutNow(0, "large", Value(64 * kMiB)));
  ASSERT_TRUE(PutNow(0, "large", "small again"));
  EXPECT_EQ(net_.Get(0, "main", "large"), "small again");
}

}  // namespace
}  // namespace cohort::engine

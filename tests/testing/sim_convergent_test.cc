// Convergent maps of simulated groups.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cohort/testing/sim_group.h"
#include "cohort/typed_map.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class SimConvergentTest : public ::testing::Test {
 protected:
  SimMap Open(const std::string& member, MapOptions options = {}) {
    options.kind = MapKind::kConvergent;
    return group_.map(member, "main", options);
  }
  std::string Attribute(const SimMap& map, const std::string& key, const std::string& name) {
    const absl::StatusOr<std::string> value = map.GetAttribute(key, name);
    return value.ok() ? *value : "(none)";
  }

  SimGroup group_{{"a", "b", "c"}, {.seed = 11, .failed = [] { return HasFailure(); }}};
};

TEST_F(SimConvergentTest, WhatOneMemberWritesTheOthersHave) {
  SimMap a = Open("a");
  SimMap b = Open("b");
  EXPECT_EQ(a.kind(), MapKind::kConvergent);
  EXPECT_EQ(group_.map("a", "ordered").kind(), MapKind::kOrdered);
  const WriteResult put = a.Put("lamp", "on");
  ASSERT_TRUE(put.ok()) << put.status;
  EXPECT_EQ(put.replicas, 3u);
  EXPECT_EQ(b.Get("lamp")->value, "on");
  EXPECT_EQ(b.Get("lamp")->version, put.version);
  EXPECT_EQ(a.Digest().ToString(), b.Digest().ToString());
  ASSERT_TRUE(b.Erase("lamp", {.if_present = true}).ok());
  EXPECT_FALSE(a.Exists("lamp"));
  EXPECT_EQ(a.Erase("lamp", {.if_present = true}).status.code(), kNotFound);
}

TEST_F(SimConvergentTest, AttributesOfTwoMembersAtOnceAllStay) {
  SimMap a = Open("a");
  SimMap b = Open("b");
  int told = 0;
  const WriteCallback done = [&](const WriteResult& result) { told += result.ok() ? 1 : 0; };
  ASSERT_TRUE(a.PutAttributesAsync("s", {{"x", "1"}}, {}, done).ok());
  ASSERT_TRUE(b.PutAttributesAsync("s", {{"y", "2"}}, {}, done).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return told == 2; }));
  for (const SimMap& map : {a, b}) {
    const std::vector<cohort::Attribute> all = *map.GetAttributes("s");
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].name + all[0].value + all[1].name + all[1].value, "x1y2");
  }
  ASSERT_TRUE(a.EraseAttributes("s", {"x", "none"}).ok());
  EXPECT_EQ(Attribute(b, "s", "x"), "(none)");
  EXPECT_EQ(b.EraseAttributes("other", {"x"}).status.code(), kNotFound);
  ASSERT_TRUE(b.EraseAttributesAsync("s", {"y"}, {}, done).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return told == 3; }));
  EXPECT_TRUE(a.GetAttributes("s")->empty());
  EXPECT_EQ(a.GetAttributes("other").status().code(), kNotFound);
}

TEST_F(SimConvergentTest, WhatIsNoneOfTheKindOfMapIsRefused) {
  SimMap convergent = Open("a");
  SimMap ordered = group_.map("a", "ordered");
  EXPECT_EQ(convergent.PutIfAbsent("k", "v").status.code(), kFailedPrecondition);
  EXPECT_EQ(convergent.Increment("k", 1).status.code(), kFailedPrecondition);
  EXPECT_EQ(convergent.Put("k", "v", {.if_present = true}).status.code(), kFailedPrecondition);
  EXPECT_EQ(ordered.PutAttributes("k", {{"x", "1"}}).status.code(), kFailedPrecondition);
  EXPECT_EQ(ordered.GetAttributes("k").status().code(), kFailedPrecondition);
  EXPECT_EQ(ordered.OwnerOf("k").status().code(), kFailedPrecondition);
  EXPECT_EQ(ordered.Claim("k").status.code(), kFailedPrecondition);
  EXPECT_EQ(ordered.Put("k", "v", {.by_owner = true}).status.code(), kFailedPrecondition);
  EXPECT_EQ(ordered.Erase("k", {.if_present = true}).status.code(), kFailedPrecondition);
}

TEST_F(SimConvergentTest, WhoClaimsAnEntryIsTheOnlyOneToWriteByRight) {
  SimMap a = Open("a");
  SimMap b = Open("b");
  EXPECT_EQ(b.Claim("s").status.code(), kNotFound);
  ASSERT_TRUE(a.Put("s", "1").ok());
  EXPECT_EQ(b.OwnerOf("s")->name, "a");
  const WriteResult claimed = b.Claim("s");
  ASSERT_TRUE(claimed.ok()) << claimed.status;
  EXPECT_EQ(claimed.number, 1);
  EXPECT_EQ(a.OwnerOf("s")->name, "b");
  EXPECT_EQ(a.Put("s", "2", {.by_owner = true}).status.code(), kAborted);
  EXPECT_TRUE(b.Put("s", "3", {.by_owner = true}).ok());
  int told = 0;
  ASSERT_TRUE(a.ClaimAsync("s", {}, [&](const WriteResult& result) {
                 told += result.ok() && result.number == 2 ? 1 : 0;
               }).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return told == 1; }));
  EXPECT_EQ(b.OwnerOf("s")->name, "a");
}

TEST_F(SimConvergentTest, ABatchOfEntriesAndAttributesIsOneStep) {
  SimMap a = Open("a");
  SimMap b = Open("b");
  ASSERT_TRUE(a.Put("old", "1").ok());
  int changes = 0;
  const Subscription subscription = b.Subscribe([&](const Change&) { ++changes; });
  WriteBatch batch;
  batch.Erase("old").Put("new", "2").PutAttributes("new", {{"x", "1"}});
  ASSERT_TRUE(a.Write(batch).ok());
  EXPECT_EQ(b.Get("new")->value, "2");
  EXPECT_EQ(Attribute(b, "new", "x"), "1");
  EXPECT_FALSE(b.Exists("old"));
  EXPECT_GE(changes, 2);
  bool done = false;
  ASSERT_TRUE(a.WriteAsync(batch, {}, [&](const WriteResult& result) { done = result.ok(); }).ok());
  EXPECT_TRUE(group_.RunUntil([&] { return done; }));
}

TEST_F(SimConvergentTest, LifetimesEndAndAnAccessSoonAfterAnotherOneIsNotSent) {
  SimMap a = Open("a");
  SimMap b = Open("b");
  ASSERT_TRUE(a.Put("s", "1", {.ttl = absl::Minutes(10)}).ok());
  EXPECT_EQ(b.Expiring(), 1u);
  group_.RunFor(absl::Minutes(6));
  ASSERT_TRUE(b.Touch("s").ok());
  const Version version = b.Get("s")->version;
  bool told = false;
  ASSERT_TRUE(b.TouchAsync("s", {}, [&](const WriteResult& result) { told = result.ok(); }).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return told; }));
  EXPECT_EQ(b.Get("s")->version, version);
  group_.RunFor(absl::Minutes(6));
  EXPECT_TRUE(a.Exists("s"));
  group_.RunFor(absl::Minutes(5));
  EXPECT_FALSE(a.Exists("s"));
  EXPECT_EQ(a.Touch("s").status.code(), kNotFound);
}

TEST_F(SimConvergentTest, AFullMapRefusesOrEvictsAsItWasOpened) {
  SimMap a = Open("a", {.bytes_max = 2000});
  ASSERT_TRUE(a.Put("k1", std::string(1000, 'v')).ok());
  EXPECT_EQ(a.Put("k2", std::string(1000, 'v')).status.code(), kResourceExhausted);
  std::optional<absl::StatusCode> told;
  ASSERT_TRUE(a.PutAsync("k2", std::string(1000, 'v'), {}, [&](const WriteResult& result) {
                 told = result.status.code();
               }).ok());
  ASSERT_TRUE(group_.RunUntil([&] { return told.has_value(); }));
  EXPECT_EQ(told, kResourceExhausted);
  SimMap evicting = group_.map("a", "evicting",
                               {.kind = MapKind::kConvergent,
                                .bytes_max = 20'000,
                                .when_full = WhenFull::kEvictLeastRecentlyUsed});
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(evicting.Put("k" + std::to_string(i), std::string(1000, 'v')).ok());
    group_.RunFor(absl::Milliseconds(100));
  }
  EXPECT_FALSE(evicting.Exists("k0"));
  EXPECT_TRUE(evicting.Exists("k39"));
}

TEST_F(SimConvergentTest, BothSidesOfAPartitionAreMergedAndTheResolverOfTheMapSettles) {
  const MergeResolver longest = [](const MergeConflict& both) {
    const auto rank = [](std::string_view value) { return std::pair(value.size(), value); };
    return std::string(std::max(rank(both.held), rank(both.brought)).second);
  };
  SimMap a = Open("a", {.resolver = longest});
  SimMap b = Open("b", {.resolver = longest});
  SimMap c = Open("c", {.resolver = longest});
  ASSERT_TRUE(a.PutAttributes("s", {{"x", "0"}, {"y", "0"}}).ok());
  group_.Partition({{"a"}, {"b", "c"}});
  group_.RunFor(absl::Seconds(5));
  ASSERT_TRUE(a.PutAttributes("s", {{"x", "long"}}).ok());
  ASSERT_TRUE(b.PutAttributes("s", {{"x", "1"}, {"y", "1"}}).ok());
  group_.Heal();
  ASSERT_TRUE(group_.RunUntil([&] {
    return Attribute(a, "s", "x") == "long" && Attribute(b, "s", "x") == "long" &&
           Attribute(c, "s", "x") == "long" && Attribute(a, "s", "y") == "1";
  }));
}

TEST_F(SimConvergentTest, AMemberThatStartsAgainGetsItsStateAndOneWithoutAProcessSaysSo) {
  SimMap a = Open("a");
  SimMap b = Open("b");
  ASSERT_TRUE(a.PutAttributes("s", {{"x", "1"}}).ok());
  group_.Kill("b");
  EXPECT_EQ(b.PutAttributes("s", {{"x", "2"}}).status.code(), kCancelled);
  EXPECT_EQ(b.Claim("s").status.code(), kCancelled);
  EXPECT_EQ(b.GetAttributes("s").status().code(), kUnavailable);
  group_.RunFor(absl::Seconds(1));
  group_.Start("b");
  ASSERT_TRUE(group_.RunUntilOneView());
  EXPECT_EQ(Attribute(b, "s", "x"), "1");
}

TEST_F(SimConvergentTest, ATypedMapOfOneIsATypedMap) {
  TypedMap<uint32_t, int64_t, SimMap> a(Open("a"));
  TypedMap<uint32_t, int64_t, SimMap> b(Open("b"));
  ASSERT_TRUE(a.Put(7, 42).ok());
  EXPECT_EQ(b.Get(7)->value, 42);
  EXPECT_EQ(b.Get(7, {})->value, 42);
}

}  // namespace
}  // namespace cohort::testing

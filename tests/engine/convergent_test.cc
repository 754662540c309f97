// Convergent maps through whole engines: kinds, acknowledgements, joiners, partitions, expiry.
#include <string>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "map/convergent_map.h"
#include "map/convergent_op_codec.h"
#include "support/engine_net.h"

namespace cohort::engine {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using testing_support::EngineNet;

class ConvergentTest : public ::testing::Test {
 protected:
  void Start(std::initializer_list<const char*> names) {
    for (const char* name : names) net_.Add(net_.Options(name));
    ASSERT_TRUE(net_.RunUntil([&] { return AllIn(names.size()); }));
  }
  bool AllIn(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (!net_.host(i).alive) continue;
      if (net_.engine(i).view().members.size() != count || !net_.engine(i).synced()) return false;
    }
    return true;
  }
  absl::Status Open(size_t index, bool convergent = true) {
    const uint64_t id = next_++;
    const absl::Status sent =
        net_.Execute(index, OpenMap{.id = id, .name = "s", .convergent = convergent});
    if (!sent.ok()) return sent;
    net_.RunUntil([&] { return Done(index, id); });
    return net_.host(index).done.at(id).status;
  }
  bool Done(size_t index, uint64_t id) { return net_.host(index).done.contains(id); }
  const map::ConvergentMap* Map(size_t index) {
    const std::optional<uint32_t> id = net_.engine(index).MapId("s");
    return id.has_value() ? net_.engine(index).FindConvergent(*id) : nullptr;
  }
  uint64_t Write(size_t index, const map::ConvergentRequest& request, AckLevel ack = AckLevel::kAll,
                 const map::ConvergentFence& fence = {}) {
    const auto op = map::PrepareConvergent(*Map(index), request,
                                           net_.engine(index).GroupTimeMs(net_.now()), fence);
    EXPECT_TRUE(op.ok()) << op.status();
    const uint64_t id = next_++;
    EXPECT_TRUE(net_.Execute(index, MapWrite{.id = id,
                                             .operation = map::EncodeConvergentOp(*op),
                                             .ack = ack,
                                             .stamp_bytes = map::StampBytes(op->Lives())})
                    .ok());
    return id;
  }
  uint64_t Put(size_t index, std::string_view key, std::string_view value,
               AckLevel ack = AckLevel::kAll) {
    return Write(index, map::PutOp{.key = key, .value = value}, ack);
  }
  std::string Get(size_t index, std::string_view key) { return net_.Get(index, "s", key); }
  bool Equal(std::initializer_list<size_t> indices) {
    for (const size_t index : indices) {
      if (Map(index) == nullptr || Map(index)->digest() != Map(*indices.begin())->digest())
        return false;
    }
    return true;
  }

  EngineNet net_;
  uint64_t next_ = 100'000;
};

TEST_F(ConvergentTest, AWriteIsSeenAtOnceByItsWriterAndByAllWhenItIsAcknowledged) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  const uint64_t put = Put(1, "k", "v");
  EXPECT_EQ(Get(1, "k"), "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(1, put); }));
  EXPECT_TRUE(net_.host(1).done.at(put).status.ok());
  EXPECT_EQ(net_.host(1).done.at(put).replicas, 3);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(Get(i, "k"), "v");
  EXPECT_TRUE(Equal({0, 1, 2}));
}

TEST_F(ConvergentTest, AMapHasOneKind) {
  Start({"a", "b"});
  ASSERT_TRUE(Open(0).ok());
  EXPECT_TRUE(Open(1).ok());
  EXPECT_EQ(Open(1, false).code(), absl::StatusCode::kFailedPrecondition);
  const uint64_t ordered = net_.Put(0, "s", "k", "v");
  ASSERT_TRUE(net_.RunUntil([&] { return Done(0, ordered); }));
  EXPECT_EQ(net_.host(0).done.at(ordered).status.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ConvergentTest, AllMembersThatPutTheSameThousandKeysEndUpEqual) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  for (int i = 0; i < 1000; ++i) {
    for (size_t index = 0; index < 3; ++index)
      Put(index, "k" + std::to_string(i), "of " + std::to_string(index), AckLevel::kLocal);
    if (i % 50 == 0) net_.RunFor(microseconds(30));
  }
  net_.RunFor(milliseconds(500));
  EXPECT_TRUE(Equal({0, 1, 2}));
  EXPECT_EQ(Map(0)->Size(), 1000u);
}

TEST_F(ConvergentTest, AJoinerEndsUpEqualThoughAllGoOnWriting) {
  Start({"a", "b"});
  ASSERT_TRUE(Open(0).ok());
  for (int i = 0; i < 3000; ++i) Put(i % 2, "k" + std::to_string(i), std::string(200, 'x'));
  net_.RunFor(milliseconds(100));
  net_.Add(net_.Options("c"));
  for (int i = 0; i < 20'000 && !AllIn(3); ++i) {
    Put(i % 2, "k" + std::to_string(i * 7 % 3000), std::to_string(i), AckLevel::kLocal);
    if (i % 5 == 0) Write(i % 2, map::EraseOp{.key = "k" + std::to_string(i * 3 % 3000)});
    net_.RunFor(microseconds(200));
  }
  ASSERT_TRUE(AllIn(3));
  net_.RunFor(milliseconds(500));
  EXPECT_TRUE(Equal({0, 1, 2}));
  EXPECT_GT(Map(2)->Size(), 1000u);
}

TEST_F(ConvergentTest, SidesOfAPartitionBecomeOneAttributeByAttribute) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  const auto set = [](std::string_view key, std::string_view name, std::string_view value) {
    map::AttributesOp op;
    op.key = key;
    op.writes.push_back({name, value, false});
    return op;
  };
  Write(0, set("s1", "user", "ann"));
  Put(0, "gone", "v");
  Put(0, "stays", "v");
  net_.RunFor(milliseconds(50));
  net_.Split({0, 0, 1});
  ASSERT_TRUE(net_.RunUntil([&] {
    return net_.engine(0).view().members.size() == 2 && net_.engine(2).view().members.size() == 1 &&
           net_.engine(2).writable() && net_.engine(0).writable();
  }));
  Write(0, set("s1", "cart", "3"));
  Write(2, set("s1", "theme", "dark"));
  Write(2, set("s1", "both", "of c"));
  net_.RunFor(milliseconds(50));
  Write(1, set("s1", "both", "of b"));
  Write(2, map::EraseOp{.key = "gone"});
  Put(2, "new", "v");
  net_.RunFor(milliseconds(50));
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(3); }, seconds(30)));
  net_.RunFor(seconds(3));
  ASSERT_TRUE(Equal({0, 1, 2}));
  const int64_t now = net_.engine(0).GroupTimeMs(net_.now());
  EXPECT_EQ(Map(2)->GetAttribute("s1", "user", now)->text(), "ann");
  EXPECT_EQ(Map(2)->GetAttribute("s1", "cart", now)->text(), "3");
  EXPECT_EQ(Map(0)->GetAttribute("s1", "theme", now)->text(), "dark");
  EXPECT_EQ(Map(0)->GetAttribute("s1", "both", now)->text(), "of b");
  EXPECT_EQ(Get(0, "gone"), "(none)");
  EXPECT_EQ(Get(0, "stays"), "v");
  EXPECT_EQ(Get(0, "new"), "v");
  size_t conflicts = 0;
  for (const Event& event : net_.host(0).events)
    conflicts += event.kind == EventKind::kConflict && event.key == "s1";
  EXPECT_EQ(conflicts, 1u);
}

TEST_F(ConvergentTest, WhatAMergeLeavesOutIsToldToTheHostThatHadIt) {
  Start({"a", "b", "c"});
  net_.Split({0, 0, 1});
  ASSERT_TRUE(net_.RunUntil([&] {
    return net_.engine(0).view().members.size() == 2 && net_.engine(2).view().members.size() == 1 &&
           net_.engine(2).writable() && net_.engine(0).writable();
  }));
  const auto open = [&](size_t index, std::string name, bool convergent, uint64_t bytes_max = 0) {
    OpenMap map{.id = next_++, .name = std::move(name), .convergent = convergent};
    map.bytes_max = bytes_max;
    ASSERT_TRUE(net_.Execute(index, map).ok());
    ASSERT_TRUE(net_.RunUntil([&] { return Done(index, map.id); }));
    ASSERT_TRUE(net_.host(index).done.at(map.id).status.ok());
  };
  open(0, "s", /*convergent=*/true);
  open(2, "s", /*convergent=*/false);
  net_.Put(2, "s", "k", "v");
  open(0, "sized", false, 1 << 20);
  open(2, "sized", false, 2 << 20);
  for (int i = 0; i < 62; ++i) open(0, "m" + std::to_string(i), false);
  open(2, "one too many", false);
  net_.Put(2, "one too many", "k", "v");
  net_.Put(2, "one too many", "l", "v");
  net_.Heal();
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(3); }, seconds(30)));
  net_.RunFor(seconds(3));
  const auto warnings = [&](size_t index) {
    std::vector<std::string> texts;
    for (const Event& event : net_.host(index).events) {
      if (event.kind == EventKind::kWarning)
        texts.push_back(std::to_string(event.number) + " " + event.text);
    }
    return texts;
  };
  EXPECT_THAT(warnings(2), UnorderedElementsAre(StartsWith("1 map 's' of this side is left out"),
                                                StartsWith("0 map 'sized' has other settings"),
                                                StartsWith("2 map 'one too many' of this side")));
  EXPECT_THAT(warnings(0), IsEmpty());
}

// What this one brings has a later claim than the group knows, and wins over what it writes there.
TEST_F(ConvergentTest, AMemberWritesNothingByRightWhileItStillMergesALaterClaim) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  Put(2, "k", "v");
  Put(2, "claimed", "v");
  net_.RunFor(milliseconds(50));
  net_.Split({0, 0, 1});
  ASSERT_TRUE(net_.RunUntil(
      [&] { return net_.engine(2).view().members.size() == 1 && net_.engine(2).writable(); }));
  ASSERT_TRUE(net_.Execute(2, ClaimEntry{.id = 7, .map = Map(2)->id(), .key = "k"}).ok());
  ASSERT_TRUE(net_.Execute(2, ClaimEntry{.id = 8, .map = Map(2)->id(), .key = "claimed"}).ok());
  Put(2, "k", "of c");
  for (int i = 0; i < 2000; ++i) Put(2, "k" + std::to_string(i), std::string(200, 'x'));
  net_.RunFor(milliseconds(50));
  ASSERT_TRUE(net_.host(2).done.at(7).status.ok());
  net_.Heal();
  ASSERT_TRUE(
      net_.RunUntil([&] { return AllIn(3) && net_.engine(2).AwaitsMerge("s", "k"); }, seconds(30)));
  EXPECT_TRUE(net_.engine(2).AwaitsMerge("s", "claimed")) << "though its version is the same";
  const uint64_t put =
      Write(2, map::PutOp{.key = "k", .value = "late"}, AckLevel::kAll, {.by_owner = true});
  ASSERT_TRUE(net_.RunUntil([&] { return Done(2, put); }));
  EXPECT_EQ(net_.host(2).done.at(put).status.code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(2).AwaitsMerge("s", "k"); }));
  net_.RunFor(seconds(3));
  EXPECT_TRUE(Equal({0, 1, 2}));
  EXPECT_EQ(Get(0, "k"), "of c");
}

// The one owner counts up as fast as it can while the other claims, again and again.
TEST_F(ConvergentTest, WhoHasClaimedAnEntryHasAllThatTheOwnerBeforeWroteByRight) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  Put(0, "k", "0");
  net_.RunFor(milliseconds(20));
  int count = 0;
  size_t owner = 0;
  for (int round = 0; round < 20; ++round) {
    const size_t next = (owner + 1 + round % 2) % 3;
    const uint64_t claim = next_++;
    ASSERT_TRUE(
        net_.Execute(next, ClaimEntry{.id = claim, .map = Map(next)->id(), .key = "k"}).ok());
    std::vector<uint64_t> writes;
    while (!Done(next, claim)) {
      const std::string value = std::to_string(count + 1);
      const uint64_t put = Write(owner, map::PutOp{.key = "k", .value = value}, AckLevel::kLocal,
                                 {.by_owner = true});
      if (Get(owner, "k") == value) {
        ++count;
      } else {
        writes.push_back(put);
      }
      net_.RunFor(microseconds(10));
    }
    ASSERT_TRUE(net_.host(next).done.at(claim).status.ok());
    EXPECT_EQ(net_.host(next).done.at(claim).number, round + 1);
    ASSERT_EQ(Get(next, "k"), std::to_string(count)) << "round " << round;
    net_.RunFor(milliseconds(20));
    for (const uint64_t put : writes)
      EXPECT_EQ(net_.host(owner).done.at(put).status.code(), absl::StatusCode::kAborted);
    owner = next;
  }
  EXPECT_GT(count, 20);
  EXPECT_TRUE(Equal({0, 1, 2}));
}

TEST_F(ConvergentTest, OfTwoClaimsAtOnceOneIsRefused) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  Put(0, "k", "0");
  net_.RunFor(milliseconds(20));
  for (const size_t index : {1u, 2u})
    ASSERT_TRUE(net_.Execute(index, ClaimEntry{.id = 7, .map = Map(index)->id(), .key = "k"}).ok());
  net_.RunFor(milliseconds(50));
  EXPECT_NE(net_.host(1).done.at(7).status.ok(), net_.host(2).done.at(7).status.ok());
  ASSERT_TRUE(net_.Execute(1, ClaimEntry{.id = 8, .map = Map(1)->id(), .key = "none"}).ok());
  EXPECT_EQ(net_.host(1).done.at(8).status.code(), absl::StatusCode::kNotFound);
}

TEST_F(ConvergentTest, AClaimIsAnsweredAlsoWhenTheOwnerDiesMeanwhile) {
  Start({"a", "b", "c"});
  ASSERT_TRUE(Open(0).ok());
  Put(0, "k", "0");
  net_.RunFor(milliseconds(20));
  net_.Kill(0);
  ASSERT_TRUE(net_.Execute(1, ClaimEntry{.id = 7, .map = Map(1)->id(), .key = "k"}).ok());
  ASSERT_TRUE(net_.RunUntil([&] { return Done(1, 7); }, seconds(10)));
  EXPECT_TRUE(net_.host(1).done.at(7).status.ok()) << net_.host(1).done.at(7).status;
}

TEST_F(ConvergentTest, WhatHasExpiredIsDeletedEverywhereAndForgottenAfterTheHorizon) {
  for (const char* name : {"a", "b"}) {
    engine::EngineOptions options = net_.Options(name);
    options.tombstone_horizon = seconds(5);
    net_.Add(options);
  }
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(2); }));
  ASSERT_TRUE(Open(0).ok());
  Write(1, map::PutOp{.key = "k", .value = "v", .ttl_ms = 100});
  net_.RunFor(milliseconds(150));
  EXPECT_EQ(Get(0, "k"), "(none)");
  EXPECT_EQ(Map(0)->Size(), 1u);
  net_.RunFor(seconds(2));
  EXPECT_EQ(Map(0)->Size(), 0u);
  EXPECT_EQ(Map(0)->Tombstones(), 1u);
  EXPECT_TRUE(Equal({0, 1}));
  net_.RunFor(seconds(8));
  EXPECT_EQ(Map(0)->Tombstones(), 0u);
  EXPECT_EQ(Map(1)->Tombstones(), 0u);
  EXPECT_TRUE(Equal({0, 1}));
}

}  // namespace
}  // namespace cohort::engine

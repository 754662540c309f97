// Replicas that differ, which no run may bring about by itself: who is found wrong gets the others'
// state, and nothing of its own reaches them.
#include "engine/repair.h"

#include <string>
#include <vector>

#include "engine/core.h"
#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "map/convergent_entry.h"
#include "map/map_builders.h"
#include "support/engine_net.h"

namespace cohort::engine {

struct EngineForTests {
  static map::MapSet& MapsOf(Engine& engine) { return *engine.core_->replica().mutable_maps(); }
};

namespace {

using ::testing::HasSubstr;
using testing_support::EngineNet;

class RepairTest : public ::testing::Test {
 protected:
  void Start(size_t members, Policy policy = Policy::kAvailable) {
    for (size_t i = 0; i < members; ++i) {
      EngineOptions options = net_.Options(std::string(1, static_cast<char>('a' + i)));
      options.policy = policy;
      if (policy == Policy::kPrimary) options.initial_members = 1;
      net_.Add(std::move(options));
    }
    ASSERT_TRUE(net_.RunUntil([&] { return AllIn(); }));
    net_.RunFor(seconds(1));  // All have said that they hold the state.
    for (int i = 0; i < 100; ++i) net_.Put(0, "main", "key" + std::to_string(i), "value");
    net_.RunFor(seconds(1));
  }
  bool AllIn() {
    for (size_t i = 0; i < net_.size(); ++i) {
      const bool is_in = net_.engine(i).view().members.size() == net_.size() &&
                         net_.engine(i).view().id == net_.engine(0).view().id &&
                         net_.engine(i).synced();
      if (!is_in) return false;
    }
    return true;
  }
  // Member `index` alone has `value` there, under the version that the others know.
  void Damage(size_t index, const std::string& key, const std::string& value) {
    map::Map& map = *EngineForTests::MapsOf(net_.engine(index)).Get(0);
    map::Entry entry = *map.Find(key);
    entry.value = Buffer::CopyOf(value);
    ASSERT_TRUE(map.Replace(key, std::move(entry)));
  }
  DoneUpcall Verify(size_t asker) {
    const uint64_t id = next_id_++;
    EXPECT_TRUE(net_.Execute(asker, VerifyReplicas{.id = id}).ok());
    EXPECT_TRUE(net_.RunUntil([&] { return net_.host(asker).done.contains(id); }));
    return net_.host(asker).done[id];
  }
  std::string Warnings(size_t index) {
    std::string text;
    for (const Event& event : net_.host(index).events) {
      if (event.kind == EventKind::kWarning) text += event.text + "\n";
    }
    return text;
  }
  EngineNet net_;
  uint64_t next_id_ = 1'000'000;
};

TEST_F(RepairTest, WhoIsInTheMinorityGetsTheStateOfTheOthers) {
  Start(3);
  Damage(1, "key7", "damaged");
  EXPECT_TRUE(absl::IsDataLoss(Verify(0).status));
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(1).synced(); }));
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(); }, seconds(5)));
  net_.RunFor(seconds(1));
  for (const size_t member : {0, 1, 2}) EXPECT_EQ(net_.Get(member, "main", "key7"), "value");
  EXPECT_TRUE(Verify(1).status.ok());
  EXPECT_THAT(Warnings(1), HasSubstr("map \"main\" key \"key7\": the others have the same version "
                                     "with other contents"));
  EXPECT_THAT(Warnings(2), HasSubstr("b held another state than most members"));
}

TEST_F(RepairTest, AlsoWhereItAskedItself) {
  Start(3);
  Damage(2, "key7", "damaged");
  EXPECT_TRUE(absl::IsDataLoss(Verify(2).status));
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(2).synced(); }));
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(); }, seconds(5)));
  EXPECT_EQ(net_.Get(2, "main", "key7"), "value");
}

TEST_F(RepairTest, OfTwoTheOlderIsBelieved) {
  Start(2);
  Damage(0, "key7", "of the older");
  EXPECT_TRUE(absl::IsDataLoss(Verify(0).status));
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(1).synced(); }));
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(); }, seconds(5)));
  for (const size_t member : {0, 1}) EXPECT_EQ(net_.Get(member, "main", "key7"), "of the older");
}

TEST_F(RepairTest, WhatOthersWriteMeanwhileIsThereAndOnlyWhatDiffersIsSent) {
  Start(3);
  const std::string large(60'000, 'x');
  for (int i = 0; i < 50; ++i) net_.Put(0, "main", "large" + std::to_string(i), large);
  net_.RunFor(seconds(2));
  Damage(1, "key7", "damaged");
  Verify(0);
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(1).synced(); }));
  for (int i = 0; i < 20; ++i) {
    net_.Put(2, "main", "later" + std::to_string(i), "value");
    net_.RunFor(milliseconds(5));
  }
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(); }, seconds(5)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(net_.Get(1, "main", "later" + std::to_string(i)), "value");
  EXPECT_TRUE(Verify(1).status.ok());
  int64_t bytes = 0;
  for (const Event& event : net_.host(1).events) {
    if (event.kind == EventKind::kTransferDone) bytes = event.number;
  }
  EXPECT_GT(bytes, 0);
  EXPECT_LT(bytes, 100'000);
}

TEST_F(RepairTest, NothingOfTheWrongStateIsMerged) {
  Start(3);
  map::Map& map = *EngineForTests::MapsOf(net_.engine(1)).Get(0);
  map::Entry entry = *map.Find("key7");
  entry.version.time += 1;
  ASSERT_TRUE(map.Restore("only here", std::move(entry)));
  Verify(0);
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(1).synced(); }));
  ASSERT_TRUE(net_.RunUntil([&] { return AllIn(); }, seconds(5)));
  net_.RunFor(seconds(2));
  for (const size_t member : {0, 1, 2}) EXPECT_EQ(net_.Get(member, "main", "only here"), "(none)");
  EXPECT_THAT(Warnings(1), HasSubstr("key \"only here\": the others do not have it"));
}

TEST_F(RepairTest, WhereVotesCountItIsOnlyTold) {
  Start(3, Policy::kPrimary);
  const ViewId view = net_.engine(0).view().id;
  Damage(1, "key7", "damaged");
  EXPECT_TRUE(absl::IsDataLoss(Verify(0).status));
  net_.RunFor(seconds(2));
  EXPECT_EQ(net_.engine(1).view().id, view);
  EXPECT_EQ(net_.Get(1, "main", "key7"), "damaged");
}

TEST_F(RepairTest, WhoFindsNobodyWhenItComesBackKeepsWhatItHas) {
  Start(2);
  Damage(1, "key7", "damaged");
  const uint64_t id = next_id_++;
  ASSERT_TRUE(net_.Execute(0, VerifyReplicas{.id = id}).ok());
  ASSERT_TRUE(net_.RunUntil([&] { return net_.host(0).done.contains(id); }));
  ASSERT_TRUE(net_.RunUntil([&] { return !net_.engine(1).synced(); }));
  net_.Kill(0);
  ASSERT_TRUE(net_.RunUntil([&] { return net_.engine(1).synced(); }, seconds(30)));
  EXPECT_EQ(net_.Get(1, "main", "key7"), "damaged");
  EXPECT_EQ(net_.Get(1, "main", "key8"), "value");
}

// ---- Alone.

MemberId Id(uint64_t number) { return {{1000 - number, number}, 1}; }
Proof Of(uint64_t digest) { return {{7, 7}, 40, {digest, digest}, {}}; }

TEST(Judge, BelievesMostAndOfAsManyTheFirst) {
  EXPECT_THAT(Judge({{Id(1), Of(1)}, {Id(2), Of(2)}, {Id(3), Of(2)}}).wrong,
              ::testing::ElementsAre(Id(1)));
  EXPECT_THAT(Judge({{Id(2), Of(2)}, {Id(3), Of(2)}, {Id(1), Of(1)}}).wrong,
              ::testing::ElementsAre(Id(1)));
  EXPECT_THAT(Judge({{Id(4), Of(1)}, {Id(2), Of(2)}}).wrong, ::testing::ElementsAre(Id(2)));
  EXPECT_THAT(Judge({{Id(4), Of(1)}, {Id(2), Of(2)}, {Id(1), Of(2)}, {Id(3), Of(1)}}).wrong,
              ::testing::ElementsAre(Id(2), Id(1)));
  EXPECT_THAT(Judge({{Id(3), Of(1)}, {Id(2), Of(2)}, {Id(1), Of(3)}}).wrong,
              ::testing::ElementsAre(Id(2), Id(1)));
  EXPECT_TRUE(Judge({{Id(1), Of(1)}, {Id(2), Of(1)}}).wrong.empty());
  EXPECT_TRUE(Judge({}).wrong.empty());
  EXPECT_EQ(Judge({{Id(1), Of(1)}, {Id(2), Of(2)}}).position, 40u);
}

TEST(RepairMessage, OfAnotherSizeIsNone) {
  const RepairMessage message{{7, 8}, 9, {Id(1), Id(2)}};
  const Buffer bytes = Encode(message);
  const std::optional<RepairMessage> decoded = DecodeRepair(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->view, message.view);
  EXPECT_EQ(decoded->position, 9u);
  EXPECT_EQ(decoded->wrong, message.wrong);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(DecodeRepair(Bytes(bytes).first(size)).has_value());
  EXPECT_FALSE(DecodeRepair(Encode(RepairMessage{{7, 8}, 9, {}})).has_value());
}

TEST(Differences, NamesEightAndCountsTheRest) {
  map::Replica wrong;
  map::Replica right;
  for (int i = 0; i < 20; ++i) right.Do(map::PutOp{"key" + std::to_string(i), "v"}, 1000 + i);
  wrong.Do(map::PutOp{"other", "v"}, 2000);
  const std::string text = Differences(wrong.maps(), right.maps());
  EXPECT_THAT(text, HasSubstr("only the others have it"));
  EXPECT_THAT(text, HasSubstr("; and 13 more"));
  EXPECT_EQ(Differences(right.maps(), right.maps()), "");
  // Written after `wrong` was given up.
  map::Replica old;
  EXPECT_EQ(Differences(old.maps(), right.maps()), "");
}

}  // namespace
}  // namespace cohort::engine

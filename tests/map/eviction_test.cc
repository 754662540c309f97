// A map that is full and makes room: what goes, and that it is the same everywhere.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "map/convergent_map.h"
#include "map/convergent_member.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

constexpr uint64_t kRoomForFour = 4 * (kEntryOverheadBytes + 1 + 10);
const std::string kTen = "0123456789";

MapSettings Evicting(bool convergent) {
  MapSettings settings;
  settings.bytes_max = kRoomForFour;
  settings.convergent = convergent;
  settings.evicts = true;
  return settings;
}

class EvictionTest : public ::testing::Test {
 protected:
  EvictionTest() {
    replica_.Do(ConfigureOp{Evicting(false)});
    replica_.out().wants_changes = true;
    for (const char* key : {"a", "b", "c", "d"}) replica_.Do(PutOp{key, kTen}, ++now_);
  }
  ~EvictionTest() override { EXPECT_TRUE(replica_.map().IsConsistent()); }
  bool Has(std::string_view key) { return replica_.map().Exists(key, now_); }
  GroupTime now_ = 1000;
  Replica replica_;
};

TEST_F(EvictionTest, AWriteToAFullMapDisplacesWhatWasWrittenOrTouchedTheLongestAgo) {
  EXPECT_EQ(replica_.map().Size(), 4u);
  replica_.Do(TouchOp{"a", TouchOp::Mode::kTtl, 60'000, 0}, ++now_);
  replica_.out().changes.clear();
  EXPECT_TRUE(replica_.Do(PutOp{"e", kTen}, ++now_).status.ok());
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
  EXPECT_TRUE(Has("e"));
  const std::vector<Change>& changes = replica_.out().changes;
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[1].cause, ChangeCause::kEvict);
  EXPECT_EQ(changes[1].key, "b");
  EXPECT_FALSE(changes[1].value.has_value());
  EXPECT_LE(replica_.map().Bytes(), kRoomForFour);
  EXPECT_EQ(replica_.map().stats().evicted, 1u);
}

TEST_F(EvictionTest, AWriteThatIsLargerThanTheCapAloneIsRefusedAndNothingGoes) {
  const std::string large(kRoomForFour, 'x');
  EXPECT_EQ(replica_.Do(PutOp{"e", large}, ++now_).status.code(),
            absl::StatusCode::kResourceExhausted);
  BatchOp batch;
  for (const char* key : {"e", "f", "g", "h", "i"}) batch.items.push_back(PutOp{key, kTen});
  EXPECT_EQ(replica_.Do(batch, ++now_).status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(replica_.map().Size(), 4u);
  batch.items.pop_back();
  EXPECT_TRUE(replica_.Do(batch, ++now_).status.ok());
  EXPECT_FALSE(Has("a") || Has("b") || Has("c") || Has("d"));
  EXPECT_TRUE(Has("e") && Has("f") && Has("g") && Has("h"));
}

TEST_F(EvictionTest, AReplicaThatWasRestoredEvictsTheSame) {
  Map& map = replica_.map();
  OrderedMap restored("m", {.hash_key = 77, .id = 0, .settings = {}});
  restored.RestoreState(map.state());
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    for (const auto& [key, entry] : map.EntriesOf(bucket)) restored.Restore(*key, *entry);
  }
  const MapOp put = OpOf(PutOp{"e", kTen}, ++now_);
  Output out;
  const Place place = replica_.NextPlace();
  restored.Apply(put, place, out);
  replica_.Apply(EncodeMapOp(put), place);
  EXPECT_EQ(restored.digest(), map.digest());
  EXPECT_TRUE(restored.IsConsistent());
}

TEST_F(EvictionTest, AUseIsAUseAlsoWithoutALifetime) {
  EXPECT_TRUE(replica_.Do(TouchOp{"a", TouchOp::Mode::kRearm, 0, 0}, ++now_).applied);
  replica_.Do(PutOp{"e", kTen}, ++now_);
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
}

TEST_F(EvictionTest, WhatComesLaterIsYoungerWhateverItsWritersClockSays) {
  replica_.Do(PutOp{"e", kTen}, now_ + 60'000);
  EXPECT_TRUE(replica_.Do(PutOp{"f", kTen}, ++now_).status.ok());
  EXPECT_TRUE(Has("f"));
  EXPECT_FALSE(Has("b"));
}

TEST_F(EvictionTest, ABatchIsMeasuredByWhatItLeaves) {
  BatchOp batch;
  for (int i = 0; i < 40; ++i) batch.items.push_back(AppendOp{"e", "0123456789"});
  EXPECT_TRUE(replica_.Do(batch, ++now_).status.ok());
  EXPECT_EQ(replica_.map().Get("e", now_)->size(), 400u);
}

// ---- Of a convergent map: by one member for all, a moment later.

class ConvergentEvictionTest : public TwoMembers {
 protected:
  ConvergentEvictionTest() {
    MapSettings settings = Evicting(true);
    settings.bytes_max = 4700;  // Ten entries of 100 bytes.
    for (Member* member : {&a_, &b_}) member->Order(OpOf(ConfigureOp{settings}));
  }
  Member::Sent Evict(Member& member, GroupTime now) {
    ExpireOp evict{.keys = {}, .evicts = true, .view = 1};
    due_ = member.map().DueForEviction(member.map().state().settings.bytes_max, 100);
    for (const auto& [key, version, life] : due_) evict.keys.push_back({key, version, life});
    Member::Sent sent;
    sent.ordered = OpOf(evict);
    sent.ordered->hlc = member.NextTime(now);
    return sent;
  }
  std::vector<Map::Due> due_;
};

TEST_F(ConvergentEvictionTest, WhatIsWrittenMeanwhileStays) {
  const std::string value(100, 'x');
  for (int i = 0; i < 10; ++i) b_.Apply(*a_.Write(Set(std::to_string(i), "x", value), 1000 + i));
  EXPECT_FALSE(a_.map().IsOverCap());
  b_.Apply(*a_.Write(Set("last", "x", value), 1010));
  ASSERT_TRUE(a_.map().IsOverCap());
  const Member::Sent evict = Evict(a_, 1011);
  ASSERT_EQ(due_.size(), 1u);
  EXPECT_EQ(due_[0].key, "0");
  const auto used = b_.Write(Set("0", "y", "1"), 1011);
  for (Member* member : {&a_, &b_}) member->Apply(evict);
  EXPECT_FALSE(a_.map().Exists("0", 1012));
  a_.Apply(*used);
  EXPECT_EQ(a_.Attribute("0", "x", 1012), value);
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
  // So another one has to go.
  EXPECT_TRUE(a_.map().IsOverCap());
  const Member::Sent again = Evict(b_, 1013);
  EXPECT_EQ(due_[0].key, "1");
  for (Member* member : {&a_, &b_}) {
    member->Apply(again);
    EXPECT_FALSE(member->map().IsOverCap());
    EXPECT_FALSE(member->map().Exists("1", 1014));
  }
  EXPECT_EQ(a_.map().digest(), b_.map().digest());
}

TEST_F(ConvergentEvictionTest, WritesAreRefusedWhenEvictionsDoNotKeepUp) {
  const std::string value(100, 'x');
  int taken = 0;
  absl::StatusOr<Member::Sent> sent = a_.Write(Set("0", "x", value));
  while (sent.ok() && taken < 100) sent = a_.Write(Set(std::to_string(++taken), "x", value));
  EXPECT_EQ(sent.status().code(), absl::StatusCode::kResourceExhausted);
  const double cap = static_cast<double>(a_.map().state().settings.bytes_max);
  EXPECT_NEAR(static_cast<double>(a_.map().Bytes()), cap * 1.125, 450);
}

TEST_F(ConvergentEvictionTest, AnEntryLargerThanTheCapIsRefusedAndNothingGoes) {
  ASSERT_TRUE(a_.Write(Set("0", "x", "1")).ok());
  const std::string large(4700, 'x');
  EXPECT_EQ(a_.Write(PutOp{"1", large}).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(a_.Write(Set("0", "y", large)).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(a_.map().Exists("0", 1000));
}

TEST_F(ConvergentEvictionTest, AnEvictionOfAnotherViewDoesNothing) {
  const std::string value(100, 'x');
  for (int i = 0; i < 11; ++i) a_.Write(Set(std::to_string(i), "x", value)).IgnoreError();
  Member::Sent evict = Evict(a_, 1003);
  std::get<ExpireOp>(evict.ordered->body).view = 2;
  a_.Apply(evict);
  EXPECT_TRUE(a_.map().Exists("0", 1003));
}

TEST_F(ConvergentEvictionTest, WhatIsHiddenCountsUntilItIsDropped) {
  const std::string value(100, 'x');
  int taken = 0;
  for (int round = 0; round < 100; ++round) {
    if (a_.Write(Set("k" + std::to_string(taken), "x", value), 1000 + taken).ok()) ++taken;
    a_.Apply(Evict(a_, 1000 + taken));
  }
  EXPECT_FALSE(a_.map().IsOverCap());
  EXPECT_GT(a_.map().HiddenBytes(), 0u);
  EXPECT_LE(a_.map().Bytes() + a_.map().HiddenBytes(), 4700u * 2);
  EXPECT_EQ(a_.Write(Set("next", "x", value), 2000).status().code(),
            absl::StatusCode::kResourceExhausted);
  Purge(a_, Due(a_, a_.map().state().greatest, 2000));
  EXPECT_EQ(a_.map().HiddenBytes(), 0u);
  EXPECT_TRUE(a_.Write(Set("next", "x", value), 2000).ok());
}

TEST_F(ConvergentEvictionTest, ATouchIsAUseAlsoWithoutALifetime) {
  ASSERT_TRUE(a_.Write(Set("0", "x", "1"), 1000).ok());
  EXPECT_TRUE(a_.Write(TouchOp{"0", TouchOp::Mode::kRearm, 0, 0}, 1001)->bytes.empty());
  EXPECT_FALSE(a_.Write(TouchOp{"0", TouchOp::Mode::kRearm, 0, 0}, 7000)->bytes.empty());
}

}  // namespace
}  // namespace cohort::map

// Two sides of a partition, and what becomes of their entries when it heals.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "map/map_builders.h"
#include "map/merge_planner.h"

namespace cohort::map {
namespace {

// Runs the carrier's planner against `ours` until it has said all; every operation goes to all
// replicas.
void Merge(const MapSet& carried, std::vector<Replica*> ours, GroupTime now,
           uint64_t horizon = kHour, MergePlanner::Stats* stats = nullptr) {
  MergePlanner planner(carried, ours[0]->maps().history(), horizon);
  for (int i = 0; i < 10000; ++i) {
    const std::optional<Buffer> op = planner.Next(ours[0]->maps(), HlcAt(now));
    if (!op.has_value()) break;
    for (Replica* replica : ours) {
      EXPECT_TRUE(replica->Apply(*op, replica->NextPlace()).status.ok());
    }
  }
  EXPECT_TRUE(planner.done());
  if (stats != nullptr) *stats = planner.stats();
}

class MergeTest : public ::testing::Test {
 protected:
  // Both sides apply `op`, as long as they are one.
  template <class Body>
  void Both(Body body, GroupTime ms = 1000) {
    ours_.Do(body, ms);
    theirs_.Do(body, ms);
  }
  // View 1 ends, view 2 is the last both are in.
  void Part() {
    ours_.View(2, 0);
    theirs_.View(2, 0);
    ours_.View(3);
    theirs_.View(3);
  }
  void Heal(GroupTime now = 5000) {
    ours_.out() = {};
    ours_.View(4);
    Merge(theirs_.maps(), {&ours_}, now);
    EXPECT_TRUE(ours_.maps().IsConsistent());
  }
  const MergeReport& report() { return ours_.out().merge; }

  Replica ours_{MapSettings{}, 1};
  Replica theirs_{MapSettings{}, 2};
};

TEST_F(MergeTest, AKeyWrittenOnOneSideTakesThatSidesValue) {
  Both(PutOp{"a", "old"});
  Both(PutOp{"b", "old"});
  Part();
  ours_.Do(PutOp{"a", "ours"}, 2000);
  theirs_.Do(PutOp{"b", "theirs"}, 2000);
  theirs_.Do(PutOp{"c", "new"}, 2000);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "ours");
  EXPECT_EQ(ours_.Value("b"), "theirs");
  EXPECT_EQ(ours_.Value("c"), "new");
  EXPECT_EQ(report().conflicts(), 0u);
  EXPECT_EQ(report().taken(), 2u);
  ASSERT_EQ(ours_.out().merged.size(), 1u);
  EXPECT_EQ(ours_.out().merged[0].subgroup, theirs_.view());
}

TEST_F(MergeTest, OfAKeyWrittenOnBothSidesTheGreaterVersionStaysAndTheOtherIsReported) {
  Part();
  ours_.Do(PutOp{"a", "later"}, 3000);
  theirs_.Do(PutOp{"a", "earlier!"}, 2000);
  ours_.Do(PutOp{"b", "earlier"}, 2000);
  theirs_.Do(PutOp{"b", "later"}, 3000);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "later");
  EXPECT_EQ(ours_.Value("b"), "later");
  ASSERT_EQ(report().conflicts(), 2u);
  for (const Conflict& conflict : report().kept()) {
    EXPECT_GT(conflict.winner, conflict.loser);
    EXPECT_EQ(conflict.loser_carried, conflict.key == "a");
    EXPECT_EQ(conflict.loser_bytes, conflict.key == "a" ? 8u : 7u);
  }
}

TEST_F(MergeTest, WhatOneSideErasedAndTheOtherLeftAloneStaysErased) {
  Both(PutOp{"a", "v"});
  Both(PutOp{"b", "v"});
  Part();
  ours_.Do(EraseOp{"a"}, 2000);
  theirs_.Do(EraseOp{"b"}, 2000);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "(absent)");
  EXPECT_EQ(ours_.Value("b"), "(absent)");
  EXPECT_EQ(report().conflicts(), 0u);
}

TEST_F(MergeTest, WhatWasErasedStaysErasedWhenTheTombstoneIsGone) {
  Both(PutOp{"a", "v"});
  Both(PutOp{"b", "v"});
  Part();
  ours_.Do(EraseOp{"a"}, 2000);
  theirs_.Do(EraseOp{"b"}, 2000);
  ours_.Do(PutOp{"x", "v"}, 2001 + kHour);
  theirs_.Do(PutOp{"x", "v"}, 2001 + kHour);
  ASSERT_EQ(ours_.map().Tombstones() + theirs_.map().Tombstones(), 0u);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "(absent)");
  EXPECT_EQ(ours_.Value("b"), "(absent)");
}

TEST_F(MergeTest, BetweenAnEraseAndAWriteTheGreaterVersionDecides) {
  for (const char* key : {"a", "b", "c", "d"}) Both(PutOp{key, "v"});
  Part();
  ours_.Do(EraseOp{"a"}, 2000);
  theirs_.Do(PutOp{"a", "w"}, 3000);
  ours_.Do(EraseOp{"b"}, 3000);
  theirs_.Do(PutOp{"b", "w"}, 2000);
  theirs_.Do(EraseOp{"c"}, 2000);
  ours_.Do(PutOp{"c", "w"}, 3000);
  theirs_.Do(EraseOp{"d"}, 3000);
  ours_.Do(PutOp{"d", "w"}, 2000);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "w");
  EXPECT_EQ(ours_.Value("b"), "(absent)");
  EXPECT_EQ(ours_.Value("c"), "w");
  EXPECT_EQ(ours_.Value("d"), "(absent)");
  EXPECT_EQ(report().conflicts(), 4u);
}

// A third side may bring a write from between two erasures.
TEST_F(MergeTest, OfTwoErasuresTheLaterIsRememberedAndFedWithItsVersion) {
  Both(PutOp{"a", "v"});
  Part();
  ours_.Do(EraseOp{"a"}, 2000);
  theirs_.Do(EraseOp{"a"}, 4000);
  Replica third{MapSettings{}, 3};
  third.Do(PutOp{"a", "between"}, 3000);
  Heal();
  ASSERT_EQ(ours_.out().changes.size(), 1u);
  EXPECT_FALSE(ours_.out().changes[0].value.has_value());
  EXPECT_EQ(ours_.out().changes[0].version.time, HlcAt(4000));
  Merge(third.maps(), {&ours_}, 6000);
  EXPECT_EQ(ours_.Value("a"), "(absent)");
}

// Carriers of one side need not hold the same, and each goes through all buckets.
TEST_F(MergeTest, CarriersThatBeginAtDifferentBucketsBringTheSame) {
  Part();
  for (int i = 0; i < 200; ++i) theirs_.Do(PutOp{"k" + std::to_string(i), "v"}, 2000);
  ours_.View(4);
  MergePlanner planner(theirs_.maps(), ours_.maps().history(), kHour, kBucketsPerMap / 3);
  while (const std::optional<Buffer> op = planner.Next(ours_.maps(), HlcAt(5000)))
    ours_.Apply(*op, ours_.NextPlace());
  EXPECT_TRUE(planner.done());
  EXPECT_EQ(ours_.map().Size(), 200u);
  EXPECT_EQ(planner.stats().published, 200u);
  MergePlanner::Stats second;
  Merge(theirs_.maps(), {&ours_}, 5000, kHour, &second);
  EXPECT_EQ(second.published, 0u);
}

TEST_F(MergeTest, AClearOfEitherSideReachesTheOther) {
  Both(PutOp{"a", "v"});
  Part();
  theirs_.Do(ClearOp{}, 2000);
  ours_.Do(PutOp{"before", "v"}, 1500);
  ours_.Do(PutOp{"after", "v"}, 2500);
  theirs_.Do(PutOp{"new", "v"}, 2600);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "(absent)");
  EXPECT_EQ(ours_.Value("before"), "(absent)");
  EXPECT_EQ(ours_.Value("after"), "v");
  EXPECT_EQ(ours_.Value("new"), "v");
  EXPECT_EQ(report().conflicts(), 1u);
}

TEST_F(MergeTest, OurClearHoldsAgainstTheirOlderWrites) {
  Both(PutOp{"a", "v"});
  Part();
  ours_.Do(ClearOp{}, 2000);
  theirs_.Do(PutOp{"a", "w"}, 1500);
  theirs_.Do(PutOp{"b", "w"}, 2500);
  Heal();
  EXPECT_EQ(ours_.Value("a"), "(absent)");
  EXPECT_EQ(ours_.Value("b"), "w");
  EXPECT_EQ(report().conflicts(), 1u);
}

TEST_F(MergeTest, AWriteOutlivesAnExpiryOfTheOtherSide) {
  Both(PutOp{"s", "session", 500}, 1000);
  Part();
  const Version version = ours_.map().Find("s")->version;
  ours_.Do(ExpireOp{{{"s", version}}}, 2000);
  theirs_.Do(TouchOp{"s", TouchOp::Mode::kTtl, 100000}, 1400);
  Heal(3000);
  EXPECT_EQ(ours_.Value("s", 3000), "session");
}

TEST_F(MergeTest, MergingTwiceChangesNothingMore) {
  Part();
  ours_.Do(PutOp{"a", "ours"}, 3000);
  theirs_.Do(PutOp{"a", "theirs"}, 2000);
  theirs_.Do(PutOp{"b", "theirs"}, 2000);
  Heal();
  const OrderedMap& map = ours_.map();
  const Version a = map.Find("a")->version, b = map.Find("b")->version;
  ours_.out() = {};
  Merge(theirs_.maps(), {&ours_}, 6000);
  EXPECT_EQ(report().taken(), 0u);
  EXPECT_EQ(map.Find("a")->version, a);
  EXPECT_EQ(map.Find("b")->version, b);
}

TEST_F(MergeTest, AnInferredEraseLosesAgainstAWriteMadeMeanwhile) {
  Both(PutOp{"a", "v"});
  Part();
  theirs_.Do(EraseOp{"a"}, 2000);
  theirs_.Do(PutOp{"x", "v"}, 2001 + kHour);
  ours_.View(4);
  MergePlanner planner(theirs_.maps(), ours_.maps().history(), kHour);
  const std::optional<Buffer> op = planner.Next(ours_.maps(), HlcAt(5000));
  EXPECT_EQ(planner.stats().inferred, 1u);
  ours_.Do(PutOp{"a", "w"}, 1);
  ours_.Apply(*op, ours_.NextPlace());
  EXPECT_EQ(ours_.Value("a"), "w");
}

TEST_F(MergeTest, TwoGroupsThatNeverWereOneKeepAllTheirKeys) {
  Replica stranger({}, 9);
  stranger.View(5);
  auto maps = std::make_unique<MapSet>(MapSet::Options{77, {}});
  maps->OnView(ViewNo(7, 9));
  Output out;
  maps->Apply(EncodeMapOp(OpOf(PutOp{"b", "v"}, 2000)), {ViewNo(7, 9), 1, Writer(2)}, out);
  ours_.Do(PutOp{"a", "v"}, 3000);
  ours_.View(8);
  Merge(*maps, {&ours_}, 99 * kHour);
  EXPECT_EQ(ours_.Value("a"), "v");
  EXPECT_EQ(ours_.Value("b"), "v");
}

TEST_F(MergeTest, AfterTooManyViewsOnlyRecentOrExpiringEntriesComeBack) {
  Both(PutOp{"gone", "v"});
  Part();
  ours_.Do(EraseOp{"gone"}, 2000);
  theirs_.Do(PutOp{"old", "v"}, 2000);
  theirs_.Do(PutOp{"recent", "v"}, 3 * kHour);
  theirs_.Do(PutOp{"expiring", "v", 9 * kHour}, 2000);
  for (uint64_t num = 4; num < 4 + 2 * kViewHistoryMax; ++num) ours_.View(num), theirs_.View(num);
  ours_.View(4 + 2 * kViewHistoryMax);
  MergePlanner::Stats stats;
  Merge(theirs_.maps(), {&ours_}, 3 * kHour + 1000, kHour, &stats);
  EXPECT_EQ(ours_.Value("gone"), "(absent)");
  EXPECT_EQ(ours_.Value("old"), "(absent)");
  EXPECT_EQ(ours_.Value("recent"), "v");
  EXPECT_EQ(ours_.Value("expiring"), "v");
  EXPECT_EQ(stats.dropped_stale, 2u);
}

TEST_F(MergeTest, OperationsOfAMergeStaySmallUnlessOneEntryIsLarge) {
  Part();
  const std::string value(40'000, 'v'), large(kValueBytesMax, 'l');
  for (int i = 0; i < 40; ++i) theirs_.Do(PutOp{"k" + std::to_string(i), value}, 2000);
  theirs_.Do(PutOp{"large", large}, 2000);
  MergePlanner planner(theirs_.maps(), ours_.maps().history(), kHour);
  int oversized = 0, total = 0;
  while (const auto op = planner.Next(ours_.maps(), HlcAt(3000))) {
    EXPECT_LE(op->size(), kOpBytesMax);
    oversized += op->size() > kMergeBytesAim + 100;
    ++total;
    ours_.Apply(*op, ours_.NextPlace());
  }
  EXPECT_EQ(oversized, 1);
  EXPECT_LE(total, 11);
  EXPECT_EQ(ours_.map().Size(), 41u);
}

TEST_F(MergeTest, SendsNothingOfWhatIsEqualAndMergesEveryMap) {
  for (int i = 0; i < 500; ++i) Both(PutOp{"k" + std::to_string(i), "v"});
  Part();
  theirs_.Do(PutOp{"k7", "w"}, 2000);
  theirs_.Apply(OpOf(PutOp{"x", "y"}, 2000, "second"));
  MergePlanner::Stats stats;
  ours_.View(4);
  Merge(theirs_.maps(), {&ours_}, 3000, kHour, &stats);
  EXPECT_EQ(stats.published, 2u);
  ASSERT_NE(ours_.maps().Find("second"), nullptr);
  EXPECT_EQ(ours_.maps().Find("second")->Get("x", 0)->text(), "y");
}

TEST_F(MergeTest, UnderThePrimaryPolicyTheCarriedStateIsOnlyCounted) {
  Both(PutOp{"a", "v"});
  Part();
  theirs_.Do(PutOp{"a", "w"}, 2000);
  theirs_.Do(PutOp{"b", "w"}, 2000);
  EXPECT_EQ(MergePlanner::CountDropped(theirs_.maps(), ours_.maps()), 2u);
}

TEST(MergeReport, CountsAllAndKeepsTheFirst) {
  MergeReport report, other;
  for (size_t i = 0; i < kConflictsKept; ++i) report.Add({});
  for (int i = 0; i < 5; ++i) other.Add({});
  report.Absorb(std::move(other));
  EXPECT_EQ(report.conflicts(), kConflictsKept + 5);
  EXPECT_EQ(report.kept().size(), kConflictsKept);
}

// What the sides know about one key, from outside.
struct KeyState {
  bool present = false;
  std::string value;
  Version version;
  bool written = false;  // Since the sides parted.
};

std::map<std::string, KeyState> StatesOf(Replica& replica, size_t keys) {
  std::map<std::string, KeyState> states;
  for (size_t i = 0; i < keys; ++i) {
    const std::string key = "key-" + std::to_string(i);
    const Entry* entry = replica.map().Find(key);
    KeyState& state = states[key];
    if (entry == nullptr) continue;
    state = {!entry->tombstone, std::string(entry->value.text()), entry->version,
             entry->view.num > 2};
  }
  return states;
}

void RunMergeSeed(uint64_t seed) {
  Random random(seed);
  constexpr size_t kKeys = 30;
  const MapSettings settings{.tombstones_max = random.Chance(0.5) ? 3u : 1000u};
  Replica ours(settings, 1), peer(settings, 1), theirs(settings, 2);
  OpSource source(random, kKeys);
  std::deque<std::string> kept;
  GroupTime now = 100'000;
  const auto run = [&](std::vector<Replica*> side, int steps, GroupTime& clock) {
    for (int i = 0; i < steps; ++i) {
      clock += static_cast<GroupTime>(random.Below(5));
      MapOp op = RandomOp(random, source, side[0]->map(), clock, kept);
      // Expiries and clears have their own tests; here the outcome must be told by versions alone.
      if (std::holds_alternative<ClearOp>(op.body) || std::holds_alternative<ExpireOp>(op.body))
        continue;
      if (auto* put = std::get_if<PutOp>(&op.body)) put->ttl_ms = put->keep_ttl = 0;
      const uint64_t writer = 1 + random.Below(3);
      for (Replica* replica : side) replica->Apply(op, writer);
    }
  };
  run({&ours, &peer, &theirs}, 60, now);
  for (Replica* replica : {&ours, &peer, &theirs}) replica->View(2, 0);
  const auto before = StatesOf(ours, kKeys);
  for (Replica* replica : {&ours, &peer, &theirs}) replica->View(3);
  GroupTime our_clock = now, their_clock = now;
  run({&ours, &peer}, static_cast<int>(random.Below(60)), our_clock);
  run({&theirs}, static_cast<int>(random.Below(60)), their_clock);
  const auto a = StatesOf(ours, kKeys), b = StatesOf(theirs, kKeys);
  ours.View(4), peer.View(4);
  ours.out() = {};
  const GroupTime early = 1;  // Planned at a time when nothing has expired.
  Merge(theirs.maps(), {&ours, &peer}, early);
  const auto after = StatesOf(ours, kKeys);
  uint64_t conflicts = 0;
  for (const auto& [key, merged] : after) {
    const KeyState& mine = a.at(key);
    const KeyState& other = b.at(key);
    const auto changed = [&](const KeyState& state) {
      return state.version != before.at(key).version || state.present != before.at(key).present;
    };
    const std::string where = "seed " + std::to_string(seed) + " " + key;
    if (!changed(other)) {
      ASSERT_EQ(merged.present, mine.present) << where;
      ASSERT_EQ(merged.value, mine.value) << where;
    } else if (!changed(mine)) {
      ASSERT_EQ(merged.present, other.present) << where;
      ASSERT_EQ(merged.value, other.value) << where;
    } else if (mine.version != Version::None() && other.version != Version::None()) {
      const bool tie = mine.version == other.version;
      const bool mine_wins =
          tie ? std::pair(mine.present, mine.value) > std::pair(other.present, other.value)
              : mine.version > other.version;
      const KeyState& winner = mine_wins ? mine : other;
      ASSERT_EQ(merged.present, winner.present) << where;
      ASSERT_EQ(merged.value, winner.value) << where;
      // An erase of theirs that lost, or won, over an absent key has nobody to tell.
      conflicts += mine.value != other.value || (mine.present != other.present);
    }
  }
  ASSERT_GE(ours.out().merge.conflicts(), conflicts) << "seed " << seed;
  ASSERT_TRUE(ours.maps().IsConsistent());
  ASSERT_EQ(ours.maps().digest(), peer.maps().digest()) << "seed " << seed;
}

TEST(MergeModel, SidesThatDivergedAtRandomBecomeOne) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    RunMergeSeed(seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cohort::map

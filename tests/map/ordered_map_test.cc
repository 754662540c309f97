#include "map/ordered_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "map/map_builders.h"

namespace cohort::map {
namespace {

using ::testing::HasSubstr;

class OrderedMapTest : public ::testing::Test {
 protected:
  ~OrderedMapTest() override { EXPECT_TRUE(replica_.maps().IsConsistent()); }
  ApplyResult Put(std::string_view key, std::string_view value, GroupTime ms = 1000) {
    return replica_.Do(PutOp{key, value}, ms);
  }
  OrderedMap& map() { return replica_.map(); }
  Replica replica_;
};

TEST_F(OrderedMapTest, ReturnsWhatWasPut) {
  const ApplyResult result = Put("k", "v");
  EXPECT_TRUE(result.status.ok());
  EXPECT_TRUE(result.applied);
  EXPECT_EQ(replica_.Value("k"), "v");
  EXPECT_EQ(map().GetWithMeta("k", 0)->version, result.version);
  EXPECT_EQ(map().Size(), 1u);
}

TEST_F(OrderedMapTest, TellsThePreviousValue) {
  Put("k", "one");
  const ApplyResult result = Put("k", "two");
  ASSERT_TRUE(result.previous.has_value());
  EXPECT_EQ(result.previous->text(), "one");
  EXPECT_FALSE(Put("other", "x").previous.has_value());
}

TEST_F(OrderedMapTest, KeepsItsOwnCopyOfAValue) {
  Buffer packet = EncodeMapOp(OpOf(PutOp{"k", "value"}));
  replica_.Apply(packet, replica_.NextPlace());
  std::fill(packet.Fill().begin(), packet.Fill().end(), std::byte{0});
  EXPECT_EQ(replica_.Value("k"), "value");
}

TEST_F(OrderedMapTest, VersionsGrowThoughTheWritersClockGoesBack) {
  const Version first = Put("k", "1", 5000).version;
  const Version second = Put("k", "2", 1).version;
  EXPECT_EQ(second.time, first.time + 1);
  replica_.Do(EraseOp{"k"}, 1);
  EXPECT_GT(Put("k", "3", 1).version, second);
}

TEST_F(OrderedMapTest, AnExpiryLeavesATombstoneSoThatVersionsGrowAndNothingOlderComesBack) {
  const Version first = replica_.Do(PutOp{"k", "1", 10}, 5000).version;
  replica_.Do(ExpireOp{{{"k", first}}}, 6000);
  ASSERT_NE(map().Find("k"), nullptr);
  EXPECT_TRUE(map().Find("k")->tombstone);
  EXPECT_EQ(map().Find("k")->version, first);
  EXPECT_EQ(map().Size(), 0u);
  EXPECT_GT(Put("k", "2", 1).version, first);
}

TEST_F(OrderedMapTest, PutIfAbsentWritesOnlyOnce) {
  EXPECT_TRUE(replica_.Do(PutOp{"k", "a", 0, false, Condition::kAbsent}).applied);
  const ApplyResult second = replica_.Do(PutOp{"k", "b", 0, false, Condition::kAbsent});
  EXPECT_EQ(second.status.code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(second.applied);
  EXPECT_EQ(replica_.Value("k"), "a");
}

TEST_F(OrderedMapTest, PutIfPresentDoesNotCreate) {
  const ApplyResult result = replica_.Do(PutOp{"k", "a", 0, false, Condition::kPresent});
  EXPECT_EQ(result.status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(replica_.Value("k"), "(absent)");
}

TEST_F(OrderedMapTest, PutIfVersionLosesAgainstAnotherWrite) {
  const Version seen = Put("k", "a").version;
  EXPECT_TRUE(replica_.Do(PutOp{"k", "b", 0, false, Condition::kVersion, seen}).status.ok());
  const ApplyResult late = replica_.Do(PutOp{"k", "c", 0, false, Condition::kVersion, seen});
  EXPECT_EQ(late.status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(late.version, map().GetWithMeta("k", 0)->version);
  EXPECT_EQ(replica_.Value("k"), "b");
}

TEST_F(OrderedMapTest, VersionNoneMeansAbsent) {
  EXPECT_TRUE(replica_.Do(PutOp{"k", "a", 0, false, Condition::kVersion, Version::None()}).applied);
  EXPECT_FALSE(
      replica_.Do(PutOp{"k", "b", 0, false, Condition::kVersion, Version::None()}).applied);
}

TEST_F(OrderedMapTest, EraseOfAnAbsentKeyIsFine) {
  const ApplyResult result = replica_.Do(EraseOp{"k"});
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.number, 0);
  Put("k", "v");
  EXPECT_EQ(replica_.Do(EraseOp{"k"}).number, 1);
  EXPECT_EQ(map().Size(), 0u);
  EXPECT_EQ(map().Bytes(), 0u);
  EXPECT_EQ(map().Tombstones(), 1u);
}

TEST_F(OrderedMapTest, IncrementsDecimalText) {
  EXPECT_EQ(replica_.Do(IncrementOp{"n", 5, 10}).number, 15);
  EXPECT_EQ(replica_.Do(IncrementOp{"n", -20, 10}).number, -5);
  EXPECT_EQ(replica_.Value("n"), "-5");
}

TEST_F(OrderedMapTest, RefusesToIncrementWhatIsNoNumber) {
  for (const char* value :
       {"abc", "", " 1", "1 ", "+1", "01", "-0", "1.5", "9223372036854775808", "-"}) {
    Put("k", value);
    EXPECT_EQ(replica_.Do(IncrementOp{"k", 1}).status.code(), absl::StatusCode::kFailedPrecondition)
        << value;
    EXPECT_EQ(replica_.Value("k"), value);
  }
}

TEST_F(OrderedMapTest, RefusesAnIncrementThatOverflows) {
  Put("k", "9223372036854775807");
  EXPECT_EQ(replica_.Do(IncrementOp{"k", 1}).status.code(), absl::StatusCode::kOutOfRange);
  Put("k", "-9223372036854775808");
  EXPECT_EQ(replica_.Do(IncrementOp{"k", -1}).status.code(), absl::StatusCode::kOutOfRange);
}

TEST_F(OrderedMapTest, IncrementKeepsTheExpiry) {
  replica_.Do(PutOp{"k", "1", 500}, 1000);
  replica_.Do(IncrementOp{"k", 1, 0, 9999}, 1200);
  EXPECT_EQ(map().GetWithMeta("k", 1200)->expires_at, 1500);
}

TEST_F(OrderedMapTest, AppendGrowsAValueUpToTheLimit) {
  EXPECT_EQ(replica_.Do(AppendOp{"k", "ab"}).number, 2);
  EXPECT_EQ(replica_.Do(AppendOp{"k", "cd"}).number, 4);
  EXPECT_EQ(replica_.Value("k"), "abcd");
  const std::string most(kValueBytesMax - 4, 'x');
  EXPECT_TRUE(replica_.Do(AppendOp{"k", most}).status.ok());
  EXPECT_EQ(replica_.Do(AppendOp{"k", "y"}).status.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(OrderedMapTest, HidesAnExpiredEntryButDeletesItOnlyByAnExpireOperation) {
  replica_.Do(PutOp{"k", "v", 500}, 1000);
  EXPECT_EQ(replica_.Value("k", 1499), "v");
  EXPECT_EQ(replica_.Value("k", 1500), "(absent)");
  EXPECT_EQ(map().Size(), 1u);
  const auto due = map().DueForExpiry(1500, 10);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(replica_.Do(ExpireOp{{{due[0].key, due[0].version, {}}}}, 1500).number, 1);
  EXPECT_EQ(map().Size(), 0u);
}

// So one that is used all the time is not filed anew all the time.
TEST_F(OrderedMapTest, AnExpiredEntryIsFoundAtMostAThousandthOfItsLifetimeLate) {
  constexpr GroupTime kHour = 3600 * 1000;
  replica_.Do(PutOp{"k", "v", kHour}, 1000);
  GroupTime expires_at = 0;
  GroupTime looked_at = 0;
  for (GroupTime now = 1001; now < 9000; now += 7) {
    replica_.Do(TouchOp{"k", TouchOp::Mode::kRearm}, now);
    expires_at = now + kHour;
    looked_at = map().NextExpiry();
    ASSERT_GE(looked_at, expires_at);
    ASSERT_LE(looked_at, expires_at + kHour / 1000 + 1);
    ASSERT_TRUE(map().IsConsistent());
  }
  EXPECT_TRUE(map().DueForExpiry(looked_at - 1, 10).empty());
  EXPECT_EQ(replica_.Value("k", expires_at), "(absent)");
  EXPECT_EQ(map().DueForExpiry(looked_at, 10).size(), 1u);
  // A short one exactly.
  replica_.Do(PutOp{"s", "v", 900}, 1000);
  EXPECT_EQ(map().NextExpiry(), 1900);
}

TEST_F(OrderedMapTest, ATouchInTimeSavesAnEntryFromAnExpireOperationUnderWay) {
  replica_.Do(PutOp{"k", "v", 500}, 1000);
  const auto due = map().DueForExpiry(1500, 10);
  replica_.Do(TouchOp{"k"}, 1499);
  EXPECT_EQ(replica_.Do(ExpireOp{{{due[0].key, due[0].version, {}}}}, 1500).number, 0);
  EXPECT_EQ(replica_.Value("k", 1998), "v");
}

TEST_F(OrderedMapTest, AnExpireOperationCannotDeleteWhatHasNotExpired) {
  const Version version = replica_.Do(PutOp{"k", "v", 500}, 1000).version;
  EXPECT_EQ(replica_.Do(ExpireOp{{{"k", version}}}, 1499).number, 0);
  const Version lasting = Put("l", "v").version;
  EXPECT_EQ(replica_.Do(ExpireOp{{{"l", lasting}}}, 999999).number, 0);
}

TEST_F(OrderedMapTest, AnExpiredEntryCountsAsAbsentForConditionsAndIncrements) {
  replica_.Do(PutOp{"k", "41", 500}, 1000);
  EXPECT_EQ(replica_.Do(IncrementOp{"k", 1}, 1600).number, 1);
  replica_.Do(PutOp{"j", "x", 500}, 1000);
  EXPECT_TRUE(replica_.Do(PutOp{"j", "y", 0, false, Condition::kAbsent}, 1600).applied);
}

TEST_F(OrderedMapTest, TouchesSetRearmAndRemoveTheExpiry) {
  replica_.Do(PutOp{"k", "v", 500}, 1000);
  replica_.Do(TouchOp{"k", TouchOp::Mode::kRearm}, 1200);
  EXPECT_EQ(map().GetWithMeta("k", 1200)->expires_at, 1700);
  replica_.Do(TouchOp{"k", TouchOp::Mode::kTtl, 50}, 1300);
  EXPECT_EQ(map().GetWithMeta("k", 1300)->expires_at, 1350);
  replica_.Do(TouchOp{"k", TouchOp::Mode::kExpiresAt, 0, 1400}, 1310);
  EXPECT_EQ(map().GetWithMeta("k", 1310)->expires_at, 1400);
  replica_.Do(TouchOp{"k", TouchOp::Mode::kPersist}, 1320);
  EXPECT_EQ(map().GetWithMeta("k", 1320)->expires_at, 0);
  EXPECT_EQ(replica_.Do(TouchOp{"absent"}).status.code(), absl::StatusCode::kNotFound);
}

TEST_F(OrderedMapTest, PutKeepsOrDropsTheExpiryAsAsked) {
  replica_.Do(PutOp{"k", "v", 500}, 1000);
  replica_.Do(PutOp{"k", "w", 0, true}, 1100);
  EXPECT_EQ(map().GetWithMeta("k", 1100)->expires_at, 1500);
  replica_.Do(PutOp{"k", "w"}, 1100);
  EXPECT_EQ(map().GetWithMeta("k", 1100)->expires_at, 0);
}

TEST_F(OrderedMapTest, ABatchIsAllOrNothing) {
  Put("a", "1");
  const Digest before = map().digest();
  BatchOp batch;
  batch.items = {PutOp{"b", "2"}, IncrementOp{"a", 1},
                 PutOp{"a", "9", 0, false, Condition::kAbsent}};
  const ApplyResult result = replica_.Do(batch);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(result.status.message().data(), result.status.message().size()),
              HasSubstr("item 2"));
  EXPECT_EQ(map().digest(), before);
  EXPECT_EQ(map().Size(), 1u);
}

TEST_F(OrderedMapTest, ItemsOfABatchSeeTheOnesBefore) {
  BatchOp batch;
  batch.items = {PutOp{"n", "5"}, IncrementOp{"n", 1}, AppendOp{"n", "0"},
                 EraseOp{"m"},    PutOp{"m", "x"},     EraseOp{"m"}};
  const ApplyResult result = replica_.Do(batch);
  ASSERT_TRUE(result.status.ok());
  ASSERT_EQ(result.items.size(), 6u);
  EXPECT_EQ(result.items[1].number, 6);
  EXPECT_EQ(result.items[5].number, 1);
  EXPECT_EQ(replica_.Value("n"), "60");
  EXPECT_EQ(replica_.Value("m"), "(absent)");
}

TEST_F(OrderedMapTest, ClearEmptiesTheMapAndTellsHowMuch) {
  for (int i = 0; i < 100; ++i) Put("k" + std::to_string(i), "v");
  replica_.Do(EraseOp{"k0"});
  EXPECT_EQ(replica_.Do(ClearOp{}).number, 99);
  EXPECT_EQ(map().Size(), 0u);
  EXPECT_EQ(map().Bytes(), 0u);
  EXPECT_EQ(map().Tombstones(), 0u);
  EXPECT_EQ(map().NextExpiry(), 0);
}

TEST_F(OrderedMapTest, AWriteAfterAClearIsNewerThanTheClear) {
  Put("k", "v", 9000);
  replica_.Do(ClearOp{}, 1);
  EXPECT_GT(Put("k", "w", 1).version, map().state().cleared);
}

TEST_F(OrderedMapTest, RefusesWritesBeyondTheByteCapAndAllowsThoseThatShrink) {
  Replica capped(MapSettings{.bytes_max = 2 * (kEntryOverheadBytes + 11)});
  EXPECT_TRUE(capped.Do(PutOp{"a", "0123456789"}).status.ok());
  EXPECT_TRUE(capped.Do(PutOp{"b", "0123456789"}).status.ok());
  const ApplyResult refused = capped.Do(PutOp{"c", ""});
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(capped.Do(AppendOp{"a", "x"}).status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(capped.Do(PutOp{"a", "012345678"}).status.ok());
  EXPECT_TRUE(capped.Do(AppendOp{"a", "x"}).status.ok());
  EXPECT_EQ(capped.map().Bytes(), 2 * (kEntryOverheadBytes + 11));
}

TEST_F(OrderedMapTest, ABatchIsHeldAgainstTheByteCapAsAWhole) {
  Replica capped(MapSettings{.bytes_max = 2 * (kEntryOverheadBytes + 2)});
  BatchOp batch;
  batch.items = {PutOp{"a", "1"}, PutOp{"b", "1"}, PutOp{"c", "1"}};
  EXPECT_EQ(capped.Do(batch).status.code(), absl::StatusCode::kResourceExhausted);
  batch.items = {PutOp{"a", "1"}, PutOp{"b", "1"}, EraseOp{"a"}, PutOp{"c", "1"}};
  EXPECT_TRUE(capped.Do(batch).status.ok());
}

TEST_F(OrderedMapTest, SettingsAreGivenOnce) {
  EXPECT_TRUE(replica_.Do(ConfigureOp{{.bytes_max = 1 << 20}}).status.ok());
  EXPECT_TRUE(replica_.Do(ConfigureOp{{.bytes_max = 1 << 20}}).status.ok());
  EXPECT_EQ(replica_.Do(ConfigureOp{{.bytes_max = 5}}).status.code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(map().state().settings.bytes_max, uint64_t{1} << 20);
}

TEST_F(OrderedMapTest, ForgetsTombstonesByCountBytesAndAge) {
  Replica few(MapSettings{.tombstones_max = 3});
  for (int i = 0; i < 5; ++i) {
    few.Do(PutOp{"k" + std::to_string(i), "v"}, 1000 + i);
    few.Do(EraseOp{"k" + std::to_string(i)}, 1000 + i);
  }
  EXPECT_EQ(few.map().Tombstones(), 3u);
  EXPECT_EQ(few.map().Find("k0"), nullptr);
  EXPECT_NE(few.map().Find("k4"), nullptr);
  EXPECT_TRUE(few.maps().IsConsistent());
  Put("a", "v");
  replica_.Do(EraseOp{"a"}, 1000);
  Put("b", "v", 1000 + kHour);
  EXPECT_EQ(map().Tombstones(), 1u);
  Put("b", "v", 1001 + kHour);
  EXPECT_EQ(map().Tombstones(), 0u);
}

TEST_F(OrderedMapTest, ScansEveryKeyOnceBucketByBucket) {
  std::set<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.insert("key" + std::to_string(i));
  for (const std::string& key : keys) Put(key, "v");
  std::set<std::string> seen;
  uint64_t cursor = 0;
  do {
    const OrderedMap::ScanResult result = map().Scan(cursor, 10, 0);
    EXPECT_LT(result.entries.size(), 30u);
    for (const auto& [key, reading] : result.entries) EXPECT_TRUE(seen.insert(key).second) << key;
    cursor = result.next_cursor;
  } while (cursor != 0);
  EXPECT_EQ(seen, keys);
  EXPECT_TRUE(map().Scan(1 << 20, 10, 0).entries.empty());
}

TEST_F(OrderedMapTest, AnyDifferenceOfContentChangesTheDigest) {
  const auto digest_after = [](auto... ops) {
    Replica replica;
    (replica.Apply(ops), ...);
    return replica.map().digest();
  };
  const Digest base = digest_after(OpOf(PutOp{"k", "v"}));
  EXPECT_EQ(base, digest_after(OpOf(PutOp{"k", "v"})));
  EXPECT_NE(base, digest_after(OpOf(PutOp{"k", "w"})));
  EXPECT_NE(base, digest_after(OpOf(PutOp{"l", "v"})));
  EXPECT_NE(base, digest_after(OpOf(PutOp{"k", "v", 10})));
  EXPECT_NE(base, digest_after(OpOf(PutOp{"k", "v"}, 1001)));
  EXPECT_NE(digest_after(OpOf(ClearOp{})), digest_after(OpOf(ClearOp{}, 1001)));
}

TEST_F(OrderedMapTest, SnapshotsStayAsTheyWereWhileWritersGoOn) {
  for (int i = 0; i < 50; ++i) Put("k" + std::to_string(i), "old");
  const Digest before = map().digest();
  std::optional<Snapshot> snapshot = map().TakeSnapshot();
  ASSERT_TRUE(snapshot.has_value());
  for (int i = 0; i < 50; ++i) Put("k" + std::to_string(i), "new");
  replica_.Do(EraseOp{"k1"});
  replica_.Do(ClearOp{});
  size_t found = 0;
  for (size_t bucket = 0; bucket < snapshot->buckets(); ++bucket) {
    for (const auto& [key, entry] : snapshot->EntriesOf(bucket)) {
      EXPECT_EQ(entry->value.text(), "old");
      ++found;
    }
  }
  EXPECT_EQ(found, 50u);
  EXPECT_EQ(snapshot->digest(), before);
}

TEST_F(OrderedMapTest, CopiesABucketOncePerSnapshotAndNotAfterItsRelease) {
  Put("k", "v");
  std::optional<Snapshot> snapshot = map().TakeSnapshot();
  Put("k", "w");
  Put("k", "x");
  EXPECT_EQ(map().stats().buckets_copied, 1u);
  std::optional<Snapshot> released = map().TakeSnapshot();
  for (size_t bucket = 0; bucket < released->buckets(); ++bucket) released->Release(bucket);
  Put("k", "y");
  EXPECT_EQ(map().stats().buckets_copied, 1u);
}

TEST_F(OrderedMapTest, BoundsTheSnapshotsAlive) {
  std::vector<Snapshot> snapshots;
  for (size_t i = 0; i < kSnapshotsMax; ++i) snapshots.push_back(*map().TakeSnapshot());
  EXPECT_FALSE(map().TakeSnapshot().has_value());
  snapshots.pop_back();
  EXPECT_TRUE(map().TakeSnapshot().has_value());
}

TEST_F(OrderedMapTest, FeedsEveryChangeWithItsCause) {
  Put("k", "v");
  const Version version = replica_.Do(PutOp{"e", "v", 1}, 1000).version;
  replica_.Do(TouchOp{"k", TouchOp::Mode::kTtl, 5000});
  replica_.Do(ExpireOp{{{"e", version}}}, 2000);
  replica_.Do(EraseOp{"k"});
  replica_.Do(ClearOp{}, 1000, 4);
  std::vector<std::pair<ChangeCause, std::string>> causes;
  for (const Change& change : replica_.out().changes) causes.emplace_back(change.cause, change.key);
  EXPECT_THAT(causes, ::testing::ElementsAre(
                          std::pair(ChangeCause::kPut, "k"), std::pair(ChangeCause::kPut, "e"),
                          std::pair(ChangeCause::kExpire, "e"), std::pair(ChangeCause::kErase, "k"),
                          std::pair(ChangeCause::kClear, "")));
  EXPECT_EQ(replica_.out().changes.back().writer, Writer(4));
  EXPECT_FALSE(replica_.out().changes[2].value.has_value());
}

TEST_F(OrderedMapTest, ListsWhatIsDueEarliestFirstAndBounded) {
  for (int i = 9; i >= 0; --i) {
    replica_.Do(PutOp{"k" + std::to_string(i), "v", static_cast<uint64_t>(100 + i)}, 1000);
  }
  EXPECT_EQ(map().NextExpiry(), 1100);
  const auto due = map().DueForExpiry(1105, 4);
  ASSERT_EQ(due.size(), 4u);
  EXPECT_EQ(due[0].key, "k0");
  EXPECT_EQ(due[3].key, "k3");
  EXPECT_EQ(map().DueForExpiry(1105, 100).size(), 6u);
  EXPECT_TRUE(map().DueForExpiry(1099, 100).empty());
}

TEST_F(OrderedMapTest, RestoresOnlyWellFormedEntriesAndEachOnce) {
  OrderedMap fresh("f", {.hash_key = 77, .id = 0, .settings = {}});
  MapState state;
  state.greatest = 100;
  fresh.RestoreState(state);
  Entry entry;
  entry.version = {50, 1};
  entry.value = Buffer::CopyOf("v");
  EXPECT_TRUE(fresh.Restore("k", entry));
  EXPECT_FALSE(fresh.Restore("k", entry));
  EXPECT_FALSE(fresh.Restore("", entry));
  EXPECT_FALSE(fresh.Restore(std::string(kKeyBytesMax + 1, 'k'), entry));
  entry.version = {101, 1};
  EXPECT_FALSE(fresh.Restore("late", entry));
  entry.version = {1, 1};
  entry.tombstone = true;
  EXPECT_FALSE(fresh.Restore("tombstone with a value", entry));
  EXPECT_TRUE(fresh.IsConsistent());
}

}  // namespace
}  // namespace cohort::map

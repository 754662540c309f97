// Buckets that a receiver of a state holds already: taken over, replaced, dropped.
#include <gtest/gtest.h>

#include <string>

#include "map/map_builders.h"

namespace cohort::map {
namespace {

class HeldBuckets : public ::testing::Test {
 protected:
  HeldBuckets() : there_(Settings()), here_("m", {.hash_key = 77, .settings = Settings()}) {
    for (int i = 0; i < 500; ++i) {
      there_.Do(PutOp{"key" + std::to_string(i), "value", i % 3 == 0 ? uint64_t{5000} : 0});
    }
    for (int i = 0; i < 50; ++i) there_.Do(EraseOp{"key" + std::to_string(i)});
  }
  static MapSettings Settings() {
    MapSettings settings;
    settings.bytes_max = 1 << 20;
    settings.evicts = true;
    return settings;
  }
  Map& there() { return there_.map(); }

  Replica there_;
  OrderedMap here_;
};

TEST_F(HeldBuckets, AreTheSameEntriesAndIndexesAndWriteApart) {
  ASSERT_TRUE(here_.AdoptEntries(there()));
  here_.RestoreState(there().state());
  EXPECT_EQ(here_.digest(), there().digest());
  EXPECT_EQ(here_.Expiring(), there().Expiring());
  EXPECT_EQ(here_.Tombstones(), there().Tombstones());
  EXPECT_EQ(here_.Bytes(), there().Bytes());
  EXPECT_EQ(here_.DueForEviction(0, 1000).size(), there().DueForEviction(0, 1000).size());
  EXPECT_TRUE(here_.IsConsistent());
  const Digest before = there().digest();
  for (size_t bucket = 0; bucket < kBucketsPerMap / 2; ++bucket) here_.DropBucket(bucket);
  EXPECT_NE(here_.digest(), before);
  EXPECT_EQ(there().digest(), before);
  EXPECT_TRUE(here_.IsConsistent());
  EXPECT_TRUE(there().IsConsistent());
  there_.Do(PutOp{"key1", "again"});
  EXPECT_TRUE(here_.IsConsistent());
}

TEST_F(HeldBuckets, AreTakenOnlyOfTheSameKindAndHashAndByAnEmptyMap) {
  OrderedMap other_hash("m", {.hash_key = 78, .settings = {}});
  EXPECT_FALSE(other_hash.AdoptEntries(there()));
  MapSettings settings;
  settings.convergent = true;
  ConvergentMap other_kind("m", {.hash_key = 77, .settings = settings});
  EXPECT_FALSE(other_kind.AdoptEntries(there()));
  ASSERT_TRUE(here_.AdoptEntries(there()));
  EXPECT_FALSE(here_.AdoptEntries(there()));
}

TEST_F(HeldBuckets, DroppedOneByOneLeaveNothing) {
  ASSERT_TRUE(here_.AdoptEntries(there()));
  for (size_t bucket = 0; bucket < kBucketsPerMap; ++bucket) {
    EXPECT_EQ(here_.EntriesIn(bucket), there().EntriesIn(bucket));
    here_.DropBucket(bucket);
    EXPECT_EQ(here_.EntriesIn(bucket), 0u);
    EXPECT_EQ(here_.BucketDigest(bucket), Digest());
  }
  EXPECT_EQ(here_.Size() + here_.Tombstones() + here_.Expiring(), 0u);
  EXPECT_TRUE(here_.IsConsistent());
}

TEST_F(HeldBuckets, ReplaceTakesTheSameKeyAgainAndRestoreDoesNot) {
  here_.RestoreState(there().state());
  const Entry& entry = *there().Find("key100");
  ASSERT_TRUE(here_.Restore("key100", entry));
  EXPECT_FALSE(here_.Restore("key100", entry));
  Entry later = entry;
  later.value = Buffer::CopyOf("later");
  EXPECT_TRUE(here_.Replace("key100", later));
  EXPECT_EQ(here_.Get("key100", 0)->text(), "later");
  EXPECT_EQ(here_.Size(), 1u);
  later.version.time = here_.state().greatest + 1;
  EXPECT_FALSE(here_.Replace("key100", later));
  EXPECT_TRUE(here_.IsConsistent());
}

TEST_F(HeldBuckets, ASnapshotKnowsTheirDigestsAlsoWhenTheyAreReleased) {
  const auto snapshot = there().TakeSnapshot();
  ASSERT_TRUE(snapshot.has_value());
  const size_t bucket = there().BucketOf("key100");
  EXPECT_EQ(snapshot->BucketDigest(bucket), there().BucketDigest(bucket));
  EXPECT_EQ(snapshot->EntriesIn(bucket), there().EntriesIn(bucket));
  const Digest before = snapshot->BucketDigest(bucket);
  there_.Do(PutOp{"key100", "changed"});
  EXPECT_EQ(snapshot->BucketDigest(bucket), before);
  EXPECT_NE(there().BucketDigest(bucket), before);
}

}  // namespace
}  // namespace cohort::map

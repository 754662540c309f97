// A bucket holds what a plain map would, whatever the hashes are, and its sums are those of its
// entries.
#include "map/bucket.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "base/random.h"

namespace cohort::map {
namespace {

Entry NewEntry(uint64_t number, bool has_markers = false) {
  Entry entry;
  entry.value = Buffer::CopyOf(std::to_string(number));
  entry.digest = static_cast<Uint128>(number) * 0x9E3779B97F4A7C15u + 1;
  entry.has_markers = has_markers;
  return entry;
}

// All that the model holds is found, and nothing else, and the sums are right.
void ExpectHolds(const Bucket& bucket, const std::map<std::string, uint64_t>& model,
                 const std::function<uint64_t(std::string_view)>& hash) {
  ASSERT_EQ(bucket.size(), model.size());
  EXPECT_EQ(bucket.empty(), model.empty());
  Uint128 sum = 0;
  uint32_t marked = 0;
  for (const auto& [key, entry] : Sorted(bucket)) {
    ASSERT_TRUE(model.contains(*key));
    sum += entry->digest;
    marked += entry->has_markers ? 1 : 0;
  }
  EXPECT_TRUE(bucket.digest() == sum);
  EXPECT_EQ(bucket.marked(), marked);
  for (const auto& [key, number] : model) {
    const Entry* const found = bucket.Find(hash(key), key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(found->value.text(), std::to_string(number));
  }
  EXPECT_EQ(bucket.Find(hash("nobody"), "nobody"), nullptr);
  const SortedEntries sorted = Sorted(bucket);
  ASSERT_EQ(sorted.size(), model.size());
  auto expected = model.begin();
  for (const auto& [key, entry] : sorted) EXPECT_EQ(*key, (expected++)->first);
}

// Random writes to one bucket and a std::map; `tags`: how many different hashes there are.
void CompareWithModel(uint64_t seed, size_t keys, uint64_t tags) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", keys " + std::to_string(keys) + ", tags " +
               std::to_string(tags));
  Random random(seed);
  const auto hash = [tags](std::string_view key) {
    return (std::hash<std::string_view>()(key) % tags) << 48;
  };
  Bucket bucket;
  std::map<std::string, uint64_t> model;
  for (uint64_t step = 1; step <= keys * 20; ++step) {
    const std::string key = "k" + std::to_string(random.Below(keys));
    const auto held = model.find(key);
    Entry entry = NewEntry(step, random.Below(3) == 0);
    if (random.Below(3) == 0) {
      EXPECT_EQ(bucket.Take(hash(key), key, entry), held != model.end());
      EXPECT_EQ(entry.value.text(), std::to_string(held == model.end() ? step : held->second));
      if (held != model.end()) model.erase(held);
    } else {
      const auto [put, was_there] = bucket.Exchange(hash(key), key, entry);
      EXPECT_EQ(put.value.text(), std::to_string(step));
      EXPECT_EQ(was_there, held != model.end());
      if (held != model.end()) {
        EXPECT_EQ(entry.value.text(), std::to_string(held->second));
      }
      model[key] = step;
    }
    if (step % keys == 0) ExpectHolds(bucket, model, hash);
  }
}

TEST(BucketTest, HoldsWhatAPlainMapWouldHoweverManyEntriesItHas) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const size_t keys : {2, 8, 9, 16, 17, 33, 300}) CompareWithModel(seed, keys, 65536);
  }
}

TEST(BucketTest, TellsKeysApartThatHaveOneHash) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const uint64_t tags : {1, 2, 7}) CompareWithModel(seed, 60, tags);
  }
}

TEST(BucketTest, ACopyIsItsOwn) {
  Bucket bucket;
  for (uint64_t i = 0; i < 40; ++i) {
    Entry entry = NewEntry(i);
    bucket.Exchange(i << 48, std::to_string(i), entry);
  }
  const Bucket copy(bucket);
  Entry other = NewEntry(1000);
  bucket.Exchange(uint64_t{7} << 48, "7", other);
  Entry taken;
  bucket.Take(uint64_t{8} << 48, "8", taken);
  EXPECT_EQ(copy.size(), 40u);
  EXPECT_EQ(copy.Find(uint64_t{7} << 48, "7")->value.text(), "7");
  EXPECT_EQ(copy.Find(uint64_t{8} << 48, "8")->value.text(), "8");
  EXPECT_FALSE(copy.digest() == bucket.digest());
}

TEST(BucketTest, ToPrefetchChangesNothingAlsoWhereThereIsNothing) {
  Bucket bucket;
  bucket.Prefetch();
  bucket.PrefetchTags();
  bucket.PrefetchItem(0);
  for (uint64_t i = 0; i < 40; ++i) {
    Entry entry = NewEntry(i);
    bucket.Exchange(i << 48, std::to_string(i), entry);
    bucket.Prefetch();
    bucket.PrefetchTags();
    bucket.PrefetchItem(i << 48);
    bucket.PrefetchItem((i + 1) << 48);
    EXPECT_EQ(bucket.Find(i << 48, std::to_string(i))->value.text(), std::to_string(i));
  }
  EXPECT_EQ(bucket.size(), 40u);
}

}  // namespace
}  // namespace cohort::map

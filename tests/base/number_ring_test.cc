// What waits is found under its number, however long others came and went meanwhile.
#include "base/number_ring.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/random.h"

namespace cohort {
namespace {

using Ring = NumberRing<std::unique_ptr<uint64_t>>;

TEST(NumberRingTest, NumbersBeginWithOneAndFollowEachOther) {
  Ring ring;
  for (uint64_t number = 1; number <= 1000; ++number) {
    EXPECT_EQ(ring.Add(std::make_unique<uint64_t>(number)), number);
  }
  EXPECT_EQ(ring.size(), 1000u);
}

TEST(NumberRingTest, IsTakenOnce) {
  Ring ring;
  const uint64_t number = ring.Add(std::make_unique<uint64_t>(7));
  ASSERT_NE(ring.Find(number), nullptr);
  EXPECT_EQ(**ring.Take(number), 7u);
  EXPECT_EQ(ring.Find(number), nullptr);
  EXPECT_FALSE(ring.Take(number).has_value());
  EXPECT_FALSE(ring.Take(0).has_value());
  EXPECT_FALSE(ring.Take(number + 1).has_value());
  EXPECT_EQ(ring.size(), 0u);
}

TEST(NumberRingTest, WhatWaitsLongIsFoundAfterItsPlaceWasNeededAgain) {
  Ring ring;
  const uint64_t late = ring.Add(std::make_unique<uint64_t>(1));
  for (size_t i = 0; i < 10 * Ring::kRingMax; ++i)
    ASSERT_TRUE(ring.Take(ring.Add(std::make_unique<uint64_t>(i))).has_value());
  EXPECT_EQ(ring.size(), 1u);
  EXPECT_EQ(ring.places(), Ring::kRingMin);  // One that is late is no reason to grow.
  EXPECT_EQ(**ring.Take(late), 1u);
  EXPECT_EQ(ring.size(), 0u);
}

TEST(NumberRingTest, HoldsMoreThanTheRingMayAndGrowsNoFurther) {
  Ring ring;
  constexpr uint64_t kMany = 5 * Ring::kRingMax;
  for (uint64_t number = 1; number <= kMany; ++number) ring.Add(std::make_unique<uint64_t>(number));
  EXPECT_EQ(ring.places(), Ring::kRingMax);
  EXPECT_EQ(ring.size(), kMany);
  for (uint64_t number = 1; number <= kMany; ++number) ASSERT_EQ(**ring.Take(number), number);
  EXPECT_EQ(ring.size(), 0u);
}

TEST(NumberRingTest, HoldsWhatAPlainMapWould) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Ring ring;
    std::map<uint64_t, uint64_t> model;
    for (int step = 0; step < 20000; ++step) {
      // It swells to more than a thousand, and empties again, three times.
      if (random.Below(4) < (step % 6000 < 3000 ? 3u : 1u) || model.empty()) {
        const uint64_t value = random.Below(1'000'000);
        model.emplace(ring.Add(std::make_unique<uint64_t>(value)), value);
      } else {
        // Mostly one of the oldest.
        auto one = model.begin();
        if (random.Below(8) == 0)
          std::advance(one, static_cast<ptrdiff_t>(random.Below(model.size())));
        ASSERT_EQ(**ring.Take(one->first), one->second);
        model.erase(one);
      }
      ASSERT_EQ(ring.size(), model.size());
    }
    const auto all = ring.TakeAll();
    ASSERT_EQ(all.size(), model.size());
    auto expected = model.begin();
    for (const auto& [number, value] : all) {
      EXPECT_EQ(number, expected->first);
      EXPECT_EQ(*value, (expected++)->second);
    }
    EXPECT_EQ(ring.size(), 0u);
  }
}

}  // namespace
}  // namespace cohort

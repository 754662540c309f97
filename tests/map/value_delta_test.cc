#include "map/value_delta.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "map/limits.h"
#include "map/map_builders.h"

namespace cohort::map {
namespace {

TEST(ValueDeltaTest, AValueOfNoiseThatChangedLittleIsAFewBytes) {
  Random random(1);
  const std::string base = Noise(random, 200'000);
  std::string value = base;
  value.replace(1000, 5, "hello");
  value.insert(150'000, "something new in the middle");
  value.erase(10, 3);
  const std::optional<std::string> delta = EncodeDelta(base, value, value.size() / 2);
  ASSERT_TRUE(delta.has_value());
  EXPECT_LT(delta->size(), 400u);
  EXPECT_EQ(DecodeDelta(base, *delta, value.size()), value);
}

TEST(ValueDeltaTest, ValuesOfEverySizeComeBack) {
  Random random(2);
  for (const size_t size : {0ul, 1ul, 7ul, 1000ul, 100'000ul, kRegistersBytesMax}) {
    for (const size_t before : {0ul, 1ul, 50'000ul, kRegistersBytesMax}) {
      const std::string base = Noise(random, before);
      std::string value = base.substr(0, std::min(size, before));
      value.append(size - value.size(), 'x');
      const std::optional<std::string> delta = EncodeDelta(base, value, size + 1000);
      ASSERT_TRUE(delta.has_value()) << size << " of " << before;
      EXPECT_EQ(DecodeDelta(base, *delta, size), value) << size << " of " << before;
    }
  }
}

TEST(ValueDeltaTest, NoDeltaIsMadeThatWouldBeTooLarge) {
  Random random(3);
  const std::string base = Noise(random, 50'000);
  EXPECT_FALSE(EncodeDelta(base, Noise(random, 50'000), 25'000).has_value());
  EXPECT_FALSE(EncodeDelta(base, base, 3).has_value());
  EXPECT_FALSE(EncodeDelta(std::string(kRegistersBytesMax + 1, 'x'), "x", 1000).has_value());
}

TEST(ValueDeltaTest, AnotherSizeThanWasAnnouncedIsRefused) {
  const std::string delta = *EncodeDelta("base", std::string(1000, 'v'), 1000);
  EXPECT_FALSE(DecodeDelta("base", delta, 999).has_value());
  EXPECT_FALSE(DecodeDelta("base", delta, 1001).has_value());
  EXPECT_FALSE(DecodeDelta("base", "", 0).has_value());
  const size_t beyond = kRegistersBytesMax + 1;
  const std::string large = *EncodeDelta("", std::string(kRegistersBytesMax, 'v'), 1000);
  EXPECT_FALSE(DecodeDelta("", large, beyond).has_value());
}

TEST(ValueDeltaTest, BytesThatAreNoneDoNoHarm) {
  Random random(4);
  const std::string base = Noise(random, 20'000);
  std::string value = base;
  value[77] ^= 1;
  const std::string good = *EncodeDelta(base, value, value.size());
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (uint64_t n = 1 + random.Below(3); n > 0 && !bytes.empty(); --n) {
      const size_t at = random.Below(bytes.size());
      random.Chance(0.2) ? bytes.resize(at)
                         : void(bytes[at] = static_cast<char>(random.Below(256)));
    }
    const std::optional<std::string> made = DecodeDelta(base, bytes, value.size());
    EXPECT_EQ(made.value_or(value).size(), value.size());
  }
}

}  // namespace
}  // namespace cohort::map

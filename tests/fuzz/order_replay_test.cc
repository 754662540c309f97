#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "fuzz/order_fuzz.h"

namespace cohort::fuzz {
namespace {

TEST(OrderFuzz, RandomTrafficKeepsEveryBound) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::byte> input(random.Between(10, 3000));
    const uint64_t bound = random.Chance(0.5) ? 256 : 32;
    for (std::byte& byte : input) byte = static_cast<std::byte>(random.Below(bound));
    FuzzOrder(input);
  }
}

}  // namespace
}  // namespace cohort::fuzz

#include "fuzz/map_op_fuzz.h"

#include <gtest/gtest.h>

#include "map/map_builders.h"

namespace cohort::map {
namespace {

// Valid operations with bytes changed, cut, doubled and joined.
TEST(MapOpFuzz, AnyBytesLeaveReplicasEqualAndConsistent) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    fuzz::MapOpFuzz body;
    Replica seen;
    OpSource source(random, 5);
    std::deque<std::string> kept;
    size_t accepted = 0;
    for (int i = 0; i < 300; ++i) {
      MapOp op = RandomOp(random, source, seen.map(), 1000 + i, kept);
      if (random.Chance(0.1)) {
        op.body = MergeOp{ViewNo(3),
                          random.Below(3),
                          {random.Below(9), 1},
                          random.Chance(0.3),
                          {{source.Key(), "v", {random.Between(1, 1u << 30), 2}, 0, 0, false}}};
      }
      const std::string bytes = Mutated(std::string(EncodeMapOp(op).text()), random);
      accepted += body.Run(AsBytes(bytes));
    }
    EXPECT_GT(accepted, 30u) << "seed " << seed;
    EXPECT_TRUE(body.IsConsistent()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cohort::map

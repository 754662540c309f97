// Tables whose memory is of the pool.
#include "base/block_allocator.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "gtest/gtest.h"

namespace cohort {
namespace {

using Plain = absl::flat_hash_map<std::string, std::string>;
using Table = absl::flat_hash_map<std::string, std::string, Plain::hasher, Plain::key_equal,
                                  BlockAllocator<Plain::value_type>>;

TEST(BlockAllocatorTest, ATableThatGrowsPastEverySizeOfBlocksKeepsWhatIsInIt) {
  Table table;
  for (int i = 0; i < 5'000; ++i) table.try_emplace("key-" + std::to_string(i), i % 40, 'v');
  const Table copy = table;
  table.clear();
  ASSERT_EQ(copy.size(), 5'000u);
  for (int i = 0; i < 5'000; ++i)
    EXPECT_EQ(copy.at("key-" + std::to_string(i)).size(), static_cast<size_t>(i % 40));
}

TEST(BlockAllocatorTest, WhatATableHadGoesBackToThePool) {
  if (!kPoolsBlocks) return;  // Under a sanitizer it is malloc's.
  FlushBlocksOfThread();
  const uint64_t before = GetBlockPoolStats().blocks_held;
  {
    Table table;
    for (int i = 0; i < 100; ++i) table.try_emplace(std::to_string(i), "v");
    EXPECT_GT(GetBlockPoolStats().blocks_held, before);
  }
  FlushBlocksOfThread();
  EXPECT_EQ(GetBlockPoolStats().blocks_held, before);
}

}  // namespace
}  // namespace cohort

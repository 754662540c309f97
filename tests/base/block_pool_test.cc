// Blocks for buffers: what is taken is one's own, and what is given back serves again.
#include "base/block_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/buffer.h"
#include "gtest/gtest.h"

namespace cohort {
namespace {

constexpr size_t kValue = 1072;  // What a value of 1 KiB comes to.

std::vector<PooledBlock> TakeMany(size_t count, size_t bytes) {
  std::vector<PooledBlock> blocks(count);
  for (PooledBlock& block : blocks) block = TakeBlock(bytes);
  return blocks;
}

void GiveAll(const std::vector<PooledBlock>& blocks) {
  for (const PooledBlock& block : blocks) GiveBlock(block);
  FlushBlocksOfThread();
}

// What is spare has been so between two times.
void TrimTwice() {
  FlushBlocksOfThread();
  TrimBlocks();
  TrimBlocks();
}

bool IsFilledWith(const PooledBlock& block, size_t bytes, uint8_t with) {
  const auto* begin = static_cast<const uint8_t*>(block.memory);
  return std::all_of(begin, begin + bytes, [with](uint8_t byte) { return byte == with; });
}

TEST(BlockPool, ABlockHasAllItsBytesToItselfWhateverItsSize) {
  struct Held {
    PooledBlock block;
    size_t bytes;
    uint8_t with;
  };
  std::vector<Held> held;
  for (size_t bytes = kPooledBytesMin; bytes <= kPooledBytesMax; bytes += 53) {
    for (int i = 0; i < 3; ++i) {
      held.push_back({TakeBlock(bytes), bytes, static_cast<uint8_t>(held.size())});
      ASSERT_NE(held.back().block.memory, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(held.back().block.memory) % 16, 0u);
      std::memset(held.back().block.memory, held.back().with, bytes);
    }
  }
  for (const Held& one : held) EXPECT_TRUE(IsFilledWith(one.block, one.bytes, one.with));
  for (const Held& one : held) GiveBlock(one.block);
}

TEST(BlockPool, TheSmallestAndTheLargestSizeAreServed) {
  for (const size_t bytes :
       {kPooledBytesMin, kPooledBytesMin + 1, kPooledBytesMax - 1, kPooledBytesMax}) {
    const PooledBlock block = TakeBlock(bytes);
    std::memset(block.memory, 1, bytes);
    GiveBlock(block);
  }
}

TEST(BlockPool, SlabsOfWhichNothingIsHeldGoBackToTheSystem) {
  TrimTwice();
  const BlockPoolStats before = GetBlockPoolStats();
  const std::vector<PooledBlock> blocks = TakeMany(40'000, kValue);
  const BlockPoolStats full = GetBlockPoolStats();
  EXPECT_GE(full.blocks_held, before.blocks_held + 40'000);
  EXPECT_GE(full.slab_bytes, before.slab_bytes + 40'000 * kValue);
  // An eighth and the step to the next size.
  EXPECT_LE(full.slab_bytes, before.slab_bytes + 40'000 * kValue * 5 / 4 + (size_t{2} << 20));
  GiveAll(blocks);
  EXPECT_LE(GetBlockPoolStats().slab_bytes, before.slab_bytes + kSpareBytesMax + (size_t{2} << 20));
  TrimTwice();
  const BlockPoolStats after = GetBlockPoolStats();
  EXPECT_EQ(after.blocks_held, before.blocks_held);
  EXPECT_LE(after.slab_bytes, before.slab_bytes + (size_t{2} << 20));
}

TEST(BlockPool, ASlabThatIsSpareServesAnotherSize) {
  TrimTwice();
  GiveAll(TakeMany(10'000, kValue));
  const BlockPoolStats before = GetBlockPoolStats();
  EXPECT_GE(before.spare_bytes, size_t{8} << 20);
  EXPECT_LE(before.spare_bytes, kSpareBytesMax);
  constexpr size_t kBytes = 5'000 * 2 * kValue;
  const std::vector<PooledBlock> blocks = TakeMany(5'000, 2 * kValue);
  const BlockPoolStats after = GetBlockPoolStats();
  EXPECT_LT(after.spare_bytes, before.spare_bytes);
  EXPECT_LT(after.slab_bytes, before.slab_bytes + kBytes / 2);
  for (const PooledBlock& block : blocks) std::memset(block.memory, 1, 2 * kValue);
  GiveAll(blocks);
}

TEST(BlockPool, TrimmingLeavesTheSpareSlabsThatWereNeededSinceTheLastTime) {
  TrimTwice();
  GiveAll(TakeMany(10'000, kValue));
  TrimBlocks();  // What is spare now has not been for as long as a turn of this lasts.
  const uint64_t spare = GetBlockPoolStats().spare_bytes;
  EXPECT_GE(spare, size_t{8} << 20);
  GiveAll(TakeMany(10'000, kValue));
  TrimBlocks();
  EXPECT_GE(GetBlockPoolStats().spare_bytes, spare / 4 * 3);
  TrimBlocks();
  EXPECT_EQ(GetBlockPoolStats().spare_bytes, 0u);
}

TEST(BlockPool, OfABlockAThirtiethAtMostIsInVain) {
  constexpr size_t kJustMore = 4096 + 513;  // Than the second of eight sizes from 4096 to 8192.
  TrimTwice();
  const uint64_t before = GetBlockPoolStats().slab_bytes;
  const std::vector<PooledBlock> blocks = TakeMany(40'000, kJustMore);
  EXPECT_LE(GetBlockPoolStats().slab_bytes,
            before + 40'000 * kJustMore * 31 / 30 + (size_t{2} << 20));
  GiveAll(blocks);
}

TEST(BlockPool, FewBlocksTakeLittleMemory) {
  TrimTwice();
  const BlockPoolStats before = GetBlockPoolStats();
  const std::vector<PooledBlock> blocks = TakeMany(10, kValue);
  EXPECT_LE(GetBlockPoolStats().slab_bytes, before.slab_bytes + (size_t{64} << 10));
  GiveAll(blocks);
}

TEST(BlockPool, WhatIsGivenBackInAnyOrderIsTakenAgainWithoutNewSlabs) {
  std::vector<PooledBlock> blocks = TakeMany(5'000, kValue);
  const uint64_t slab_bytes = GetBlockPoolStats().slab_bytes;
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (size_t i = 0; i < 2'000; ++i) GiveBlock(blocks[i]);
    for (size_t i = 0; i < 2'000; ++i) blocks[i] = TakeBlock(kValue);
  }
  EXPECT_EQ(GetBlockPoolStats().slab_bytes, slab_bytes);
  GiveAll(blocks);
}

TEST(BlockPool, AnotherThreadMayGiveBackAndItsEndLeavesNothingBehind) {
  FlushBlocksOfThread();
  const uint64_t before = GetBlockPoolStats().blocks_held;
  const std::vector<PooledBlock> blocks = TakeMany(1'000, kValue);
  std::thread([&blocks] {
    for (const PooledBlock& block : blocks) GiveBlock(block);
  }).join();
  FlushBlocksOfThread();
  EXPECT_EQ(GetBlockPoolStats().blocks_held, before);
}

TEST(BlockPool, ThreadsThatTakeAndGiveAtOnceKeepTheirBytes) {
  std::vector<std::thread> threads;
  for (uint8_t with = 1; with <= 4; ++with) {
    threads.emplace_back([with] {
      std::mt19937 random(with);
      std::vector<PooledBlock> held;
      for (int i = 0; i < 20'000; ++i) {
        if (held.size() < 200 && random() % 2 == 0) {
          held.push_back(TakeBlock(kValue));
          std::memset(held.back().memory, with, kValue);
        } else if (!held.empty()) {
          ASSERT_TRUE(IsFilledWith(held.back(), kValue, with));
          GiveBlock(held.back());
          held.pop_back();
        }
      }
      for (const PooledBlock& block : held) GiveBlock(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Whether a child that is forked now takes blocks and gives them back; it is killed by an alarm if
// it waits for a lock that nobody in it releases.
bool AForkedChildUsesThem() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    GiveAll(TakeMany(2'000, kValue));
    _exit(GetBlockPoolStats().slab_bytes > 0 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(BlockPool, AForkedChildUsesItWhateverTheOtherThreadsWereDoing) {
  std::atomic<bool> over = false;
  // In the pool nearly all the time, so that most forks find its lock taken.
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&over] {
      while (!over) GiveAll(TakeMany(2'000, kValue));
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(AForkedChildUsesThem());
  over = true;
  for (std::thread& thread : threads) thread.join();
  GiveAll(TakeMany(10, kValue));  // And so does the parent.
}

TEST(BlockPool, ABufferOfEachSizeHoldsWhatWasWritten) {
  for (const size_t size :
       {size_t{1}, size_t{239}, size_t{240}, size_t{241}, size_t{1024}, kPooledBytesMax - 16,
        kPooledBytesMax - 15, kPooledBytesMax, size_t{100'000}}) {
    const std::string text(size, 'x');
    const Buffer copy = Buffer::CopyOf(text);
    const Buffer slice = copy.Slice(0, size);
    EXPECT_EQ(slice.text(), text);
  }
}

}  // namespace
}  // namespace cohort

// Memory for buffers and tables: blocks of some 220 sizes, cut from slabs that the system gives a
// few of.
//
// Idea: a map that grows takes a block for each value and keeps it. From malloc that costs a call
// of mprotect and a page fault for every 4 KiB in a thread that is not the first, a quarter of all
// that a write of 1 KiB cost. Here a size gets a slab at a time, the larger the more of it is held
// (an eighth, at most 2 MiB), and its pages many at a time. A slab of which nothing is held any
// more serves the next size that needs one, or goes back to the system: what is under way comes and
// goes by megabytes, and the pages cost more than all else about a packet. Each thread keeps a few
// free blocks, so that most calls take no lock.
//
// Threads: any; a block may be given back by another thread than took it. After fork() the child
// may use it. Memory: what is held, an eighth more, at most 16 MiB of slabs that were needed a
// moment ago, and in each thread at most 64 KiB a size and 256 KiB in all; what waits in a thread
// keeps the slabs that it is of.
#ifndef COHORT_BASE_BLOCK_POOL_H_
#define COHORT_BASE_BLOCK_POOL_H_

#include <cstddef>
#include <cstdint>

namespace cohort {

// Smaller and larger blocks are malloc's.
inline constexpr size_t kPooledBytesMin = 256;
inline constexpr size_t kPooledBytesMax = size_t{32} << 10;

// Of slabs that nobody holds a block of; the system gets what is beyond at once.
inline constexpr size_t kSpareBytesMax = size_t{16} << 20;

// Whether buffers and tables use it: a sanitizer watches over malloc's blocks only.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kPoolsBlocks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
inline constexpr bool kPoolsBlocks = false;
#else
inline constexpr bool kPoolsBlocks = true;
#endif
#else
inline constexpr bool kPoolsBlocks = true;
#endif

struct Slab;

struct PooledBlock {
  void* memory = nullptr;  // Aligned to 16 bytes. Null: the system has none.
  Slab* slab = nullptr;
};

// At least `bytes`, which are kPooledBytesMin to kPooledBytesMax. Not initialised.
PooledBlock TakeBlock(size_t bytes);
void GiveBlock(const PooledBlock& block);

struct BlockPoolStats {
  uint64_t slab_bytes = 0;   // Of the system, with spare ones.
  uint64_t spare_bytes = 0;  // Of slabs of which nothing is held; at most kSpareBytesMax.
  uint64_t blocks_held = 0;  // Those that wait in threads included.
};
BlockPoolStats GetBlockPoolStats();

// Gives the system the slabs that were spare all the time since this was called last. Who has a
// thread that does not sleep for ever calls it about once a second.
void TrimBlocks();

// Gives back what waits in this thread.
void FlushBlocksOfThread();

}  // namespace cohort

#endif  // COHORT_BASE_BLOCK_POOL_H_

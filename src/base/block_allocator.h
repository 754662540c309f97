// An allocator of containers whose memory is of some KiB: it is taken from the pool of blocks.
#ifndef COHORT_BASE_BLOCK_ALLOCATOR_H_
#define COHORT_BASE_BLOCK_ALLOCATOR_H_

#include <cstddef>
#include <new>

#include "base/block_pool.h"

namespace cohort {

template <class T>
class BlockAllocator {
 public:
  using value_type = T;
  static_assert(alignof(T) <= 16);

  BlockAllocator() = default;
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): as every allocator.
  BlockAllocator(const BlockAllocator<U>&) {}

  T* allocate(size_t count) {
    const size_t bytes = sizeof(Header) + count * sizeof(T);
    PooledBlock block;
    if (kPoolsBlocks && bytes >= kPooledBytesMin && bytes <= kPooledBytesMax)
      block = TakeBlock(bytes);
    void* const memory = block.memory != nullptr ? block.memory : ::operator new(bytes);
    return reinterpret_cast<T*>(new (memory) Header{block.slab} + 1);
  }
  void deallocate(T* begin, size_t) {
    Header* const header = reinterpret_cast<Header*>(begin) - 1;
    if (Slab* const slab = header->slab; slab != nullptr) {
      GiveBlock({header, slab});
    } else {
      ::operator delete(header);
    }
  }
  friend bool operator==(const BlockAllocator&, const BlockAllocator&) { return true; }

 private:
  struct alignas(16) Header {
    Slab* slab = nullptr;  // Null: of malloc.
  };
};

}  // namespace cohort

#endif  // COHORT_BASE_BLOCK_ALLOCATOR_H_

// Bytes with a shared owner. A Buffer is a slice of a reference-counted block: copying and slicing
// share the block, so a chunk can sit in a repair window, a reassembly and an upcall at once
// without being copied.
//
// Borrow with Bytes (a span, valid for the call), keep with Buffer; never store a span.
// Threads: a Buffer may be handed to another thread; the count is atomic, the bytes must no longer
// be written.
#ifndef COHORT_BASE_BUFFER_H_
#define COHORT_BASE_BUFFER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/block_pool.h"
#include "base/check.h"

namespace cohort {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Buffer {
 public:
  Buffer() = default;
  // `size` bytes, not initialised; write them through `Fill()` before the buffer is shared.
  static Buffer Allocate(size_t size) {
    if (size == 0) return {};
    const size_t bytes = sizeof(Block) + size;
    PooledBlock pooled;
    if (kPoolsBlocks && bytes >= kPooledBytesMin && bytes <= kPooledBytesMax)
      pooled = TakeBlock(bytes);
    void* const memory = pooled.memory != nullptr ? pooled.memory : std::malloc(bytes);
    if (memory == nullptr) std::abort();
    Block* block = new (memory) Block;
    block->slab = pooled.slab;
    return Buffer(block, reinterpret_cast<std::byte*>(block + 1), size);
  }
  static Buffer CopyOf(Bytes bytes) {
    Buffer copy = Allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(copy.data_, bytes.data(), bytes.size());
    return copy;
  }
  static Buffer CopyOf(std::string_view text) { return CopyOf(AsBytes(text)); }

  Buffer(const Buffer& other) : block_(other.block_), data_(other.data_), size_(other.size_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() {
    if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      Slab* const slab = block_->slab;
      block_->~Block();
      slab != nullptr ? GiveBlock({block_, slab}) : std::free(block_);
    }
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::byte* data() const { return data_; }
  Bytes bytes() const { return {data_, size_}; }
  // NOLINTNEXTLINE(google-explicit-constructor): a Buffer reads as its bytes.
  operator Bytes() const { return bytes(); }
  std::string_view text() const { return AsText(bytes()); }
  // The bytes to write, by the one who allocated, before anyone else holds a slice.
  MutableBytes Fill() { return {data_, size_}; }

  // [offset, offset + size) of this buffer, sharing the block.
  Buffer Slice(size_t offset, size_t size) const {
    COHORT_CHECK(offset <= size_ && size <= size_ - offset);
    Buffer slice(*this);
    slice.data_ += offset;
    slice.size_ = size;
    return slice;
  }

 private:
  struct alignas(16) Block {
    std::atomic<uint32_t> references{1};
    Slab* slab = nullptr;  // Null: of malloc.
  };
  Buffer(Block* block, std::byte* data, size_t size) : block_(block), data_(data), size_(size) {}

  Block* block_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace cohort

#endif  // COHORT_BASE_BUFFER_H_

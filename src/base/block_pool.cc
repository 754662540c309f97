#include "base/block_pool.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <utility>

#include "base/check.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace cohort {

// A piece of the system's memory, cut into blocks of one size.
struct Slab {
  std::byte* memory = nullptr;
  size_t bytes = 0;
  size_t size_class = 0;
  uint32_t capacity = 0;
  uint32_t cut = 0;    // Blocks that were held at some time.
  size_t touched = 0;  // Bytes that have pages.
  uint32_t held = 0;   // Outside of the slab.
  void* free = nullptr;
  Slab* before = nullptr;  // In the list of those that have room.
  Slab* after = nullptr;

  bool HasRoom() const { return held < capacity; }
};

namespace {

constexpr size_t kSlabBytesMin = size_t{32} << 10;
constexpr size_t kSlabBytesMax = size_t{2} << 20;
constexpr size_t kSlabSizes = std::bit_width(kSlabBytesMax / kSlabBytesMin);
// 32 sizes from one power of two to the next: at most a thirtieth of a block is in vain, of those
// below 512 bytes a sixteenth, since they are aligned. Eight sizes cost a session of 4 KiB 0.5 KiB.
constexpr size_t kStepsBits = 5;
constexpr size_t kAlignment = 16;
constexpr size_t kSmallestBits = std::bit_width(kPooledBytesMin) - 1;
constexpr size_t kClasses =
    ((std::bit_width(kPooledBytesMax) - 1 - kSmallestBits) << kStepsBits) + 1;
// Pages are asked for so many bytes at a time: one call in place of a fault each, and yet short.
constexpr size_t kTouchBytes = size_t{128} << 10;
// What waits in a thread, of one size and of all.
constexpr size_t kThreadBytesMax = size_t{64} << 10;
constexpr size_t kCachedBytesOfThread = size_t{256} << 10;

// Of blocks that are free: the first words of each.
struct Link {
  Link* next;
  Slab* slab;
};

size_t ClassOf(size_t bytes) {
  const size_t below = std::max(bytes, kPooledBytesMin + 1) - 1;
  const size_t bits = std::bit_width(below) - 1;
  const size_t step = (below >> (bits - kStepsBits)) & ((size_t{1} << kStepsBits) - 1);
  return bytes <= kPooledBytesMin ? 0 : ((bits - kSmallestBits) << kStepsBits) + step + 1;
}

size_t BytesOf(size_t size_class) {
  const size_t power = size_t{1} << (kSmallestBits + (size_class >> kStepsBits));
  const size_t bytes =
      power + (power >> kStepsBits) * (size_class & ((size_t{1} << kStepsBits) - 1));
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

size_t CachedMax(size_t size_class) { return kThreadBytesMax / BytesOf(size_class); }

// All slabs.
class Store {
 public:
  // Puts up to `count` blocks before `list`; how many.
  size_t Take(size_t size_class, size_t count, Link*& list) {
    const std::lock_guard lock(mutex_);
    for (size_t taken = 0; taken < count; ++taken) {
      Slab* slab = classes_[size_class].with_room;
      if (slab == nullptr) slab = AddSlab(size_class);
      if (slab == nullptr) return taken;
      list = new (TakeOf(*slab)) Link{list, slab};
    }
    return count;
  }
  // Takes back the first `count` of `list`.
  void Give(Link*& list, size_t count) {
    const std::lock_guard lock(mutex_);
    for (; count > 0; --count) {
      Link* const link = list;
      list = link->next;
      GiveTo(*link->slab, link);
    }
  }
  void Trim() {
    // Unmapped when nobody has to wait for it.
    Slab* surplus = nullptr;
    {
      const std::lock_guard lock(mutex_);
      for (Spares& spares : spares_) {
        for (; spares.least > 0; --spares.least) {
          Slab& slab = *spares.first;
          spares.first = std::exchange(slab.after, surplus);
          surplus = &slab;
          --spares.count;
          stats_.spare_bytes -= slab.bytes;
          stats_.slab_bytes -= slab.bytes;
        }
        spares.least = spares.count;
      }
    }
    while (surplus != nullptr) Unmap(*std::exchange(surplus, surplus->after));
  }
  BlockPoolStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  void Lock() { mutex_.lock(); }
  void Unlock() { mutex_.unlock(); }

 private:
  struct Class {
    Slab* with_room = nullptr;
    size_t slab_bytes = 0;
  };
  // Slabs of one length of which nothing is held.
  struct Spares {
    Slab* first = nullptr;
    size_t count = 0;
    size_t least = 0;  // That there were at any time since they were trimmed.
  };

  Slab* AddSlab(size_t size_class) {
    Class& of = classes_[size_class];
    const size_t bytes = std::clamp(std::bit_ceil(of.slab_bytes / 8), kSlabBytesMin, kSlabBytesMax);
    Slab* const slab = TakeSpare(bytes);
    if (slab == nullptr) return nullptr;
    *slab = {.memory = slab->memory,
             .bytes = bytes,
             .size_class = size_class,
             .capacity = static_cast<uint32_t>(bytes / BytesOf(size_class)),
             .touched = slab->touched};
    of.slab_bytes += bytes;
    Enlist(*slab);
    return slab;
  }
  // One that no size has, or new.
  Slab* TakeSpare(size_t bytes) {
    Spares& spares = spares_[SparesOf(bytes)];
    if (Slab* const slab = spares.first; slab != nullptr) {
      spares.first = slab->after;
      spares.least = std::min(spares.least, --spares.count);
      stats_.spare_bytes -= bytes;
      return slab;
    }
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    stats_.slab_bytes += bytes;
    return new Slab{.memory = static_cast<std::byte*>(memory), .bytes = bytes};
  }
  void* TakeOf(Slab& slab) {
    void* block = slab.free;
    if (block != nullptr) {
      slab.free = static_cast<Link*>(block)->next;
    } else {
      block = slab.memory + slab.cut++ * BytesOf(slab.size_class);
      if (slab.cut * BytesOf(slab.size_class) > slab.touched) Touch(slab);
    }
    ++slab.held;
    ++stats_.blocks_held;
    if (!slab.HasRoom()) Strike(slab);
    return block;
  }
  // Of no consequence where the kernel does not know it: then there are faults.
  static void Touch(Slab& slab) {
    const size_t bytes = std::min(kTouchBytes, slab.bytes - slab.touched);
    madvise(slab.memory + slab.touched, bytes, MADV_POPULATE_WRITE);
    slab.touched += bytes;
  }
  void GiveTo(Slab& slab, Link* link) {
    if (!slab.HasRoom()) Enlist(slab);
    link->next = static_cast<Link*>(slab.free);
    slab.free = link;
    --slab.held;
    --stats_.blocks_held;
    // The last one with room stays: what is given back now and then is taken again.
    if (slab.held == 0 && (slab.before != nullptr || slab.after != nullptr)) Drop(slab);
  }
  void Drop(Slab& slab) {
    Strike(slab);
    classes_[slab.size_class].slab_bytes -= slab.bytes;
    if (stats_.spare_bytes + slab.bytes > kSpareBytesMax) {
      stats_.slab_bytes -= slab.bytes;
      return Unmap(slab);
    }
    Spares& spares = spares_[SparesOf(slab.bytes)];
    slab.after = std::exchange(spares.first, &slab);
    ++spares.count;
    stats_.spare_bytes += slab.bytes;
  }
  static void Unmap(Slab& slab) {
    munmap(slab.memory, slab.bytes);
    delete &slab;
  }
  static size_t SparesOf(size_t bytes) { return std::bit_width(bytes / kSlabBytesMin) - 1; }
  void Enlist(Slab& slab) {
    Slab*& first = classes_[slab.size_class].with_room;
    slab.before = nullptr;
    slab.after = first;
    if (first != nullptr) first->before = &slab;
    first = &slab;
  }
  void Strike(Slab& slab) {
    if (slab.before != nullptr) slab.before->after = slab.after;
    if (slab.after != nullptr) slab.after->before = slab.before;
    if (slab.before == nullptr) classes_[slab.size_class].with_room = slab.after;
    slab.before = slab.after = nullptr;
  }

  std::mutex mutex_;
  std::array<Class, kClasses> classes_;
  std::array<Spares, kSlabSizes> spares_;
  BlockPoolStats stats_;
};

// Never destroyed: what is static elsewhere may hold blocks to the very end.
Store& TheStore() {
  static Store& store = [&]() -> Store& {
    static auto* const made = new Store;
    pthread_atfork([] { made->Lock(); }, [] { made->Unlock(); }, [] { made->Unlock(); });
    return *made;
  }();
  return store;
}

// The free blocks of a thread.
class Cache {
 public:
  ~Cache() {
    Flush();
    is_over = true;
  }
  Link* Take(size_t size_class) {
    List& list = lists_[size_class];
    if (list.first == nullptr) {
      const bool may_keep = bytes_ < kCachedBytesOfThread / 2;
      const size_t wanted = may_keep ? std::max<size_t>(CachedMax(size_class) / 2, 1) : 1;
      list.count = TheStore().Take(size_class, wanted, list.first);
      if (list.count == 0) return nullptr;
      bytes_ += list.count * BytesOf(size_class);
    }
    --list.count;
    bytes_ -= BytesOf(size_class);
    Link* const link = list.first;
    list.first = link->next;
    __builtin_prefetch(list.first);  // The next one to be taken, which says what comes after it.
    return link;
  }
  void Give(size_t size_class, Link* link) {
    List& list = lists_[size_class];
    link->next = list.first;
    list.first = link;
    ++list.count;
    bytes_ += BytesOf(size_class);
    if (list.count > CachedMax(size_class)) GiveOldest(size_class, list.count / 2);
    // Of sizes that this thread does not use any more, too.
    if (bytes_ > kCachedBytesOfThread) Flush();
  }
  void Flush() {
    for (List& list : lists_) {
      if (list.count == 0) continue;
      TheStore().Give(list.first, list.count);
      list.count = 0;
    }
    bytes_ = 0;
  }

  static thread_local bool is_over;  // Of this thread: other things of it may end later.

 private:
  struct List {
    Link* first = nullptr;
    size_t count = 0;
  };
  // The newest are likely to be of slabs that are in use, and are in the processor's cache.
  void GiveOldest(size_t size_class, size_t count) {
    List& list = lists_[size_class];
    Link* last_kept = list.first;
    for (size_t i = 1; i < list.count - count; ++i) last_kept = last_kept->next;
    Link* oldest = std::exchange(last_kept->next, nullptr);
    TheStore().Give(oldest, count);
    list.count -= count;
    bytes_ -= count * BytesOf(size_class);
  }

  std::array<List, kClasses> lists_;
  size_t bytes_ = 0;
};

thread_local bool Cache::is_over = false;
thread_local Cache cache;

}  // namespace

PooledBlock TakeBlock(size_t bytes) {
  COHORT_CHECK(bytes >= kPooledBytesMin && bytes <= kPooledBytesMax);
  Link* link = nullptr;
  if (!Cache::is_over) {
    link = cache.Take(ClassOf(bytes));
  } else {
    TheStore().Take(ClassOf(bytes), 1, link);
  }
  if (link == nullptr) return {};
  return {link, link->slab};
}

void GiveBlock(const PooledBlock& block) {
  Link* link = new (block.memory) Link{nullptr, block.slab};
  if (!Cache::is_over) return cache.Give(block.slab->size_class, link);
  TheStore().Give(link, 1);
}

BlockPoolStats GetBlockPoolStats() { return TheStore().stats(); }

void TrimBlocks() { TheStore().Trim(); }

void FlushBlocksOfThread() {
  if (!Cache::is_over) cache.Flush();
}

}  // namespace cohort

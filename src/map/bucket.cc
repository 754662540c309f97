#include "map/bucket.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cohort::map {
namespace {

constexpr size_t kTagsAtOnce = 16;
constexpr size_t kLine = 64;  // Of the processor's cache.

void PrefetchBytes(const void* begin, size_t size) {
  const auto* const at = static_cast<const std::byte*>(begin);
  for (size_t offset = 0; offset < size; offset += kLine) __builtin_prefetch(at + offset, 1);
  if (size > 0) __builtin_prefetch(at + size - 1, 1);  // It may begin in the middle of a line.
}

constexpr size_t kTagBits = 16;
constexpr size_t kTagsInWord = 64 / kTagBits;
static_assert(std::endian::native == std::endian::little, "the first tag is in the lowest bits");

// The highest bit of each of four tags that is `tag`; beyond the lowest one, perhaps of others.
uint64_t HitsIn(const uint16_t* tags, uint16_t tag) {
  constexpr uint64_t kOnes = 0x0001'0001'0001'0001;
  uint64_t word;
  std::memcpy(&word, tags, sizeof(word));
  word ^= kOnes * tag;  // What is looked for is zero now, and borrows from its highest bit.
  return (word - kOnes) & ~word & (kOnes << (kTagBits - 1));
}

}  // namespace

size_t Bucket::NextTagged(Tag tag, size_t at) const {
  const Tag* const tags = tags_.data();
  const size_t count = tags_.size();
  for (; count - at >= kTagsAtOnce; at += kTagsAtOnce) {
    bool any = false;  // Without a branch in the loop, so that one instruction compares many.
    for (size_t i = 0; i < kTagsAtOnce; ++i) any |= tags[at + i] == tag;
    if (any) break;
  }
  for (; count - at >= kTagsInWord; at += kTagsInWord) {
    if (const uint64_t hits = HitsIn(tags + at, tag); hits != 0)
      return at + static_cast<size_t>(std::countr_zero(hits)) / kTagBits;
  }
  for (; at < count; ++at) {
    if (tags[at] == tag) return at;
  }
  return kNone;
}

size_t Bucket::IndexOf(uint64_t hash, std::string_view key) const {
  const Tag tag = TagOf(hash);
  size_t at = NextTagged(tag, 0);
  while (at != kNone && items_[at].key != key) at = NextTagged(tag, at + 1);
  return at;
}

const Entry* Bucket::Find(uint64_t hash, std::string_view key) const {
  const size_t at = IndexOf(hash, key);
  return at == kNone ? nullptr : &items_[at].entry;
}

Bucket::Exchanged Bucket::Exchange(uint64_t hash, std::string_view key, Entry& entry) {
  const Uint128 digest = entry.digest;
  const uint32_t marked = entry.has_markers ? 1 : 0;
  const size_t at = IndexOf(hash, key);
  if (at == kNone) {
    // First all that may throw.
    tags_.reserve(tags_.size() + 1);
    // By half, not to its double, which may leave half of it free.
    if (items_.size() == items_.capacity())
      items_.reserve(items_.size() + std::max<size_t>(1, items_.size() / 2));
    std::string name(key);
    items_.push_back({std::move(name), std::move(entry)});
    tags_.push_back(TagOf(hash));
  } else {
    std::swap(items_[at].entry, entry);
    digest_ -= entry.digest;
    marked_ -= entry.has_markers ? 1 : 0;
  }
  digest_ += digest;
  marked_ += marked;
  return {at == kNone ? items_.back().entry : items_[at].entry, at != kNone};
}

bool Bucket::Take(uint64_t hash, std::string_view key, Entry& entry) {
  const size_t at = IndexOf(hash, key);
  if (at == kNone) return false;
  entry = std::move(items_[at].entry);
  digest_ -= entry.digest;
  marked_ -= entry.has_markers ? 1 : 0;
  if (at + 1 != items_.size()) {
    items_[at] = std::move(items_.back());
    tags_[at] = tags_.back();
  }
  items_.pop_back();
  tags_.pop_back();
  return true;
}

void Bucket::Prefetch() const { PrefetchBytes(this, sizeof(*this)); }

void Bucket::PrefetchTags() const {
  if (tags_.capacity() > kTagsHere) PrefetchBytes(tags_.data(), tags_.size() * sizeof(Tag));
}

void Bucket::PrefetchItem(uint64_t hash) const {
  const size_t at = NextTagged(TagOf(hash), 0);
  if (at != kNone) PrefetchBytes(&items_[at], sizeof(Item));
}

SortedEntries Sorted(const Bucket& bucket) {
  SortedEntries entries;
  entries.reserve(bucket.size());
  for (const auto& [key, entry] : bucket) entries.emplace_back(&key, &entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return *a.first < *b.first; });
  return entries;
}

}  // namespace cohort::map

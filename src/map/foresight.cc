#include "map/foresight.h"

#include <algorithm>
#include <array>
#include <span>

#include "map/map_set.h"

namespace cohort::map {
namespace {

constexpr unsigned kNameTag = 1 << 3 | 2;  // Of the name of the map, and of an item's key.

// Takes a number off the front of `in`; of what is larger than lengths can be only a part.
bool TakeNumber(std::string_view& in, uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; !in.empty() && shift < 63; shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    number |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// Takes fields off the front of `in` up to the first that has a length.
bool TakePart(std::string_view& in, unsigned& tag, std::string_view& part) {
  while (!in.empty()) {
    tag = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    uint64_t number = 0;
    const size_t fixed = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : 0;
    if (fixed > in.size() || (fixed == 0 && !TakeNumber(in, number))) return false;
    in.remove_prefix(fixed);
    if ((tag & 7) != 2) continue;
    // What is cut off does not matter: the key comes first.
    part = in.substr(0, number);
    in.remove_prefix(part.size());
    return true;
  }
  return false;
}

}  // namespace

std::optional<Target> TargetOf(Bytes operation) {
  std::string_view in = AsText(operation);
  unsigned tag = 0;
  Target target;
  std::string_view item;
  if (!TakePart(in, tag, target.map) || tag != kNameTag || !TakePart(in, tag, item) ||
      !TakePart(item, tag, target.key) || tag != kNameTag) {
    return std::nullopt;
  }
  return target;
}

Map::Foreseen Map::Foresee(std::string_view key) const {
  const uint64_t hash = HashOf(key);
  const Bucket* const bucket = buckets_[hash % kBucketsPerMap].get();
  if (bucket != nullptr) bucket->Prefetch();
  return {bucket, hash, key};
}

size_t MapSet::Foresee(std::span<const Bytes> operations) const {
  std::array<Map::Foreseen, kForeseenMax> foreseen;
  size_t count = 0;
  for (const Bytes operation : operations.first(std::min(operations.size(), kForeseenMax))) {
    const std::optional<Target> target = TargetOf(operation);
    const Map* const map = target.has_value() ? Find(target->map) : nullptr;
    if (map == nullptr) continue;
    foreseen[count] = map->Foresee(target->key);
    count += foreseen[count].bucket != nullptr ? 1 : 0;
  }
  const std::span<const Map::Foreseen> all(foreseen.data(), count);
  for (const Map::Foreseen& one : all) one.bucket->PrefetchTags();
  for (const Map::Foreseen& one : all) one.bucket->PrefetchItem(one.hash);
  size_t entries = 0;
  for (const Map::Foreseen& one : all) {
    const Entry* const entry = one.bucket->Find(one.hash, one.key);
    if (entry == nullptr) continue;
    __builtin_prefetch(entry->value.data(), 1);
    ++entries;
  }
  return entries;
}

}  // namespace cohort::map

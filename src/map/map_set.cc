#include "map/map_set.h"

#include <xxhash.h>

#include <utility>

#include "map/validation.h"

namespace cohort::map {

MapSet::MapSet(const Options& options) : options_(options) {}

void MapSet::OnView(const ViewId& view) {
  view_ = view;
  position_ = 0;
  history_.Add(view);
}

// Spec 8.2
ApplyResult MapSet::Apply(Bytes op, const Place& place, Output& out) {
  ++stats_.applied;
  view_ = place.view;
  position_ = place.position;
  ApplyResult refused;
  const absl::StatusOr<const MapOp*> decoded = decoder_.Decode(op);
  if (!decoded.ok()) {
    ++stats_.malformed;
    refused.status = decoded.status();
    return refused;
  }
  const auto* merge = std::get_if<MergeOp>(&(*decoded)->body);
  if (merge != nullptr && merge->entries.empty() && merge->cleared == Version::None()) {
    // The end of a merge belongs to no map, and must not make one.
    if (merge->last) out.merged.push_back({merge->subgroup, place.writer});
    return {};
  }
  OrderedMap* map = Create((*decoded)->map);
  if (map == nullptr) {
    refused.status = absl::ResourceExhaustedError(
        "the group has 64 maps, which is the limit; use an existing one with a key prefix");
    return refused;
  }
  return map->Apply(**decoded, place, out);
}

const OrderedMap* MapSet::Find(std::string_view name) const {
  for (const auto& map : maps_) {
    if (map->name() == name) return map.get();
  }
  return nullptr;
}

OrderedMap* MapSet::Find(std::string_view name) {
  return const_cast<OrderedMap*>(std::as_const(*this).Find(name));
}

OrderedMap* MapSet::Create(std::string_view name) {
  if (OrderedMap* map = Find(name); map != nullptr) return map;
  if (maps_.size() >= kMapsMax || !ValidateMapName(name).ok()) return nullptr;
  OrderedMap::Options options;
  options.hash_key = options_.hash_key;
  options.id = static_cast<uint32_t>(maps_.size());
  options.settings = options_.settings;
  return maps_.emplace_back(std::make_unique<OrderedMap>(std::string(name), options)).get();
}

std::optional<MapSetSnapshot> MapSet::TakeSnapshot() const {
  MapSetSnapshot snapshot;
  snapshot.view = view_;
  snapshot.position = position_;
  snapshot.history = history_;
  for (const auto& map : maps_) {
    std::optional<Snapshot> taken = map->TakeSnapshot();
    if (!taken.has_value()) return std::nullopt;
    snapshot.maps.push_back(*std::move(taken));
  }
  return snapshot;
}

void MapSet::RestorePlace(const ViewId& view, uint64_t position, ViewHistory history) {
  view_ = view;
  position_ = position;
  history_ = std::move(history);
}

Digest MapSet::digest() const {
  Uint128 sum = 0;
  for (const auto& map : maps_) {
    const Digest digest = map->digest();
    const uint64_t words[] = {map->id(), digest.hi, digest.lo};
    const XXH128_hash_t hash = XXH3_128bits(words, sizeof(words));
    sum += (static_cast<Uint128>(hash.high64) << 64) | hash.low64;
  }
  return Digest::Of(sum);
}

uint64_t MapSet::Entries() const {
  uint64_t entries = 0;
  for (const auto& map : maps_) entries += map->Size();
  return entries;
}

bool MapSet::IsConsistent() const {
  for (size_t i = 0; i < maps_.size(); ++i) {
    if (maps_[i]->id() != i || !maps_[i]->IsConsistent()) return false;
  }
  return maps_.size() <= kMapsMax;
}

}  // namespace cohort::map

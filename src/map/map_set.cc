#include "map/map_set.h"

#include <algorithm>
#include <utility>

#include "base/xxhash.h"
#include "map/validation.h"

namespace cohort::map {

Uint128 DigestInSet(uint32_t id, const Digest& digest) {
  const uint64_t words[] = {id, digest.hi, digest.lo};
  const XXH128_hash_t hash = XXH3_128bits(words, sizeof(words));
  return (static_cast<Uint128>(hash.high64) << 64) | hash.low64;
}

MapSet::MapSet(const Options& options) : options_(options) {}

void MapSet::OnView(const ViewId& view) {
  view_ = view;
  position_ = 0;
  history_.Add(view);
}

// Spec 8.2
ApplyResult MapSet::Apply(Bytes op, const Place& place, Output& out, const Buffer* owner) {
  ++stats_.applied;
  view_ = place.view;
  position_ = place.position;
  ApplyResult refused;
  const absl::StatusOr<const MapOp*> decoded = decoder_.Decode(op, owner);
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
  Map* map = Find((*decoded)->map);
  if (map == nullptr && (std::holds_alternative<ExpireOp>((*decoded)->body) ||
                         std::holds_alternative<PurgeOp>((*decoded)->body) ||
                         std::holds_alternative<ClaimOp>((*decoded)->body) ||
                         std::holds_alternative<DeltaOp>((*decoded)->body))) {
    // Left over from another side, where there was such a map; it must not make one here.
    refused.status = absl::AbortedError("there is no such map on this side of the group");
    return refused;
  }
  if (map == nullptr) {
    const auto* configure = std::get_if<ConfigureOp>(&(*decoded)->body);
    const bool convergent = (configure != nullptr && configure->settings.convergent) ||
                            (merge != nullptr && merge->convergent);
    map = convergent ? static_cast<Map*>(CreateConvergent((*decoded)->map, out))
                     : Create((*decoded)->map);
  }
  if (map == nullptr) {
    refused.status = absl::ResourceExhaustedError(
        "the group has 64 maps, which is the limit; use an existing one with a key prefix");
    return refused;
  }
  return map->Apply(**decoded, place, out);
}

// Spec 11.9
ApplyResult MapSet::Write(Bytes op, uint64_t time, const ConvergentPlace& place,
                          const MapSet* brings, std::span<std::byte> stamp, Output& out) {
  ++stats_.joined;
  ApplyResult refused;
  ConvergentStamp given;
  given.lives.resize((stamp.size() - kStampFixedBytes) / kLifeBytes);
  const absl::StatusOr<const ConvergentOp*> decoded = convergent_decoder_.Decode(op);
  Map* map = decoded.ok() ? Find((*decoded)->map) : nullptr;
  if (map == nullptr || !map->convergent() || time >= kHlcMax) {
    EncodeStamp(given, stamp);
    refused.status = absl::AbortedError(
        "this member went to another side of the group before the write left, where there is no "
        "such "
        "map; try again");
    return refused;
  }
  auto* const convergent = static_cast<ConvergentMap*>(map);
  const ConvergentMap* const brought =
      brings == nullptr ? nullptr : brings->FindConvergent((*decoded)->map);
  given.time = time;
  refused.status = convergent->Resolve(**decoded, place.writer, brought, given);
  if (!refused.status.ok()) {
    given = {};
    given.lives.resize((*decoded)->Lives());
    EncodeStamp(given, stamp);
    return refused;
  }
  EncodeStamp(given, stamp);
  return convergent->Join(**decoded, given, place, out);
}

// Spec 11.13
ApplyResult MapSet::Join(Bytes message, const ConvergentPlace& place, Output& out) {
  ++stats_.joined;
  ApplyResult refused;
  const auto parts = ParseStamp(message);
  if (parts.has_value() && parts->second.time == 0) return refused;
  const absl::StatusOr<const ConvergentOp*> decoded =
      parts.has_value() ? convergent_decoder_.Decode(parts->first)
                        : absl::InvalidArgumentError("the operation has no stamp");
  if (!decoded.ok()) {
    ++stats_.malformed;
    refused.status = decoded.status();
    return refused;
  }
  const ConvergentStamp& stamp = parts->second;
  refused.version = {stamp.time, WriterWord(place.writer)};
  const std::string_view name = (*decoded)->map;
  if (Map* map = Find(name); map != nullptr) {
    if (map->convergent())
      return static_cast<ConvergentMap*>(map)->Join(**decoded, stamp, place, out);
    ++stats_.malformed;
    refused.status = absl::FailedPreconditionError("this is an ordered map");
    return refused;
  }
  if (early_.size() >= kMapsMax && early_.find(name) == early_.end()) {
    ++stats_.malformed;
    refused.status = absl::ResourceExhaustedError("operations for too many maps that are not here");
    return refused;
  }
  Output ignored;  // It is fed when the map is here.
  ignored.wants_changes = false;
  return EarlyOf(name).Join(**decoded, stamp, place, ignored);
}

ConvergentMap& MapSet::EarlyOf(std::string_view name) {
  std::unique_ptr<ConvergentMap>& early = early_[std::string(name)];
  if (early == nullptr) {
    early = std::make_unique<ConvergentMap>(std::string(name), OptionsOf(0));
    early->KeepAll();
  }
  return *early;
}

void MapSet::CopyEarly(const MapSet& other, Output& out) {
  for (const auto& [name, early] : other.early_) {
    Map* map = Find(name);
    if (map == nullptr) {
      EarlyOf(name).Absorb(*early, out);
    } else if (map->convergent()) {
      static_cast<ConvergentMap*>(map)->Absorb(*early, out);
    }
  }
}

const ConvergentMap* MapSet::FindEarly(std::string_view name) const {
  const auto found = early_.find(name);
  return found == early_.end() ? nullptr : found->second.get();
}

const Map* MapSet::Find(std::string_view name) const {
  for (const auto& map : maps_) {
    if (map->name() == name) return map.get();
  }
  return nullptr;
}

Map* MapSet::Find(std::string_view name) {
  return const_cast<Map*>(std::as_const(*this).Find(name));
}

namespace {

const ConvergentMap* AsConvergent(const Map* map) {
  return map == nullptr || !map->convergent() ? nullptr : static_cast<const ConvergentMap*>(map);
}

}  // namespace

const ConvergentMap* MapSet::GetConvergent(uint32_t id) const { return AsConvergent(Get(id)); }

const ConvergentMap* MapSet::FindConvergent(std::string_view name) const {
  return AsConvergent(Find(name));
}

Map::Options MapSet::OptionsOf(uint32_t id) const {
  Map::Options options;
  options.hash_key = options_.hash_key;
  options.id = id;
  options.settings = options_.settings;
  return options;
}

OrderedMap* MapSet::Create(std::string_view name) {
  if (Map* map = Find(name); map != nullptr)
    return map->convergent() ? nullptr : static_cast<OrderedMap*>(map);
  if (maps_.size() >= kMapsMax || !ValidateMapName(name).ok()) return nullptr;
  auto map = std::make_unique<OrderedMap>(std::string(name),
                                          OptionsOf(static_cast<uint32_t>(maps_.size())));
  OrderedMap* const created = map.get();
  maps_.push_back(std::move(map));
  return created;
}

ConvergentMap* MapSet::CreateConvergent(std::string_view name, Output& out) {
  if (Map* map = Find(name); map != nullptr)
    return map->convergent() ? static_cast<ConvergentMap*>(map) : nullptr;
  if (maps_.size() >= kMapsMax || !ValidateMapName(name).ok()) return nullptr;
  auto map = std::make_unique<ConvergentMap>(std::string(name),
                                             OptionsOf(static_cast<uint32_t>(maps_.size())));
  ConvergentMap* const created = map.get();
  maps_.push_back(std::move(map));
  if (const auto early = early_.find(name); early != early_.end()) {
    created->Absorb(*early->second, out);
    early_.erase(early);
  }
  return created;
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

Digest MapSet::digest() const { return DigestOf(false); }
Digest MapSet::ConvergentDigest() const { return DigestOf(true); }

bool MapSet::HasConvergent() const {
  return std::any_of(maps_.begin(), maps_.end(), [](const auto& map) { return map->convergent(); });
}

Digest MapSet::DigestOf(bool convergent) const {
  Uint128 sum = 0;
  for (const auto& map : maps_) {
    if (map->convergent() != convergent) continue;
    sum += DigestInSet(map->id(), map->digest());
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

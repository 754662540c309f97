// What a replica forgets: when entries expire, are evicted and purged.
#include <algorithm>
#include <utility>

#include "engine/replica.h"
#include "map/map_op_codec.h"

namespace cohort::engine {

namespace {

constexpr size_t kExpireKeysPerTurn = 500;         // In one EXPIRE operation ...
constexpr size_t kExpireBytesPerTurn = 128 << 10;  // ... whose keys add up to little more.
constexpr Duration kExpireGather = milliseconds(10);
// An access that another member has sent before the end may still be on its way (Spec 11.15).
constexpr int64_t kAccessMarginMs = 1000;
constexpr Duration kPurgeEvery = seconds(1);
// Where what was evicted takes much of the room that it has made.
constexpr Duration kPurgeSoon = milliseconds(50);

// As many as one operation takes; it borrows the keys.
void AddKeys(const std::vector<map::Map::Due>& due, map::ExpireOp& op) {
  size_t bytes = 0;
  for (const auto& [key, version, life] : due) {
    op.keys.push_back({.key = key, .version = version, .life = life});
    bytes += key.size();
    if (bytes > kExpireBytesPerTurn) break;
  }
}

}  // namespace

bool Replica::IsExpirer() const {
  if (!synced_) return false;
  for (const MemberInfo& member : view_.members) {
    if (std::find(synced_members_.begin(), synced_members_.end(), member.id) ==
        synced_members_.end())
      continue;
    return member.id == view_.self;
  }
  return false;
}

void Replica::PublishExpiries(map::GroupTime group_now, uint64_t hlc, Output& out) {
  for (uint32_t id = 0; id < maps_->size(); ++id) {
    const map::Map& map = *maps_->Get(id);
    // Whoever reads an entry of a convergent map in its last moment gets the time to say so.
    const map::GroupTime until = group_now - (map.convergent() ? kAccessMarginMs : 0);
    const auto due = map.DueForExpiry(until, kExpireKeysPerTurn);
    if (due.empty()) continue;
    map::ExpireOp expire;
    AddKeys(due, expire);
    ++own_operations_;
    out.operations.push_back(
        map::EncodeMapOp({.map = map.name(), .hlc = hlc, .body = std::move(expire)}));
  }
}

// An ordered map evicts at the write that fills it.
void Replica::PublishEvictions(uint64_t hlc, Output& out) {
  for (uint32_t id = 0; id < maps_->size(); ++id) {
    const map::ConvergentMap* map = maps_->GetConvergent(id);
    if (map == nullptr || !map->IsOverCap()) continue;
    map::ExpireOp evict{.keys = {}, .evicts = true, .view = view_.id.num};
    const auto due = map->DueForEviction(map->state().settings.bytes_max, kExpireKeysPerTurn);
    AddKeys(due, evict);
    ++own_operations_;
    out.operations.push_back(
        map::EncodeMapOp({.map = map->name(), .hlc = hlc, .body = std::move(evict)}));
  }
}

bool Replica::MayPurge() const {
  // Who is receiving the state could bring back what was removed.
  if (!IsExpirer() || own_operations_ > 0) return false;
  const auto with_data =
      std::count_if(view_.members.begin(), view_.members.end(),
                    [](const MemberInfo& member) { return !member.without_data; });
  if (synced_members_.size() != static_cast<size_t>(with_data)) return false;
  // What a merge in progress goes on with must not go away under it.
  if (!sides_.empty()) return false;
  for (uint32_t id = 0; id < maps_->size(); ++id) {
    const map::ConvergentMap* map = maps_->GetConvergent(id);
    if (map != nullptr && map->MayPurge()) return true;
  }
  return false;
}

// Spec 11.16
void Replica::PublishPurges(Instant now, map::GroupTime group_now, uint64_t hlc, Output& out) {
  if (next_purge_ > now || !MayPurge()) return;
  next_purge_ = now + kPurgeEvery;
  for (uint32_t id = 0; id < maps_->size(); ++id) {
    const map::ConvergentMap* map = maps_->GetConvergent(id);
    if (map == nullptr) continue;
    const map::MapSettings& settings = map->state().settings;
    if (settings.evicts && map->HiddenBytes() > settings.bytes_max / map::kEvictionSlack)
      next_purge_ = now + kPurgeSoon;
    map::PurgeOp purge = map->DueForPurge(settled_, group_now);
    if (purge.IsEmpty()) continue;
    purge.view = view_.id.num;
    ++own_operations_;
    out.operations.push_back(map::EncodeMapOp({.map = map->name(), .hlc = hlc, .body = purge}));
  }
}

Instant Replica::NextDeadline(const GroupClock& clock) const {
  Instant next = donor_.NextDeadline();
  if (joiner_.has_value()) next = std::min(next, joiner_->NextDeadline());
  if (MayMerge()) return Instant::Zero();
  if (IsExpirer() && own_operations_ == 0) {
    for (uint32_t id = 0; id < maps_->size(); ++id) {
      const map::ConvergentMap* convergent = maps_->GetConvergent(id);
      if (convergent != nullptr && convergent->IsOverCap()) return Instant::Zero();
      const map::GroupTime at = maps_->Get(id)->NextExpiry();
      if (at == 0) continue;
      const milliseconds margin(convergent != nullptr ? kAccessMarginMs : 0);
      // A little after the moment, so that what expires together leaves together.
      next = std::min(next, clock.At(at) + margin + kExpireGather);
    }
  }
  if (MayPurge()) next = std::min(next, next_purge_);
  return next;
}

}  // namespace cohort::engine

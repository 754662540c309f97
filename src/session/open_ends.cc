#include "session/open_ends.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::session {

void OpenEnds::Begin(std::string_view key, OpenEnd end, absl::Time now) {
  if (ends_.size() >= kOpenEndsMax) {
    absl::erase_if(ends_, [&](const auto& item) {
      const Slot& slot = item.second;
      return !slot.is_open && !slot.has_happened && slot.IsOld(now);
    });
  }
  Slot& slot = ends_[ToAbsl(key)];
  slot.end = std::move(end);
  slot.written = now;
}

bool OpenEnds::Settle(std::string_view key, const absl::Status& status, uint64_t settled) {
  const auto found = ends_.find(ToAbsl(key));
  if (found == ends_.end()) return status.ok();
  Slot& slot = found->second;
  const bool is_full = ends_.size() > kOpenEndsMax;
  const bool is_sure = slot.has_happened && (slot.version.time <= settled || is_full);
  if (status.ok() || is_sure || IsRefusal(status) || is_full) {
    ends_.erase(found);
    return status.ok() || is_sure;
  }
  slot.is_open = false;
  return false;
}

std::optional<LateEnd> OpenEnds::OnTold(std::string_view key, const Version& version,
                                        uint64_t settled) {
  const auto found = ends_.find(ToAbsl(key));
  if (found == ends_.end()) return std::nullopt;
  Slot& slot = found->second;
  slot.has_happened = true;
  slot.version = version;
  if (slot.is_open || version.time > settled) return std::nullopt;
  LateEnd end = slot.Take(key);
  ends_.erase(found);
  return end;
}

bool OpenEnds::HoldsAny() const {
  return std::any_of(ends_.begin(), ends_.end(),
                     [](const auto& item) { return item.second.IsHeld(); });
}

absl::flat_hash_set<std::string> OpenEnds::HeldIds() const {
  absl::flat_hash_set<std::string> ids;
  for (const auto& [key, slot] : ends_) {
    if (slot.IsHeld()) ids.insert(slot.end.id);
  }
  return ids;
}

absl::flat_hash_set<std::string> OpenEnds::OpenIds() const {
  absl::flat_hash_set<std::string> ids;
  for (const auto& [key, slot] : ends_) {
    if (slot.is_open) ids.insert(slot.end.id);
  }
  return ids;
}

std::vector<LateEnd> OpenEnds::TakeSettled(uint64_t settled, absl::Time now) {
  std::vector<LateEnd> taken;
  absl::erase_if(ends_, [&](auto& item) {
    Slot& slot = item.second;
    if (!slot.IsHeld() || (slot.version.time > settled && !slot.IsOld(now))) return false;
    taken.push_back(slot.Take(item.first));
    return true;
  });
  return taken;
}

void OpenEnds::DropHeld(std::string_view id, std::optional<absl::Time> created) {
  absl::erase_if(ends_, [&](const auto& item) {
    const Slot& slot = item.second;
    return slot.IsHeld() && slot.end.id == id &&
           slot.end.created == created.value_or(slot.end.created);
  });
}

size_t OpenEnds::open() const {
  size_t count = 0;
  for (const auto& [key, slot] : ends_) count += slot.is_open ? 1 : 0;
  return count;
}

}  // namespace cohort::session

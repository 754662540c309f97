#include "session/local_store.h"

#include <utility>

#include "base/absl_bridge.h"

namespace cohort::session {

using runtime::MutexLock;

LocalStore::Slot* LocalStore::Find(std::string_view id) {
  const auto found = slots_.find(ToAbsl(id));
  return found == slots_.end() ? nullptr : &found->second;
}

Version LocalStore::NextVersion() { return {++version_, 0}; }

void LocalStore::Put(std::string_view id, Contents contents, absl::Time accessed) {
  const size_t bytes = id.size() + BytesOf(contents);
  const MutexLock lock(&mutex_);
  Slot& slot = slots_[ToAbsl(id)];
  bytes_ += bytes - slot.bytes;
  slot = {{std::move(contents), NextVersion(), accessed}, bytes};
}

std::optional<LocalStore::Held> LocalStore::Get(std::string_view id) const {
  const MutexLock lock(&mutex_);
  const auto found = slots_.find(ToAbsl(id));
  if (found == slots_.end()) return std::nullopt;
  return found->second.held;
}

bool LocalStore::Exists(std::string_view id) const {
  const MutexLock lock(&mutex_);
  return slots_.contains(ToAbsl(id));
}

std::optional<Version> LocalStore::Change(std::string_view id, const SessionChanges& changes,
                                          absl::Time accessed) {
  const MutexLock lock(&mutex_);
  Slot* const slot = Find(id);
  if (slot == nullptr) return std::nullopt;
  Contents& contents = slot->held.contents;
  bool changes_contents = false;
  for (const Attribute& attribute : changes.set) {
    contents.attributes[attribute.name] = attribute.value;
    changes_contents = true;
  }
  for (const std::string& name : changes.erased) {
    changes_contents |= contents.attributes.erase(name) > 0;
  }
  if (changes.metadata) contents.metadata = *changes.metadata;
  if (changes.max_inactive) contents.info.max_inactive = Interval(*changes.max_inactive);
  changes_contents |= changes.metadata || changes.max_inactive;
  if (changes_contents) slot->held.version = NextVersion();
  if (accessed != absl::InfinitePast()) slot->held.accessed = accessed;
  const size_t bytes = id.size() + BytesOf(contents);
  bytes_ += bytes - slot->bytes;
  slot->bytes = bytes;
  return slot->held.version;
}

std::optional<LocalStore::Held> LocalStore::Take(std::string_view id) {
  const MutexLock lock(&mutex_);
  const auto found = slots_.find(ToAbsl(id));
  if (found == slots_.end()) return std::nullopt;
  Held held = std::move(found->second.held);
  bytes_ -= found->second.bytes;
  slots_.erase(found);
  return held;
}

std::optional<absl::Time> LocalStore::DueAt(std::string_view id) const {
  const MutexLock lock(&mutex_);
  const auto found = slots_.find(ToAbsl(id));
  if (found == slots_.end()) return std::nullopt;
  return found->second.held.accessed + found->second.held.contents.info.max_inactive;
}

std::vector<std::string> LocalStore::Ids() const {
  const MutexLock lock(&mutex_);
  std::vector<std::string> ids;
  ids.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) ids.push_back(id);
  return ids;
}

size_t LocalStore::size() const {
  const MutexLock lock(&mutex_);
  return slots_.size();
}

uint64_t LocalStore::bytes() const {
  const MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace cohort::session

#include "session/session_table.h"

#include <algorithm>

#include "base/absl_bridge.h"

namespace cohort::session {

Shape Shape::Of(const Contents& contents) {
  Shape shape;
  shape.info = contents.info;
  shape.metadata_bytes = contents.metadata.size();
  for (const auto& [name, value] : contents.attributes) shape.Set(name, value.size());
  return shape;
}

void Shape::Set(std::string_view name, size_t bytes) {
  const auto place = values_.find(name);
  if (place != values_.end()) {
    bytes_ -= BytesOf(name, place->second);
    place->second = bytes;
  } else {
    values_.emplace(name, bytes);
  }
  bytes_ += BytesOf(name, bytes);
}

bool Shape::Erase(std::string_view name) {
  const auto place = values_.find(name);
  if (place == values_.end()) return false;
  bytes_ -= BytesOf(name, place->second);
  values_.erase(place);
  return true;
}

bool SessionTable::Contains(std::string_view id) const { return due_.contains(ToAbsl(id)); }

void SessionTable::NoteDue(std::string_view id, std::optional<absl::Time> due) {
  const auto found = used_.find(ToAbsl(id));
  if (found != used_.end()) found->second->due = due;
}

bool SessionTable::Add(std::string_view id, absl::Time due) {
  const auto [place, is_new] = due_.try_emplace(ToAbsl(id), due);
  if (!is_new) {
    if (due >= place->second) return false;
    by_due_.erase({place->second, place->first});
    place->second = due;
  }
  NoteDue(id, due);
  if (due != absl::InfiniteFuture()) by_due_.emplace(due, id);
  return is_new;
}

bool SessionTable::Remove(std::string_view id) {
  const auto found = due_.find(ToAbsl(id));
  if (found == due_.end()) return false;
  by_due_.erase({found->second, found->first});
  due_.erase(found);
  NoteDue(id, std::nullopt);
  return true;
}

void SessionTable::Schedule(std::string_view id, absl::Time due) {
  if (Remove(id)) Add(id, due);
}

std::optional<std::string> SessionTable::FirstDue(absl::Time now) const {
  if (by_due_.empty() || by_due_.begin()->first > now) return std::nullopt;
  return by_due_.begin()->second;
}

absl::Time SessionTable::NextDue() const {
  return by_due_.empty() ? absl::InfiniteFuture() : by_due_.begin()->first;
}

std::vector<std::string> SessionTable::Ids(size_t max) const {
  std::vector<std::string> ids;
  ids.reserve(std::min(max, due_.size()));
  for (const auto& [id, due] : due_) {
    if (ids.size() >= max) break;
    ids.push_back(id);
  }
  return ids;
}

std::shared_ptr<Session> SessionTable::Find(std::string_view id) const {
  const auto found = used_.find(ToAbsl(id));
  return found == used_.end() ? nullptr : found->second;
}

std::shared_ptr<Session> SessionTable::FindOrNew(std::string_view id) {
  std::shared_ptr<Session>& session = used_[ToAbsl(id)];
  if (session != nullptr) return session;
  session = std::make_shared<Session>(id);
  if (const auto listed = due_.find(ToAbsl(id)); listed != due_.end())
    session->due = listed->second;
  return session;
}

// A session that is not there must leave nothing; who waits for its turn still finds this object.
void SessionTable::Release(std::shared_ptr<Session>& session) {
  if (!session->owned && session.use_count() == 2) {
    const auto found = used_.find(session->id);
    const bool is_last = found != used_.end() && found->second == session && !Contains(session->id);
    if (is_last) used_.erase(found);
  }
  session.reset();
}

void SessionTable::Drop(std::string_view id) {
  const auto found = used_.find(ToAbsl(id));
  if (found == used_.end()) return;
  Session& session = *found->second;
  session.owned = session.lost = false;
  session.stale = true;
  session.seen = Version::None();
  session.held = {};
  session.fence = 0;
  session.bytes = 0;
  session.accessed = session.access_told = absl::InfinitePast();
  if (found->second.use_count() == 1) used_.erase(found);
}

std::vector<std::string> SessionTable::UsedUnlisted() const {
  std::vector<std::string> ids;
  for (const auto& [id, session] : used_) {
    if (!Contains(id)) ids.push_back(id);
  }
  return ids;
}

std::vector<std::shared_ptr<Session>> SessionTable::Owned() const {
  std::vector<std::shared_ptr<Session>> owned;
  for (const auto& [id, session] : used_) {
    if (session->owned) owned.push_back(session);
  }
  return owned;
}

}  // namespace cohort::session

#include "resp_keyspace.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hash_value.h"

namespace cohort::tools {
namespace {

constexpr size_t kEventOverhead = 64;

size_t CostOf(const KeyspaceEvent& event) { return event.key.size() + kEventOverhead; }

const char* NameOf(const Change& change) {
  switch (change.cause) {
    case ChangeCause::kExpire:
      return "expired";
    case ChangeCause::kEvict:
      return "evicted";
    case ChangeCause::kClear:
      return "flushdb";
    case ChangeCause::kSync:
      return "sync";
    case ChangeCause::kPut:
    case ChangeCause::kErase:
    case ChangeCause::kMerge:
      break;
  }
  if (!change.value) return "del";
  return IsHash(*change.value) ? "hset" : "set";
}

}  // namespace

std::string KeyspaceEvent::KeyspaceChannel() const {
  return absl::StrCat("__keyspace@", database, "__:", key);
}
std::string KeyspaceEvent::KeyeventChannel() const {
  return absl::StrCat("__keyevent@", database, "__:", name);
}

KeyspaceEvent ToKeyspaceEvent(size_t database, const Change& change) {
  return {database, NameOf(change), std::string(change.key)};
}

void KeyspaceQueue::Push(KeyspaceEvent event) {
  const std::lock_guard lock(mutex_);
  if (!wake_) return;
  const bool idle = events_.empty() && !lost_;
  bytes_ += CostOf(event);
  events_.push_back(std::move(event));
  if (events_.size() > kKeyspaceEventsMax || bytes_ > kKeyspaceBytesMax) {
    ClearLocked();
    lost_ = true;
  }
  if (idle) wake_();
}

KeyspaceQueue::Taken KeyspaceQueue::Take(size_t max) {
  const std::lock_guard lock(mutex_);
  Taken taken;
  taken.lost = std::exchange(lost_, false);
  while (!events_.empty() && taken.events.size() < max) {
    bytes_ -= CostOf(events_.front());
    taken.events.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  taken.more = !events_.empty();
  return taken;
}

void KeyspaceQueue::Clear() {
  const std::lock_guard lock(mutex_);
  ClearLocked();
  lost_ = false;
}

void KeyspaceQueue::Close() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
  ClearLocked();
}

void KeyspaceQueue::ClearLocked() {
  events_.clear();
  bytes_ = 0;
}

std::vector<Subscription> FeedKeyspace(std::vector<ReplicatedMap>& maps,
                                       const std::shared_ptr<KeyspaceQueue>& queue) {
  std::vector<Subscription> feeds;
  for (size_t i = 0; i < maps.size(); ++i) {
    feeds.push_back(maps[i].Subscribe(
        [queue, i](const Change& change) { queue->Push(ToKeyspaceEvent(i, change)); }));
  }
  return feeds;
}

}  // namespace cohort::tools

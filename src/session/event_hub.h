// Events on their way to subscribers: a bounded queue, and who is told.
//
// Who has an event puts it in at any time, under any lock; Drain() calls the subscribers, and must
// be called under none. Events are told in order, one at a time: while one thread drains, others
// (and a callback that comes back here) leave theirs to it. Listeners that are slower than the
// writers hold nobody up for longer than one Drain(), which has an end.
//
// Threads: any. Limit: `queued_max` events; beyond it the newest are dropped and counted.
#ifndef COHORT_SESSION_EVENT_HUB_H_
#define COHORT_SESSION_EVENT_HUB_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "cohort/subscription.h"
#include "runtime/mutex.h"
#include "runtime/subscribers.h"

namespace cohort::session {

template <class Event>
class EventHub : public std::enable_shared_from_this<EventHub<Event>> {
 public:
  using Callback = std::function<void(const Event&)>;

  explicit EventHub(size_t queued_max) : queued_max_(queued_max) {}

  Subscription Add(Callback callback) {
    auto entry = std::make_shared<Entry>();
    entry->callback = std::move(callback);
    {
      const runtime::MutexLock lock(&mutex_);
      entries_.push_back(entry);
    }
    auto handle = std::make_unique<Handle>();
    handle->hub = this->shared_from_this();
    handle->entry = std::move(entry);
    return Subscription(std::move(handle));
  }

  // True: somebody has to drain, and was not asked yet since the last time. False also where nobody
  // listens, or there is no room.
  bool Push(Event event) {
    const runtime::MutexLock lock(&mutex_);
    if (entries_.empty()) return false;
    if (queue_.size() >= queued_max_) {
      ++dropped_;
      return false;
    }
    queue_.push_back(std::move(event));
    return !draining_ && !std::exchange(asked_, true);
  }

  // At most `most` events. True: there are more, and the caller sees to it that they are told.
  bool Drain(size_t most) {
    std::vector<std::shared_ptr<Entry>> entries;
    Event event;
    for (size_t told = 0;; ++told) {
      {
        const runtime::MutexLock lock(&mutex_);
        if (told == 0) {
          asked_ = false;
          if (std::exchange(draining_, true)) return false;
        }
        if (queue_.empty() || told == most) {
          draining_ = false;
          asked_ |= !queue_.empty();
          return !queue_.empty();
        }
        event = std::move(queue_.front());
        queue_.pop_front();
        entries = entries_;
      }
      for (const std::shared_ptr<Entry>& entry : entries) Call(*entry, event);
    }
  }

  uint64_t dropped() const {
    const runtime::MutexLock lock(&mutex_);
    return dropped_;
  }

 private:
  struct Entry {
    Callback callback;
    runtime::Mutex running;  // Held during a call.
    std::atomic<std::thread::id> caller{};
    std::atomic<bool> cancelled{false};
  };
  struct COHORT_HIDDEN Handle final : Subscription::Impl {
    void Cancel() override { hub->Remove(entry); }
    std::shared_ptr<EventHub> hub;
    std::shared_ptr<Entry> entry;
  };

  void Call(Entry& entry, const Event& event) {
    const runtime::MutexLock lock(&entry.running);
    if (entry.cancelled) return;
    entry.caller = std::this_thread::get_id();
    entry.callback(event);
    entry.caller = std::thread::id();
  }

  void Remove(const std::shared_ptr<Entry>& entry) {
    entry->cancelled = true;
    {
      const runtime::MutexLock lock(&mutex_);
      entries_.erase(std::remove(entries_.begin(), entries_.end(), entry), entries_.end());
    }
    if (entry->caller.load() == std::this_thread::get_id()) return;
    const runtime::MutexLock wait(&entry->running);
  }

  const size_t queued_max_;
  mutable runtime::Mutex mutex_;
  std::vector<std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<Event> queue_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;  // Somebody will drain.
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_EVENT_HUB_H_

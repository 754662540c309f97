// The callbacks that want one kind of upcall, and the promise of Subscription: once it is
// cancelled, no call runs and none comes.
//
// Threads: Add and Cancel by any; Call by the delivery thread. No lock is held during a call but
// the call's own, which Cancel takes to wait for its end (unless it is called from inside a
// callback, where nothing else can be running).
#ifndef COHORT_RUNTIME_SUBSCRIBERS_H_
#define COHORT_RUNTIME_SUBSCRIBERS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "cohort/subscription.h"
#include "runtime/delivery_queue.h"
#include "runtime/mutex.h"

namespace cohort {

// What a Subscription holds, whatever it subscribed to.
struct Subscription::Impl {
  virtual ~Impl() = default;
  virtual void Cancel() = 0;
};

namespace runtime {

template <class Argument>
class Subscribers : public std::enable_shared_from_this<Subscribers<Argument>> {
 public:
  using Callback = std::function<void(const Argument&)>;
  struct Entry {
    explicit Entry(Callback wanted) : callback(std::move(wanted)) {}
    const Callback callback;
    runtime::Mutex running;  // Held during a call.
    std::atomic<bool> active{true};
    std::atomic<bool> cancelled{false};
  };

  // `queue` is the one whose thread calls.
  explicit Subscribers(const DeliveryQueue& queue) : queue_(queue) {}

  // An entry that is not active is called only by CallOne, until it is set active.
  std::shared_ptr<Entry> Add(Callback callback, bool active = true) {
    auto entry = std::make_shared<Entry>(std::move(callback));
    entry->active = active;
    runtime::MutexLock lock(&mutex_);
    auto entries = std::make_shared<std::vector<std::shared_ptr<Entry>>>(*entries_);
    entries->push_back(entry);
    entries_ = std::move(entries);
    count_ = entries_->size();
    return entry;
  }

  void Call(const Argument& argument) {
    std::shared_ptr<const std::vector<std::shared_ptr<Entry>>> entries;
    {
      runtime::MutexLock lock(&mutex_);
      entries = entries_;
    }
    for (const std::shared_ptr<Entry>& entry : *entries) {
      if (entry->active) CallOne(*entry, argument);
    }
  }

  void CallOne(Entry& entry, const Argument& argument) {
    runtime::MutexLock lock(&entry.running);
    if (!entry.cancelled) entry.callback(argument);
  }

  void Cancel(const std::shared_ptr<Entry>& entry) {
    entry->cancelled = true;
    {
      runtime::MutexLock lock(&mutex_);
      auto entries = std::make_shared<std::vector<std::shared_ptr<Entry>>>(*entries_);
      entries->erase(std::remove(entries->begin(), entries->end(), entry), entries->end());
      entries_ = std::move(entries);
      count_ = entries_->size();
    }
    if (queue_.OnThisThread()) return;
    runtime::MutexLock wait(&entry->running);
  }

  bool empty() const { return count_ == 0; }

  // The user's handle. `on_cancel` runs after the last call.
  Subscription NewHandle(std::shared_ptr<Entry> entry, std::shared_ptr<void> keep_alive,
                         std::function<void()> on_cancel = nullptr) {
    struct COHORT_HIDDEN Handle final : Subscription::Impl {
      void Cancel() override {
        subscribers->Cancel(entry);
        if (on_cancel) on_cancel();
      }
      std::shared_ptr<void> keep_alive;
      std::shared_ptr<Subscribers> subscribers;
      std::shared_ptr<Entry> entry;
      std::function<void()> on_cancel;
    };
    auto handle = std::make_unique<Handle>();
    handle->keep_alive = std::move(keep_alive);
    handle->subscribers = this->shared_from_this();
    handle->entry = std::move(entry);
    handle->on_cancel = std::move(on_cancel);
    return Subscription(std::move(handle));
  }

 private:
  const DeliveryQueue& queue_;
  mutable runtime::Mutex mutex_;
  std::shared_ptr<const std::vector<std::shared_ptr<Entry>>> entries_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<const std::vector<std::shared_ptr<Entry>>>();
  std::atomic<size_t> count_{0};
};

}  // namespace runtime
}  // namespace cohort

#endif  // COHORT_RUNTIME_SUBSCRIBERS_H_

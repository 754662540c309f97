#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes a variant that is moved for one of the alternatives it does not hold.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "runtime/delivery_queue.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "runtime/mutex.h"

namespace cohort::runtime {
namespace {

thread_local const DeliveryQueue* current_queue = nullptr;

constexpr size_t kItemBytes = 128;  // What an item costs besides its payload.

}  // namespace

std::thread StartThread(const char* name, std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([name, body = std::move(body)] {
    pthread_setname_np(pthread_self(), name);
    body();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

DeliveryQueue::DeliveryQueue(size_t bytes_max, Handler handler)
    : bytes_max_(bytes_max), handler_(std::move(handler)) {}

DeliveryQueue::~DeliveryQueue() { Stop(); }

void DeliveryQueue::Start() {
  thread_ = StartThread("cohort-deliver", [this] { Run(); });
}

bool DeliveryQueue::OnDeliveryThread() { return current_queue != nullptr; }
bool DeliveryQueue::OnThisThread() const { return current_queue == this; }

size_t DeliveryQueue::BytesOf(const engine::Upcall& upcall) {
  if (const auto* message = std::get_if<engine::MessageUpcall>(&upcall)) {
    return kItemBytes + message->payload.size();
  }
  if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
    return kItemBytes + change->key.size() + (change->value ? change->value->size() : 0);
  }
  if (const auto* event = std::get_if<engine::EventUpcall>(&upcall)) {
    return kItemBytes + event->event.text.size();
  }
  return kItemBytes;
}

bool DeliveryQueue::MayDrop(const engine::Upcall& upcall) {
  return !std::holds_alternative<engine::ViewUpcall>(upcall);
}

bool DeliveryQueue::Push(engine::Upcall upcall) {
  runtime::MutexLock lock(&mutex_);
  if (stopping_) return false;
  const size_t bytes = BytesOf(upcall);
  // A change of a large value may have as much as all that may wait: it is taken while no more than
  // half of that does.
  if (bytes_ + std::min(bytes, bytes_max_ / 2) > bytes_max_ && MayDrop(upcall)) {
    ++dropped_;
    return false;
  }
  if (dropped_ > dropped_told_) {
    Event event;
    event.kind = EventKind::kWarning;
    event.number = static_cast<int64_t>(dropped_ - dropped_told_);
    event.text = "callbacks are too slow: " + std::to_string(event.number) +
                 " messages, changes or events were dropped, because the delivery queue was full";
    dropped_told_ = dropped_;
    items_.emplace_back(engine::Upcall(engine::EventUpcall{std::move(event)}));
  }
  bytes_ += bytes;
  items_.emplace_back(std::move(upcall));
  return true;
}

void DeliveryQueue::PushTask(Task task) {
  runtime::MutexLock lock(&mutex_);
  if (!stopping_) items_.emplace_back(std::move(task));
}

void DeliveryQueue::Run() {
  current_queue = this;
  std::vector<Item> batch;
  for (;;) {
    {
      runtime::MutexLock lock(&mutex_);
      const auto ready = [this]() { return stopping_ || !items_.empty(); };
      mutex_.Await(ready);
      if (items_.empty()) break;
      batch.swap(items_);
    }
    for (Item& item : batch) {
      size_t bytes = 0;
      if (auto* upcall = std::get_if<engine::Upcall>(&item)) {
        bytes = BytesOf(*upcall);
        handler_(*upcall);
      } else {
        std::get<Task>(item)();
        std::get<Task>(item) = nullptr;
      }
      if (bytes == 0) continue;
      runtime::MutexLock lock(&mutex_);
      bytes_ -= std::min(bytes, bytes_);
    }
    batch.clear();
  }
  current_queue = nullptr;
}

void DeliveryQueue::Stop() {
  {
    runtime::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

DeliveryQueue::Stats DeliveryQueue::stats() const {
  runtime::MutexLock lock(&mutex_);
  return {items_.size(), bytes_, dropped_};
}

}  // namespace cohort::runtime

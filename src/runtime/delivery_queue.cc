#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes a variant that is moved for one of the alternatives it does not hold.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "runtime/delivery_queue.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <iterator>
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

struct DeliveryQueue::Turns {
  Executor executor;
  Mutex mutex;
  DeliveryQueue* queue ABSL_GUARDED_BY(mutex) = nullptr;  // Null: it takes no more turns.
  // Turns that run, or have made their callbacks: the next one may begin before one has returned.
  int running ABSL_GUARDED_BY(mutex) = 0;
};

DeliveryQueue::DeliveryQueue(size_t bytes_max, Handler handler, Executor executor)
    : bytes_max_(bytes_max),
      handler_(std::move(handler)),
      turns_(executor == nullptr ? nullptr : std::make_shared<Turns>()) {
  if (turns_ == nullptr) return;
  turns_->executor = std::move(executor);
  const MutexLock lock(&turns_->mutex);
  turns_->queue = this;
}

DeliveryQueue::~DeliveryQueue() { Stop(); }

void DeliveryQueue::Start() {
  if (turns_ == nullptr) {
    thread_ = StartThread("cohort-deliver", [this] { Run(); });
    return;
  }
  std::shared_ptr<Turns> wanted;
  {
    const MutexLock lock(&mutex_);
    started_ = true;
    wanted = WantedTurn();
  }
  Give(wanted);
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

std::shared_ptr<DeliveryQueue::Turns> DeliveryQueue::WantedTurn() {
  const bool wanted = started_ && !stopping_ && !items_.empty() && turns_ != nullptr;
  return wanted && !std::exchange(given_, true) ? turns_ : nullptr;
}

void DeliveryQueue::Give(const std::shared_ptr<Turns>& turns) {
  if (turns == nullptr) return;
  const Executor& executor = turns->executor;
  executor([turns] {
    DeliveryQueue* queue = nullptr;
    {
      const MutexLock lock(&turns->mutex);
      queue = turns->queue;
      if (queue == nullptr) return;
      ++turns->running;
    }
    queue->RunTurn();
    const MutexLock lock(&turns->mutex);
    --turns->running;
  });
}

bool DeliveryQueue::Push(engine::Upcall upcall) {
  std::shared_ptr<Turns> wanted;
  {
    const MutexLock lock(&mutex_);
    if (!Take(std::move(upcall))) return false;
    wanted = WantedTurn();
  }
  WakeSoon();
  Give(wanted);
  return true;
}

void DeliveryQueue::Wake() {
  const MutexLock lock(&wake_mutex_);
  awake_ = true;
}

void DeliveryQueue::WakeSoon() {
  if (turns_ != nullptr) return;
  // Who ends the last batch looks at waits_ after it has counted down; so one of the two wakes.
  waits_ = true;
  if (batches_ == 0 && waits_.exchange(false)) Wake();
}

bool DeliveryQueue::Take(engine::Upcall upcall) {
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

bool DeliveryQueue::PushTask(Task task) { return PushAlways(std::move(task)); }
bool DeliveryQueue::PushAnswer(CallTable::Answer answer) { return PushAlways(std::move(answer)); }

template <class Kind>
bool DeliveryQueue::PushAlways(Kind item) {
  std::shared_ptr<Turns> wanted;
  {
    const MutexLock lock(&mutex_);
    if (stopping_) return false;
    items_.emplace_back(std::move(item));
    wanted = WantedTurn();
  }
  WakeSoon();
  Give(wanted);
  return true;
}

void DeliveryQueue::Run() {
  std::vector<Item> batch;
  for (;;) {
    {
      const MutexLock lock(&wake_mutex_);
      wake_mutex_.Await([this]() { return awake_; });
      awake_ = false;
    }
    bool ends = false;
    {
      const MutexLock lock(&mutex_);
      batch.swap(items_);
      ends = stopping_;  // Then nothing more is taken.
    }
    Deliver(batch);
    if (ends) return;
  }
}

void DeliveryQueue::RunTurn() {
  std::vector<Item> batch;
  {
    const MutexLock lock(&mutex_);
    const auto end = items_.begin() + static_cast<ptrdiff_t>(std::min(items_.size(), kTurnItems));
    batch.assign(std::make_move_iterator(items_.begin()), std::make_move_iterator(end));
    items_.erase(items_.begin(), end);
  }
  Deliver(batch);
  std::shared_ptr<Turns> wanted;
  {
    const MutexLock lock(&mutex_);
    given_ = false;
    wanted = WantedTurn();
  }
  Give(wanted);
}

void DeliveryQueue::Deliver(std::vector<Item>& batch) {
  // A callback may run in one of another queue, where an executor calls at once.
  const DeliveryQueue* const before = std::exchange(current_queue, this);
  for (Item& item : batch) {
    size_t bytes = 0;
    if (auto* upcall = std::get_if<engine::Upcall>(&item)) {
      bytes = BytesOf(*upcall);
      handler_(*upcall);
    } else if (auto* answer = std::get_if<CallTable::Answer>(&item)) {
      answer->Tell();
      answer->callback =
          CallTable::DoneCallback();  // What it captured goes before the next is told.
    } else {
      std::get<Task>(item)();
      std::get<Task>(item) = nullptr;
    }
    if (bytes == 0) continue;
    const MutexLock lock(&mutex_);
    bytes_ -= std::min(bytes, bytes_);
  }
  batch.clear();
  current_queue = before;
}

void DeliveryQueue::EndTurns() {
  {
    const MutexLock lock(&turns_->mutex);
    turns_->queue = nullptr;
    turns_->mutex.Await([this]() { return turns_->running == 0; });
  }
  std::vector<Item> batch;
  {
    const MutexLock lock(&mutex_);
    batch.swap(items_);
  }
  Deliver(batch);
}

void DeliveryQueue::Stop() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
  if (turns_ != nullptr) EndTurns();
}

DeliveryQueue::Stats DeliveryQueue::stats() const {
  const MutexLock lock(&mutex_);
  return {items_.size(), bytes_, dropped_};
}

}  // namespace cohort::runtime

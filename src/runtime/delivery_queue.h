// The queue in front of the callbacks, and who makes them: a thread of its own, "cohort-deliver",
// or the threads of the host's executor.
//
// Everything a host is told passes here, in order, one at a time, with no lock held. The queue is
// bounded in bytes: what does not fit is dropped and counted, views, answers and events about it
// excepted, which are few and which nobody could do without.
//
// An executor is given one function at a time, a turn of at most kTurnItems callbacks. Stop() does
// not wait for a turn that has not begun: it makes the callbacks itself, so it may be called on the
// executor's only thread; a turn that comes later finds nothing to do.
//
// Threads: any. A callback may do anything but destroy the queue.
#ifndef COHORT_RUNTIME_DELIVERY_QUEUE_H_
#define COHORT_RUNTIME_DELIVERY_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "engine/io.h"
#include "runtime/call_table.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

class DeliveryQueue {
 public:
  using Task = std::function<void()>;
  using Handler = std::function<void(engine::Upcall&)>;
  // Runs a function once, later, on a thread of the host's.
  using Executor = std::function<void(Task)>;
  static constexpr size_t kTurnItems = 64;
  struct Stats {
    uint64_t waiting = 0;
    uint64_t bytes_waiting = 0;
    uint64_t dropped = 0;
  };

  // Without an executor callbacks run on a thread of the queue's own.
  DeliveryQueue(size_t bytes_max, Handler handler, Executor executor = nullptr);
  ~DeliveryQueue();

  void Start();
  // False: it was dropped.
  bool Push(engine::Upcall upcall);
  // False: the queue has stopped, and the task will not be done.
  bool PushTask(Task task);
  bool PushAnswer(CallTable::Answer answer);  // The same, of telling it.
  // While one lives, what is pushed, by any thread, does not wake the thread of the queue; its end
  // does. What a turn of the engine brings is delivered at one go by it.
  class Batch {
   public:
    explicit Batch(DeliveryQueue& queue) : queue_(queue) { ++queue_.batches_; }
    ~Batch() {
      if (--queue_.batches_ == 0 && queue_.waits_.exchange(false)) queue_.Wake();
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    DeliveryQueue& queue_;
  };
  // Delivers what is queued, then ends the thread, or uses the executor no more. Not from a
  // callback. Idempotent.
  void Stop();
  Stats stats() const;
  // Whether the calling thread is making a callback, of this queue or any other.
  static bool OnDeliveryThread();
  bool OnThisThread() const;

 private:
  using Item = std::variant<engine::Upcall, Task, CallTable::Answer>;
  template <class Kind>
  bool PushAlways(Kind item);
  // What turns that the executor still holds know of the queue; it outlives both.
  struct Turns;
  void Run();
  void Wake();
  // As Wake(), or leaves it to the batch that there is.
  void WakeSoon();
  void RunTurn();
  // Waits for the turn that runs; none begins after it.
  void EndTurns();
  void Deliver(std::vector<Item>& batch);
  // Set: a turn is to be given to the executor, when no lock is held.
  bool Take(engine::Upcall upcall) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Turns> WantedTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Give(const std::shared_ptr<Turns>& turns);
  static size_t BytesOf(const engine::Upcall& upcall);
  static bool MayDrop(const engine::Upcall& upcall);

  const size_t bytes_max_;
  const Handler handler_;
  mutable runtime::Mutex mutex_;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_told_ ABSL_GUARDED_BY(mutex_) = 0;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool given_ ABSL_GUARDED_BY(mutex_) = false;  // The executor has a turn.
  const std::shared_ptr<Turns> turns_;          // Null: there is a thread.
  // What the thread sleeps on; not mutex_, so that whoever pushes does not wake it each time.
  runtime::Mutex wake_mutex_;
  bool awake_ ABSL_GUARDED_BY(wake_mutex_) = false;  // It has something to look at.
  std::atomic<int> batches_{0};
  std::atomic<bool> waits_{false};  // Something was pushed in a batch.
  std::thread thread_;
};

// Starts a thread of ours: named (at most 15 characters), with all signals blocked, so that
// handlers of the host run on threads of the host.
std::thread StartThread(const char* name, std::function<void()> body);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_DELIVERY_QUEUE_H_

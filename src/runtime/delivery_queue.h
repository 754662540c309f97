// The queue in front of the callbacks, and the thread that makes them: "cohort-deliver".
//
// Everything a host is told passes here, in order, one at a time, with no lock held. The queue is
// bounded in bytes: what does not fit is dropped and counted, views, answers and events about it
// excepted, which are few and which nobody could do without.
//
// Threads: any. A callback may do anything but destroy the queue.
#ifndef COHORT_RUNTIME_DELIVERY_QUEUE_H_
#define COHORT_RUNTIME_DELIVERY_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <variant>
#include <vector>

#include "engine/io.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

class DeliveryQueue {
 public:
  using Task = std::function<void()>;
  using Handler = std::function<void(engine::Upcall&)>;
  struct Stats {
    uint64_t waiting = 0;
    uint64_t bytes_waiting = 0;
    uint64_t dropped = 0;
  };

  DeliveryQueue(size_t bytes_max, Handler handler);
  ~DeliveryQueue();

  void Start();
  // False: it was dropped.
  bool Push(engine::Upcall upcall);
  void PushTask(Task task);
  // Delivers what is queued, then ends the thread. Not from a callback. Idempotent.
  void Stop();
  Stats stats() const;
  // Whether the calling thread is a delivery thread, of this queue or any other.
  static bool OnDeliveryThread();
  bool OnThisThread() const;

 private:
  using Item = std::variant<engine::Upcall, Task>;
  void Run();
  static size_t BytesOf(const engine::Upcall& upcall);
  static bool MayDrop(const engine::Upcall& upcall);

  const size_t bytes_max_;
  const Handler handler_;
  mutable runtime::Mutex mutex_;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_told_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Starts a thread of ours: named (at most 15 characters), with all signals blocked, so that
// handlers of the host run on threads of the host.
std::thread StartThread(const char* name, std::function<void()> body);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_DELIVERY_QUEUE_H_

// What callers want done with an engine, until it is done by whoever has the engine's lock.
//
// Idea: threads that all want the lock for a moment are put to sleep and woken for it, each of
// them, and then again for their answers. So a caller leaves what it wants here; of all who do, one
// at a time serves: it waits for the lock, and does with it what has gathered by then. The I/O
// thread does the same when it has the lock anyway.
//
// Threads: any. What is taken is taken under the engine's lock, and run before that is released.
#ifndef COHORT_RUNTIME_ERRAND_QUEUE_H_
#define COHORT_RUNTIME_ERRAND_QUEUE_H_

#include <exception>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "engine/engine.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

// Belongs to its caller, who keeps it until one of these was called; whoever calls touches it no
// more afterwards.
class Errand {
 public:
  virtual ~Errand() = default;
  // Under the engine's lock, by any thread.
  virtual void Run(engine::Engine& engine, Instant now, engine::Output& out) = 0;
  // Nothing is run any more.
  virtual void Refuse() = 0;
  // When somebody has to look what has become of what it began, if nothing has by then.
  virtual Instant deadline() const { return Instant::Infinite(); }
  // Run has thrown this.
  virtual void Fail(std::exception_ptr thrown) = 0;
};

// As they came. What one of them throws is its own, and neither the others' nor the caller's: those
// behind it are run all the same.
inline void RunAll(const std::vector<Errand*>& errands, engine::Engine& engine, Instant now,
                   engine::Output& out) {
  for (Errand* errand : errands) {
    try {
      errand->Run(engine, now, out);
    } catch (...) {
      errand->Fail(std::current_exception());
    }
  }
}

class ErrandQueue {
 public:
  // Whether the caller has to serve: to take what waits, with the lock, until Rest().
  bool Add(Errand& errand) {
    const MutexLock lock(&mutex_);
    waiting_.push_back(&errand);
    return !std::exchange(served_, true);
  }
  // By who serves. True: nothing waits, and the next one to add serves.
  bool Rest() {
    const MutexLock lock(&mutex_);
    served_ = !waiting_.empty();
    return !served_;
  }
  // Under the engine's lock: into `errands`, in the place of those before, all that wait, as they
  // came.
  void Take(std::vector<Errand*>& errands) {
    errands.clear();
    const MutexLock lock(&mutex_);
    errands.swap(waiting_);
  }

 private:
  Mutex mutex_;
  std::vector<Errand*> waiting_ ABSL_GUARDED_BY(mutex_);
  bool served_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_ERRAND_QUEUE_H_

// How a store tells the time, and how its threads wait for anything that takes long: for a
// session's turn, and the worker for the next thing to do. In earnest the process's clock and locks
// (Real()); in the simulator virtual time, in which one thread runs at once.
//
// Threads: any.
#ifndef COHORT_SESSION_ENVIRONMENT_H_
#define COHORT_SESSION_ENVIRONMENT_H_

#include <functional>

#include "absl/time/time.h"
#include "runtime/mutex.h"
#include "session/turn_lock.h"

namespace cohort::session {

class Environment {
 public:
  virtual ~Environment() = default;
  // Looks like the wall clock, but never jumps.
  virtual absl::Time Now() const = 0;
  // Takes a lock that others hold while they wait.
  virtual void Lock(TurnLock& order) = 0;
  // As runtime::Mutex::AwaitWithTimeout.
  virtual bool Await(runtime::Mutex& mutex, const std::function<bool()>& is_so,
                     absl::Duration timeout) = 0;
  static Environment& Real();
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_ENVIRONMENT_H_

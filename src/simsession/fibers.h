// Threads of which one runs at a time, for code under test that waits: the thread that drives the
// simulation hands each that is ready its turn, and gets it back when it waits or ends. So what
// happens follows from the order of the turns alone, as in a program of one thread.
//
// Threads: the one that drives, and the fibers it gives a turn.
#ifndef COHORT_SIMSESSION_FIBERS_H_
#define COHORT_SIMSESSION_FIBERS_H_

#include <functional>
#include <memory>
#include <vector>

#include "base/instant.h"
#include "sim/scheduler.h"

namespace cohort::simsession {

using sim::HostIndex;

class Fibers {
 public:
  using IsRunning = std::function<bool(HostIndex)>;

  Fibers();
  // All bodies must come to an end when their waits return at once.
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // A thread of a process of `host`; its first turn comes with Run(), in the order of Start().
  void Start(HostIndex host, std::function<void()> body);
  // On a fiber: until `is_so`, or until `deadline` has passed.
  void Park(std::function<bool()> is_so, Instant deadline);
  // Gives turns to those that are ready, on hosts that run, until none is.
  void Run(Instant now, const IsRunning& is_running);
  // When one has waited long enough, on a host that runs.
  Instant NextDeadline(const IsRunning& is_running) const;
  bool empty() const { return fibers_.empty(); }

 private:
  struct Fiber;
  void GiveTurn(Fiber& fiber);

  std::vector<std::unique_ptr<Fiber>> fibers_;
  bool ending_ = false;
};

}  // namespace cohort::simsession

#endif  // COHORT_SIMSESSION_FIBERS_H_

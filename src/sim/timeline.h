// The last events of a run, one line each: time, a column per host, words. Kept only when a seed is
// replayed to be looked at. Of a run with violations those before the first of them, and some
// after.
#ifndef COHORT_SIM_TIMELINE_H_
#define COHORT_SIM_TIMELINE_H_

#include <cstddef>
#include <deque>
#include <string>

#include "sim/checker.h"

namespace cohort::sim {

class Timeline : public Checker {
 public:
  // Keeps the last `events_max` events. `chunks`: also every chunk and every applied operation.
  // `violations` outlives it.
  Timeline(size_t hosts, size_t events_max, bool chunks, const Violations& violations)
      : hosts_(hosts), events_max_(events_max), chunks_(chunks), violations_(violations) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;
  void OnUpcall(const Moment& moment, const engine::Upcall& upcall) override;
  void OnIssued(const Moment& moment, const IssuedCommand& command) override;
  void OnProcess(const Moment& moment, ProcessChange change) override;
  void Note(Instant at, const std::string& text);  // About no host in particular.

  // All lines, oldest first.
  std::string ToString() const;

 private:
  void Add(const Moment& moment, std::string words);

  size_t hosts_;
  size_t events_max_;
  bool chunks_;
  const Violations& violations_;
  size_t after_violation_ = 0;  // Events since the first one.
  std::deque<std::string> lines_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_TIMELINE_H_

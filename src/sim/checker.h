// What every checker is: it watches what all processes do, in the order of virtual time, and
// reports what must never happen. Checkers see traces, upcalls and the workload's intentions, never
// the engine's state; so each can be tested by feeding it a made-up history.
#ifndef COHORT_SIM_CHECKER_H_
#define COHORT_SIM_CHECKER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/trace.h"
#include "engine/command.h"
#include "engine/io.h"
#include "sim/host_table.h"

namespace cohort::sim {

// Who did it, and when, in the time of the simulation.
struct Moment {
  Instant at;
  HostIndex host = 0;
  ProcessNumber process = 0;
};

struct Violation {
  std::string invariant;  // "I5", as docs/testing.md lists them.
  std::string text;
  Moment moment;
};

// Collects violations; keeps the first few.
class Violations {
 public:
  static constexpr size_t kKeptMax = 20;
  void Add(std::string_view invariant, const Moment& moment, std::string text) {
    ++count_;
    if (kept_.size() < kKeptMax) kept_.push_back({std::string(invariant), std::move(text), moment});
  }
  uint64_t count() const { return count_; }
  const std::vector<Violation>& kept() const { return kept_; }

 private:
  uint64_t count_ = 0;
  std::vector<Violation> kept_;
};

// A command the workload has given to a process, which accepted it.
struct IssuedCommand {
  enum class Kind : uint8_t {
    kMessage,
    kOpen,
    kPut,
    kPutIf,
    kErase,
    kIncrement,
    kBatch,
    kAttributes,  // Of an entry of a convergent map, or its lifetime.
    kClaim,       // Of such an entry.
    kVerify,
    kLeave
  };
  Kind kind = Kind::kMessage;
  uint64_t id = 0;
  engine::AckLevel ack = engine::AckLevel::kAll;
  DeliveryClass cls = DeliveryClass::kConv;  // Of a message.
  uint64_t digest = 0;                       // Of a message's payload.
  std::vector<std::string> keys;             // Of a write.
  bool expires = false;                      // The entry has a time to live.
};

enum class ProcessChange : uint8_t {
  kStarted,
  kPaused,
  kResumed,
  kCrashed,    // Its sockets close at once or soon.
  kPowerLost,  // The whole host is gone.
  kLeft,       // It has left the group by its own wish and ended.
};

class Checker {
 public:
  virtual ~Checker() = default;
  virtual void OnTrace(const Moment&, const TraceRecord&) {}
  virtual void OnUpcall(const Moment&, const engine::Upcall&) {}
  virtual void OnIssued(const Moment&, const IssuedCommand&) {}
  virtual void OnProcess(const Moment&, ProcessChange) {}
  // Faults have stopped, the group has converged, nothing is under way any more.
  virtual void AtEnd(const Moment&) {}
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECKER_H_

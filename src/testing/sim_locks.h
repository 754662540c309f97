// The locks of one simulated process in one map: what LockService::Impl is to a real one, less the
// threads.
//
// Callbacks are queued with Host::call and run between two steps of the world. Owner: one host of
// a SimWorld; shared with the locks that are held and with callbacks that are queued.
#ifndef COHORT_TESTING_SIM_LOCKS_H_
#define COHORT_TESTING_SIM_LOCKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "cohort/events.h"
#include "cohort/replicated_map.h"
#include "cohort/testing/sim_lock.h"
#include "lock/lock_table.h"

namespace cohort::testing {

class SimLocks : public std::enable_shared_from_this<SimLocks> {
 public:
  struct Host {
    std::function<std::shared_ptr<SimWorld>()> world;
    lock::LockTable::Reader read;
    std::function<std::vector<std::string>()> names;  // All entries of the map.
    std::function<absl::Status(const lock::LockTable::Write&, WriteCallback)> write;
    std::function<void(std::function<void()>)> call;
    std::function<void(Instant)> wake_at;
    std::function<Instant()> now;
  };

  SimLocks(const InstanceId& self, Host host)
      : host_(std::move(host)), table_(self, host_.read, {}) {}

  // `waits`: the test itself does, so it hears of the process's end.
  void Acquire(std::string_view name, absl::Duration timeout, bool try_once, bool waits,
               LockService::OnLost on_lost, SimLockService::AcquireCallback done);
  // An empty `done`: nobody wants to know.
  void Release(uint64_t hold, std::function<void(const absl::Status&)> done);
  bool IsHeld(uint64_t hold) const { return !killed_ && table_.IsHeld(hold); }
  std::optional<LockOwner> Owner(std::string_view name) const { return table_.Owner(name); }

  void OnChange(const Change& change);
  void OnEvent(EventKind kind);
  void Look();  // After a view: at all there is.
  void OnTimer(Instant now);
  void Kill();

 private:
  struct Completion {
    std::string name;
    bool waits = false;
    LockService::OnLost on_lost;
    SimLockService::AcquireCallback acquired;
    std::function<void(const absl::Status&)> released;
  };

  void Perform(lock::LockTable::Output& out);
  void Complete(const lock::LockTable::Answer& answer);

  const Host host_;
  lock::LockTable table_;
  bool killed_ = false;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Completion> completions_;
  std::map<uint64_t, LockService::OnLost> on_lost_;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_LOCKS_H_

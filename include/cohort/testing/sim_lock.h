// SimLockService: the locks of one member of a SimGroup, with the calls of LockService.
#ifndef COHORT_TESTING_SIM_LOCK_H_
#define COHORT_TESTING_SIM_LOCK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/ids.h"
#include "cohort/lock.h"

namespace cohort::testing {

class SimWorld;  // Of the library.
class SimLocks;  // Of the library.

// Every call means what the call of its name in HeldLock means, and has its statuses. A lock whose
// process was killed is not held.
class SimHeldLock {
 public:
  SimHeldLock(SimHeldLock&&) noexcept = default;
  SimHeldLock& operator=(SimHeldLock&& other) noexcept;
  SimHeldLock(const SimHeldLock&) = delete;
  SimHeldLock& operator=(const SimHeldLock&) = delete;
  ~SimHeldLock();

  const std::string& name() const { return name_; }
  Version fence() const { return fence_; }
  bool held() const;
  absl::Status Release();

 private:
  friend class SimLocks;
  SimHeldLock(std::shared_ptr<SimWorld> world, std::shared_ptr<SimLocks> locks, std::string name,
              uint64_t hold, Version fence)
      : world_(std::move(world)),
        locks_(std::move(locks)),
        name_(std::move(name)),
        hold_(hold),
        fence_(fence) {}

  std::shared_ptr<SimWorld> world_;
  std::shared_ptr<SimLocks> locks_;
  std::string name_;
  uint64_t hold_ = 0;
  Version fence_;
};

// Every call means what the call of its name in LockService means, and has its statuses. What
// differs is what differs between SimMap and ReplicatedMap (cohort/testing/sim_map.h). The locks of
// a process end with it: a new one of its name begins with none.
//
// A copyable handle, confined to the thread of its SimGroup.
class SimLockService {
 public:
  using OnLost = LockService::OnLost;
  using AcquireCallback = std::function<void(absl::StatusOr<SimHeldLock> lock)>;

  absl::StatusOr<SimHeldLock> Acquire(std::string_view name,
                                      absl::Duration timeout = absl::Seconds(30),
                                      OnLost on_lost = nullptr);
  absl::StatusOr<SimHeldLock> TryAcquire(std::string_view name, OnLost on_lost = nullptr);
  absl::Status AcquireAsync(std::string_view name, absl::Duration timeout, OnLost on_lost,
                            AcquireCallback done);
  std::optional<LockOwner> Owner(std::string_view name) const;

 private:
  friend class SimGroup;
  SimLockService(std::shared_ptr<SimWorld> world, size_t member, std::string_view map)
      : world_(std::move(world)), member_(member), map_(map) {}
  absl::StatusOr<SimHeldLock> Wait(std::string_view name, absl::Duration timeout, bool try_once,
                                   OnLost on_lost);

  std::shared_ptr<SimWorld> world_;
  size_t member_;
  std::string map_;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_LOCK_H_

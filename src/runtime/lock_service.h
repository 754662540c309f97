// What stands behind a LockService: the table of locks, the map they are in, and who waits.
//
// Threads: any; one lock of its own, above the driver's: it is held while the map is read and
// written, and never by who is called under the driver's lock. Users are called on the delivery
// thread, with no lock held.
#ifndef COHORT_RUNTIME_LOCK_SERVICE_H_
#define COHORT_RUNTIME_LOCK_SERVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cohort/lock.h"
#include "cohort/replicated_map.h"
#include "lock/lock_table.h"
#include "runtime/group_impl.h"
#include "runtime/mutex.h"

namespace cohort {

struct LockService::Impl : public runtime::GroupService,
                           public std::enable_shared_from_this<LockService::Impl> {
 public:
  Impl(std::shared_ptr<Group::Impl> in_group, ReplicatedMap in_map);

  // Once; by whoever comes first.
  void Start();
  absl::StatusOr<HeldLock> Acquire(std::string_view name, absl::Duration timeout, bool try_once,
                                   OnLost on_lost);
  absl::Status AcquireAsync(std::string_view name, absl::Duration timeout, OnLost on_lost,
                            AcquireCallback done);
  absl::Status Release(uint64_t hold);
  void ReleaseInBackground(uint64_t hold);
  bool IsHeld(uint64_t hold) const;
  std::optional<LockOwner> Owner(std::string_view name) const;

  Instant Housekeep(Instant now) override;
  void OnDraining() override;
  void OnLeft(const absl::Status& status) override;

 private:
  struct Waiter {
    runtime::Notification notification;
    absl::Status status;
    std::optional<HeldLock> lock;
  };
  struct Completion {
    std::string name;
    OnLost on_lost;
    std::shared_ptr<Waiter> waiter;
    AcquireCallback callback;
    std::shared_ptr<Impl> self;  // Until it is answered.
  };

  lock::LockTable::Seen Read(std::string_view name) const;
  void Look(bool at_all_entries);
  void OnEvent(const Event& event);
  absl::Status Begin(std::string_view name, absl::Duration timeout, bool try_once,
                     Completion completion);
  void Perform(lock::LockTable::Output& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  OnLost TakeOnLost(uint64_t hold) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DestroyLater(OnLost on_lost);
  void Complete(const lock::LockTable::Answer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(const lock::LockTable::Write& write);
  absl::Status Erase(const lock::LockTable::Write& write, WriteCallback done);

  const std::shared_ptr<Group::Impl> group_;
  ReplicatedMap map_;
  mutable runtime::Mutex mutex_;
  lock::LockTable table_ ABSL_GUARDED_BY(mutex_);
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;  // The group was left.
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Completion> completions_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, OnLost> on_lost_ ABSL_GUARDED_BY(mutex_);
  // This, while an entry is there that nobody counts on: whoever let go of the service and its
  // locks has still to be free of them. Not longer than the group.
  std::shared_ptr<Impl> keep_ ABSL_GUARDED_BY(mutex_);
  std::vector<Subscription> subscriptions_;
};

struct HeldLock::Impl {
  std::shared_ptr<LockService::Impl> service;
  std::string name;
  uint64_t hold = 0;
  Version fence;
};

}  // namespace cohort

#endif  // COHORT_RUNTIME_LOCK_SERVICE_H_

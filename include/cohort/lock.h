// LockService: locks that the members of a group hold one at a time, on an ordered map.
#ifndef COHORT_LOCK_H_
#define COHORT_LOCK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/export.h"
#include "cohort/group.h"
#include "cohort/ids.h"

namespace cohort {

// Calls of one member that wait for locks of one service. Beyond it: kResourceExhausted.
inline constexpr size_t kLockWaitersMax = 65536;

// A lock that was acquired. Movable; its destructor releases it without waiting. Methods may be
// called from any thread.
class COHORT_EXPORT HeldLock {
 public:
  HeldLock(HeldLock&&) noexcept;
  HeldLock& operator=(HeldLock&&) noexcept;
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
  ~HeldLock();

  const std::string& name() const;
  // The fencing token: greater than that of everybody who held this lock before, in the order of
  // the group. What the lock protects outside the group should refuse smaller ones than it has
  // seen, because a holder that is cut off may not know yet that it is.
  Version fence() const;
  // Whether it is still held, as far as this member knows at this moment. Group::Drain changes
  // nothing about it; Group::Leave ends it.
  bool held() const;
  // Gives it up; returns when the others know (blocks). Afterwards it is not held here, whatever
  // came of it. Also while this member drains. Errors:
  //   kAborted             it had been lost.
  //   kFailedPrecondition  called in a callback: destroy it there instead.
  //   kUnavailable, kCancelled  this member lost its place in the group, or its quorum; left the
  //                        group. The lock is free then, or will be when this member is back.
  absl::Status Release();

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit HeldLock(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Who holds a lock.
struct LockOwner {
  MemberId member;
  std::string name;  // Of the member, in the view.
  Version fence;
};

// Locks named by strings (1 to kKeyBytesMax bytes), shared by all services of the group that use
// one map. Not reentrant: two calls of one member exclude one another, too. Calls of one member get
// a lock in the order they asked; between members the order of the group decides.
//
// **Who holds a lock when members die.** A lock belongs to a member of the view. When its owner
// leaves the view (it died, left, stood still for too long), the lock is free at once for whoever
// wants it: the next one writes over the entry, under the condition that it has not changed, and
// gets a greater fence. There are no leases to renew and no clocks.
//
// **Drain.** A member that drains keeps the locks it has until they are released, or until it
// leaves: then their holders are told (`on_lost`), and they are free as above. It gets no more of
// them, and its calls that wait for one are refused. If the drain comes to nothing, nothing was
// lost by it.
//
// **Partitions.** Under Policy::kPrimary there is never more than one owner in the order of the
// group; a member that is cut off is told (`on_lost`) as it notices, which may be up to
// GroupOptions::dead_timeout after the others gave its locks away: that is what fence() is for.
// Under Policy::kAvailable each side of a partition may hold the lock. When the sides merge, what
// was written last stays, and those it is not are told. Members of the side that joins the other
// one come back as new members, so they lose their locks in any case: after a merge at most one
// member holds a lock, and maybe none.
//
// The map is an ordinary one; nothing else should be written into it. A key that holds something
// else is no lock: kDataLoss.
//
// Thread-safe; a cheap copyable handle. What was acquired is released even if the last handle is
// gone: the group sees to it until it is left.
//
// ```cpp
//   absl::StatusOr<cohort::LockService> locks = cohort::LockService::Open(group);
//   if (!locks.ok()) return locks.status();
//   absl::StatusOr<cohort::HeldLock> lock = locks->Acquire("report");
//   if (!lock.ok()) return lock.status();
// ```
class COHORT_EXPORT LockService {
 public:
  // Told on the delivery thread when a lock is not held any more, without Release: once, or never.
  using OnLost = std::function<void(const absl::Status& why)>;

  // `group` must be joined; the service keeps what it needs of it. Errors as Group::OpenMap.
  static absl::StatusOr<LockService> Open(Group& group, std::string_view map = "locks",
                                          absl::Duration timeout = absl::Seconds(5));

  // Waits for the lock, at most `timeout` (blocks). Errors:
  //   kInvalidArgument     the name is empty or too long.
  //   kDeadlineExceeded    it was not free in time.
  //   kDataLoss            the key holds something else.
  //   kResourceExhausted   kLockWaitersMax.
  //   kFailedPrecondition  called in a callback; or this member is draining.
  //   kCancelled           the group was left.
  // While this member is outside the primary partition, or rejoins, it waits.
  absl::StatusOr<HeldLock> Acquire(std::string_view name,
                                   absl::Duration timeout = absl::Seconds(30),
                                   OnLost on_lost = nullptr);
  // As Acquire, but does not wait for who holds it: kAborted, with whom in the text.
  // kUnavailable, at once: outside the primary partition, or rejoining.
  absl::StatusOr<HeldLock> TryAcquire(std::string_view name, OnLost on_lost = nullptr);
  // As Acquire; if it returns OK, `done` is called exactly once, on the delivery thread.
  using AcquireCallback = std::function<void(absl::StatusOr<HeldLock> lock)>;
  absl::Status AcquireAsync(std::string_view name, absl::Duration timeout, OnLost on_lost,
                            AcquireCallback done);

  // Who holds the lock, as this member sees it; nobody: empty.
  std::optional<LockOwner> Owner(std::string_view name) const;

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit LockService(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace cohort

#endif  // COHORT_LOCK_H_

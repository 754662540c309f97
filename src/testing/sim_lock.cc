#include "cohort/testing/sim_lock.h"

#include <algorithm>

#include "map/validation.h"
#include "testing/sim_world.h"

namespace cohort::testing {
namespace {

absl::Status LockInCallback() {
  return absl::FailedPreconditionError(
      "what waits would stop time inside a callback: use AcquireAsync, and destroy the lock to "
      "release it");
}

}  // namespace

SimHeldLock& SimHeldLock::operator=(SimHeldLock&& other) noexcept {
  if (this == &other) return *this;
  if (locks_ != nullptr) locks_->Release(hold_, nullptr);
  world_ = std::move(other.world_);
  locks_ = std::move(other.locks_);
  name_ = std::move(other.name_);
  hold_ = other.hold_;
  fence_ = other.fence_;
  return *this;
}

SimHeldLock::~SimHeldLock() {
  if (locks_ != nullptr) locks_->Release(hold_, nullptr);
}

bool SimHeldLock::held() const { return locks_->IsHeld(hold_); }

absl::Status SimHeldLock::Release() {
  if (world_->in_callback()) return LockInCallback();
  const auto answer = std::make_shared<std::optional<absl::Status>>();
  locks_->Release(hold_, [answer](const absl::Status& status) { *answer = status; });
  hold_ = 0;  // No hold has this number.
  const absl::Duration give_up = world_->now() + kSimWaitMax;
  world_->StepUntil([&] { return answer->has_value() || world_->now() >= give_up; });
  if (!answer->has_value()) return absl::DeadlineExceededError("no answer within kSimWaitMax");
  return **answer;
}

absl::StatusOr<SimHeldLock> SimLockService::Wait(std::string_view name, absl::Duration timeout,
                                                 bool try_once, OnLost on_lost) {
  if (world_->in_callback()) return LockInCallback();
  if (absl::Status status = map::ValidateKey(name); !status.ok()) return status;
  const absl::StatusOr<std::shared_ptr<SimLocks>> locks = world_->LocksOf(HostOf(member_), map_);
  if (!locks.ok()) return locks.status();
  std::optional<absl::StatusOr<SimHeldLock>> answer;
  (*locks)->Acquire(name, std::min(timeout, kSimWaitMax), try_once, true, std::move(on_lost),
                    [&answer](absl::StatusOr<SimHeldLock> lock) { answer = std::move(lock); });
  world_->StepUntil([&answer] { return answer.has_value(); });
  return *std::move(answer);
}

absl::StatusOr<SimHeldLock> SimLockService::Acquire(std::string_view name, absl::Duration timeout,
                                                    OnLost on_lost) {
  return Wait(name, timeout, /*try_once=*/false, std::move(on_lost));
}

absl::StatusOr<SimHeldLock> SimLockService::TryAcquire(std::string_view name, OnLost on_lost) {
  return Wait(name, kSimWaitMax, /*try_once=*/true, std::move(on_lost));
}

absl::Status SimLockService::AcquireAsync(std::string_view name, absl::Duration timeout,
                                          OnLost on_lost, AcquireCallback done) {
  if (!done) return absl::InvalidArgumentError("an empty callback");
  if (absl::Status status = map::ValidateKey(name); !status.ok()) return status;
  const absl::StatusOr<std::shared_ptr<SimLocks>> locks = world_->LocksOf(HostOf(member_), map_);
  if (!locks.ok()) return locks.status();
  (*locks)->Acquire(name, timeout, false, false, std::move(on_lost), std::move(done));
  return absl::OkStatus();
}

std::optional<LockOwner> SimLockService::Owner(std::string_view name) const {
  const absl::StatusOr<std::shared_ptr<SimLocks>> locks = world_->LocksOf(HostOf(member_), map_);
  if (!locks.ok()) return std::nullopt;
  return (*locks)->Owner(name);
}

}  // namespace cohort::testing

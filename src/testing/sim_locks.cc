#include "testing/sim_locks.h"

#include <algorithm>

#include "messaging/messenger.h"

namespace cohort::testing {

using lock::LockTable;

void SimLocks::Acquire(std::string_view name, absl::Duration timeout, bool try_once, bool waits,
                       LockService::OnLost on_lost, SimLockService::AcquireCallback done) {
  const Instant now = host_.now();
  const Instant deadline = messaging::DeadlineOf(now, std::max(timeout, absl::ZeroDuration()));
  const uint64_t id = next_id_++;
  completions_[id] = {std::string(name), waits, std::move(on_lost), std::move(done), nullptr};
  LockTable::Output out;
  table_.Acquire(now, id, name, deadline, try_once, out);
  Perform(out);
}

void SimLocks::Release(uint64_t hold, std::function<void(const absl::Status&)> done) {
  if (killed_) {
    if (done) done(absl::CancelledError("the process of this member was killed"));
    return;
  }
  const uint64_t id = next_id_++;
  const bool waits = done != nullptr;
  if (waits) completions_[id] = {{}, waits, nullptr, nullptr, std::move(done)};
  on_lost_.erase(hold);
  LockTable::Output out;
  table_.Release(host_.now(), id, hold, out);
  Perform(out);
}

void SimLocks::OnChange(const Change& change) {
  if (killed_) return;
  if (change.cause == ChangeCause::kClear || change.cause == ChangeCause::kSync) return Look();
  LockTable::Output out;
  table_.OnChange(host_.now(), change.key, out);
  Perform(out);
}

void SimLocks::OnEvent(EventKind kind) {
  if (killed_) return;
  if (kind == EventKind::kResumed || kind == EventKind::kSynced) return Look();
  if (kind != EventKind::kExcluded && kind != EventKind::kHalted) return;
  LockTable::Output out;
  table_.OnOut(host_.now(),
               absl::UnavailableError("this member lost its place in the group, or the quorum: "
                                      "others may have the lock by now"),
               out);
  Perform(out);
}

void SimLocks::Look() {
  if (killed_) return;
  LockTable::Output out;
  const Instant now = host_.now();
  table_.OnChangeOfAll(now, out);
  for (const std::string& name : host_.names()) table_.OnChange(now, name, out);
  Perform(out);
}

void SimLocks::OnTimer(Instant now) {
  if (killed_ || table_.NextDeadline() > now) return;
  LockTable::Output out;
  table_.OnTimer(now, out);
  Perform(out);
}

void SimLocks::Kill() {
  LockTable::Output out;
  table_.FailAll(absl::CancelledError("the process of this member was killed"), out);
  killed_ = true;
  on_lost_.clear();  // Nobody is there to be told.
  Perform(out);
}

void SimLocks::Perform(LockTable::Output& out) {
  for (size_t i = 0; i < out.writes.size(); ++i) {
    const LockTable::Write write = out.writes[i];
    const auto done = [self = shared_from_this(),
                       ticket = write.ticket](const WriteResult& result) {
      LockTable::Output caused;
      self->table_.OnWritten(self->host_.now(), ticket, result.status, result.version, caused);
      self->Perform(caused);
    };
    if (absl::Status status = host_.write(write, done); !status.ok())
      table_.OnWritten(host_.now(), write.ticket, status, Version::None(), out);
  }
  for (const LockTable::Answer& answer : out.answers) Complete(answer);
  for (LockTable::Lost& lost : out.lost) {
    const auto found = on_lost_.find(lost.hold);
    if (found == on_lost_.end()) continue;
    if (found->second) {
      host_.call([self = shared_from_this(), on_lost = std::move(found->second),
                  why = std::move(lost.why)] {
        if (!self->killed_) on_lost(why);
      });
    }
    on_lost_.erase(found);
  }
  const Instant next = table_.NextDeadline();
  if (!next.is_infinite()) host_.wake_at(std::max(next, host_.now()));
}

void SimLocks::Complete(const LockTable::Answer& answer) {
  const auto found = completions_.find(answer.id);
  if (found == completions_.end()) return;
  if (answer.hold != 0) on_lost_[answer.hold] = std::move(found->second.on_lost);
  host_.call([self = shared_from_this(), answer, completion = std::move(found->second)] {
    if (self->killed_ && !completion.waits) return;
    if (completion.released) return completion.released(answer.status);
    if (answer.hold == 0) return completion.acquired(answer.status);
    completion.acquired(
        SimHeldLock(self->host_.world(), self, completion.name, answer.hold, answer.fence));
  });
  completions_.erase(found);
}

}  // namespace cohort::testing

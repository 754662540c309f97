// The worker: ends sessions whose time is over, and does the tasks.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "session/core.h"
#include "session/turn.h"

namespace cohort::session {
namespace {

// A session that cannot be judged now, or is another member's to end, is looked at again.
constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr absl::Duration kLeftBehindMaxPause = absl::Minutes(1);  // Between two tries.
constexpr absl::Duration kHeldLook = absl::Milliseconds(50);      // What is written settles sooner.
// The list of sessions follows what a member is told; what it missed is found so often.
constexpr absl::Duration kRescanEvery = absl::Minutes(1);

thread_local bool is_worker = false;

}  // namespace

using runtime::MutexLock;

bool Core::OnWorker() { return is_worker; }

void Core::Schedule(std::string_view id, absl::Time due) {
  {
    const MutexLock lock(&mutex_);
    table_.Schedule(id, due);
  }
  alarm_.WakeAt(due);
}

absl::Time Core::DueHere(const Session& session, const Replica& replica, Owner owner,
                         const Replica::Reading& reading) const {
  const absl::Time now = Now();
  const InfoRecord& info = reading.contents.info;
  const absl::Time over = reading.Accessed(now) + info.max_inactive;
  if (over == absl::InfiniteFuture()) return over;
  // Others may not know of the last accesses; and the owner is to have its turn.
  const absl::Time over_for_others = over + AccessSlack(info.max_inactive);
  switch (owner) {
    case Owner::kNoSession:
      return now;
    case Owner::kSelf: {
      const MutexLock lock(&mutex_);
      if (!session.owned) return over_for_others;
      return std::max(over, session.accessed + info.max_inactive);
    }
    case Owner::kOther:
      return std::max(over_for_others, now) + kLookAgain;
    case Owner::kNotInView:
      break;
  }
  return over_for_others +
         static_cast<double>(1 + replica.SuccessorPlace(session.id)) * options_.successor_step;
}

void Core::ExpireOne(const std::string& id) {
  const Turn turn(*this, id);
  const absl::Time now = Now();
  if (const std::optional<absl::Time> due = local_.DueAt(id)) {
    if (*due > now) return Schedule(id, *due);
    End(*turn, nullptr, EndCause::kExpired).IgnoreError();
    return;
  }
  const ReplicaPtr in_group = replica();
  if (in_group == nullptr) return Forget(id);
  const absl::StatusOr<Replica::Reading> reading = in_group->Read(id);
  // What has ended is told by what ended it.
  if (absl::IsNotFound(reading.status())) return Schedule(id, now + kRescanEvery);
  if (!reading.ok()) return Schedule(id, now + kLookAgain);
  const Owner owner = in_group->OwnerOf(id);
  const absl::Time due = DueHere(*turn, *in_group, owner, *reading);
  if (due > now) return Schedule(id, due);
  absl::Status status = absl::OkStatus();
  // Who claims it ends it: of several successors one. By then all accesses before are here.
  bool is_owned = false;
  {
    const MutexLock lock(&mutex_);
    is_owned = owner == Owner::kSelf && turn->owned;
  }
  if (!is_owned) {
    status = in_group->Claim(id).status;
    const absl::StatusOr<Replica::Reading> again = in_group->Read(id);
    if (status.ok()) status = again.status();
    const absl::Time over = status.ok() ? DueHere(*turn, *in_group, Owner::kSelf, *again) : now;
    if (over > now) return Schedule(id, over);
  }
  if (status.ok()) status = End(*turn, in_group, EndCause::kExpired);
  if (!status.ok()) Schedule(id, Now() + kLookAgain);
}

absl::Time Core::NextTry(Left left, absl::Duration pause) const {
  if (left == Left::kNone) return absl::InfiniteFuture();
  return left == Left::kMore ? Now() : Now() + pause;
}

void Core::Run() {
  is_worker = true;
  absl::Time rescan_at = Now() + kRescanEvery;
  absl::Time held_at = absl::InfiniteFuture();
  absl::Duration held_pause = kHeldLook;
  absl::Time left_at = absl::InfiniteFuture();
  absl::Duration left_pause = kLookAgain;
  while (!alarm_.stopped()) {
    // Before the table is looked at: what comes after that wakes.
    alarm_.Plan(absl::InfiniteFuture());
    if (holds_ends_.exchange(false)) {
      held_pause = kHeldLook;
      held_at = Now() + held_pause;
    }
    if (leaves_behind_.exchange(false)) left_at = std::min(left_at, Now() + kLookAgain);
    if (look_again_.exchange(false)) rescan_at = std::min(rescan_at, Now() + kLookAgain);
    std::optional<SessionTask> task;
    std::optional<std::string> due;
    absl::Time next;
    {
      const MutexLock lock(&mutex_);
      task = std::exchange(wanted_, std::nullopt);
      if (!task.has_value()) due = table_.FirstDue(Now());
      next = std::min({table_.NextDue(), rescan_at, held_at, left_at});
    }
    if (task.has_value()) {
      left_pause = kLookAgain;
      left_at = NextTry(RunTask(*std::move(task)), left_pause);
    } else if (Now() >= held_at) {
      held_pause = std::min(2 * held_pause, kLookAgain);
      held_at = TellHeldEnds(/*all=*/false) ? Now() + held_pause : absl::InfiniteFuture();
    } else if (due.has_value()) {
      ExpireOne(*due);
    } else if (Now() >= left_at) {
      const Left left = EndLeftBehind();
      if (left == Left::kLater) left_pause = std::min(2 * left_pause, kLeftBehindMaxPause);
      left_at = NextTry(left, left_pause);
    } else if (Now() >= rescan_at) {
      if (const ReplicaPtr in_group = replica()) Rescan(*in_group, /*tell=*/true);
      rescan_at = Now() + kRescanEvery;
    } else {
      alarm_.Plan(next);
      alarm_.Wait();
    }
    Drain();
  }
  TellHeldEnds(/*all=*/true);  // Nobody looks any more.
  Drain();
}

void Core::Stop() {
  alarm_.Stop();
  const MutexLock lock(&mutex_);
  place_.reset();
}

}  // namespace cohort::session

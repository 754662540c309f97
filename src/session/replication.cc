// Replication on and off: sessions move between the group and this process, one by one, each in a
// turn of its own.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/absl_bridge.h"
#include "runtime/delivery_queue.h"
#include "session/core.h"
#include "session/turn.h"

namespace cohort::session {
namespace {

constexpr uint64_t kProgressEvery = 256;     // Sessions between two progress events.
constexpr size_t kLeftBehindMax = 64 << 10;  // Beyond it none are noted.
constexpr size_t kEndsAtOnce = 256;          // Of what was left behind, before other work.

}  // namespace

using runtime::MutexLock;

absl::Status Core::Publish(Session& session, Replica& replica) {
  const std::optional<LocalStore::Held> held = local_.Get(session.id);
  if (!held.has_value()) return absl::NotFoundError("no such session");
  const bool replaces = replica.Exists(session.id);
  if (replaces) {
    const WriteResult claimed = replica.Claim(session.id);
    if (!claimed.ok() && !absl::IsNotFound(claimed.status)) return claimed.status;
  }
  session.deltas = {};
  const WriteResult written = replica.Put(session.id, held->contents, replaces);
  if (!written.ok() && (replaces || !replica.Exists(session.id))) return written.status;
  const absl::Time accessed = held->accessed;
  session.shape = Shape::Of(held->contents);
  local_.Take(session.id);
  {
    const MutexLock lock(&mutex_);
    left_behind_.erase(session.id);
    Hold(session, written.version);
    session.accessed = accessed;
    session.access_told = Now();
    table_.Add(session.id, accessed + session.interval);
  }
  if (replaces) {
    Tell(NewEvent(SessionEventKind::kConflict, session.id, /*here=*/true,
                  "the group had a session of this id, too: that of this member stays"));
  }
  return absl::OkStatus();
}

// It is here before it leaves the group, so a reader finds it in one of them.
absl::Status Core::Withdraw(Session& session, Replica& replica) {
  bool owned = false;
  {
    const MutexLock lock(&mutex_);
    owned = session.owned;
  }
  // One of this member that the store has not used, or that a merge has changed, goes as it is.
  const bool is_unused = !owned && replica.OwnerOf(session.id) == Owner::kSelf;
  if (!replica.left() || (!owned && !is_unused)) {
    absl::Status status = Own(session, replica, /*fence=*/0, /*always=*/is_unused);
    if (!status.ok()) return status;
  }
  absl::StatusOr<Replica::Reading> reading = replica.Read(session.id);
  if (!reading.ok()) return reading.status();
  absl::Time accessed = reading->Accessed(Now());
  {
    const MutexLock lock(&mutex_);
    accessed = std::max(accessed, session.accessed);
  }
  const absl::Time due = accessed + reading->contents.info.max_inactive;
  const absl::Duration entry_ttl = reading->contents.info.EntryTtl();
  local_.Put(session.id, std::move(reading->contents), accessed);
  const WriteResult ended = replica.End(session.id, EndCause::kWithdrawn, replica.NewEndKey());
  // Another member has taken it, or ended it, meanwhile. Whatever else kept it in the group, it
  // goes on here.
  const bool is_merging = absl::IsAborted(ended.status) && replica.AwaitsMerge(session.id);
  if (!is_merging && (absl::IsAborted(ended.status) || absl::IsNotFound(ended.status))) {
    local_.Take(session.id);
    return ended.status;
  }
  if (!ended.ok()) NoteLeftBehind(session.id, replica.group(), reading->version, entry_ttl);
  session.shape.reset();
  {
    const MutexLock lock(&mutex_);
    session.owned = true;
    session.changes.reset();
    table_.Remove(session.id);
    table_.Add(session.id, due);
  }
  alarm_.WakeAt(due);
  return absl::OkStatus();
}

void Core::NoteLeftBehind(std::string_view id, const std::string& group, const Version& version,
                          absl::Duration entry_ttl) {
  const absl::Time now = Now();
  {
    const MutexLock lock(&mutex_);
    if (left_behind_.size() >= kLeftBehindMax)
      absl::erase_if(left_behind_, [&](const auto& item) { return item.second.until <= now; });
    if (left_behind_.size() >= kLeftBehindMax && !left_behind_.contains(ToAbsl(id))) return;
    left_behind_[ToAbsl(id)] = {group, version, now + entry_ttl};
  }
  leaves_behind_ = true;
  alarm_.Wake();
}

bool Core::IsLeftBehind(std::string_view id, const Replica& replica) const {
  const MutexLock lock(&mutex_);
  const auto found = left_behind_.find(ToAbsl(id));
  return found != left_behind_.end() && found->second.group == replica.group();
}

std::vector<std::pair<std::string, Version>> Core::LeftBehindIn(const Replica& replica) {
  const absl::Time now = Now();
  std::vector<std::pair<std::string, Version>> left;
  const MutexLock lock(&mutex_);
  absl::erase_if(left_behind_, [&](const auto& item) { return item.second.until <= now; });
  for (const auto& [id, one] : left_behind_) {
    if (one.group == replica.group()) left.emplace_back(id, one.version);
  }
  std::sort(left.begin(), left.end());
  return left;
}

Core::Left Core::EndLeftBehind() {
  const ReplicaPtr in_group = replica();
  if (in_group == nullptr || in_group->left()) return Left::kNone;
  Left result = Left::kNone;
  size_t tried = 0;
  for (const auto& [id, version] : LeftBehindIn(*in_group)) {
    if (alarm_.stopped()) return Left::kNone;
    const Turn turn(*this, id);
    // What is here goes to the group in its place, when it can.
    if (replicated() && local_.Exists(id)) {
      result = Left::kLater;
      continue;
    }
    if (tried++ == kEndsAtOnce) return Left::kMore;
    const absl::Status ended = EndOneLeftBehind(*turn, version, *in_group);
    // The others would have to wait as long.
    if (absl::IsUnavailable(ended) || absl::IsDeadlineExceeded(ended)) return Left::kLater;
    if (!ended.ok() && !absl::IsNotFound(ended) && !absl::IsAborted(ended)) {
      result = Left::kLater;
      continue;
    }
    {
      const MutexLock lock(&mutex_);
      left_behind_.erase(id);
    }
    if (!ended.ok()) LookAgain();  // What is there all the same is listed.
  }
  return result;
}

absl::Status Core::EndOneLeftBehind(Session& session, const Version& left, Replica& replica) {
  const auto is_as_left = [&] {
    if (replica.AwaitsMerge(session.id)) return StillMerging();
    const absl::StatusOr<Replica::Glance> there = replica.Look(session.id);
    if (replica.merging() && (!there.ok() || there->version != left)) return StillMerging();
    if (!there.ok()) return there.status();
    // What this member wrote is the host's, also if it took effect late, or the group has lost what
    // came after it.
    const bool is_ours = there->version == left || replica.Wrote(there->version);
    return is_ours ? absl::OkStatus() : absl::AbortedError("it was written since");
  };
  if (absl::Status status = is_as_left(); !status.ok()) return status;
  if (replica.OwnerOf(session.id) == Owner::kOther) return absl::AbortedError("it was taken");
  // By then all that others have written is here.
  if (const WriteResult claimed = replica.Claim(session.id); !claimed.ok()) return claimed.status;
  if (absl::Status status = is_as_left(); !status.ok()) return status;
  absl::Status ended = replica.End(session.id, EndCause::kWithdrawn, replica.NewEndKey()).status;
  if (absl::IsAborted(ended) && replica.AwaitsMerge(session.id)) return StillMerging();
  if (ended.ok() && !local_.Exists(session.id)) Forget(session.id);
  return ended;
}

absl::Status Core::Attach(const Home& home) {
  std::shared_ptr<const void> place;
  if (home.take) {
    place = home.take(MapNameOf(options_.application));
    if (place == nullptr) {
      return MakeStatus(absl::StatusCode::kAlreadyExists,
                        "application \"" + options_.application +
                            "\" has a store in this group here: use that one, or close it first");
    }
  }
  absl::StatusOr<ReplicaPtr> opened = Replica::Open(home, options_, environment_);
  if (!opened.ok()) return opened.status();
  const ReplicaPtr& in_group = *opened;
  {
    const MutexLock lock(&mutex_);
    replica_ = in_group;
    place_ = std::move(place);
    on_ = true;
  }
  DrainLater();  // What was to be told on another thread.
  subscriptions_.push_back(in_group->Subscribe(
      [weak = weak_from_this()](const Change& change) {
        if (const auto self = weak.lock()) self->OnChange(change);
      },
      change_watchers_));
  Rescan(*in_group, /*tell=*/false);
  return absl::OkStatus();
}

void Core::Detach() {
  subscriptions_.clear();
  ReplicaPtr old;
  std::vector<std::string> known;
  {
    const MutexLock lock(&mutex_);
    old = std::exchange(replica_, nullptr);
    place_.reset();
    known = table_.Ids(SIZE_MAX);
  }
  for (const std::string& id : known) {
    if (!local_.Exists(id)) Forget(id);
  }
}

// Out of the group: also what belongs to this member and was never used through this store.
std::vector<std::string> Core::IdsToMove(bool on) const {
  std::vector<std::string> ids;
  if (on) {
    ids = local_.Ids();
  } else {
    std::vector<std::string> listed;
    {
      const MutexLock lock(&mutex_);
      for (const std::shared_ptr<Session>& session : table_.Owned()) ids.push_back(session->id);
      listed = table_.Ids(SIZE_MAX);
    }
    const ReplicaPtr in_group = replica();
    for (std::string& id : listed) {
      if (in_group == nullptr || in_group->OwnerOf(id) != Owner::kSelf) continue;
      if (!IsLeftBehind(id, *in_group)) ids.push_back(std::move(id));
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

absl::StatusOr<uint64_t> Core::BeginTask(SessionTaskKind kind, bool on) {
  SessionTask task = tasks_.Begin(kind, Now());
  {
    const MutexLock lock(&mutex_);
    on_ = on;
  }
  task.total = IdsToMove(on).size();
  tasks_.Update(task);
  TellTask(task);
  {
    const MutexLock lock(&mutex_);
    wanted_ = task;
  }
  alarm_.Wake();
  return task.id;
}

absl::StatusOr<uint64_t> Core::SetReplication(const Home* home) {
  if (runtime::DeliveryQueue::OnDeliveryThread())
    return absl::FailedPreconditionError("a blocking call in a callback");
  bool is_attached = false;
  {
    const MutexLock lock(&mutex_);
    if (switching_) return absl::FailedPreconditionError("a task of this kind is under way");
    is_attached = replica_ != nullptr;
    if (home == nullptr && !on_ && !is_attached)
      return absl::FailedPreconditionError("the store is in no group");
    // A task that failed may have left some sessions where they were: it may go on, or back.
    if (home != nullptr && is_attached && !replica_->IsOf(*home))
      return absl::FailedPreconditionError("the store is in another group: take it out first");
    if (home != nullptr && on_ && local_.size() == 0)
      return absl::FailedPreconditionError("the store is in this group already");
    switching_ = true;
  }
  if (home == nullptr) return BeginTask(SessionTaskKind::kReplicationOff, false);
  if (is_attached) return BeginTask(SessionTaskKind::kReplicationOn, true);
  if (absl::Status status = Attach(*home); !status.ok()) {
    const MutexLock lock(&mutex_);
    switching_ = false;
    return status;
  }
  return BeginTask(SessionTaskKind::kReplicationOn, true);
}

bool Core::replicated() const {
  const MutexLock lock(&mutex_);
  return on_;
}

void Core::TellTask(const SessionTask& task) {
  if (task_events_->Push(task)) DrainLater();
}

Core::Left Core::RunTask(SessionTask task) {
  const bool on = task.kind == SessionTaskKind::kReplicationOn;
  for (const std::string& id : IdsToMove(on)) {
    if (alarm_.stopped()) return Left::kNone;
    {
      const Turn turn(*this, id);
      const absl::StatusOr<ReplicaPtr> place = Route(*turn);
      // What has ended, or was taken by another member, is not to be moved.
      const bool is_gone = absl::IsNotFound(place.status()) || absl::IsAborted(place.status());
      const bool is_moved = place.ok() && (*place != nullptr) == on;
      task.moved += is_moved ? 1 : 0;
      task.failed += !is_moved && !is_gone ? 1 : 0;
      if (!place.ok() && !is_gone && task.status.ok()) task.status = place.status();
    }
    if ((task.moved + task.failed) % kProgressEvery != 0) continue;
    task.state = SessionTaskState::kProgress;
    task.changed = Now();
    tasks_.Update(task);
    TellTask(task);
    Drain();
  }
  // What cannot end now does so later. Out of the group nothing can.
  const Left left = on ? EndLeftBehind() : Left::kLater;
  if (task.failed > 0 && task.status.ok())
    task.status = absl::UnavailableError("not all sessions could be moved: the group refused them");
  task.state = task.status.ok() ? SessionTaskState::kDone : SessionTaskState::kFailed;
  task.changed = Now();
  if (!on && task.status.ok()) Detach();
  {
    const MutexLock lock(&mutex_);
    switching_ = false;
  }
  tasks_.Update(task);
  TellTask(task);
  return left;
}

}  // namespace cohort::session

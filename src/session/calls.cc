// What a host asks of a store, but for writes of sessions that are there (saves.cc).
#include <algorithm>
#include <string>
#include <utility>

#include "base/absl_bridge.h"
#include "session/core.h"
#include "session/limits.h"
#include "session/turn.h"

namespace cohort::session {

namespace {

constexpr int kLoadsMax = 8;  // Of a session that is written while it is read.

}  // namespace

using runtime::MutexLock;

Core::Turn::Turn(Core& core, std::string_view id) : core_(core) {
  {
    const MutexLock lock(&core_.mutex_);
    session_ = core_.table_.FindOrNew(id);
  }
  core_.environment_.Lock(session_->order);
}

Core::Turn::~Turn() {
  session_->order.Unlock();
  const MutexLock lock(&core_.mutex_);
  core_.table_.Release(session_);
}

Core::ReplicaPtr Core::replica() const {
  const MutexLock lock(&mutex_);
  return replica_;
}

SessionResult Core::NotFound(std::string_view id) const {
  SessionResult result;
  result.status = absl::NotFoundError("no such session");
  ReplicaPtr in_group;
  {
    const MutexLock lock(&mutex_);
    in_group = replica_;
    const auto gone = gone_.find(ToAbsl(id));
    if (gone != gone_.end() && gone->second.until > Now()) {
      result.new_id = gone->second.new_id;
      return result;
    }
  }
  // The map has what another member did before the feed tells of it.
  if (in_group != nullptr) result.new_id = in_group->NewIdOf(id);
  return result;
}

absl::StatusOr<Core::ReplicaPtr> Core::Route(Session& session) {
  ReplicaPtr replica;
  bool on = false;
  {
    const MutexLock lock(&mutex_);
    replica = replica_;
    on = on_;
  }
  if (const std::optional<absl::Time> due = local_.DueAt(session.id)) {
    if (*due <= Now()) {
      End(session, nullptr, EndCause::kExpired).IgnoreError();
      return absl::NotFoundError("the session's time is over");
    }
    // What cannot be moved now stays usable where it is.
    if (replica == nullptr || !on || !Publish(session, *replica).ok()) return ReplicaPtr();
    return replica;
  }
  if (replica == nullptr) return absl::NotFoundError("no such session");
  if (on) return replica;
  if (absl::Status status = Withdraw(session, *replica); !status.ok()) return status;
  return ReplicaPtr();
}

void Core::KeepWhereItBelongs(Session& session, const ReplicaPtr& replica) {
  ReplicaPtr wanted;
  {
    const MutexLock lock(&mutex_);
    if (on_) wanted = replica_;
  }
  if (wanted == replica) return;
  if (replica == nullptr) {
    Publish(session, *wanted).IgnoreError();
  } else if (!local_.Exists(session.id)) {
    Withdraw(session, *replica).IgnoreError();
  }
}

// ---- Create.

void Core::Adopt(Session& session, const Contents& contents, const Version& version,
                 bool is_owned) {
  session.shape = Shape::Of(contents);
  const ContentHash held = is_owned ? ContentHash() : HashOf(contents);
  const absl::Time now = Now();
  {
    const MutexLock lock(&mutex_);
    Hold(session, version);
    session.owned = is_owned;
    session.held = held;
    session.accessed = session.access_told = now;
    gone_.erase(session.id);
    if (!local_.Exists(session.id)) left_behind_.erase(session.id);
    table_.Remove(session.id);
    table_.Add(session.id, now + session.interval);
  }
  alarm_.WakeAt(now + contents.info.max_inactive);
}

void Core::NoteBegun(const Session& session, const WriteResult& written, SessionResult& result) {
  result.status = written.status;
  result.version = written.version;
  result.replicas = std::max<uint32_t>(1, written.replicas);
  {
    const MutexLock lock(&mutex_);
    ++counts_.saves;
    result.fence = session.fence;
  }
  // Others may have ended it before this call returned: the feed told so when it was not listed.
  if (!ForgetIfGone(session.id)) return;
  const ReplicaPtr in_group = replica();
  // A change of the id is told of what is not listed, too.
  if (in_group != nullptr && !in_group->NewIdOf(session.id).empty()) return;
  TellGone(session.id);
}

SessionResult Core::Create(std::string_view id, const SessionInfo& info,
                           const std::vector<Attribute>& attributes) {
  SessionResult result;
  Contents contents;
  contents.info.created = info.created == absl::InfinitePast() ? Now() : info.created;
  contents.info.created = absl::FromUnixMillis(absl::ToUnixMillis(contents.info.created));
  contents.info.max_inactive = Interval(info.max_inactive);
  contents.info.orphan_time = absl::Ceil(options_.orphan_time, absl::Milliseconds(1));
  contents.metadata = info.metadata;
  Shape shape = Shape::Of(contents);
  for (Attribute& attribute : Fit({.set = attributes}, shape, result.refused).set) {
    contents.attributes[attribute.name] = std::move(attribute.value);
  }
  MakeRoom(id.size() + BytesOf(contents), id);
  const Turn turn(*this, id);
  ReplicaPtr replica;
  {
    const MutexLock lock(&mutex_);
    if (on_) replica = replica_;
  }
  const ReplicaPtr any = this->replica();
  if (local_.Exists(id) || (any != nullptr && any->Exists(id))) {
    result.status = absl::AlreadyExistsError("there is a session of this id");
    return result;
  }
  if (!HasRoom(id.size() + BytesOf(contents))) {
    result.status = Full();
    return result;
  }
  WriteResult written;
  bool is_owned = true;
  if (replica != nullptr) {
    turn->deltas = {};
    written = replica->Put(id, contents, /*replaces=*/false);
    // One that was claimed, ended, and is made again belongs to who claimed it. Without this claim
    // the session is there all the same: the next write claims it.
    if (written.ok() && replica->OwnerOf(id) == Owner::kOther) is_owned = replica->Claim(id).ok();
    if (!written.ok() && !replica->Exists(id)) {
      result.status = written.status;
      return result;
    }
  } else {
    local_.Put(id, contents, Now());
    written.version = local_.Get(id)->version;
  }
  Adopt(*turn, contents, written.version, is_owned);
  SessionEvent event = NewEvent(SessionEventKind::kCreated, id, /*here=*/true);
  event.version = written.version;
  Tell(std::move(event));
  TellRefused(id, result.refused);
  KeepWhereItBelongs(*turn, replica);
  NoteBegun(*turn, written, result);
  return result;
}

// ---- Reading.

std::shared_ptr<const SessionSnapshot> Core::SnapshotOf(std::string_view id,
                                                        const Contents& contents,
                                                        absl::Time accessed) const {
  auto snapshot = std::make_shared<SessionSnapshot>();
  snapshot->id = id;
  snapshot->created = contents.info.created;
  snapshot->last_accessed = accessed;
  snapshot->max_inactive = contents.info.max_inactive;
  snapshot->metadata = contents.metadata;
  snapshot->attributes.reserve(contents.attributes.size());
  for (const auto& [name, value] : contents.attributes) {
    snapshot->attributes.push_back({name, value});
  }
  return snapshot;
}

absl::StatusOr<SessionSnapshot> Core::LoadLocal(std::string_view id, const LocalStore::Held& held) {
  if (held.accessed + held.contents.info.max_inactive <= Now())
    return absl::NotFoundError("the session's time is over");
  SessionSnapshot snapshot = *SnapshotOf(id, held.contents, held.accessed);
  snapshot.version = held.version;
  snapshot.is_owner = true;
  const MutexLock lock(&mutex_);
  std::shared_ptr<Session> session = table_.FindOrNew(id);
  if (session->fence == 0) session->fence = ++next_fence_;
  snapshot.fence = session->fence;
  if (!local_.Exists(id)) table_.Release(session);
  return snapshot;
}

// The session was read without its turn, so it may have been written since: what is older than what
// this store has seen proves nothing, unless the map has no more.
absl::Status Core::NoteReading(std::string_view id, const Replica& replica,
                               const Replica::Reading& reading, SessionSnapshot& snapshot) {
  Owner owner = replica.OwnerOf(id);
  bool was_lost = false;
  bool was_rewound = false;
  bool is_over = false;
  {
    const MutexLock lock(&mutex_);
    std::shared_ptr<Session> session = table_.FindOrNew(id);
    if (session->owned && reading.version < session->seen) {
      was_rewound = OnRewound(*session, replica);
      if (!was_rewound) return absl::AbortedError("old");
    } else {
      // It may have been claimed by this store since.
      if (session->owned && owner != Owner::kSelf) owner = replica.OwnerOf(id);
      if (session->owned && (owner != Owner::kSelf || session->seen < reading.version))
        was_lost = OnUnseen(*session, replica, owner, reading.version);
      snapshot.is_owner = owner == Owner::kSelf;
      if (session->owned) {
        snapshot.last_accessed = std::max(snapshot.last_accessed, session->accessed);
      } else {
        const ContentHash held = HashOf(reading.contents);
        if (session->fence == 0 || session->held != held) session->fence = ++next_fence_;
        session->held = held;
        session->seen = reading.version;
      }
      session->lost = false;
      snapshot.fence = session->fence;
      const absl::Duration slack =
          session->owned ? absl::ZeroDuration() : AccessSlack(snapshot.max_inactive);
      is_over = snapshot.last_accessed + snapshot.max_inactive + slack <= Now();
      // One that has ended meanwhile leaves nothing.
      if (!table_.Contains(id) && !replica.Exists(id)) table_.Release(session);
    }
  }
  if (was_lost || was_rewound) TellLost(id, was_rewound);
  // The reading may be as old as what it was before.
  if (was_rewound) return absl::AbortedError("old");
  return is_over ? absl::NotFoundError("the session's time is over") : absl::OkStatus();
}

absl::StatusOr<SessionSnapshot> Core::LoadFromGroup(std::string_view id, const Replica& replica) {
  for (int i = 0; i < kLoadsMax; ++i) {
    const absl::StatusOr<Replica::Reading> reading = replica.Read(id);
    if (!reading.ok()) return reading.status();
    SessionSnapshot snapshot = *SnapshotOf(id, reading->contents, reading->Accessed(Now()));
    snapshot.version = reading->version;
    absl::Status status = NoteReading(id, replica, *reading, snapshot);
    if (status.ok()) return snapshot;
    if (!absl::IsAborted(status)) return status;
  }
  return absl::UnavailableError("the session is being written without a pause");
}

absl::StatusOr<SessionSnapshot> Core::Load(std::string_view id) {
  const ReplicaPtr in_group = replica();
  // Twice: it may move from here to the group in between. In the other direction it is here first.
  for (int i = 0; i < 2; ++i) {
    if (const auto held = local_.Get(id)) return LoadLocal(id, *held);
    if (in_group == nullptr) break;
    absl::StatusOr<SessionSnapshot> snapshot = LoadFromGroup(id, *in_group);
    if (snapshot.ok() || !absl::IsNotFound(snapshot.status())) return snapshot;
    // What a merge brings at this moment is there the second time.
    if (in_group->merging()) return StillMerging();
  }
  return absl::NotFoundError("no such session");
}

bool Core::Exists(std::string_view id) const {
  const ReplicaPtr in_group = replica();
  return local_.Exists(id) || (in_group != nullptr && in_group->Exists(id)) || local_.Exists(id);
}

bool Core::IsOwner(std::string_view id) const {
  bool is_lost = false;
  {
    const MutexLock lock(&mutex_);
    const std::shared_ptr<Session> session = table_.Find(id);
    if (session != nullptr && IsUntouched(*session)) return true;
    // What a merge has changed is not what the host has loaded, although it owns it.
    is_lost = session != nullptr && session->lost;
  }
  const ReplicaPtr in_group = replica();
  const auto is_in_group = [&] {
    return !is_lost && in_group && in_group->OwnerOf(id) == Owner::kSelf;
  };
  return local_.Exists(id) || is_in_group() || local_.Exists(id);
}

std::vector<std::string> Core::Ids(size_t max) const {
  const MutexLock lock(&mutex_);
  return table_.Ids(max);
}

}  // namespace cohort::session

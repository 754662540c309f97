// What a host asks of a store: creating, reading and writing sessions.
#include <algorithm>
#include <string>
#include <utility>

#include "base/absl_bridge.h"
#include "session/core.h"
#include "session/limits.h"

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
    const absl::Status status = NoteReading(id, replica, *reading, snapshot);
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

// ---- Writing.

namespace {

size_t BytesWritten(const SessionChanges& changes) {
  size_t bytes = changes.metadata ? changes.metadata->size() : 0;
  for (const Attribute& attribute : changes.set) {
    bytes += BytesOf(attribute.name, attribute.value.size());
  }
  return bytes;
}

}  // namespace

bool Core::IsOver(Session& session, const Replica& replica) {
  const absl::Time now = Now();
  {
    const MutexLock lock(&mutex_);
    if (session.accessed + session.interval > now) return false;
  }
  // Others may have used it: their accesses are in the map only.
  const absl::StatusOr<Replica::Reading> reading = replica.Read(session.id);
  const MutexLock lock(&mutex_);
  if (reading.ok()) session.accessed = std::max(session.accessed, reading->Accessed(now));
  return session.accessed + session.interval <= now;
}

void Core::AfterWrite(Session& session, const WriteResult& written, bool touched) {
  const absl::Time now = Now();
  absl::Time due;
  session.unsure = false;
  {
    const MutexLock lock(&mutex_);
    ++counts_.saves;
    if (written.version != Version::None()) session.seen = std::max(session.seen, written.version);
    if (session.shape.has_value()) {
      session.interval = session.shape->info.max_inactive;
      session.entry_ttl = session.shape->info.EntryTtl();
      session.bytes = session.shape->Bytes();
    }
    if (touched) session.accessed = session.access_told = now;
    due = session.accessed + session.interval;
    // One that is due later now is looked at when it was due, and scheduled anew then.
    if (table_.Contains(session.id)) table_.Add(session.id, due);
  }
  alarm_.WakeAt(due);
}

void Core::TellRefused(std::string_view id, const std::vector<RefusedAttribute>& refused) {
  for (const RefusedAttribute& one : refused) {
    SessionEvent event = NewEvent(SessionEventKind::kRefusedAttribute, id, /*here=*/true, one.text);
    event.attribute = one.name;
    Tell(std::move(event));
  }
  const MutexLock lock(&mutex_);
  counts_.refused_attributes += refused.size();
}

absl::StatusOr<const SessionChanges*> Core::Fitting(Session& session, const SessionChanges& changes,
                                                    SessionChanges& fitting,
                                                    std::vector<RefusedAttribute>& refused) {
  const size_t before = session.shape->Bytes();
  const bool is_all = FitsWhole(changes, *session.shape);
  if (!is_all) fitting = Fit(changes, *session.shape, refused);
  const size_t after = session.shape->Bytes();
  if (after <= before || HasRoom(after - before)) return is_all ? &changes : &fitting;
  session.shape.reset();
  return Full();
}

SessionResult Core::WriteLocal(Session& session, const SessionChanges& changes) {
  const std::optional<LocalStore::Held> held = local_.Get(session.id);
  if (!held.has_value() || held->accessed + held->contents.info.max_inactive <= Now())
    return NotFound(session.id);
  SessionResult result;
  {
    const MutexLock lock(&mutex_);
    if (session.fence == 0) session.fence = ++next_fence_;
    result.fence = session.fence;
  }
  if (changes.fence != 0 && changes.fence != result.fence) {
    result.status = Refused(
        session.id, absl::AbortedError("the session of this id is not the one that was loaded"));
    return result;
  }
  session.shape = Shape::Of(held->contents);
  SessionChanges some;
  const absl::StatusOr<const SessionChanges*> fitting =
      Fitting(session, changes, some, result.refused);
  result.status = fitting.status();
  if (!result.ok()) return result;
  WriteResult written;
  const auto version =
      local_.Change(session.id, **fitting, changes.touch ? Now() : absl::InfinitePast());
  written.version = version.value_or(held->version);
  {
    const MutexLock lock(&mutex_);
    if (session.accessed == absl::InfinitePast()) session.accessed = held->accessed;
  }
  AfterWrite(session, written, changes.touch);
  TellRefused(session.id, result.refused);
  result.version = written.version;
  result.replicas = 1;
  return result;
}

// The markers of erased attributes count for an hour: a session that has too many of them is
// written anew, which leaves them behind.
WriteResult Core::SaveOrRewrite(Session& session, Replica& replica, const SessionChanges& changes) {
  WriteResult written = replica.Save(session.id, changes, session.shape->info, session.deltas);
  if (session.deltas.used) {
    const MutexLock lock(&mutex_);
    ++counts_.deltas;
  }
  if (!absl::IsInvalidArgument(written.status)) return written;
  const absl::StatusOr<Replica::Reading> reading = replica.Read(session.id);
  if (!reading.ok()) return written;
  Contents contents = reading->contents;
  contents.info = session.shape->info;
  if (changes.metadata) contents.metadata = *changes.metadata;
  for (const std::string& name : changes.erased) contents.attributes.erase(name);
  for (const Attribute& attribute : changes.set) {
    contents.attributes[attribute.name] = attribute.value;
  }
  return replica.Put(session.id, contents, /*replaces=*/true);
}

SessionResult Core::WriteInGroup(Session& session, Replica& replica,
                                 const SessionChanges& changes) {
  SessionResult result;
  result.status = Own(session, replica, changes.fence);
  if (absl::IsNotFound(result.status)) return NotFound(session.id);
  if (result.ok() && IsOver(session, replica)) {
    Schedule(session.id, Now());
    return NotFound(session.id);
  }
  if (!result.ok()) {
    result.status = Refused(session.id, result.status);
    return result;
  }
  SessionChanges some;
  const absl::StatusOr<const SessionChanges*> fitting =
      Fitting(session, changes, some, result.refused);
  result.status = fitting.status();
  if (!result.ok()) return result;
  const SessionChanges& fit = **fitting;
  const bool writes = !fit.set.empty() || !fit.erased.empty() || fit.metadata || fit.max_inactive;
  if (!writes) {
    if (changes.touch) result.status = Touch(session.id);
    TellRefused(session.id, result.refused);
    const MutexLock lock(&mutex_);
    result.version = session.seen;
    result.fence = session.fence;
    return result;
  }
  {
    const MutexLock lock(&mutex_);
    result.fence = session.fence;  // What another member writes meanwhile is none of this host's.
  }
  const WriteResult written = SaveOrRewrite(session, replica, fit);
  result.status = written.status;
  result.version = written.version;
  result.replicas = written.replicas;
  if (absl::IsNotFound(written.status) || absl::IsAborted(written.status)) {
    session.shape.reset();  // Also for Own(): it is to be looked at.
    if (absl::IsNotFound(written.status)) return NotFound(session.id);
    result.status = Refused(session.id, written.status);
    return result;
  }
  if (!written.ok()) {
    // Nothing was written, or nobody knows: it is read again before the next write.
    session.shape.reset();
    session.unsure = true;
    return result;
  }
  AfterWrite(session, written, changes.touch);
  TellRefused(session.id, result.refused);
  return result;
}

SessionResult Core::Write(Session& session, const SessionChanges& changes) {
  const absl::StatusOr<ReplicaPtr> place = Route(session);
  if (absl::IsNotFound(place.status())) return NotFound(session.id);
  SessionResult result;
  if (!place.ok()) {
    result.status = Refused(session.id, place.status());
    return result;
  }
  result =
      *place == nullptr ? WriteLocal(session, changes) : WriteInGroup(session, **place, changes);
  // One that could not be moved to the group just now is not tried twice.
  if (result.ok() && *place != nullptr) KeepWhereItBelongs(session, *place);
  if (result.ok() && *change_watchers_ > 0) {
    SessionEvent event = NewEvent(SessionEventKind::kChanged, session.id, /*here=*/true);
    event.version = result.version;
    Tell(std::move(event));
  }
  return result;
}

SessionResult Core::Save(std::string_view id, const SessionChanges& changes) {
  MakeRoom(BytesWritten(changes), id);
  const Turn turn(*this, id);
  return Write(*turn, changes);
}

SessionResult Core::Update(std::string_view id, const Changes& change) {
  const Turn turn(*this, id);
  const absl::StatusOr<SessionSnapshot> snapshot = Load(id);
  if (absl::IsNotFound(snapshot.status())) return NotFound(id);
  SessionResult result;
  if (!snapshot.ok()) {
    result.status = snapshot.status();
    return result;
  }
  absl::StatusOr<SessionChanges> changes = change(*snapshot);
  result.status = changes.status();
  if (changes.ok()) result.status = CheckChanges(*changes);
  // No room is made: that would take others' turns inside this one.
  if (!result.ok()) return result;
  changes->fence = snapshot->fence;
  return Write(*turn, *changes);
}

absl::Status Core::Touch(std::string_view id) {
  const absl::Time now = Now();
  const ReplicaPtr in_group = replica();
  if (const std::optional<absl::Time> due = local_.DueAt(id); due.has_value()) {
    if (*due <= now) return absl::NotFoundError("the session's time is over");
    local_.Change(id, {}, now);
    {
      const MutexLock lock(&mutex_);
      const std::shared_ptr<Session> session = table_.Find(id);
      if (session != nullptr) session->accessed = now;
    }
    Schedule(id, local_.DueAt(id).value_or(now));
    return absl::OkStatus();
  }
  if (in_group == nullptr) return absl::NotFoundError("no such session");
  absl::Duration ttl;
  {
    const MutexLock lock(&mutex_);
    const std::shared_ptr<Session> session = table_.Find(id);
    const bool lives =
        session != nullptr && session->owned && session->accessed + session->interval > now;
    if (lives) session->accessed = now;
    if (lives && !session->stale) {
      if (now - session->access_told < AccessSlack(session->interval)) return absl::OkStatus();
      session->access_told = now;
      ttl = session->entry_ttl;
    }
  }
  // Who has taken it may have given it another lifetime, and is not told of before it is loaded.
  if (ttl != absl::ZeroDuration() && in_group->OwnerOf(id) != Owner::kSelf)
    ttl = absl::ZeroDuration();
  if (ttl == absl::ZeroDuration()) {
    const absl::StatusOr<Replica::Reading> reading = in_group->Read(id);
    if (!reading.ok()) return reading.status();
    const InfoRecord& info = reading->contents.info;
    const absl::Time accessed = reading->Accessed(now);
    if (accessed + info.max_inactive + AccessSlack(info.max_inactive) <= now)
      return absl::NotFoundError("the session's time is over");
    if (now - accessed < AccessSlack(info.max_inactive)) return absl::OkStatus();
    ttl = info.EntryTtl();
  }
  return ttl == absl::InfiniteDuration() ? absl::OkStatus() : in_group->Touch(id, ttl);
}

std::vector<std::string> Core::Ids(size_t max) const {
  const MutexLock lock(&mutex_);
  return table_.Ids(max);
}

}  // namespace cohort::session

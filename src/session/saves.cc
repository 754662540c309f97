// Writes of sessions that are there: saves, of which the caller waits for the acknowledgement or is
// told of it, and uses.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "session/core.h"
#include "session/limits.h"
#include "session/turn.h"

namespace cohort::session {

using runtime::MutexLock;

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
    table_.BringForward(session, due);
  }
  alarm_.WakeAt(due);
}

void Core::TellRefused(std::string_view id, const std::vector<RefusedAttribute>& refused) {
  if (refused.empty()) return;
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

// What of a save is to be sent to the group.
struct Core::Departure {
  SessionResult result;                 // So far.
  const SessionChanges* fit = nullptr;  // Null: nothing, and `result` says why.
  bool may_go_async = false;            // A task that moves sessions away finds this one there.
  SessionChanges some;                  // What `fit` names, where it is not all.
};

void Core::PrepareInGroup(Session& session, Replica& replica, const SessionChanges& changes,
                          Departure& departure) {
  SessionResult& result = departure.result;
  result.status = Own(session, replica, changes.fence);
  if (result.ok() && IsOver(session, replica)) {
    Schedule(session.id, Now());
    result.status = absl::NotFoundError("");
  }
  if (absl::IsNotFound(result.status)) {
    result = NotFound(session.id);
    return;
  }
  if (!result.ok()) {
    result.status = Refused(session.id, result.status);
    return;
  }
  const absl::StatusOr<const SessionChanges*> fitting =
      Fitting(session, changes, departure.some, result.refused);
  result.status = fitting.status();
  if (!result.ok()) return;
  const SessionChanges& fit = **fitting;
  const bool writes = !fit.set.empty() || !fit.erased.empty() || fit.metadata || fit.max_inactive;
  if (!writes) {
    if (changes.touch) result.status = Touch(session.id);
    TellRefused(session.id, result.refused);
    const MutexLock lock(&mutex_);
    result.version = session.seen;
    result.fence = session.fence;
    return;
  }
  departure.fit = &fit;
  const MutexLock lock(&mutex_);
  result.fence = session.fence;  // What another member writes meanwhile is none of this host's.
  departure.may_go_async =
      on_ && replica_.get() == &replica && session.owned && session.due.has_value();
}

void Core::FinishInGroup(Session& session, const WriteResult& written, bool touched,
                         SessionResult& result) {
  result.status = written.status;
  result.version = written.version;
  result.replicas = written.replicas;
  if (absl::IsNotFound(written.status) || absl::IsAborted(written.status)) {
    session.shape.reset();  // Also for Own(): it is to be looked at.
    if (absl::IsNotFound(written.status)) {
      result = NotFound(session.id);
    } else {
      result.status = Refused(session.id, written.status);
    }
    return;
  }
  if (!written.ok()) {
    // Nothing was written, or nobody knows: it is read again before the next write.
    session.shape.reset();
    session.unsure = true;
    return;
  }
  AfterWrite(session, written, touched);
  TellRefused(session.id, result.refused);
}

void Core::TellChanged(std::string_view id, const Version& version) {
  if (*change_watchers_ == 0) return;
  SessionEvent event = NewEvent(SessionEventKind::kChanged, id, /*here=*/true);
  event.version = version;
  Tell(std::move(event));
}

SessionResult Core::WriteInGroup(Session& session, const ReplicaPtr& replica,
                                 const SessionChanges& changes) {
  Departure departure;
  PrepareInGroup(session, *replica, changes, departure);
  return GoInGroup(session, replica, changes.touch, departure);
}

SessionResult Core::GoInGroup(Session& session, const ReplicaPtr& replica, bool touches,
                              Departure& departure) {
  if (departure.fit != nullptr) {
    FinishInGroup(session, SaveOrRewrite(session, *replica, *departure.fit), touches,
                  departure.result);
  }
  if (departure.result.ok()) {
    KeepWhereItBelongs(session, replica);
    TellChanged(session.id, departure.result.version);
  }
  return std::move(departure.result);
}

SessionResult Core::Write(Session& session, const SessionChanges& changes) {
  return WriteAt(Route(session), session, changes);
}

SessionResult Core::WriteAt(const absl::StatusOr<ReplicaPtr>& place, Session& session,
                            const SessionChanges& changes) {
  if (absl::IsNotFound(place.status())) return NotFound(session.id);
  SessionResult result;
  if (!place.ok()) {
    result.status = Refused(session.id, place.status());
    return result;
  }
  // One that could not be moved to the group just now is not tried twice.
  if (*place != nullptr) return WriteInGroup(session, *place, changes);
  result = WriteLocal(session, changes);
  if (result.ok()) TellChanged(session.id, result.version);
  return result;
}

SessionResult Core::Save(std::string_view id, const SessionChanges& changes) {
  MakeRoom(BytesWritten(changes), id);
  const Turn turn(*this, id);
  return Write(*turn, changes);
}

// ---- Saves that are not waited for.

// One that has left, or is about to. It has the session's turn until it is answered.
class Core::OpenSave : public std::enable_shared_from_this<Core::OpenSave> {
 public:
  OpenSave(std::shared_ptr<Core> core, std::string_view id, SaveCallback done)
      : core_(std::move(core)), turn_(std::in_place, *core_, id), done_(std::move(done)) {}
  // Nobody is left to answer: the group has ended.
  ~OpenSave() {
    if (!has_left_) return;
    WriteResult written;
    written.status = absl::CancelledError("the group was left; the outcome is unknown");
    Finish(written);
  }
  OpenSave(const OpenSave&) = delete;
  OpenSave& operator=(const OpenSave&) = delete;

  Session& session() { return **turn_; }

  void Begin(const ReplicaPtr& replica, SessionChanges changes) {
    leaving_.changes = std::move(changes);
    touches_ = leaving_.changes.touch;
    Departure departure;
    core_->PrepareInGroup(session(), *replica, leaving_.changes, departure);
    const bool is_all = departure.fit == &leaving_.changes;
    if (departure.fit == nullptr || !departure.may_go_async ||
        !Replica::MayGoAsync(*departure.fit)) {
      return Answer(core_->GoInGroup(session(), replica, touches_, departure));
    }
    if (!is_all) leaving_.changes = std::move(departure.some);
    result_ = std::move(departure.result);
    Leave(*replica);
  }
  void Answer(const SessionResult& result) {
    turn_.reset();
    core_->Drain();
    std::exchange(done_, nullptr)(result);
  }

 private:
  // Where it throws, it is over, and not answered.
  void Leave(Replica& replica) {
    has_left_ = true;
    WriteResult written;
    try {
      written.status = replica.SaveAsync(
          session().id, leaving_, session().deltas,
          [self = shared_from_this()](const WriteResult& answer) { self->OnWritten(answer); });
    } catch (...) {
      has_left_ = false;
      throw;
    }
    if (written.ok()) return;
    has_left_ = false;
    Finish(written);
  }
  void OnWritten(const WriteResult& written) {
    has_left_ = false;
    session().deltas.at_rest = written.ok() && core_->options_.ack == Ack::kAll;
    Finish(written);
  }
  // Where replication was switched meanwhile, the task moves the session when its turn is over.
  void Finish(const WriteResult& written) {
    core_->FinishInGroup(session(), written, touches_, result_);
    if (result_.ok()) core_->TellChanged(session().id, result_.version);
    Answer(result_);
  }

  const std::shared_ptr<Core> core_;
  std::optional<Turn> turn_;
  SaveCallback done_;
  Replica::Leaving leaving_;
  SessionResult result_;
  bool touches_ = false;
  bool has_left_ = false;
};

void Core::SaveAsync(std::string_view id, SessionChanges changes, SaveCallback done) {
  MakeRoom(BytesWritten(changes), id);
  const auto open = std::make_shared<OpenSave>(shared_from_this(), id, std::move(done));
  const absl::StatusOr<ReplicaPtr> place = Route(open->session());
  if (!place.ok() || *place == nullptr)
    return open->Answer(WriteAt(place, open->session(), changes));
  open->Begin(*place, std::move(changes));
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

}  // namespace cohort::session

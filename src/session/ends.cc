// How sessions end: by the application, by a change of their id, for want of room, of old age. Each
// end is told once as `here`, by the store whose write it was.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/absl_bridge.h"
#include "session/core.h"
#include "session/event_texts.h"
#include "session/turn.h"

namespace cohort::session {
namespace {

constexpr size_t kGoneMax = 4096;  // Ids that have gone lately; beyond it none are added.
// An eviction makes more room than was asked for, so that the next ones find some.
constexpr uint64_t kSpareShare = 16;

SessionEventKind KindOf(EndCause cause) {
  switch (cause) {
    case EndCause::kExpired:
      return SessionEventKind::kExpired;
    case EndCause::kEvicted:
      return SessionEventKind::kEvicted;
    case EndCause::kRenamed:
      return SessionEventKind::kIdChanged;
    case EndCause::kWithdrawn:
      return SessionEventKind::kWithdrawn;
    case EndCause::kInvalidated:
      break;
  }
  return SessionEventKind::kInvalidated;
}

const char* TextOf(EndCause cause) {
  switch (cause) {
    case EndCause::kExpired:
      return "was not used for its time";
    case EndCause::kEvicted:
      return "the store is full, and it was unused longest";
    case EndCause::kRenamed:
      return "its id was changed";
    case EndCause::kWithdrawn:
      return "its owner goes on with it alone";
    case EndCause::kInvalidated:
      break;
  }
  return "was invalidated";
}

}  // namespace

using runtime::MutexLock;

void Core::NoteGone(std::string_view id, std::string_view new_id) {
  const absl::Time now = Now();
  if (gone_.size() >= kGoneMax)
    absl::erase_if(gone_, [&](const auto& item) { return item.second.until <= now; });
  if (gone_.size() < kGoneMax) gone_[ToAbsl(id)] = {std::string(new_id), now + kEndRecordTtl};
}

void Core::Forget(std::string_view id) {
  const MutexLock lock(&mutex_);
  table_.Remove(id);
  table_.Drop(id);
}

bool Core::ForgetIfGone(std::string_view id, const std::optional<Version>& ended) {
  const ReplicaPtr in_group = replica();
  const bool is_merging = in_group != nullptr && in_group->merging();
  // One step: what begins after the look is listed after this.
  const MutexLock lock(&mutex_);
  if (local_.Exists(id)) return false;
  absl::Status there = absl::UnavailableError("in no group");
  if (in_group != nullptr) there = in_group->Look(id).status();
  if (there.ok() || local_.Exists(id)) return false;
  // Where the state is on its way, or a merge may bring it, nothing is known but what was told. It
  // is looked at once more then.
  if (is_merging || !absl::IsNotFound(there)) {
    const std::shared_ptr<Session> session = table_.Find(id);
    if (!ended.has_value() || (session != nullptr && session->seen > *ended)) {
      LookAgain();
      return false;
    }
  }
  table_.Remove(id);
  table_.Drop(id);
  return true;
}

void Core::TellEnd(OpenEnd end, const Version& version) {
  {
    const MutexLock lock(&mutex_);
    NoteGone(end.id, end.new_id);
    open_ends_.DropHeld(end.id, end.created);
    if (end.cause == EndCause::kExpired) ++counts_.expired;
    if (end.cause == EndCause::kEvicted) ++counts_.evicted;
  }
  SessionEvent event = NewEvent(KindOf(end.cause), end.id, /*here=*/true, TextOf(end.cause));
  event.new_id = std::move(end.new_id);
  event.session = std::move(end.session);
  event.version = version;
  Tell(std::move(event));
}

void Core::TellGone(std::string_view id) {
  Tell(NewEvent(SessionEventKind::kInvalidated, id, /*here=*/false, kGoneText));
}

absl::Status Core::End(Session& session, const ReplicaPtr& replica, EndCause cause) {
  absl::Status status;
  OpenEnd end{session.id, cause, {}, nullptr, {}};
  session.shape.reset();
  if (replica == nullptr) {
    const std::optional<LocalStore::Held> held = local_.Take(session.id);
    if (!held.has_value()) return absl::NotFoundError("no such session");
    end.created = held->contents.info.created;
    end.session = SnapshotOf(session.id, held->contents, held->accessed);
  } else {
    const absl::StatusOr<Replica::Reading> reading = replica->Read(session.id);
    if (!reading.ok()) return reading.status();
    const std::string key = replica->NewEndKey();
    end.created = reading->contents.info.created;
    {
      const MutexLock lock(&mutex_);
      const absl::Time accessed = std::max(session.accessed, reading->Accessed(Now()));
      end.session = SnapshotOf(session.id, reading->contents, accessed);
      open_ends_.Begin(key, end, Now());
    }
    const WriteResult ended = replica->End(session.id, cause, key);
    // A group that was left tells nothing any more.
    const bool is_gone = replica->left() && absl::IsNotFound(replica->Read(session.id).status());
    if (!is_gone) status = ended.status;
    if (!Settle(key, status, *replica)) return status;
  }
  if (replica == nullptr && cause == EndCause::kExpired) {
    // Others may have used what was left behind in the group; there it has its own time.
    const MutexLock lock(&mutex_);
    left_behind_.erase(session.id);
  }
  Forget(session.id);
  // One that moved into the group unbeknown to this store goes on there: it is listed once more.
  if (const ReplicaPtr there = this->replica(); there != nullptr && there->Exists(session.id))
    LookAgain();
  TellEnd(std::move(end), Version::None());
  return status;
}

SessionResult Core::Invalidate(std::string_view id) {
  const Turn turn(*this, id);
  const absl::StatusOr<ReplicaPtr> place = Route(*turn);
  SessionResult result;
  result.status = place.status();
  // Whoever has taken the session over: who logs out is to be logged out.
  if (place.ok() && *place != nullptr)
    result.status = Own(*turn, **place, /*fence=*/0, /*always=*/true);
  if (result.ok()) result.status = End(*turn, *place, EndCause::kInvalidated);
  if (absl::IsNotFound(result.status)) return NotFound(id);
  result.status = Refused(id, result.status);
  return result;
}

SessionResult Core::ChangeId(std::string_view old_id, std::string_view new_id) {
  SessionResult result;
  if (old_id == new_id) {
    result.status = absl::AlreadyExistsError("the session has this id already");
    return result;
  }
  // Whoever takes two turns takes that of the lesser id first.
  const Turn first(*this, std::min(old_id, new_id));
  const Turn second(*this, std::max(old_id, new_id));
  const Turn& from = old_id < new_id ? first : second;
  const Turn& to = old_id < new_id ? second : first;
  const absl::StatusOr<ReplicaPtr> place = Route(*from);
  result.status = place.status();
  if (result.ok() && *place != nullptr) result.status = Own(*from, **place, /*fence=*/0);
  if (absl::IsNotFound(result.status) ||
      (result.ok() && *place != nullptr && IsOver(*from, **place)))
    return NotFound(old_id);
  if (result.ok() && Exists(new_id))
    result.status = absl::AlreadyExistsError("there is a session of the new id");
  result.status = Refused(old_id, result.status);
  if (!result.ok()) return result;
  OpenEnd end{std::string(old_id), EndCause::kRenamed, std::string(new_id), nullptr, {}};
  Contents contents;
  WriteResult written;
  if (*place == nullptr) {
    std::optional<LocalStore::Held> held = local_.Take(old_id);
    if (!held.has_value()) return NotFound(old_id);
    contents = held->contents;
    local_.Put(new_id, std::move(held->contents), Now());
    written.version = local_.Get(new_id)->version;
    written.replicas = 1;
  } else {
    absl::StatusOr<Replica::Reading> reading = (*place)->Read(old_id);
    if (!reading.ok()) return NotFound(old_id);
    contents = std::move(reading->contents);
    end.created = contents.info.created;
    const std::string key = (*place)->NewEndKey();
    {
      const MutexLock lock(&mutex_);
      open_ends_.Begin(key, end, Now());
    }
    written = (*place)->Rename(old_id, new_id, contents, key);
    if (!Settle(key, written.status, **place)) {
      from->shape.reset();
      if (absl::IsNotFound(written.status)) return NotFound(old_id);
      result.status = Refused(old_id, written.status);
      return result;
    }
  }
  from->shape.reset();
  Forget(old_id);
  Adopt(*to, contents, written.version);
  TellEnd(end, written.version);
  KeepWhereItBelongs(*to, *place);
  NoteBegun(*to, written, result);
  return result;
}

uint64_t Core::BytesUsed() const {
  const ReplicaPtr in_group = replica();
  return local_.bytes() + (in_group ? in_group->Bytes() : 0);
}

bool Core::HasRoom(size_t bytes) const {
  return options_.bytes_max == 0 || bytes == 0 || BytesUsed() + bytes <= options_.bytes_max;
}

absl::Status Core::Full() const {
  return MakeStatus(absl::StatusCode::kResourceExhausted,
                    "the store of " + options_.application + " holds as many bytes as its cap of " +
                        std::to_string(options_.bytes_max) + " allows");
}

void Core::MakeRoom(size_t bytes, std::string_view except) {
  if (options_.eviction != SessionEviction::kLeastRecentlyUsed || HasRoom(bytes)) return;
  const uint64_t cap = options_.bytes_max;
  std::vector<std::pair<absl::Time, std::string>> owned;
  uint64_t owned_bytes = 0;
  {
    const MutexLock lock(&mutex_);
    for (const std::shared_ptr<Session>& session : table_.Owned()) {
      if (session->id == except) continue;
      owned.emplace_back(session->accessed, session->id);
      owned_bytes += session->id.size() + session->bytes;
    }
  }
  // What fills the store is other members': to end all of these would be in vain.
  if (BytesUsed() + bytes > cap + owned_bytes) return;
  std::sort(owned.begin(), owned.end());
  for (const auto& [accessed, id] : owned) {
    if (BytesUsed() + bytes <= cap - cap / kSpareShare) break;
    const Turn turn(*this, id);
    const absl::StatusOr<ReplicaPtr> place = Route(*turn);
    if (place.ok()) End(*turn, *place, EndCause::kEvicted).IgnoreError();
  }
}

// What another store did.
void Core::OnEnd(const EndRecord& end, const Change& change) {
  {
    const MutexLock lock(&mutex_);
    open_ends_.DropHeld(end.id, std::nullopt);
    if (!table_.Contains(end.id) && end.cause != EndCause::kRenamed) return;
    if (end.cause == EndCause::kRenamed) {
      NoteGone(end.id, end.new_id);
      // To be looked at. What was ended here since is told already.
      if (!gone_.contains(end.new_id)) table_.Add(end.new_id, Now());
    }
  }
  if (end.cause == EndCause::kRenamed) alarm_.Wake();
  ForgetIfGone(end.id, change.version);
  SessionEvent event = NewEvent(KindOf(end.cause), end.id, /*here=*/false, TextOf(end.cause));
  event.new_id = end.new_id;
  event.by = change.writer;
  event.version = change.version;
  Tell(std::move(event));
}

}  // namespace cohort::session

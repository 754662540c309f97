// Late ends: their calls have returned without knowing whether they took effect.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/absl_bridge.h"
#include "session/core.h"

namespace cohort::session {
namespace {

// The clocks of a group and of a host may go apart by so much while a record is there.
constexpr absl::Duration kRecordSlack = absl::Seconds(5);

}  // namespace

using runtime::MutexLock;

bool Core::Settle(const std::string& key, const absl::Status& status, const Replica& replica) {
  const uint64_t settled = status.ok() ? 0 : replica.settled();
  const MutexLock lock(&mutex_);
  const bool is_told_by_call = open_ends_.Settle(key, status, settled);
  NoteHeldEnds();
  return is_told_by_call;
}

// What this store did: told by the call that did it, unless that has returned without knowing.
void Core::OnOwn(const Change& change) {
  if (!IsEndKey(change.key) || !change.value.has_value()) return;
  const ReplicaPtr in_group = replica();
  const uint64_t settled = in_group == nullptr ? UINT64_MAX : in_group->settled();
  std::optional<LateEnd> end;
  {
    const MutexLock lock(&mutex_);
    end = open_ends_.OnTold(change.key, change.version, settled);
    if (!end.has_value()) NoteHeldEnds();
  }
  if (end.has_value()) return TellLate(*std::move(end));
  const std::optional<EndRecord> record = DecodeEnd(*change.value);
  if (record.has_value() && record->cause == EndCause::kWithdrawn) OnOwnWithdrawal(*record, change);
}

// The session is here alone since its call, or has ended here since. But the group may have brought
// it back before the withdrawal arrived.
void Core::OnOwnWithdrawal(const EndRecord& record, const Change& change) {
  if (local_.Exists(record.id)) return;
  const auto is_listed = [&] {
    const MutexLock lock(&mutex_);
    return table_.Contains(record.id);
  };
  if (!is_listed()) return;
  std::shared_ptr<Session> session;
  {
    const MutexLock lock(&mutex_);
    session = table_.FindOrNew(record.id);
  }
  bool is_gone = false;
  // Whoever has its turn tells what becomes of it.
  if (session->order.TryLock()) {
    is_gone = is_listed() && ForgetIfGone(record.id, change.version);
    session->order.Unlock();
  } else {
    LookAgain();
  }
  {
    const MutexLock lock(&mutex_);
    table_.Release(session);
  }
  if (is_gone) TellGone(record.id);
}

bool Core::TellHeldEnds(bool all) {
  const ReplicaPtr in_group = replica();
  const uint64_t settled = in_group == nullptr || all ? UINT64_MAX : in_group->settled();
  std::vector<LateEnd> ends;
  bool holds_more = false;
  {
    const MutexLock lock(&mutex_);
    ends = open_ends_.TakeSettled(settled, Now());
    holds_more = open_ends_.HoldsAny();
  }
  for (LateEnd& end : ends) TellLate(std::move(end));
  return holds_more;
}

// Whether the session that has ended here is there all the same, in the group or here alone; not
// one that was made again of its id.
bool Core::WasTakenBack(const OpenEnd& end) const {
  const auto held = local_.Get(end.id);
  if (held.has_value() && held->contents.info.created == end.created) return true;
  const ReplicaPtr in_group = replica();
  if (in_group == nullptr) return false;
  const absl::StatusOr<Replica::Reading> there = in_group->Read(end.id);
  return there.ok() && there->contents.info.created == end.created;
}

void Core::TellLate(LateEnd late) {
  if (WasTakenBack(late.end)) return;
  const ReplicaPtr in_group = replica();
  const bool record_is_over = Now() + kRecordSlack >= late.written + kEndRecordTtl;
  // (Where the state is on its way, what was seen here is all that is known.)
  if (in_group != nullptr && !record_is_over &&
      absl::IsNotFound(in_group->GetRaw(late.key).status())) {
    // The group does not know of this end: it has ended the session by another one.
    if (ForgetIfGone(late.end.id)) TellGone(late.end.id);
    return;
  }
  if (late.end.cause == EndCause::kRenamed) {
    const MutexLock lock(&mutex_);
    const std::string& id = late.end.new_id;
    // It may have ended since, too. What a merge or the state may bring yet counts as there.
    const bool is_known = in_group == nullptr || (in_group->IsReadable() && !in_group->merging());
    const bool is_there = local_.Exists(id) || (in_group != nullptr && in_group->Exists(id));
    const bool may_come = !is_known && !gone_.contains(ToAbsl(id));
    if (is_there || may_come) table_.Add(id, Now());  // To be looked at.
    if (!is_there && may_come) LookAgain();
  }
  alarm_.Wake();
  ForgetIfGone(late.end.id, late.version);
  TellEnd(std::move(late.end), late.version);
}

}  // namespace cohort::session

// Who may write a session: claims, and the fence against writes that are based on what another
// member has changed since.
#include <string>
#include <utility>

#include "base/absl_bridge.h"
#include "session/core.h"

namespace cohort::session {
namespace {

constexpr int kClaimsMax = 4;  // In a row that other members were faster with.

absl::Status Fenced() {
  return absl::AbortedError(
      "another member has taken the session over and may have changed it: load it again");
}

}  // namespace

using runtime::MutexLock;

void Core::OnLoss(Session& session, const Version& version) {
  session.owned = false;
  session.lost = true;
  session.fence = ++next_fence_;
  session.seen = version;
}

// What another member wrote although this one owns the session comes from another side of the
// group. What this one wrote, and has not seen, had an unknown outcome: it is of the host.
bool Core::OnUnseen(Session& session, const Replica& replica, Owner owner, const Version& version) {
  if (session.owned && owner == Owner::kOther) {
    OnLoss(session, version);
    return true;
  }
  session.stale = true;
  if (!session.owned || replica.Wrote(version)) return false;
  session.fence = ++next_fence_;
  session.seen = version;
  return false;
}

absl::Status Core::Refused(std::string_view id, const absl::Status& status) {
  if (!absl::IsAborted(status)) return status;
  {
    const MutexLock lock(&mutex_);
    ++counts_.conflicts;
  }
  Tell(NewEvent(SessionEventKind::kConflict, id, /*here=*/true, std::string(status.message())));
  return status;
}

absl::Status Core::CheckFence(Session& session, const Replica& replica, Owner owner, uint64_t fence,
                              bool always) {
  if (always) return absl::OkStatus();
  const absl::StatusOr<Replica::Glance> glance = replica.Look(session.id);
  if (!glance.ok()) return glance.status();
  const MutexLock lock(&mutex_);
  const bool changed = glance->version != session.seen;
  if (owner == Owner::kSelf && session.owned) {
    if (changed) OnUnseen(session, replica, owner, glance->version);
    return fence == 0 || fence == session.fence ? absl::OkStatus() : Fenced();
  }
  // A member that comes back as a new one has lost what nobody touched only in name.
  if (session.owned && changed) OnLoss(session, glance->version);
  const bool is_old = fence != 0 && (fence != session.fence || changed);
  return session.lost || is_old ? Fenced() : absl::OkStatus();
}

absl::Status Core::Own(Session& session, Replica& replica, uint64_t fence, bool always) {
  for (int i = 0; i < kClaimsMax; ++i) {
    const Owner owner = replica.OwnerOf(session.id);
    if (owner == Owner::kNoSession) return absl::NotFoundError("no such session");
    if (absl::Status status = CheckFence(session, replica, owner, fence, always); !status.ok())
      return status;
    if (owner == Owner::kSelf) {
      bool knows = session.shape.has_value();
      {
        const MutexLock lock(&mutex_);
        knows = knows && session.owned && !session.stale;
      }
      return knows ? absl::OkStatus() : Learn(session, replica);
    }
    const absl::Status claimed = ClaimIt(session, replica, always ? 0 : fence);
    if (!absl::IsAborted(claimed) || claimed == Fenced()) return claimed;
  }
  return absl::AbortedError("other members keep claiming the session");
}

absl::Status Core::ClaimIt(Session& session, Replica& replica, uint64_t fence) {
  std::optional<Contents> before;
  if (fence != 0) {
    absl::StatusOr<Replica::Reading> reading = replica.Read(session.id);
    if (!reading.ok()) return reading.status();
    before = std::move(reading->contents);
    // Written after the fence was compared, and before this was read.
    const MutexLock lock(&mutex_);
    if (fence != session.fence || reading->version != session.seen) return Fenced();
  }
  const WriteResult claimed = replica.Claim(session.id);
  if (!claimed.ok()) return claimed.status;
  bool is_move = false;
  {
    const MutexLock lock(&mutex_);
    is_move = !session.owned;
    if (is_move) ++counts_.claims;
  }
  if (absl::Status status = Learn(session, replica); !status.ok()) return status;
  if (is_move) {
    Tell(NewEvent(SessionEventKind::kMoved, session.id, /*here=*/true,
                  "was written here for the first time"));
  }
  if (!before.has_value()) return absl::OkStatus();
  // What the owner before wrote last has arrived by now.
  const absl::StatusOr<Replica::Reading> after = replica.Read(session.id);
  if (!after.ok()) return after.status();
  if (after->contents.attributes == before->attributes &&
      after->contents.metadata == before->metadata)
    return absl::OkStatus();
  const MutexLock lock(&mutex_);
  session.fence = ++next_fence_;
  return Fenced();
}

absl::Status Core::Learn(Session& session, const Replica& replica) {
  const absl::StatusOr<Replica::Reading> reading = replica.Read(session.id);
  if (!reading.ok()) return reading.status();
  session.shape = Shape::Of(reading->contents);
  const absl::Time now = Now();
  const InfoRecord& info = reading->contents.info;
  const MutexLock lock(&mutex_);
  session.owned = true;
  session.lost = session.stale = false;
  session.seen = reading->version;
  session.bytes = session.shape->Bytes();
  if (session.fence == 0) session.fence = ++next_fence_;
  // The owner before may have known of a later access, but not of one later than this.
  const absl::Time accessed = reading->Accessed(now) + AccessSlack(info.max_inactive);
  session.accessed = std::max(session.accessed, std::min(now, accessed));
  session.interval = info.max_inactive;
  session.entry_ttl = info.EntryTtl();
  return absl::OkStatus();
}

}  // namespace cohort::session

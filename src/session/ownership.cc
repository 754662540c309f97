// Who may write a session: claims, and the fence against writes that are based on what another
// member has changed since.
#include <algorithm>
#include <string>
#include <utility>

#include "base/absl_bridge.h"
#include "session/core.h"
#include "session/event_texts.h"

namespace cohort::session {
namespace {

constexpr int kClaimsMax = 4;  // In a row that other members were faster with.

absl::Status Fenced() {
  return absl::AbortedError(
      "another member has taken the session over and may have changed it: load it again");
}

}  // namespace

using runtime::MutexLock;

void Core::Hold(Session& session, const Version& version) {
  session.owned = true;
  session.lost = session.stale = false;
  session.changes.reset();
  session.seen = version;
  session.bytes = session.shape->Bytes();
  if (session.fence == 0) session.fence = ++next_fence_;
  session.interval = session.shape->info.max_inactive;
  session.entry_ttl = session.shape->info.EntryTtl();
}

// The map ends an entry when its lifetime is over, which is told later.
bool Core::IsUntouched(const Session& session) const {
  return session.owned && !session.lost && !session.stale && session.changes.has_value() && on_ &&
         replica_ != nullptr && session.changes == replica_->CountChanges(session.id) &&
         session.access_told + session.interval > Now();
}

void Core::OnLoss(Session& session, const Version& version) {
  session.owned = false;
  session.lost = true;
  session.fence = ++next_fence_;
  session.seen = std::max(session.seen, version);
}

// What another member wrote although this one owns the session comes from another side of the
// group. What this one wrote, and has not seen, had an unknown outcome: it is of the host.
bool Core::OnUnseen(Session& session, const Replica& replica, Owner owner, const Version& version) {
  if (owner != Owner::kSelf) {
    OnLoss(session, version);
    return true;
  }
  session.stale = true;
  if (replica.Wrote(version)) return false;
  session.fence = ++next_fence_;
  session.seen = std::max(session.seen, version);
  return false;
}

// Under `primary` a member that is excluded takes over the state of a group that went on without
// its last writes. What this store has seen was in the map before, so what the map has now decides,
// unless a merge brings it back yet.
bool Core::OnRewound(Session& session, const Replica& replica) {
  if (!session.owned || replica.AwaitsMerge(session.id)) return false;
  const absl::StatusOr<Replica::Glance> glance = replica.Look(session.id);
  if (!glance.ok() || glance->version >= session.seen) return false;
  session.seen = Version::None();
  OnLoss(session, glance->version);
  return true;
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

void Core::TellLost(std::string_view id, bool was_rewound) {
  Tell(NewEvent(SessionEventKind::kMoved, id, /*here=*/false,
                was_rewound ? kRewoundText : "another member has taken it"));
}

absl::Status Core::CheckFence(Session& session, const Replica& replica, Owner owner, uint64_t fence,
                              bool always) {
  if (always) return absl::OkStatus();
  const absl::StatusOr<Replica::Glance> glance = replica.Look(session.id);
  if (!glance.ok()) return glance.status();
  bool was_lost = false;
  bool was_rewound = false;
  bool is_refused = false;
  {
    const MutexLock lock(&mutex_);
    if (session.owned && glance->version < session.seen) {
      was_rewound = OnRewound(session, replica);
      if (!was_rewound && replica.AwaitsMerge(session.id)) return StillMerging();
    }
    if (session.owned && (owner != Owner::kSelf || session.seen < glance->version))
      was_lost = OnUnseen(session, replica, owner, glance->version);
    // Of what is not owned here the claim will tell more.
    const bool changed = !session.owned && session.seen != glance->version;
    const bool is_old = fence != 0 && (fence != session.fence || changed);
    is_refused = session.lost || is_old;
  }
  // The feed, which comes later, finds it lost already.
  if (was_lost || was_rewound) TellLost(session.id, was_rewound);
  return is_refused ? Fenced() : absl::OkStatus();
}

absl::Status Core::Own(Session& session, Replica& replica, uint64_t fence, bool always) {
  for (int i = 0; i < kClaimsMax; ++i) {
    if (session.shape.has_value() && !always) {
      const MutexLock lock(&mutex_);
      if (IsUntouched(session))
        return fence == 0 || fence == session.fence ? absl::OkStatus() : Fenced();
    }
    // A claim that is made now would only seem to be the later one.
    if (replica.AwaitsMerge(session.id)) return StillMerging();
    const std::optional<uint64_t> changes = replica.CountChanges(session.id);
    const Owner owner = replica.OwnerOf(session.id);
    if (owner == Owner::kNoSession) {
      if (replica.merging()) return StillMerging();
      if (!replica.Exists(session.id)) return absl::NotFoundError("no such session");
      continue;
    }
    if (absl::Status status = CheckFence(session, replica, owner, fence, always); !status.ok())
      return status;
    bool is_owned = false;
    bool knows = session.shape.has_value();
    {
      const MutexLock lock(&mutex_);
      is_owned = owner == Owner::kSelf && session.owned;
      if (is_owned && !always && !session.unsure) session.changes = changes;
      knows = knows && !session.stale;
    }
    if (is_owned) return knows ? absl::OkStatus() : Learn(session, replica);
    // Also one that the map has as this member's: an earlier claim may not have been answered.
    const absl::Status claimed = ClaimIt(session, replica, owner, always ? 0 : fence);
    if (!absl::IsAborted(claimed) || claimed == Fenced()) return claimed;
  }
  return absl::AbortedError("other members keep claiming the session");
}

// When the claim is answered, all that the owner before has written is here. So what there is then
// is compared with what was loaded.
absl::Status Core::ClaimIt(Session& session, Replica& replica, Owner owner, uint64_t fence) {
  const WriteResult claimed = replica.Claim(session.id);
  if (!claimed.ok()) return claimed.status;
  if (absl::Status status = Learn(session, replica); !status.ok()) return status;
  if (owner != Owner::kSelf) {
    {
      const MutexLock lock(&mutex_);
      ++counts_.claims;
    }
    Tell(NewEvent(SessionEventKind::kMoved, session.id, /*here=*/true,
                  "was written here for the first time"));
  }
  const MutexLock lock(&mutex_);
  return fence == 0 || fence == session.fence ? absl::OkStatus() : Fenced();
}

absl::Status Core::Learn(Session& session, const Replica& replica) {
  const absl::StatusOr<Replica::Reading> reading = replica.Read(session.id);
  if (!reading.ok()) return reading.status();
  session.shape = Shape::Of(reading->contents);
  const absl::Time now = Now();
  const InfoRecord& info = reading->contents.info;
  const ContentHash held = HashOf(reading->contents);
  const MutexLock lock(&mutex_);
  if (!session.owned && session.held != held) session.fence = ++next_fence_;
  session.held = held;
  left_behind_.erase(session.id);  // It goes on in the group.
  Hold(session, reading->version);
  // The owner before may have known of a later access, but not of one later than this.
  const absl::Time accessed = reading->Accessed(now) + AccessSlack(info.max_inactive);
  session.accessed = std::max(session.accessed, std::min(now, accessed));
  return absl::OkStatus();
}

}  // namespace cohort::session

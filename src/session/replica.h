// The sessions of one application in a group: reads and writes of single sessions, as operations of
// the convergent map that holds them.
//
// Every write is one operation. Those by right fail with kAborted where another member owns the
// session when they leave, which is the fence against a member that was thought dead.
//
// Threads: any, no lock of its own. Writes block, unless they say otherwise.
#ifndef COHORT_SESSION_REPLICA_H_
#define COHORT_SESSION_REPLICA_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/replicated_map.h"
#include "cohort/session_store.h"
#include "session/environment.h"
#include "session/record.h"
#include "session/session_map.h"
#include "session/session_table.h"

namespace cohort::session {

std::string MapNameOf(std::string_view application);

absl::Status StillMerging();  // What is not found may come yet, or something later.

enum class Owner : uint8_t { kNoSession, kSelf, kOther, kNotInView };

class Replica {
 public:
  struct Reading {
    Contents contents;
    Version version;
    absl::Duration left;  // Of the entry's lifetime.
    absl::Time Accessed(absl::Time now) const;
  };
  // Without the contents.
  struct Glance {
    Version version;
    absl::Duration left;
  };

  // Opens the map. Errors: those of Home::open.
  static absl::StatusOr<std::shared_ptr<Replica>> Open(const Home& home,
                                                       const SessionStoreOptions& options,
                                                       const Environment& environment);
  Replica(const Home& home, std::shared_ptr<SessionMap> map, const SessionStoreOptions& options,
          uint64_t first_number);

  MemberId self() const { return map_->self(); }
  bool left() const { return map_->left(); }  // The group was left.
  bool IsOf(const Home& home) const { return home.key == home_; }
  const std::string& group() const { return group_; }  // Its name.
  // Whether this member has its complete state.
  bool IsReadable() const;
  // What is not found may come yet: a side of a partition is being merged.
  bool merging() const { return map_->merging(); }
  uint64_t settled() const { return map_->settled(); }  // As SessionMap::settled.
  // Of what is here of the session a merge brings what is later.
  bool AwaitsMerge(std::string_view id) const;
  bool Wrote(const Version& version) const { return map_->Wrote(version); }  // This member.
  // Runs `task` on the delivery thread.
  void Deliver(std::function<void()> task) const { map_->Deliver(std::move(task)); }
  // Where this member stands, from 0, among those of the view that may end the session `id` when
  // its owner has gone: members with equal views agree.
  size_t SuccessorPlace(std::string_view id) const;

  // ---- Reads. Errors: kNotFound; kDataLoss; kUnavailable.
  absl::StatusOr<Reading> Read(std::string_view id) const;
  absl::StatusOr<Glance> Look(std::string_view id) const;
  bool Exists(std::string_view id) const { return map_->Exists(SessionKey(id)); }
  Owner OwnerOf(std::string_view id) const;
  // What the session of this id is called now; empty: it was not renamed in the last minute.
  std::string NewIdOf(std::string_view id) const;
  // As SessionMap::CountChanges.
  std::optional<uint64_t> CountChanges(std::string_view id) const {
    return map_->CountChanges(SessionKey(id));
  }
  uint64_t Bytes() const { return map_->Bytes(); }
  MapDigest Digest() const { return map_->Digest(); }
  void ForEach(const std::function<void(std::string_view id, const Glance&)>& visit) const;

  // ---- Writes.
  // Begins it, or replaces what is there (`replaces`; by right).
  WriteResult Put(std::string_view id, const Contents& contents, bool replaces);
  // `changes` are within all limits. `info`: as they leave it.
  WriteResult Save(std::string_view id, const SessionChanges& changes, const InfoRecord& info,
                   DeltaHabit& deltas);
  // A save that is not waited for. It stays where it is until it is answered.
  struct Leaving {
    SessionChanges changes;  // Such that MayGoAsync().
    std::string key;
    std::vector<std::string> names;
    map::ConvergentRequest request;  // Borrows the rest.
  };
  // As Save; `leaving` has its changes. Error: of this process, and `done` is not called.
  absl::Status SaveAsync(std::string_view id, Leaving& leaving, DeltaHabit& deltas,
                         WriteCallback done);
  // Those that are one operation, and whose large values need not be looked at for deltas.
  static bool MayGoAsync(const SessionChanges& changes);
  WriteResult Claim(std::string_view id);
  // `end_key`: of the end record that goes with it, from NewEndKey().
  WriteResult Rename(std::string_view old_id, std::string_view new_id, const Contents& contents,
                     const std::string& end_key);
  WriteResult End(std::string_view id, EndCause cause, const std::string& end_key);
  std::string NewEndKey();
  // Not waited for.
  absl::Status Touch(std::string_view id, absl::Duration ttl);

  // What this member writes is known to who wrote it, but for the records of ends, and for what
  // begins: a call may have returned without knowing.
  // As SessionMap::Subscribe.
  Subscription Subscribe(std::function<void(const Change&)> on_change,
                         const SessionMap::Watchers& put_watchers) {
    return map_->Subscribe(std::move(on_change), put_watchers);
  }
  // The entry of an end record.
  absl::StatusOr<Entry> GetRaw(std::string_view key) const { return map_->Get(key); }

 private:
  WriteOptions ByRight() const;
  WriteResult PutAttributes(const map::AttributesOp& op, const WriteOptions& options,
                            DeltaHabit& deltas);
  // Also what is erased, and another lifetime.
  WriteResult SaveAll(std::string_view id, const SessionChanges& changes, const InfoRecord& info,
                      DeltaHabit& deltas);

  const void* const home_;
  const std::string group_;
  const std::shared_ptr<SessionMap> map_;
  const InstanceId instance_;
  const Ack ack_;
  const absl::Duration timeout_;
  const uint64_t first_number_;  // So that a process begun anew repeats no key.
  std::atomic<uint64_t> ends_{0};
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_REPLICA_H_

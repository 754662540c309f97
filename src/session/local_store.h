// Sessions that are in this process only: what a store without a group has, and what it keeps while
// replication is being switched.
//
// Threads: any; a leaf lock of its own.
#ifndef COHORT_SESSION_LOCAL_STORE_H_
#define COHORT_SESSION_LOCAL_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "cohort/session.h"
#include "runtime/mutex.h"
#include "session/record.h"

namespace cohort::session {

class LocalStore {
 public:
  struct Held {
    Contents contents;
    Version version;
    absl::Time accessed;
  };

  void Put(std::string_view id, Contents contents, absl::Time accessed);
  std::optional<Held> Get(std::string_view id) const;
  bool Exists(std::string_view id) const;
  // The version it has then; empty: there is none. `accessed`: InfinitePast(), it is no access.
  std::optional<Version> Change(std::string_view id, const SessionChanges& changes,
                                absl::Time accessed);
  std::optional<Held> Take(std::string_view id);
  // When its time is over; empty: there is none.
  std::optional<absl::Time> DueAt(std::string_view id) const;
  std::vector<std::string> Ids() const;
  size_t size() const;
  uint64_t bytes() const;

 private:
  struct Slot {
    Held held;
    size_t bytes = 0;
  };
  Slot* Find(std::string_view id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Version NextVersion() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable runtime::Mutex mutex_;
  absl::flat_hash_map<std::string, Slot> slots_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_LOCAL_STORE_H_

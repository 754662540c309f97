// Ends of sessions, and changes of their ids, that this store has written and does not know the
// outcome of yet. What takes effect after its caller was told "unknown" is told by the group, and
// nobody else would tell the host that it happened here.
//
// Not thread-safe. Limit: kOpenEndsMax of unknown outcome, for kOpenEndsTime each; beyond it the
// host is not told of those that take effect.
#ifndef COHORT_SESSION_OPEN_ENDS_H_
#define COHORT_SESSION_OPEN_ENDS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/session.h"
#include "session/record.h"

namespace cohort::session {

inline constexpr size_t kOpenEndsMax = 4096;
inline constexpr absl::Duration kOpenEndsTime = absl::Minutes(1);

// The end of one session, as its host is told.
struct OpenEnd {
  EndCause cause = EndCause::kInvalidated;
  std::string new_id;  // kRenamed.
  std::shared_ptr<const SessionSnapshot> session;
};

// The write was refused: it has no effect.
inline bool IsRefusal(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsAborted(status);
}

class OpenEnds {
 public:
  // Is about to be written. The caller has the session's turn until Settle().
  void Begin(std::string_view id, OpenEnd end, absl::Time now);
  // What the write has answered. True: the session has ended by this store's write, and the caller
  // tells so; false: it has not, or may yet.
  bool Settle(std::string_view id, const absl::Status& status);
  // The group tells that a write of this store has ended `id`: what is to be told, if its caller
  // will not.
  std::optional<OpenEnd> OnTold(std::string_view id);
  size_t size() const { return ends_.size(); }

 private:
  struct Slot {
    OpenEnd end;
    absl::Time until;
    bool is_open = false;    // Its call has not returned.
    bool is_unsure = false;  // An earlier one has, with an unknown outcome.
    bool has_happened = false;
  };
  absl::flat_hash_map<std::string, Slot> ends_;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_OPEN_ENDS_H_

// Ends of sessions, and changes of their ids, that this store has written and does not know the
// outcome of yet. What takes effect after its caller was told "unknown" is told by the group, and
// nobody else would tell the host that it happened here. Each is known by the key of its end
// record: there may be several of one session.
//
// An end of unknown outcome that has taken effect here can be taken back: the group may be going on
// without this member, whose next state or merge brings the session again. So it is held until it
// is settled, as SessionMap::IsSettled has it.
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
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/session.h"
#include "session/record.h"

namespace cohort::session {

inline constexpr size_t kOpenEndsMax = 4096;
inline constexpr absl::Duration kOpenEndsTime = absl::Minutes(1);

// The end of a session, as its host is told.
struct OpenEnd {
  std::string id;
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
  // Is about to be written. Settle() has to follow.
  void Begin(std::string_view key, OpenEnd end, absl::Time now);
  using IsSettled = absl::FunctionRef<bool(const Version&)>;
  // What the write has answered. True: it has taken effect, and the caller tells so; false: it has
  // not, or may yet, or is held.
  bool Settle(std::string_view key, const absl::Status& status, IsSettled is_settled);
  // The group tells that this end of this store has taken effect, as `version`: what is to be told,
  // if its caller will not, and it is not held.
  std::optional<OpenEnd> OnTold(std::string_view key, const Version& version, IsSettled is_settled);
  bool IsHeld(std::string_view id) const;  // An end of this session.
  bool HoldsAny() const;
  // Those of the held that are settled: they have taken effect if their sessions are not there.
  std::vector<OpenEnd> TakeSettled(IsSettled is_settled);
  size_t size() const { return ends_.size(); }
  size_t open() const;  // Their calls have not returned.

 private:
  struct Slot {
    OpenEnd end;
    absl::Time until;
    bool is_open = true;  // Its call has not returned.
    bool has_happened = false;
    Version version;  // As which it has.
    bool IsHeld() const { return !is_open && has_happened; }
  };
  absl::flat_hash_map<std::string, Slot> ends_;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_OPEN_ENDS_H_

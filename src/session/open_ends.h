// Ends of sessions, and changes of their ids, that this store has written and does not know the
// outcome of yet. What takes effect after its caller was told "unknown" is told by the group, and
// nobody else would tell the host that it happened here. Each is known by the key of its end
// record: there may be several of one session.
//
// A late end, of unknown outcome, that has taken effect here can be taken back: the group may be
// going on without this member, whose next state or merge brings the session again. So it is held
// until it is settled, as SessionMap::settled() has it, or for kOpenEndsTime.
//
// Not thread-safe. Limit: kOpenEndsMax of unknown outcome. Beyond it what has happened is told by
// its call, settled or not, and what has not is told by nobody.
#ifndef COHORT_SESSION_OPEN_ENDS_H_
#define COHORT_SESSION_OPEN_ENDS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
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
  absl::Time created;  // Of the session: one that is made again of its id is another.
};

struct LateEnd {
  std::string key;  // Of its end record.
  OpenEnd end;
  Version version;     // As which it took effect here.
  absl::Time written;  // By the group's clock its record is there for kEndRecordTtl.
};

// The write was refused: it has no effect.
inline bool IsRefusal(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsAborted(status);
}

class OpenEnds {
 public:
  // Is about to be written. Settle() has to follow.
  void Begin(std::string_view key, OpenEnd end, absl::Time now);
  // What the write has answered. True: it has taken effect, and the caller tells so; false: it has
  // not, or may yet, or is held. `settled`: SessionMap::settled().
  bool Settle(std::string_view key, const absl::Status& status, uint64_t settled);
  // The group tells that this end of this store has taken effect, as `version`: what is to be
  // looked at, if its caller will not tell it, and it is not held.
  std::optional<LateEnd> OnTold(std::string_view key, const Version& version, uint64_t settled);
  bool HoldsAny() const;
  absl::flat_hash_set<std::string> HeldIds() const;
  absl::flat_hash_set<std::string> OpenIds() const;  // Their calls have not returned.
  // Those of the held that are settled, or have been held for long.
  std::vector<LateEnd> TakeSettled(uint64_t settled, absl::Time now);
  // That session has ended by another end, which is told. `created`: where it is known.
  void DropHeld(std::string_view id, std::optional<absl::Time> created);
  size_t size() const { return ends_.size(); }
  size_t open() const;  // Their calls have not returned.

 private:
  struct Slot {
    OpenEnd end;
    absl::Time written;
    bool is_open = true;  // Its call has not returned.
    bool has_happened = false;
    Version version;  // As which it has.
    bool IsHeld() const { return !is_open && has_happened; }
    bool IsOld(absl::Time now) const { return written + kOpenEndsTime <= now; }
    LateEnd Take(std::string_view key) {
      return {std::string(key), std::move(end), version, written};
    }
  };
  absl::flat_hash_map<std::string, Slot> ends_;
};

}  // namespace cohort::session

#endif  // COHORT_SESSION_OPEN_ENDS_H_

// What the entries of a store's map hold: keys, names of attributes, and two records in bytes.
//
//   "s" ID       a session. Attributes of the entry: "i" its InfoRecord, "m" its metadata, and "a"
//                NAME each attribute of the session, as it is. Each is written apart. An entry
//                without "i" is no session: whatever was written to one that had ended meanwhile.
//   "e" UNIQUE   an EndRecord, which tells for a minute how a session ended or what it is called
//                now. Written by the operation that removes the session.
//   "n" ID       the id that the session of this one has now, as it is; for a minute. Written with
//                its end record, which is found by nobody who knows but the id.
//
// Records begin with their format. What is longer than a format says is refused, so a later format
// has a number of its own. All is little-endian.
#ifndef COHORT_SESSION_RECORD_H_
#define COHORT_SESSION_RECORD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/replicated_map.h"
#include "cohort/session.h"

namespace cohort::session {

inline constexpr std::string_view kInfoName = "i";
inline constexpr std::string_view kMetadataName = "m";
inline constexpr absl::Duration kEndRecordTtl = absl::Minutes(1);
inline constexpr absl::Duration kIntervalMax = absl::Hours(24 * 36500);

std::string SessionKey(std::string_view id);
// The id; empty: it is the key of something else.
std::optional<std::string_view> IdOfKey(std::string_view key);
bool IsEndKey(std::string_view key);
// Two numbers of the writer that come never again.
std::string EndKey(uint64_t writer, uint64_t number);
std::string NewIdKey(std::string_view old_id);
std::string AttributeName(std::string_view name);

// u8 format 1 | i64 created, ms since 1970 | i64 max_inactive ms, 0: never | i64 orphan ms.
struct InfoRecord {
  absl::Time created;
  absl::Duration max_inactive = absl::InfiniteDuration();
  absl::Duration orphan_time = absl::ZeroDuration();
  bool operator==(const InfoRecord&) const = default;
  // The lifetime that its entry has in the map.
  absl::Duration EntryTtl() const { return max_inactive + orphan_time; }
};
std::string Encode(const InfoRecord& info);
// Empty: these bytes are none.
std::optional<InfoRecord> DecodeInfo(std::string_view bytes);

enum class EndCause : uint8_t {
  kInvalidated = 1,
  kExpired = 2,
  kEvicted = 3,
  kRenamed = 4,
  kWithdrawn = 5,
};

// u8 format 1 | u8 cause | u16 id bytes | id | u16 new id bytes | new id.
struct EndRecord {
  EndCause cause = EndCause::kInvalidated;
  std::string id;
  std::string new_id;  // kRenamed.
  bool operator==(const EndRecord&) const = default;
};
std::string Encode(const EndRecord& end);
std::optional<EndRecord> DecodeEnd(std::string_view bytes);

// A whole session, wherever it is kept.
struct Contents {
  InfoRecord info;
  std::string metadata;
  std::map<std::string, std::string, std::less<>> attributes;
};
// From the attributes of an entry. Errors: kNotFound, it is no session; kDataLoss, its record is
// none of a known format.
absl::StatusOr<Contents> ContentsOf(std::vector<Attribute> entry);

// What a session counts (kSessionBytesMax).
inline size_t BytesOf(std::string_view name, size_t value_bytes) {
  return name.size() + value_bytes + kSessionAttributeOverheadBytes;
}
size_t BytesOf(const Contents& contents);
// Equal contents have equal hashes, and others do not, within one process. Versions do not tell as
// much: a write that arrives late may change the contents and leave the version as it is.
struct ContentHash {
  uint64_t high = 0;
  uint64_t low = 0;
  bool operator==(const ContentHash&) const = default;
};
ContentHash HashOf(const Contents& contents);

// Whole milliseconds, up; infinite where it never expires.
absl::Duration Interval(absl::Duration max_inactive);
// How much older than the truth what others know of its last access may be.
absl::Duration AccessSlack(absl::Duration max_inactive);

}  // namespace cohort::session

#endif  // COHORT_SESSION_RECORD_H_

// The last bytes of a convergent map's operation: when it was written, and which lives of entries
// its items write to. They are given when the message leaves, by what the writer holds then, so
// that an operation that waited in the send queue refers to nothing that was forgotten meanwhile
// (Spec 11.9).
//
// Layout, little-endian: for each item that needs it `u8 kind | u64 time | u64 writer`, then
// `u64 mark | u64 time | u16 lives`.
#ifndef COHORT_MAP_CONVERGENT_STAMP_H_
#define COHORT_MAP_CONVERGENT_STAMP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "base/buffer.h"
#include "map/types.h"

namespace cohort::map {

// What becomes of the life of an entry that an item writes to.
struct Life {
  enum class Kind : uint8_t {
    kNothing = 0,     // There is nothing to write to: the item does nothing.
    kGoesOn = 1,      // It began at `begun`, and goes on.
    kBegins = 2,      // One begins; nothing was known. Lives that begin at once become one.
    kBeginsAnew = 3,  // One begins where another is known to have ended.
  };
  Kind kind = Kind::kNothing;
  Version begun;
  bool operator==(const Life&) const = default;
};

struct ConvergentStamp {
  uint64_t time = 0;  // Hybrid logical. 0: the operation is void.
  uint64_t mark = 0;  // The writer's purge mark: what it does not know of before is over.
  absl::InlinedVector<Life, 2> lives;  // Of the items that need it, in order.
};

inline constexpr size_t kLifeBytes = 1 + 8 + 8;
inline constexpr size_t kStampFixedBytes = 8 + 8 + 2;
constexpr size_t StampBytes(size_t lives) { return kStampFixedBytes + lives * kLifeBytes; }

// `to` has StampBytes(stamp.lives.size()) bytes.
void EncodeStamp(const ConvergentStamp& stamp, std::span<std::byte> to);
// Splits a message into the operation's bytes and its stamp; empty when its end is malformed.
std::optional<std::pair<Bytes, ConvergentStamp>> ParseStamp(Bytes message);

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_STAMP_H_

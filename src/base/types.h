// Words every layer speaks: ranks, sequence numbers, delivery classes, addresses, members.
#ifndef COHORT_BASE_TYPES_H_
#define COHORT_BASE_TYPES_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.h"
#include "cohort/delivery_class.h"
#include "cohort/ids.h"
#include "cohort/view.h"

namespace cohort {

// Index of a member in its view, by seniority. Rank 0 coordinates and sequences.
using Rank = uint16_t;
inline constexpr Rank kNoRank =
    0xFFFF;  // Not a member; also "everybody" as a destination of frames.
inline constexpr Rank kAllRanks = 0xFFFF;

// Number of a chunk in its sender's stream inside one view; the first is 1. 48 bits on the wire,
// never wraps.
using SeqNo = uint64_t;
inline constexpr SeqNo kSeqNoMax = (uint64_t{1} << 48) - 1;

// Number of a cut: one decision of the sequencer, inside one view; the first is 1.
using CutNo = uint64_t;

// IPv4 or IPv6 address with port. IPv4 uses the first four bytes.
struct Address {
  std::array<uint8_t, 16> ip{};
  uint16_t port = 0;
  uint8_t family = 0;  // 0 none, 4 or 6.
  uint32_t scope =
      0;  // Interface index of a link-local IPv6 address; local to this host, never on the wire.
  auto operator<=>(const Address&) const = default;
  bool IsNone() const { return family == 0; }
  std::string ToString() const;  // "192.0.2.1:7600", "[fe80::1]:7600", or "none".
};

// What a view's proposal says of a member. Constant inside a view.
struct MemberInfo {
  MemberId id;
  std::string name;
  Address address;      // Of its unicast UDP port and its TCP port: one number.
  uint32_t weight = 0;  // Vote in a quorum; 0 while not synced (Policy::kPrimary).
  bool synced = false;
  uint64_t incarnation =
      0;  // Start time of its process: of two that use one name, the greater is the newer.
  // It never holds the state, and asks for none (Spec 4.88).
  bool without_data = false;
  // It may come to weigh something. False only of one without data: it watches, and no more.
  bool votes = true;
  bool operator==(const MemberInfo&) const = default;
};

}  // namespace cohort

#endif  // COHORT_BASE_TYPES_H_

// The registers of one entry of a convergent map, their bytes, and how two copies become one.
//
// Idea: every part of an entry that may be written apart is a register with the stamp of its last
// write; joining two copies takes the later one of each. Join is commutative, associative and
// idempotent, so it does not matter in which order, how often or by which way writes arrive.
// Docs: docs/protocol/convergent_map.md, clauses 11.1 to 11.4.
//
// Thread rule: values; what is borrowed belongs to the bytes it was parsed from.
#ifndef COHORT_MAP_CONVERGENT_ENTRY_H_
#define COHORT_MAP_CONVERGENT_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "base/buffer.h"
#include "map/entry.h"
#include "map/types.h"

namespace cohort::map {

// When a register was written, and by whom: times are hybrid logical ones, greater than all that
// the writer had applied.
using Stamp = Version;

// What a register was written with: which life of the entry it belongs to, and ends with, and when.
// The later life counts, then the later write: a life may be found to be over at any time, and what
// is written to it must not have displaced anything else.
struct Mark {
  Stamp life;  // When it began.
  Stamp stamp;
  auto operator<=>(const Mark&) const = default;
};

// The value of an entry as a whole is the attribute without a name.
struct Attribute {
  std::string_view name;
  std::string_view value;
  Mark mark;
  uint64_t view = 0;    // Number of the view it was written in.
  bool absent = false;  // Erased, and remembered so that an older write does not come back.
  bool operator==(const Attribute&) const = default;
};

// Which of two writes to one attribute stays.
bool IsLater(const Attribute& a, const Attribute& b);

// Who wrote to an entry last by right (Spec 11.20). Changed in total order only.
struct Ownership {
  uint64_t epoch = 0;   // 0: never claimed.
  uint64_t writer = 0;  // Of the claim: the member's WriterWord().
  auto operator<=>(const Ownership&) const = default;
};

struct Registers {
  Stamp floor;   // Of the last removal or replacement: lives that began before are over.
  Mark expired;  // The latest life and activity known to who found the entry expired.
  Ownership claim;
  Stamp created;  // When the latest life began; none when it is over.
  Mark ttl;
  uint64_t ttl_ms = 0;  // Of the last who set it; 0: none.
  Mark access;
  GroupTime accessed_at = 0;  // Of the last who said so.
  uint64_t view = 0;          // The highest number of a view in which something was written.
  absl::InlinedVector<Attribute, 8> attributes;  // By name.

  // A life that has expired is only hidden: whatever is later than the expiry shows it again.
  bool IsAlive() const {
    return created != Stamp() && (expired == Mark() || Mark{created, Activity()} > expired);
  }
  // Nothing but its end is known.
  bool IsEmpty() const { return created == Stamp() && attributes.empty() && claim.epoch == 0; }
  // Until the first claim who began the life.
  uint64_t Owner() const { return claim.epoch > 0 ? claim.writer : created.writer; }
  GroupTime ExpiresAt() const;  // 0: never.
  Stamp Activity() const;       // The latest of what keeps a life from expiring.
  Stamp Latest() const;         // Of all stamps here.
  const Attribute* Find(std::string_view name) const;  // Absent ones too.
  // Adds it, keeping names in order; of an attribute that is named twice the last one counts.
  void Add(const Attribute& attribute);
  // Raises the floor, and drops what is below.
  void RaiseFloor(const Stamp& stamp);
  // Drops markers of erased attributes that are not later than `upto`.
  void ForgetAbsent(uint64_t upto);
  // Drops the life, of which nothing is left to show.
  void DropContents();
  bool HasMarkers() const;  // Of erased attributes.
  // What it counts against the bound of an entry: its bytes at most, whoever has written what.
  size_t CountedBytes() const;
  // Whether this is nothing but a life, and an end of all that began before it, as a put makes it.
  bool IsOneLife() const;
  bool operator==(const Registers&) const = default;
};

// Spec 11.3. Borrows from both.
Registers Join(const Registers& a, const Registers& b);
// As Join(), without parsing well-formed bytes, where `life` is nothing but a life that begins
// after all that is in them, as a put makes it: then only their claim stays. Nothing where it is
// not.
std::optional<Registers> JoinIfOver(Bytes registers, const Registers& life);
// The same of an entry, whose value is not even read where the entry itself says enough.
std::optional<Registers> JoinIfOver(const Entry& entry, const Registers& life);

// Of an entry, and at most of each attribute besides its name and value (Spec 11.4).
inline constexpr size_t kRegistersHeaderBytes = 2 + 2 + 4 + 8 + 9 * 16 + 8 + 8;
inline constexpr size_t kAttributeBytes = 1 + 2 + 4 + 2 * 16 + 8;

// The bytes of 11.4. Equal registers have equal bytes.
Buffer EncodeRegisters(const Registers& registers);
// Empty when the bytes are not what EncodeRegisters() makes. Borrows from `bytes`.
std::optional<Registers> ParseRegisters(Bytes bytes);
// Of well-formed bytes, without parsing them.
bool HasMarkers(Bytes registers);
// The same: what Registers::CountedBytes() is more than its size.
uint32_t BytesLeftOut(Bytes registers);
// Whether well-formed bytes hold a claim.
bool HasClaim(Bytes registers);
// Of well-formed bytes, without parsing them: the claim, and Registers::Owner().
Ownership ClaimIn(Bytes registers);
uint64_t OwnerIn(Bytes registers);
// The same: when the latest life began. None where there is none.
Stamp CreatedIn(Bytes registers);
// Whether well-formed bytes hold a life or an attribute.
bool HasContents(Bytes registers);
// The attribute without a name in well-formed bytes, sharing them; empty if there is none.
Buffer UnnamedValueOf(const Buffer& registers);

// The value of an attribute that was parsed from `registers`, sharing their bytes.
Buffer ValueOf(const Attribute& attribute, const Buffer& registers);

// Whether this is one life (IsOneLife) that began with `begun`, and nobody claimed it.
bool IsNothingElse(const Registers& registers, const Version& begun);

// The entry that `registers` make; `version` is the greatest stamp that ever was in it.
Entry EntryOf(const Registers& registers, const Version& version);

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_ENTRY_H_

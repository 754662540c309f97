// Identities: of processes, of members, of views. Values; safe to copy and compare from any thread.
#ifndef COHORT_IDS_H_
#define COHORT_IDS_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "cohort/export.h"

namespace cohort {

// One process that is or was a member: 128 random bits drawn at its start. A restart is a new
// instance.
struct InstanceId {
  uint64_t hi = 0;
  uint64_t lo = 0;
  auto operator<=>(const InstanceId&) const = default;
  bool IsZero() const { return hi == 0 && lo == 0; }
  COHORT_EXPORT std::string ToString() const;  // 32 lower-case hexadecimal digits.
};

// One attempt of an instance to be in a group: the instance, and how often it has asked to join.
struct MemberId {
  InstanceId instance;
  uint32_t join_no = 0;
  auto operator<=>(const MemberId&) const = default;
  COHORT_EXPORT std::string ToString() const;  // First 8 digits of the instance, '/', join_no.
};

// A view's name. `num` grows along the history of each member; `cid` is 64 random bits of the
// proposal, so that two sides of a partition never give one id to two views.
struct ViewId {
  uint64_t num = 0;
  uint64_t cid = 0;
  auto operator<=>(const ViewId&) const = default;
  bool IsZero() const { return num == 0 && cid == 0; }
  COHORT_EXPORT std::string ToString() const;  // num, '-', first 6 hexadecimal digits of cid.
};

// Names one write of one key. Grows with every write of that key, alike on all members. None()
// means "absent".
struct Version {
  uint64_t time = 0;    // Hybrid logical time: Unix milliseconds << 16 | counter.
  uint64_t writer = 0;  // Settles equal times.
  auto operator<=>(const Version&) const = default;
  static constexpr Version None() { return {}; }
  COHORT_EXPORT std::string ToString() const;
};

}  // namespace cohort

template <>
struct std::hash<cohort::InstanceId> {
  size_t operator()(const cohort::InstanceId& id) const noexcept {
    return id.hi ^ (id.lo * 0x9E3779B97F4A7C15u);
  }
};

#endif  // COHORT_IDS_H_

// What this process is to its group at the moment, and which roles may follow which.
#ifndef COHORT_MEMBERSHIP_ROLE_H_
#define COHORT_MEMBERSHIP_ROLE_H_

#include <array>
#include <cstdint>
#include <variant>

#include "base/types.h"

namespace cohort::membership {

namespace role {

struct Idle {};  // Not started.
// Looks for a group. Hints that come in before `ask_from` wait: the last attempt has just failed.
struct Discovering {
  Instant ask_from;
};
// Has asked `whom` to let it in.
struct Joining {
  Address whom;
  Instant give_up_at;        // Moved on by each sign that the request is being dealt with ...
  Instant give_up_for_good;  // ... but not beyond this.
  uint32_t redirects = 0;
};
// In a view; whether that view is wedged or halted the view change knows.
struct InGroup {};
struct Leaving {
  Instant give_up_at;
};
// The group went on without it. Waits so long, then searches with what it carries.
struct Excluded {
  Duration wait{};
};
struct Left {};

}  // namespace role

using Role = std::variant<role::Idle, role::Discovering, role::Joining, role::InGroup,
                          role::Leaving, role::Excluded, role::Left>;
enum class RoleKind : uint8_t {
  kIdle,
  kDiscovering,
  kJoining,
  kInGroup,
  kLeaving,
  kExcluded,
  kLeft,
  kCount
};

inline RoleKind KindOf(const Role& role) { return static_cast<RoleKind>(role.index()); }

// Spec 4.60: row: from; column: to.
inline constexpr size_t kRoleCount = static_cast<size_t>(RoleKind::kCount);
inline constexpr std::array<std::array<bool, kRoleCount>, kRoleCount> kRoleMayFollow = {{
    // Idle  Disc.  Join.  InGr.  Leav.  Excl.  Left
    {false, true, false, false, false, false, true},    // Idle
    {false, false, true, true, false, false, true},     // Discovering
    {false, true, true, true, false, false, true},      // Joining
    {false, false, true, false, true, true, true},      // InGroup: to Joining by a merge
    {false, false, false, false, false, false, true},   // Leaving
    {false, true, true, false, false, false, true},     // Excluded
    {false, false, false, false, false, false, false},  // Left
}};
constexpr bool MayFollow(RoleKind from, RoleKind to) {
  return kRoleMayFollow[static_cast<size_t>(from)][static_cast<size_t>(to)];
}

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_ROLE_H_

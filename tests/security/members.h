// A few members of one group, as far as Security goes: who they are, and a view they share.
#ifndef COHORT_TESTS_SECURITY_MEMBERS_H_
#define COHORT_TESTS_SECURITY_MEMBERS_H_

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "security/security.h"

namespace cohort::security::testing {

inline GroupKey KeyOfByte(uint8_t seed) {
  GroupKey key;
  for (std::byte& byte : key.Fill()) byte = static_cast<std::byte>(seed++);
  return key;
}

inline MemberId IdOf(uint64_t number, uint32_t join_no = 1) {
  return {.instance = {.hi = 0xA000 + number, .lo = ~number}, .join_no = join_no};
}

inline ViewContext ViewOf(ViewId id, std::vector<MemberId> members, Rank self) {
  return {.id = id, .members = std::move(members), .self = self};
}

inline Security::Options OptionsOf(const MemberId& self) {
  return {.group = "group", .key = KeyOfByte(1), .epoch = 0, .self = self};
}

inline constexpr ViewId kView{.num = 7, .cid = 0xC1D};
inline const std::vector<MemberId> kMembers = {IdOf(0), IdOf(1), IdOf(2)};
inline const Address kSomewhere = ParseAddress("192.0.2.1:7600").value();

// The member of rank `self` in the view of three.
inline Security MemberOf(Rank self) {
  Security security(OptionsOf(kMembers[self]));
  security.SetViews(ViewOf(kView, kMembers, self), std::nullopt, {});
  return security;
}

using Datagram = std::vector<std::byte>;

inline Datagram SealText(Security& from, Rank to, std::string_view text,
                         ViewSlot slot = ViewSlot::kCurrent) {
  Datagram datagram;
  from.Seal(slot, to, AsBytes(text), datagram);
  return datagram;
}
inline Datagram SealToStranger(Security& from, std::string_view text,
                               std::optional<InstanceId> to = std::nullopt) {
  Datagram datagram;
  from.SealStranger(to, AsBytes(text), datagram);
  return datagram;
}
inline OpenResult Open(Security& at, const Datagram& datagram, Instant now = Instant()) {
  return at.Open(now, kSomewhere, datagram);
}
inline Verdict VerdictOf(Security& at, const Datagram& datagram, Instant now = Instant()) {
  const OpenResult result = Open(at, datagram, now);
  return result.ok() == (result.verdict == Verdict::kOk) ? result.verdict : Verdict::kCount;
}

}  // namespace cohort::security::testing

namespace cohort::security {
// For test output.
inline void PrintTo(Verdict verdict, std::ostream* out) { *out << ToString(verdict); }
}  // namespace cohort::security

#endif  // COHORT_TESTS_SECURITY_MEMBERS_H_

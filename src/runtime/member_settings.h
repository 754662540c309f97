// From what a user asks for to what the parts of a member need: every option judged once, with a
// message that names it.
#ifndef COHORT_RUNTIME_MEMBER_SETTINGS_H_
#define COHORT_RUNTIME_MEMBER_SETTINGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cohort/options.h"
#include "engine/options.h"
#include "runtime/endpoint.h"
#include "runtime/interfaces.h"
#include "runtime/seed.h"
#include "security/group_key.h"

namespace cohort::runtime {

struct MemberSettings {
  engine::EngineOptions engine;  // Without address and name, which the sockets settle, and without
                                 // seeds, which are looked up.
  std::vector<Seed> seeds;
  std::optional<security::GroupKey> key;
  InterfaceWish interface;
  Address multicast;  // None: without.
  UdpSocket::Options udp;
};

// Reads the key file. Errors: as Group::Join.
absl::StatusOr<MemberSettings> MakeMemberSettings(const GroupOptions& options);

// The multicast address and port that are asked for; the default is that of IP version `family`.
// Errors: kInvalidArgument.
absl::StatusOr<Address> MulticastAddress(const GroupOptions& options, uint8_t family);

// Chooses the interface, and an endpoint of it, shared or new; fills engine.address, engine.name
// and what else follows from them.
absl::StatusOr<EndpointLease> FindEndpoint(const GroupOptions& options, MemberSettings& settings);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MEMBER_SETTINGS_H_

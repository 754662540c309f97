// What the packet filter of this host would do to a packet: its rules are read as `nft -j list
// ruleset` prints them and followed for one packet that is described.
//
// Idea: a rule's conditions are true, false, or not known (limits, counters of matches, the
// sender's address, extensions of iptables). A drop whose conditions are true is an obstacle; one
// that some condition may keep from happening is a possible one. Rules beyond kRulesVisitedMax are
// not looked at.
#ifndef COHORT_TOOLS_FIREWALL_H_
#define COHORT_TOOLS_FIREWALL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "nlohmann/json.hpp"

namespace cohort::tools {

inline constexpr size_t kRulesVisitedMax = 20000;  // For one packet.

struct FilteredPacket {
  bool arriving = true;   // Else it leaves.
  std::string interface;  // It comes in by, or goes out of.
  std::string protocol;   // "udp", "tcp", "igmp".
  Address to;             // With the port; port 0 for a protocol without.
  Address from;           // None: anybody.
  bool IsMulticast() const;
};

struct Obstacle {
  bool certain = false;  // Else it depends on what is not known here.
  std::string chain;     // Of the hook: "inet filter input".
  std::string rule;      // In words of nft; of a chain: "policy drop".
  uint64_t handle = 0;   // 0: the chain's policy.
};

// The rules in the way of `packet`: for each chain of its hooks the first that is certain, or else
// the first that is possible.
std::vector<Obstacle> FindObstacles(const nlohmann::json& ruleset, const FilteredPacket& packet);

// Asks `nft`. Errors: kUnavailable where it is not installed or may not be used (it needs
// CAP_NET_ADMIN), kDataLoss if it does not answer in JSON.
absl::StatusOr<nlohmann::json> ReadRuleset();

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_FIREWALL_H_

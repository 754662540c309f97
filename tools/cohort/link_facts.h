// Network devices as the kernel describes them over rtnetlink, which, unlike /sys, always speaks of
// the network namespace that the asking process is in.
#ifndef COHORT_TOOLS_LINK_FACTS_H_
#define COHORT_TOOLS_LINK_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"

namespace cohort::tools {

struct LinkFacts {
  uint32_t index = 0;
  std::string name;
  std::string kind;     // "bridge", "veth", "tun", "wireguard" ...; empty for hardware.
  uint32_t mtu = 0;     // Bytes.
  uint32_t master = 0;  // Index of the bridge or bond it is a port of; 0: none.
  // Of bridges.
  bool snooping = false;       // Delivers multicast only where somebody was heard to join.
  bool querier = false;        // Asks for joins itself.
  bool querier_known = false;  // It, or somebody it hears, does.
};

// What a dump of RTM_NEWLINK messages says. Stops at the first message that is cut short.
std::vector<LinkFacts> ParseLinks(Bytes dump);
// Of this host; empty where the kernel does not answer.
std::vector<LinkFacts> ListLinks();

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_LINK_FACTS_H_

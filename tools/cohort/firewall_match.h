// One rule of nftables against one packet.
#ifndef COHORT_TOOLS_FIREWALL_MATCH_H_
#define COHORT_TOOLS_FIREWALL_MATCH_H_

#include <cstdint>
#include <string>

#include "firewall.h"
#include "nlohmann/json.hpp"

namespace cohort::tools {

enum class Truth : uint8_t { kNo, kUnknown, kYes };
inline Truth And(Truth a, Truth b) { return a < b ? a : b; }
inline Truth Not(Truth a) {
  return static_cast<Truth>(static_cast<int>(Truth::kYes) - static_cast<int>(a));
}

struct Verdict {
  enum class Kind : uint8_t { kNone, kDrop, kAccept, kReturn, kJump, kGoto, kUnknown };
  Kind kind = Kind::kNone;
  std::string target;  // Of a jump.
};

// Members of an object; null, or "", where there is none of that kind.
const nlohmann::json& Part(const nlohmann::json& object, const char* name);
std::string Text(const nlohmann::json& object, const char* name);

// Whether all conditions of `rule` hold. `objects` has the sets it names.
Truth Holds(const nlohmann::json& rule, const nlohmann::json& objects,
            const FilteredPacket& packet);
Verdict VerdictOf(const nlohmann::json& rule);
// As nft would print it, as far as we know its words.
std::string DescribeRule(const nlohmann::json& rule);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_FIREWALL_MATCH_H_

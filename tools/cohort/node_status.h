// What a member knows of itself and its group, as JSON and as Prometheus text.
#ifndef COHORT_TOOLS_NODE_STATUS_H_
#define COHORT_TOOLS_NODE_STATUS_H_

#include <string>
#include <vector>

#include "cohort/group.h"
#include "nlohmann/json.hpp"
#include "resp_service.h"

namespace cohort::tools {

struct NodeStatus {
  Group* group = nullptr;  // Null while joining.
  std::string group_name;
  std::string policy;
  std::string resp;
  bool without_data = false;
  std::vector<ReplicatedMap> maps;
  const RespStats* resp_stats = nullptr;

  // "joining" (no view yet, or not the whole state), "member", "halted" (no quorum), "rejoining"
  // (out of the group, and asks to be let in again: its view is the last one it was in), "left".
  std::string State() const;
  nlohmann::ordered_json ToJson() const;
  std::string ToPrometheus() const;
};

// The JSON of ToJson(), for people.
std::string DescribeStatus(const nlohmann::ordered_json& status);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_NODE_STATUS_H_

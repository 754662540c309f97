// Everything `cohort node` can be told.
#ifndef COHORT_TOOLS_NODE_OPTIONS_H_
#define COHORT_TOOLS_NODE_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "endpoint.h"
#include "group_flags.h"
#include "resp_service.h"

namespace cohort::tools {

enum class EventFormat : uint8_t { kNone, kText, kJson };

struct MapSpec {
  std::string name;
  MapOptions options;
};

// Checked and ready for use.
struct NodeOptions {
  GroupOptions group;
  std::vector<MapSpec> maps;
  RespOptions resp_options;
  std::optional<Endpoint> resp;
  std::optional<Endpoint> http;
  EventFormat events = EventFormat::kText;
  // Of a stop by a signal: longest wait for another member to hold everything. 0: does not wait.
  absl::Duration drain_timeout = absl::ZeroDuration();
};

// As written.
struct NodeFlags {
  GroupFlags group;
  std::vector<std::string> maps = {"main=ordered"};
  std::string ack = "all";
  std::string ack_timeout = "5s";
  std::string resp;
  std::string resp_password_file;
  size_t resp_clients_max = RespOptions().clients_max;
  std::string resp_write_timeout = "60s";
  std::string http;
  std::string events = "text";
  std::string drain_timeout = "0";
  bool without_data = false;
  bool print_config = false;

  void AddTo(CLI::App& app);
  // Errors: kInvalidArgument, naming the option; kNotFound, a file.
  absl::StatusOr<NodeOptions> ToOptions() const;
};

// "NAME", "NAME=ordered" or "NAME=convergent"; "+evict" behind the kind: WhenFull.
absl::StatusOr<MapSpec> ParseMapSpec(const std::string& text);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_NODE_OPTIONS_H_

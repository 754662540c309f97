// `cohort status`: what a running node sees.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "group_flags.h"
#include "http_server.h"
#include "node_status.h"

namespace cohort::tools {
namespace {

constexpr const char* kStatusExamples = R"(Examples:
  cohort status                          the node that serves --http 127.0.0.1:8080
  cohort status --http 10.0.0.5:8080     another one
  cohort status --http unix:/run/cohort.http.sock --json
)";

int FailStatus(const absl::Status& status) {
  std::fprintf(stderr, "cohort status: %s\n", std::string(status.message()).c_str());
  return kExitFailed;
}

}  // namespace

int RunStatus(int argc, char** argv) {
  CLI::App app("What a running node sees of its group.", "cohort status");
  std::string http = "127.0.0.1:8080";
  bool json = false;
  app.add_option("--http", http, "Where the node serves HTTP: HOST:PORT, :PORT or unix:PATH")
      ->envname("COHORT_HTTP")
      ->capture_default_str();
  app.add_flag("--json", json, "As JSON, with all counters");
  app.footer(kStatusExamples);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(http);
  if (!endpoint.ok()) return FailStatus(endpoint.status());
  const absl::StatusOr<std::string> answer = HttpGet(*endpoint, "/status");
  if (!answer.ok()) return FailStatus(answer.status());
  const auto status = nlohmann::ordered_json::parse(*answer, nullptr, false);
  if (status.is_discarded())
    return FailStatus(
        absl::DataLossError(absl::StrCat(http, " did not answer in JSON: not a cohort node?")));
  std::fputs(json ? answer->c_str() : DescribeStatus(status).c_str(), stdout);
  return kExitOk;
}

}  // namespace cohort::tools

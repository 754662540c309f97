// The HTTP door of a node: GET /status, /metrics, /healthz. For people and monitoring, not for
// data.
#ifndef COHORT_TOOLS_HTTP_SERVER_H_
#define COHORT_TOOLS_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "endpoint.h"
#include "node_status.h"

namespace cohort::tools {

class HttpServer {
 public:
  // Calls use(status) with the status of the moment, which stays valid during the call.
  using WithStatus = std::function<void(const std::function<void(const NodeStatus&)>& use)>;

  HttpServer();
  ~HttpServer();  // Stop().

  // Serves from now on with threads of its own ("cohort-http").
  absl::Status Start(const Endpoint& endpoint, WithStatus with_status);
  void Stop();
  const Endpoint& endpoint() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// GET `path` from a node's HTTP door. Errors in words.
absl::StatusOr<std::string> HttpGet(const Endpoint& endpoint, const std::string& path);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_HTTP_SERVER_H_

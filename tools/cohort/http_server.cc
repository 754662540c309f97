#include "http_server.h"

#include <httplib.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cohort::tools {
namespace {

constexpr size_t kThreads = 2;
constexpr const char* kIndex =
    "cohort node: see /status (JSON), /metrics (Prometheus), /healthz (200 while it may be used)\n";

}  // namespace

struct HttpServer::Impl {
  httplib::Server server;
  std::thread thread;
  Endpoint endpoint;
};

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {}
HttpServer::~HttpServer() { Stop(); }
const Endpoint& HttpServer::endpoint() const { return impl_->endpoint; }

absl::Status HttpServer::Start(const Endpoint& endpoint, WithStatus with_status) {
  httplib::Server& server = impl_->server;
  impl_->endpoint = endpoint;
  // Not the library's own choice, SO_REUSEPORT: with it two nodes would share a port unnoticed.
  server.set_socket_options([](int socket) {
    const int one = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  });
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_payload_max_length(4096);
  server.set_read_timeout(5, 0);
  server.set_write_timeout(5, 0);
  server.set_keep_alive_max_count(100);
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(kIndex, "text/plain");
  });
  server.Get("/status", [with_status](const httplib::Request&, httplib::Response& response) {
    with_status([&](const NodeStatus& status) {
      response.set_content(
          status.ToJson().dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
              "\n",
          "application/json");
    });
  });
  server.Get("/metrics", [with_status](const httplib::Request&, httplib::Response& response) {
    with_status([&](const NodeStatus& status) {
      response.set_content(status.ToPrometheus(), "text/plain; version=0.0.4; charset=utf-8");
    });
  });
  server.Get("/healthz", [with_status](const httplib::Request&, httplib::Response& response) {
    with_status([&](const NodeStatus& status) {
      const std::string state = status.State();
      response.status = state == "member" ? 200 : 503;
      response.set_content(state + "\n", "text/plain");
    });
  });
  bool bound = false;
  if (endpoint.IsUnix()) {
    RemoveStaleSocket(endpoint.path);
    server.set_address_family(AF_UNIX);
    bound = server.bind_to_port(endpoint.path.c_str(), 80);
  } else if (endpoint.port == 0) {
    const int port = server.bind_to_any_port(endpoint.host.c_str());
    bound = port > 0;
    impl_->endpoint.port = static_cast<uint16_t>(bound ? port : 0);
  } else {
    bound = server.bind_to_port(endpoint.host.c_str(), endpoint.port);
  }
  if (!bound) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen for HTTP on ", endpoint.ToString(),
        ": another process has it, or the address is not of this host; give --http another "
        "one (`ss -lntp` shows who has which)"));
  }
  impl_->thread = std::thread([this] {
    pthread_setname_np(pthread_self(), "cohort-http");
    impl_->server.listen_after_bind();
  });
  return absl::OkStatus();
}

void HttpServer::Stop() {
  if (!impl_->thread.joinable()) return;
  impl_->server.stop();
  impl_->thread.join();
  if (impl_->endpoint.IsUnix()) unlink(impl_->endpoint.path.c_str());
}

absl::StatusOr<std::string> HttpGet(const Endpoint& endpoint, const std::string& path) {
  const std::string host = endpoint.IsUnix() ? endpoint.path : endpoint.host;
  httplib::Client client(host, endpoint.IsUnix() ? 80 : endpoint.port);
  if (endpoint.IsUnix()) {
    client.set_address_family(AF_UNIX);
    client.set_default_headers({{"Host", "localhost"}});
  }
  client.set_connection_timeout(2, 0);
  client.set_read_timeout(5, 0);
  const httplib::Result result = client.Get(path.c_str());
  if (!result) {
    const bool refused = result.error() == httplib::Error::Connection;
    return absl::UnavailableError(absl::StrCat(
        "no answer from ", endpoint.ToString(), ": ",
        refused ? "nobody accepts connections there" : httplib::to_string(result.error()),
        "; start a node with --http ", endpoint.ToString(),
        ", or say with --http where it serves"));
  }
  if (result->status != 200) {
    return absl::UnavailableError(
        absl::StrCat(endpoint.ToString(), path, " answered ", result->status, ": ", result->body));
  }
  return result->body;
}

}  // namespace cohort::tools

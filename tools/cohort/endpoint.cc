#include "endpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "absl/strings/str_cat.h"
#include "asio/io_context.hpp"
#include "asio/local/stream_protocol.hpp"
#include "base/absl_bridge.h"

namespace cohort::tools {

bool Endpoint::IsLoopback() const {
  return IsUnix() || host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

std::string Endpoint::ToString() const {
  if (IsUnix()) return "unix:" + path;
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("'", ToAbsl(text), "' is not HOST:PORT, :PORT or unix:PATH"));
  };
  Endpoint endpoint;
  if (text.substr(0, 5) == "unix:") {
    endpoint.path = text.substr(5);
    if (endpoint.path.empty() || endpoint.path.size() > 100) return wrong();
    return endpoint;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  endpoint.host = host.empty() ? "127.0.0.1" : std::string(host);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return wrong();
  return endpoint;
}

void RemoveStaleSocket(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  asio::io_context io;
  asio::local::stream_protocol::socket probe(io);
  asio::error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (error == asio::error::connection_refused) unlink(path.c_str());
}

}  // namespace cohort::tools

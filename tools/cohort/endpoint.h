// Where a server of the program listens: "HOST:PORT", ":PORT", "[V6]:PORT" or "unix:PATH".
#ifndef COHORT_TOOLS_ENDPOINT_H_
#define COHORT_TOOLS_ENDPOINT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cohort::tools {

struct Endpoint {
  std::string path;  // Not empty: a Unix socket.
  std::string host;  // "127.0.0.1" when none was given.
  uint16_t port = 0;

  bool IsUnix() const { return !path.empty(); }
  bool IsLoopback() const;  // A Unix socket counts.
  std::string ToString() const;
};

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text);

// Removes the file of a Unix socket that nobody listens on any more: left over from a process that
// died. One that is served, and what is no socket, stays.
void RemoveStaleSocket(const std::string& path);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_ENDPOINT_H_

// Between Address, which the engine speaks, and sockaddr, which the kernel speaks; and host names
// as users write them.
#ifndef COHORT_RUNTIME_SOCKET_ADDRESS_H_
#define COHORT_RUNTIME_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"

namespace cohort::runtime {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const Address& address);
// None for a family that is neither IPv4 nor IPv6. Keeps the scope of link-local addresses only.
Address FromSocketAddress(const sockaddr* address);

// The parts of "HOST", "HOST:PORT", ":PORT", "[V6]", "[V6]:PORT" or a bare IPv6 address. `port` is
// 0 if there is none.
struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// Errors: kInvalidArgument; the text begins with `option`.
absl::StatusOr<HostPort> SplitHostPort(std::string_view option, std::string_view text);

// Addresses of a host name or number, of IP version `family` (4, 6; 0: either), in the resolver's
// order; blocks as long as the resolver does. Errors: kNotFound, kUnavailable (no name server
// answers).
absl::StatusOr<std::vector<Address>> Resolve(const HostPort& host, uint8_t family = 0);

// Whether `host` is an IP number, and which.
bool ParseIp(std::string_view host, Address* address);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_SOCKET_ADDRESS_H_

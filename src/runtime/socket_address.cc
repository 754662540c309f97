#include "runtime/socket_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/absl_bridge.h"

namespace cohort::runtime {
namespace {

bool IsLinkLocal(const in6_addr& ip) {
  return IN6_IS_ADDR_LINKLOCAL(&ip) || IN6_IS_ADDR_MC_LINKLOCAL(&ip);
}

bool ParsePort(std::string_view text, uint16_t* port) {
  if (text.empty() || text.size() > 5) return false;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 65535) return false;
  *port = static_cast<uint16_t>(value);
  return true;
}

}  // namespace

SocketAddress ToSocketAddress(const Address& address) {
  SocketAddress result;
  if (address.family == 4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(address.port);
    std::memcpy(&in->sin_addr, address.ip.data(), 4);
    result.size = sizeof(sockaddr_in);
  } else if (address.family == 6) {
    auto* in = reinterpret_cast<sockaddr_in6*>(&result.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(address.port);
    in->sin6_scope_id = address.scope;
    std::memcpy(&in->sin6_addr, address.ip.data(), 16);
    result.size = sizeof(sockaddr_in6);
  }
  return result;
}

Address FromSocketAddress(const sockaddr* address) {
  Address result;
  if (address == nullptr) return result;
  if (address->sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(address);
    result.family = 4;
    result.port = ntohs(in->sin_port);
    std::memcpy(result.ip.data(), &in->sin_addr, 4);
  } else if (address->sa_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(address);
    result.family = 6;
    result.port = ntohs(in->sin6_port);
    std::memcpy(result.ip.data(), &in->sin6_addr, 16);
    if (IsLinkLocal(in->sin6_addr)) result.scope = in->sin6_scope_id;
  }
  return result;
}

absl::StatusOr<HostPort> SplitHostPort(std::string_view option, std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return MakeStatus(absl::StatusCode::kInvalidArgument,
                      std::string(option) + ": '" + std::string(text) + "' " + std::string(why));
  };
  HostPort result;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("lacks the closing bracket");
    result.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return wrong("has text after the bracket");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') > 1) {
    result.host = text;  // A bare IPv6 address.
  } else {
    const size_t colon = text.find(':');
    result.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (has_port && !ParsePort(port, &result.port)) return wrong("has no port from 0 to 65535");
  return result;
}

bool ParseIp(std::string_view host, Address* address) {
  std::string text(host);
  uint32_t scope = 0;
  if (const size_t percent = text.find('%'); percent != std::string::npos) {
    const std::string name = text.substr(percent + 1);
    scope = if_nametoindex(name.c_str());
    if (scope == 0) {
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), scope);
      if (error != std::errc() || end != name.data() + name.size()) return false;
    }
    text.resize(percent);
  }
  Address result;
  if (scope == 0 && inet_pton(AF_INET, text.c_str(), result.ip.data()) == 1) {
    result.family = 4;
  } else if (inet_pton(AF_INET6, text.c_str(), result.ip.data()) == 1) {
    result.family = 6;
    result.scope = scope;
  } else {
    return false;
  }
  *address = result;
  return true;
}

absl::StatusOr<std::vector<Address>> Resolve(const HostPort& host, uint8_t family) {
  addrinfo hints{};
  hints.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.host.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<Address> result;
  if (error == 0) {
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
      Address address = FromSocketAddress(entry->ai_addr);
      if (address.IsNone()) continue;
      address.port = host.port;
      if (std::find(result.begin(), result.end(), address) == result.end()) {
        result.push_back(address);
      }
    }
  }
  if (result.empty()) {
    const auto code =
        error == EAI_AGAIN ? absl::StatusCode::kUnavailable : absl::StatusCode::kNotFound;
    return MakeStatus(code, "host '" + host.host + "' is not known: " +
                                (error == EAI_AGAIN ? "no name server answers"
                                 : error != 0       ? gai_strerror(error)
                                                    : "it has no IP address"));
  }
  return result;
}

}  // namespace cohort::runtime

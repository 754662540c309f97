#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace cohort {
namespace {

// A decimal number as we print it: digits only, no leading zero, at most `max`.
std::optional<uint32_t> ParseNumber(std::string_view text, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return value;
}

bool ParseIp(int family, std::string_view text, std::array<uint8_t, 16>& ip) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof terminated) return false;
  if (text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated);
  return inet_pton(family, terminated, ip.data()) == 1;
}

bool ParseHost4(std::string_view host, Address& address) {
  address.family = 4;
  return ParseIp(AF_INET, host, address.ip);
}

// `host` is what stands between the brackets.
bool ParseHost6(std::string_view host, Address& address) {
  address.family = 6;
  if (const size_t percent = host.find('%'); percent != std::string_view::npos) {
    const auto scope = ParseNumber(host.substr(percent + 1), 0xFFFFFFFF);
    if (!scope || *scope == 0) return false;
    address.scope = *scope;
    host = host.substr(0, percent);
  }
  return ParseIp(AF_INET6, host, address.ip);
}

}  // namespace

std::optional<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = ParseNumber(text.substr(colon + 1), 0xFFFF);
  if (!port || host.empty()) return std::nullopt;

  Address address;
  address.port = static_cast<uint16_t>(*port);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  const bool parsed =
      bracketed ? ParseHost6(host.substr(1, host.size() - 2), address) : ParseHost4(host, address);
  if (!parsed) return std::nullopt;
  return address;
}

std::string Address::ToString() const {
  if (family != 4 && family != 6) return "none";
  char host[INET6_ADDRSTRLEN] = {};
  inet_ntop(family == 4 ? AF_INET : AF_INET6, ip.data(), host, sizeof host);
  std::string text;
  if (family == 6) text += '[';
  text += host;
  if (family == 6 && scope != 0) text.append(1, '%').append(std::to_string(scope));
  if (family == 6) text += ']';
  text += ':';
  text += std::to_string(port);
  return text;
}

}  // namespace cohort

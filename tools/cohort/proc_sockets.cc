#include "proc_sockets.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>

namespace cohort::tools {
namespace {

constexpr std::string_view kListening = "0A";

std::optional<uint32_t> Hex(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0100007F:1DB0": the address in words of 32 bits as this host keeps them, the port as a number.
std::optional<Address> ParseLocal(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  Address address;
  address.family = colon == 8 ? 4 : 6;
  for (size_t word = 0; word < colon / 8; ++word) {
    const std::optional<uint32_t> value = Hex(text.substr(word * 8, 8));
    if (!value) return std::nullopt;
    std::memcpy(address.ip.data() + word * 4, &*value, 4);
  }
  const std::optional<uint32_t> port = Hex(text.substr(colon + 1));
  if (!port || *port > 0xFFFF) return std::nullopt;
  address.port = static_cast<uint16_t>(*port);
  return address;
}

bool IsAny(const Address& address) {
  return std::all_of(address.ip.begin(), address.ip.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::vector<BoundSocket> ParseProcSockets(const std::string& table) {
  std::vector<BoundSocket> sockets;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, local, remote, state;
    fields >> number >> local >> remote >> state;
    const std::optional<Address> address = ParseLocal(local);
    if (fields && address) sockets.push_back({*address, state == kListening});
  }
  return sockets;
}

bool IsTaken(const std::vector<BoundSocket>& sockets, const Address& wanted, bool listening_only) {
  return std::any_of(sockets.begin(), sockets.end(), [&](const BoundSocket& socket) {
    if (socket.local.port != wanted.port || (listening_only && !socket.listening)) return false;
    return IsAny(socket.local) ||
           (socket.local.family == wanted.family && socket.local.ip == wanted.ip);
  });
}

bool IsTaken(const std::string& protocol, const Address& wanted) {
  for (const char* suffix : {"", "6"}) {
    std::ifstream file("/proc/net/" + protocol + suffix);
    const std::string table((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    if (IsTaken(ParseProcSockets(table), wanted, protocol == "tcp")) return true;
  }
  return false;
}

}  // namespace cohort::tools

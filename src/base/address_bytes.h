// Addresses in messages: the 4 or 16 bytes of the IP, then the port, little-endian. The scope of a
// link-local address means nothing on another host and is not sent.
#ifndef COHORT_BASE_ADDRESS_BYTES_H_
#define COHORT_BASE_ADDRESS_BYTES_H_

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace cohort {

inline std::string EncodeAddress(const Address& address) {
  const size_t length = address.family == 4 ? 4 : address.family == 6 ? 16 : 0;
  if (length == 0) return {};
  std::string bytes(address.ip.begin(), address.ip.begin() + static_cast<std::ptrdiff_t>(length));
  bytes.push_back(static_cast<char>(address.port & 0xFF));
  bytes.push_back(static_cast<char>(address.port >> 8));
  return bytes;
}

// Empty for any other length, for port 0, and for the unspecified address.
inline std::optional<Address> DecodeAddress(std::string_view bytes) {
  if (bytes.size() != 6 && bytes.size() != 18) return std::nullopt;
  Address address;
  const size_t length = bytes.size() - 2;
  address.family = length == 4 ? 4 : 6;
  for (size_t i = 0; i < length; ++i) address.ip[i] = static_cast<uint8_t>(bytes[i]);
  address.port = static_cast<uint16_t>(static_cast<uint8_t>(bytes[length]) |
                                       static_cast<uint8_t>(bytes[length + 1]) << 8);
  const bool unspecified =
      std::all_of(address.ip.begin(), address.ip.end(), [](uint8_t byte) { return byte == 0; });
  if (address.port == 0 || unspecified) return std::nullopt;
  return address;
}

}  // namespace cohort

#endif  // COHORT_BASE_ADDRESS_BYTES_H_

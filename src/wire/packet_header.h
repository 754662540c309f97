// The clear header of a packet: all that is read before a datagram is authenticated. It is
// authenticated data of the AEAD, so every byte of it is protected. 28 bytes, and 16 more (the
// sender's instance) in packets of non-members.
#ifndef COHORT_WIRE_PACKET_HEADER_H_
#define COHORT_WIRE_PACKET_HEADER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "base/types.h"
#include "wire/limits.h"

namespace cohort::wire {

enum class PacketType : uint8_t {
  kMulticast = 0,  // A member to its view.
  kUnicast = 1,    // A member to one member of its view.
  kStranger = 2,   // To or from somebody who shares no view: discovery, joining.
};

struct PacketHeader {
  enum Flag : uint8_t {
    kPlaintext = 1 << 0,  // No encryption and no tag. Never mixes with packets that have them.
    kAddressed = 1 << 1,  // kStranger only: bound to one receiver's instance.
  };
  PacketType type = PacketType::kMulticast;
  uint8_t flags = 0;
  uint8_t key_slot = 0;  // Low 8 bits of the key epoch: a hint, the epoch itself is in the subkey.
  uint32_t group_tag = 0;  // Keyed hash of the group's name.
  uint32_t view_tag = 0;   // Keyed hash of the ViewId; 0 in packets of non-members.
  Rank rank = 0;           // The sender's, in that view. Members only.
  uint32_t join_no =
      0;  // The sender's: low 16 bits in packets of members, all 32 in those of non-members.
  uint64_t packet_number = 0;  // From 1, never used twice under one subkey.
  uint16_t length = 0;         // Bytes after the header(s), tag included.
  InstanceId instance;         // Of the sender. Non-members only.

  bool operator==(const PacketHeader&) const = default;
  size_t Size() const {
    return type == PacketType::kStranger ? kStrangerHeaderBytes : kPacketHeaderBytes;
  }
};

enum class HeaderVerdict : uint8_t {
  kOk,
  kMalformed,     // Too short, no magic number, unknown type or flag, reserved bits, wrong length.
  kWrongVersion,  // The magic number is there, the version is not ours.
};
struct ParsedHeader {
  HeaderVerdict verdict = HeaderVerdict::kMalformed;
  PacketHeader header;
};

// Reads the header of a whole datagram and checks that `length` is what is there.
ParsedHeader ParsePacketHeader(Bytes datagram);

// The group tag alone, of whatever may be a packet of this version: enough to find the group that
// judges it.
std::optional<uint32_t> PeekGroupTag(Bytes datagram);

// Writes header.Size() bytes at the start of `out`. False, with nothing written, when `out` is
// shorter or a field does not fit.
bool SerializePacketHeader(const PacketHeader& header, MutableBytes out);

// In words, on one line.
std::string ToString(const PacketHeader& header);

}  // namespace cohort::wire

#endif  // COHORT_WIRE_PACKET_HEADER_H_

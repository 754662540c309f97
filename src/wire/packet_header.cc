#include "wire/packet_header.h"

#include <cinttypes>
#include <cstdio>

#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::wire {
namespace {

constexpr uint8_t kKnownFlags = PacketHeader::kPlaintext | PacketHeader::kAddressed;
// magic, version and type, flags, key slot, group tag, view tag, rank and join_no, packet number,
// length, reserved
static_assert(1 + 1 + 1 + 1 + 4 + 4 + 4 + 8 + 2 + 2 == kPacketHeaderBytes);
static_assert(kStrangerHeaderBytes == kPacketHeaderBytes + sizeof(InstanceId));
static_assert(kWireVersion <= 0xF);

bool IsStranger(const PacketHeader& header) { return header.type == PacketType::kStranger; }

// What a sender and a receiver hold a header to alike.
bool IsValid(const PacketHeader& header) {
  if (header.type > PacketType::kStranger || (header.flags & ~kKnownFlags) != 0) return false;
  if (header.packet_number == 0) return false;
  if (IsStranger(header)) return header.view_tag == 0 && header.rank == 0;
  return (header.flags & PacketHeader::kAddressed) == 0 && header.instance.IsZero() &&
         header.join_no <= 0xFFFF;
}

}  // namespace

ParsedHeader ParsePacketHeader(Bytes datagram) {
  ParsedHeader parsed;
  if (datagram.size() < kPacketHeaderBytes || datagram.size() > kJumboDatagramMax) return parsed;
  ByteReader reader(datagram);
  if (reader.ReadU8() != kMagic) return parsed;
  const uint8_t version_and_type = reader.ReadU8();
  if (version_and_type >> 4 != kWireVersion) {
    parsed.verdict = HeaderVerdict::kWrongVersion;
    return parsed;
  }
  PacketHeader& header = parsed.header;
  header.type = static_cast<PacketType>(version_and_type & 0xF);
  header.flags = reader.ReadU8();
  header.key_slot = reader.ReadU8();
  header.group_tag = reader.ReadU32();
  header.view_tag = reader.ReadU32();
  if (IsStranger(header)) {
    if (datagram.size() > kDatagramMax) return parsed;
    header.join_no = reader.ReadU32();
  } else {
    header.rank = reader.ReadU16();
    header.join_no = reader.ReadU16();
  }
  header.packet_number = reader.ReadU64();
  header.length = reader.ReadU16();
  const bool reserved_is_zero = reader.ReadU16() == 0;
  if (IsStranger(header)) {
    header.instance.hi = reader.ReadU64();
    header.instance.lo = reader.ReadU64();
  }
  if (reader.ok() && reserved_is_zero && IsValid(header) && header.length == reader.left()) {
    parsed.verdict = HeaderVerdict::kOk;
  }
  return parsed;
}

std::optional<uint32_t> PeekGroupTag(Bytes datagram) {
  if (datagram.size() < kPacketHeaderBytes) return std::nullopt;
  ByteReader reader(datagram);
  if (reader.ReadU8() != kMagic || reader.ReadU8() >> 4 != kWireVersion) return std::nullopt;
  reader.ReadU16();  // Flags and key slot.
  return reader.ReadU32();
}

bool SerializePacketHeader(const PacketHeader& header, MutableBytes out) {
  if (!IsValid(header) || out.size() < header.Size()) return false;
  ByteWriter writer(out);
  writer.WriteU8(kMagic);
  writer.WriteU8(static_cast<uint8_t>(kWireVersion << 4 | static_cast<uint8_t>(header.type)));
  writer.WriteU8(header.flags);
  writer.WriteU8(header.key_slot);
  writer.WriteU32(header.group_tag);
  writer.WriteU32(header.view_tag);
  if (IsStranger(header)) {
    writer.WriteU32(header.join_no);
  } else {
    writer.WriteU16(header.rank);
    writer.WriteU16(static_cast<uint16_t>(header.join_no));
  }
  writer.WriteU64(header.packet_number);
  writer.WriteU16(header.length);
  writer.WriteU16(0);
  if (IsStranger(header)) {
    writer.WriteU64(header.instance.hi);
    writer.WriteU64(header.instance.lo);
  }
  return writer.ok();
}

std::string ToString(const PacketHeader& header) {
  constexpr const char* kTypes[] = {"multicast", "unicast", "stranger"};
  char sender[64];
  if (IsStranger(header)) {
    std::snprintf(sender, sizeof sender, "%016" PRIx64 "%016" PRIx64 "/%u", header.instance.hi,
                  header.instance.lo, header.join_no);
  } else {
    std::snprintf(sender, sizeof sender, "rank %u join %u of view tag %08x", header.rank,
                  header.join_no, header.view_tag);
  }
  char text[256];
  std::snprintf(
      text, sizeof text, "%s #%" PRIu64 " from %s, group tag %08x, key slot %u, %u bytes%s%s",
      header.type > PacketType::kStranger ? "?" : kTypes[static_cast<size_t>(header.type)],
      header.packet_number, sender, header.group_tag, header.key_slot, header.length,
      (header.flags & PacketHeader::kPlaintext) != 0 ? ", plaintext" : "",
      (header.flags & PacketHeader::kAddressed) != 0 ? ", addressed" : "");
  return text;
}

}  // namespace cohort::wire

// Every size the wire knows. Each is enforced when parsing and tested; docs/wire_format.md lists
// them for readers.
#ifndef COHORT_WIRE_LIMITS_H_
#define COHORT_WIRE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace cohort::wire {

inline constexpr uint8_t kMagic = 0xC7;
inline constexpr uint8_t kWireVersion = 1;
inline constexpr size_t kPacketHeaderBytes = 28;
inline constexpr size_t kStrangerHeaderBytes =
    kPacketHeaderBytes + 16;             // Plus the instance, for packets of non-members.
inline constexpr size_t kTagBytes = 16;  // AES-256-GCM.
inline constexpr size_t kDatagramMax =
    1472;  // MTU 1500 less IPv4 and UDP headers; IPv6 uses kDatagramMax6.
inline constexpr size_t kDatagramMax6 = 1452;
// Frames of one packet. Sized for IPv6 so that one chunk fits either family.
inline constexpr size_t kPacketFramesMax = kDatagramMax6 - kPacketHeaderBytes - kTagBytes;  // 1408
inline constexpr size_t kStrangerFramesMax =
    kDatagramMax6 - kStrangerHeaderBytes - kTagBytes;  // 1392
inline constexpr size_t kFrameHeaderBytes = 4;
inline constexpr size_t kDataHeaderBytes = 16;  // Frame header included.
inline constexpr size_t kChunkPayloadMax = kPacketFramesMax - kDataHeaderBytes;  // 1392
// Large datagrams, for chunks that all members are known to get (Spec 5.24): MTU 9000.
inline constexpr size_t kJumboDatagramMax = 8972;   // Received; IPv4.
inline constexpr size_t kJumboDatagramMax6 = 8952;  // Sent; fits either family.
inline constexpr size_t kJumboFramesMax = kJumboDatagramMax6 - kPacketHeaderBytes - kTagBytes;
inline constexpr size_t kJumboPayloadMax = kJumboFramesMax - kDataHeaderBytes;  // 8892
// A large chunk is repeated in pieces; each but the last has as many bytes as a small chunk.
inline constexpr size_t kPieceBytes = kChunkPayloadMax;
inline constexpr size_t kPiecesMax = (kJumboPayloadMax + kPieceBytes - 1) / kPieceBytes;  // 7
// What a chunk counts in credit and windows (Spec 5.28).
constexpr size_t PacketsOf(size_t payload_bytes) {
  return payload_bytes <= kPieceBytes ? 1 : (payload_bytes + kPieceBytes - 1) / kPieceBytes;
}
inline constexpr size_t kControlBodyMax =
    kDatagramMax6 - kStrangerHeaderBytes - kTagBytes - kFrameHeaderBytes - 4;
inline constexpr size_t kStatusVectorMax = 128;  // Entries of one STATUS; larger groups split.
inline constexpr size_t kNakRangesMax = 128;
inline constexpr size_t kHearWordsMax = 16;  // 1024 members.
inline constexpr size_t kMembersMax = 1024;
inline constexpr size_t kStreamMessageMax =
    size_t{64} << 20;                         // One message of a lifeline, its header not counted.
inline constexpr size_t kMemberNameMax = 64;  // Bytes.
inline constexpr size_t kGroupNameMax = 64;

}  // namespace cohort::wire

#endif  // COHORT_WIRE_LIMITS_H_

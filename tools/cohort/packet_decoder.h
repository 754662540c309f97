// Packets and frames as words, for `cohort decode`.
#ifndef COHORT_TOOLS_PACKET_DECODER_H_
#define COHORT_TOOLS_PACKET_DECODER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "cohort/ids.h"
#include "security/key_derivation.h"

namespace cohort::tools {

// What is needed to open a sealed packet beyond the packet itself.
struct DecodeKeys {
  const security::KeyDerivation* derivation = nullptr;  // None: only plaintext packets are opened.
  std::optional<ViewId> view;          // A member's packets are bound to their view ...
  std::optional<InstanceId> sender;    // ... and name their sender by rank only.
  std::optional<InstanceId> receiver;  // A unicast is bound to its receiver.
};

// One line a header or frame; what cannot be understood is told in words too.
std::string DescribePacket(Bytes packet, const DecodeKeys& keys);
// The frames of an opened packet.
std::string DescribeFrames(Bytes plaintext);

// Hexadecimal digits, with blanks and line ends anywhere; "0x" before it is fine.
absl::StatusOr<std::string> ParseHex(std::string_view text);
// 32 hexadecimal digits.
absl::StatusOr<InstanceId> ParseInstance(std::string_view text);
// NUM-CID with CID in 16 hexadecimal digits.
absl::StatusOr<ViewId> ParseView(std::string_view text);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_PACKET_DECODER_H_

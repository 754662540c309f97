// The sending side of one attempt of this instance to be in a group: per channel the subkey and the
// next packet number. A number is used once; what is sent again goes out as a new packet under a
// new number.
#ifndef COHORT_SECURITY_PACKET_SEALER_H_
#define COHORT_SECURITY_PACKET_SEALER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/types.h"
#include "security/key_derivation.h"
#include "security/packet_cipher.h"
#include "wire/packet_header.h"

namespace cohort::security {

inline constexpr uint64_t kRekeyAfterPackets = uint64_t{1} << 30;
inline constexpr uint64_t kPacketNumberMax = (uint64_t{1} << 48) - 1;
inline constexpr size_t kChannels = 3;
// Header, ViewId and receiver: the most the AEAD authenticates without encrypting.
inline constexpr size_t kAssociatedMax = wire::kStrangerHeaderBytes + 16 + 16;

// What a packet is bound to beyond its header.
struct Binding {
  const ViewId* view = nullptr;          // Members' packets.
  const InstanceId* receiver = nullptr;  // Unicast and addressed packets.
};
// Writes header bytes, view and receiver one after the other; returns their length.
size_t WriteAssociated(Bytes header, const Binding& binding,
                       std::array<std::byte, kAssociatedMax>& out);

class PacketSealer {
 public:
  // `first_number` is 1 except in tests of the limits.
  PacketSealer(const MemberId& self, uint64_t first_number);

  // Appends header, ciphertext and tag (with `keys` null: header and plaintext) to `arena`; fills
  // in header.packet_number and length. 0 when the subkey is used up or the frames are too long:
  // nothing is appended then.
  size_t Seal(const KeyDerivation* keys, KeyEpoch epoch, wire::PacketHeader header,
              const Binding& binding, Bytes frames, std::vector<std::byte>& arena);

  const MemberId& self() const { return self_; }
  bool NeedsRekey() const;

 private:
  struct ChannelState {
    std::unique_ptr<PacketCipher> cipher;
    uint64_t next_number = 1;
  };
  MemberId self_;
  std::array<ChannelState, kChannels> channels_;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_PACKET_SEALER_H_

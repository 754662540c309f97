// The receiving side of one sender: per channel its subkey and which packet numbers were seen.
// Lives as long as any view we know has the member, so numbers stay used across views.
#ifndef COHORT_SECURITY_PACKET_OPENER_H_
#define COHORT_SECURITY_PACKET_OPENER_H_

#include <array>
#include <memory>

#include "base/types.h"
#include "security/key_derivation.h"
#include "security/packet_cipher.h"
#include "security/packet_sealer.h"
#include "security/replay_window.h"

namespace cohort::security {

class PacketOpener {
 public:
  explicit PacketOpener(const MemberId& sender) : sender_(sender) {}

  bool IsFresh(wire::PacketType channel, uint64_t number) const;
  // Opens `body` (ciphertext and tag) of a fresh packet into `out` and, when authentic, records its
  // number. With `keys` null the body is plaintext and only copied.
  bool Open(const KeyDerivation* keys, KeyEpoch epoch, const wire::PacketHeader& header,
            Bytes header_bytes, const Binding& binding, Bytes body, MutableBytes out);

  const MemberId& sender() const { return sender_; }

 private:
  struct ChannelState {
    std::unique_ptr<PacketCipher> cipher;
    ReplayWindow window;
  };
  ChannelState& At(wire::PacketType channel) { return channels_[static_cast<size_t>(channel)]; }

  MemberId sender_;
  std::array<ChannelState, kChannels> channels_;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_PACKET_OPENER_H_

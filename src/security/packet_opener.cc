#include "security/packet_opener.h"

#include <algorithm>

namespace cohort::security {

bool PacketOpener::IsFresh(wire::PacketType channel, uint64_t number) const {
  return channels_[static_cast<size_t>(channel)].window.IsFresh(number);
}

bool PacketOpener::Open(const KeyDerivation* keys, KeyEpoch epoch, const wire::PacketHeader& header,
                        Bytes header_bytes, const Binding& binding, Bytes body, MutableBytes out) {
  ChannelState& channel = At(header.type);
  if (keys == nullptr) {
    std::copy(body.begin(), body.end(), out.begin());
  } else {
    if (!channel.cipher) {
      channel.cipher = PacketCipher::Make(PacketCipher::Direction::kOpen,
                                          keys->PacketKey(sender_, header.type, epoch));
    }
    std::array<std::byte, kAssociatedMax> associated;
    const size_t size = WriteAssociated(header_bytes, binding, associated);
    if (!channel.cipher->Open(NonceOf(header.packet_number), Bytes(associated).first(size), body,
                              out)) {
      return false;
    }
  }
  channel.window.Record(header.packet_number);
  return true;
}

}  // namespace cohort::security

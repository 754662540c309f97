#include "security/packet_sealer.h"

#include <algorithm>

#include "wire/byte_writer.h"

namespace cohort::security {

// Spec 10.7.
size_t WriteAssociated(Bytes header, const Binding& binding,
                       std::array<std::byte, kAssociatedMax>& out) {
  wire::ByteWriter writer(out);
  writer.WriteBytes(header);
  if (binding.view != nullptr) {
    writer.WriteU64(binding.view->num);
    writer.WriteU64(binding.view->cid);
  }
  if (binding.receiver != nullptr) {
    writer.WriteU64(binding.receiver->hi);
    writer.WriteU64(binding.receiver->lo);
  }
  COHORT_CHECK(writer.ok());
  return writer.size();
}

PacketSealer::PacketSealer(const MemberId& self, uint64_t first_number) : self_(self) {
  for (ChannelState& channel : channels_) channel.next_number = first_number;
}

bool PacketSealer::NeedsRekey() const {
  return std::any_of(channels_.begin(), channels_.end(), [](const ChannelState& channel) {
    return channel.next_number > kRekeyAfterPackets;
  });
}

size_t PacketSealer::Seal(const KeyDerivation* keys, KeyEpoch epoch, wire::PacketHeader header,
                          const Binding& binding, Bytes frames, std::vector<std::byte>& arena) {
  ChannelState& channel = channels_[static_cast<size_t>(header.type)];
  const bool is_stranger = header.type == wire::PacketType::kStranger;
  const size_t frames_max = is_stranger ? wire::kStrangerFramesMax : wire::kJumboFramesMax;
  if (frames.size() > frames_max || channel.next_number > kPacketNumberMax) return 0;

  const size_t body_size = frames.size() + (keys != nullptr ? wire::kTagBytes : 0);
  header.length = static_cast<uint16_t>(body_size);
  header.packet_number = channel.next_number;
  const size_t start = arena.size();
  const size_t size = header.Size() + body_size;
  arena.resize(start + size);
  const MutableBytes packet = MutableBytes(arena).subspan(start);
  if (!wire::SerializePacketHeader(header, packet)) {
    arena.resize(start);
    return 0;
  }
  ++channel.next_number;  // Spec 10.8: taken before it is used, and whatever comes of it.

  const MutableBytes body = packet.subspan(header.Size());
  if (keys == nullptr) {
    std::copy(frames.begin(), frames.end(), body.begin());
    return size;
  }
  if (!channel.cipher) {
    channel.cipher = PacketCipher::Make(PacketCipher::Direction::kSeal,
                                        keys->PacketKey(self_, header.type, epoch));
  }
  std::array<std::byte, kAssociatedMax> associated;
  const size_t associated_size = WriteAssociated(packet.first(header.Size()), binding, associated);
  channel.cipher->Seal(NonceOf(header.packet_number), Bytes(associated).first(associated_size),
                       frames, body);
  return size;
}

}  // namespace cohort::security

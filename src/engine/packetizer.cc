#include "engine/packetizer.h"

#include <algorithm>
#include <array>

#include "wire/packet_header.h"

namespace cohort::engine {

void Packetizer::SetRoutes(Route current, Route previous) {
  current_ = std::move(current);
  previous_ = std::move(previous);
  copies_.clear();
}

// Spec 5.26
bool Packetizer::IsCut(const wire::OutFrame& frame) const {
  const auto* data = std::get_if<wire::DataFrame>(&frame.frame);
  if (data == nullptr || data->payload.size() <= wire::kChunkPayloadMax) return false;
  return frame.previous_view || (data->flags & wire::DataFrame::kRepair) != 0 ||
         wire::EncodedSize(frame.frame) > group_frames_max_;
}

void Packetizer::AddPieces(const wire::OutFrame& frame, Packets& packets) {
  const auto& data = std::get<wire::DataFrame>(frame.frame);
  const size_t total = data.payload.size();
  for (size_t index = 0; index < wire::PacketsOf(total); ++index) {
    const size_t begin = index * wire::kPieceBytes;
    const size_t size = std::min(wire::kPieceBytes, total - begin);
    const wire::PieceFrame piece{.seq = data.seq,
                                 .origin = data.origin,
                                 .cls = data.cls,
                                 .flags = data.flags,
                                 .total = static_cast<uint16_t>(total),
                                 .index = static_cast<uint8_t>(index),
                                 .payload = data.payload.Slice(begin, size)};
    Add({.to = frame.to, .previous_view = frame.previous_view, .frame = piece}, packets);
    ++stats_.pieces;
  }
}

void Packetizer::Add(const wire::OutFrame& frame, Packets& packets) {
  if (IsCut(frame)) return AddPieces(frame, packets);
  const Route& route = RouteOf(frame.previous_view);
  Rank to = frame.to;
  if (to == kAllRanks && route.addresses.size() == 2 && route.self < 2)
    to = static_cast<Rank>(1 - route.self);
  const size_t size = wire::EncodedSize(frame.frame);
  const bool nobody = route.addresses.size() < 2 || to == route.self ||
                      (to != kAllRanks && to >= route.addresses.size());
  if (size == 0 || size > wire::kJumboFramesMax || nobody) {
    ++stats_.frames_refused;
    return;
  }
  const LaneKey key(frame.previous_view, to);
  Lane& lane = lanes_[key];
  if (lane.used + size > lane.frames.size()) Seal(key, lane, packets);
  ++stats_.frames;
  const bool alone = size > lane.frames.size();
  Lane& into = alone ? large_ : lane;
  wire::ByteWriter writer(MutableBytes(into.frames).subspan(into.used));
  COHORT_CHECK(wire::Encode(frame.frame, writer));
  into.used += writer.size();
  if (!alone) return;
  if (std::holds_alternative<wire::DataFrame>(frame.frame)) ++stats_.large;
  Seal(key, large_, packets);
}

void Packetizer::Seal(const LaneKey& key, Lane& lane, Packets& packets) {
  if (lane.used == 0) return;
  const auto& [previous, to] = key;
  const Route& route = RouteOf(previous);
  const auto slot = previous ? security::ViewSlot::kPrevious : security::ViewSlot::kCurrent;
  const size_t offset = packets.arena.size();
  const size_t size = security_.Seal(slot, to, Bytes(lane.frames).first(lane.used), packets.arena);
  lane.used = 0;
  if (size == 0) return;
  ++stats_.packets;
  if (trace_ != nullptr) TraceSealed(key, Bytes(packets.arena).subspan(offset, size));
  const bool to_group = to == kAllRanks || route.addresses.size() == 2;
  if (to_group && !previous && &lane != &large_) sent_to_group_ = true;
  const Packets::One one{.offset = static_cast<uint32_t>(offset),
                         .size = static_cast<uint32_t>(size)};
  if (to != kAllRanks) {
    packets.packets.push_back(one);
    packets.packets.back().to = route.addresses[to];
  } else if (has_multicast_) {
    packets.packets.push_back(one);
    packets.packets.back().multicast = true;
    for (const Rank rank : copies_) {
      if (previous || rank >= route.addresses.size()) continue;
      packets.packets.push_back(one);
      packets.packets.back().to = route.addresses[rank];
      ++stats_.copies;
    }
  } else {
    for (Rank rank = 0; rank < route.addresses.size(); ++rank) {
      if (rank == route.self) continue;
      packets.packets.push_back(one);
      packets.packets.back().to = route.addresses[rank];
    }
  }
}

void Packetizer::TraceSealed(const LaneKey& key, Bytes packet) {
  const wire::PacketHeader header = wire::ParsePacketHeader(packet).header;
  Trace(trace_, TraceKind::kSealed, [&](TraceRecord& record) {
    // One unicast subkey serves all receivers: their packets count together.
    const MemberId& self = RouteOf(key.first).self_id;
    record.subkey = TraceSubkey(self.instance, self.join_no, static_cast<uint64_t>(header.type),
                                header.key_slot);
    record.packet = header.packet_number;
  });
}

void Packetizer::AddStranger(const Address& to, const wire::Frame& frame, Packets& packets) {
  if (to.IsNone() && !has_multicast_) return;  // Discovery asks the seeds by itself.
  std::array<std::byte, wire::kPacketFramesMax> memory;
  wire::ByteWriter writer(memory);
  if (!wire::Encode(frame, writer)) {
    ++stats_.frames_refused;
    return;
  }
  const size_t offset = packets.arena.size();
  const size_t size = security_.SealStranger(std::nullopt, writer.written(), packets.arena);
  if (size == 0) return;
  ++stats_.packets;
  packets.for_strangers = true;
  packets.packets.push_back({.multicast = to.IsNone(),
                             .to = to,
                             .offset = static_cast<uint32_t>(offset),
                             .size = static_cast<uint32_t>(size)});
}

void Packetizer::Flush(Packets& packets) {
  for (auto& [key, lane] : lanes_) Seal(key, lane, packets);
}

}  // namespace cohort::engine

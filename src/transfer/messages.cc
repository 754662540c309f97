#include "transfer/messages.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "cohort/v1/transfer.pb.h"
#include "map/limits.h"
#include "transfer/limits.h"

namespace cohort::transfer {
namespace {

template <class Message>
Buffer Encode(MessageType type, uint32_t attempt, const Message& message) {
  const size_t body = message.ByteSizeLong();
  Buffer bytes = Buffer::Allocate(kMessageHeaderBytes + body);
  std::byte* at = bytes.Fill().data();
  *at++ = static_cast<std::byte>(type);
  for (int shift = 0; shift < 32; shift += 8) *at++ = static_cast<std::byte>(attempt >> shift);
  COHORT_CHECK(message.SerializeToArray(at, static_cast<int>(body)));
  return bytes;
}

template <class Message>
bool Decode(Bytes bytes, Message& message) {
  if (bytes.size() < kMessageHeaderBytes || bytes.size() > kControlBytesMax) return false;
  const Bytes body = bytes.subspan(kMessageHeaderBytes);
  return message.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

void Fill(v1::TransferSettings* out, const map::MapSettings& settings) {
  out->set_bytes_max(settings.bytes_max);
  out->set_tombstones_max(settings.tombstones_max);
  out->set_tombstone_bytes_max(settings.tombstone_bytes_max);
  out->set_tombstone_horizon_ms(settings.tombstone_horizon_ms);
  out->set_convergent(settings.convergent);
  out->set_evicts(settings.evicts);
}

map::MapSettings From(const v1::TransferSettings& in) {
  return {in.bytes_max(),  in.tombstones_max(), in.tombstone_bytes_max(), in.tombstone_horizon_ms(),
          in.convergent(), in.evicts()};
}

void Fill(v1::TransferMap* out, const BeginMessage::Map& map) {
  out->set_name(map.name);
  Fill(out->mutable_settings(), map.state.settings);
  out->set_configured(map.state.configured);
  out->set_cleared_time(map.state.cleared.time);
  out->set_cleared_writer(map.state.cleared.writer);
  out->set_forgotten(map.state.forgotten);
  out->set_greatest(map.state.greatest);
  out->set_epoch(map.state.epoch);
  out->set_caretaker(map.state.caretaker);
  out->set_entries(map.entries);
  out->set_bytes(map.bytes);
  out->set_digest_hi(map.digest.hi);
  out->set_digest_lo(map.digest.lo);
}

std::optional<BeginMessage::Map> From(const v1::TransferMap& in) {
  BeginMessage::Map map;
  map.name = in.name();
  map.state.settings = From(in.settings());
  map.state.configured = in.configured();
  map.state.cleared = {in.cleared_time(), in.cleared_writer()};
  map.state.forgotten = in.forgotten();
  map.state.greatest = in.greatest();
  map.state.epoch = in.epoch();
  map.state.caretaker = in.caretaker();
  map.entries = in.entries();
  map.bytes = in.bytes();
  map.digest = {in.digest_hi(), in.digest_lo()};
  // One above what an operation may carry, because a version may be the one after it.
  if (map.state.greatest > map::kHlcMax || map.state.forgotten > map.state.greatest ||
      map.state.cleared.time > map.state.greatest || map.name.size() > map::kMapNameBytesMax) {
    return std::nullopt;
  }
  return map;
}

void Fill(v1::TransferSide* out, const MergingSide& side, size_t carriers_max) {
  out->set_view_num(side.came_from.num);
  out->set_view_cid(side.came_from.cid);
  out->set_merged(side.merged);
  for (size_t i = 0; i < std::min(side.carriers.size(), carriers_max); ++i) {
    v1::TransferCarrier* carrier = out->add_carriers();
    carrier->set_instance_hi(side.carriers[i].instance.hi);
    carrier->set_instance_lo(side.carriers[i].instance.lo);
    carrier->set_join_no(side.carriers[i].join_no);
  }
}

MergingSide From(const v1::TransferSide& in) {
  MergingSide side{
      .came_from = {in.view_num(), in.view_cid()}, .carriers = {}, .merged = in.merged()};
  for (const v1::TransferCarrier& carrier : in.carriers())
    side.carriers.push_back({{carrier.instance_hi(), carrier.instance_lo()}, carrier.join_no()});
  return side;
}

size_t BytesMaxOf(MessageType type) {
  switch (type) {
    case MessageType::kChunk:
      return kChunkBytesMax;
    case MessageType::kPart:
      return kPartHeaderBytes + kPartBytesMax;
    case MessageType::kDigests:
      return kDigestsBytesMax;
    case MessageType::kReadAnswer:
      return kControlBytesMax + kReadValueBytesMax;
    default:
      return kControlBytesMax;
  }
}

}  // namespace

Buffer EncodeRequest(uint32_t attempt, const RequestMessage& message) {
  v1::TransferRequest out;
  out.set_view_num(message.view.num);
  out.set_view_cid(message.view.cid);
  out.set_helps(message.helps);
  return Encode(MessageType::kRequest, attempt, out);
}

Buffer EncodeBegin(uint32_t attempt, const BeginMessage& message) {
  v1::TransferBegin out;
  out.set_view_num(message.view.num);
  out.set_view_cid(message.view.cid);
  out.set_position(message.position);
  Fill(out.mutable_settings(), message.settings);
  out.set_first_num(message.history.first().num);
  out.set_first_cid(message.history.first().cid);
  for (const ViewId& view : message.history.recent()) {
    out.add_recent(view.num);
    out.add_recent(view.cid);
  }
  for (const BeginMessage::Map& map : message.maps) Fill(out.add_maps(), map);
  for (const SeqNo seq : message.received) out.add_received(seq);
  size_t left = kCarriersMax;
  for (const MergingSide& side : message.sides) {
    if (left == 0) break;
    Fill(out.add_sides(), side, left);
    left -= std::min(left, side.carriers.size());
  }
  return Encode(MessageType::kBegin, attempt, out);
}

Buffer EncodeAck(uint32_t attempt, const AckMessage& message) {
  v1::TransferAck out;
  out.set_chunks(message.chunks);
  return Encode(MessageType::kAck, attempt, out);
}

Buffer EncodeDone(uint32_t attempt, const DoneMessage& message) {
  v1::TransferDone out;
  out.set_whole(message.whole);
  return Encode(MessageType::kDone, attempt, out);
}

Buffer EncodeRefused(uint32_t attempt, const RefusedMessage& message) {
  v1::TransferRefused out;
  out.set_reason(message.reason.substr(0, kReasonBytesMax));
  out.set_busy(message.busy);
  return Encode(MessageType::kRefused, attempt, out);
}

std::optional<Header> DecodeHeader(Bytes message) {
  if (message.size() < kMessageHeaderBytes) return std::nullopt;
  const auto type = static_cast<MessageType>(message[0]);
  if (type < MessageType::kRequest || type > MessageType::kReadAnswer) return std::nullopt;
  if (message.size() > BytesMaxOf(type)) return std::nullopt;
  Header header;
  header.type = type;
  for (size_t i = 0; i < 4; ++i) {
    header.attempt |= static_cast<uint32_t>(message[1 + i]) << (8 * i);
  }
  return header;
}

std::optional<RequestMessage> DecodeRequest(Bytes message) {
  v1::TransferRequest in;
  if (!Decode(message, in)) return std::nullopt;
  return RequestMessage{{in.view_num(), in.view_cid()}, in.helps()};
}

std::optional<BeginMessage> DecodeBegin(Bytes message) {
  v1::TransferBegin in;
  if (!Decode(message, in)) return std::nullopt;
  BeginMessage begin;
  begin.view = {in.view_num(), in.view_cid()};
  begin.position = in.position();
  begin.settings = From(in.settings());
  std::vector<ViewId> recent;
  if (in.recent_size() % 2 != 0 || in.maps_size() > static_cast<int>(map::kMapsMax)) {
    return std::nullopt;
  }
  for (int i = 0; i < in.recent_size(); i += 2) recent.push_back({in.recent(i), in.recent(i + 1)});
  if (!begin.history.Restore({in.first_num(), in.first_cid()}, recent)) return std::nullopt;
  if (in.received_size() > kReceivedMax) return std::nullopt;
  begin.received.assign(in.received().begin(), in.received().end());
  for (const v1::TransferMap& map : in.maps()) {
    std::optional<BeginMessage::Map> taken = From(map);
    if (!taken.has_value()) return std::nullopt;
    begin.maps.push_back(*std::move(taken));
  }
  size_t carriers = 0;
  for (const v1::TransferSide& side : in.sides()) {
    // One that nobody brings is no side that is being merged.
    carriers += static_cast<size_t>(side.carriers_size());
    if (side.carriers_size() == 0 || carriers > kCarriersMax) return std::nullopt;
    begin.sides.push_back(From(side));
  }
  return begin;
}

std::optional<AckMessage> DecodeAck(Bytes message) {
  v1::TransferAck in;
  if (!Decode(message, in)) return std::nullopt;
  return AckMessage{in.chunks()};
}

std::optional<DoneMessage> DecodeDone(Bytes message) {
  v1::TransferDone in;
  if (!Decode(message, in)) return std::nullopt;
  return DoneMessage{in.whole()};
}

std::optional<RefusedMessage> DecodeRefused(Bytes message) {
  v1::TransferRefused in;
  if (!Decode(message, in) || in.reason().size() > kReasonBytesMax) return std::nullopt;
  return RefusedMessage{in.reason(), in.busy()};
}

// Spec 9.11
Buffer EncodePart(uint32_t attempt, uint32_t number, uint32_t total, size_t size) {
  Buffer bytes = Buffer::Allocate(kPartHeaderBytes + size);
  std::byte* at = bytes.Fill().data();
  *at++ = static_cast<std::byte>(MessageType::kPart);
  for (const uint32_t word : {attempt, number, total}) {
    for (int shift = 0; shift < 32; shift += 8) *at++ = static_cast<std::byte>(word >> shift);
  }
  return bytes;
}

std::optional<PartMessage> DecodePart(Bytes message) {
  if (message.size() <= kPartHeaderBytes) return std::nullopt;
  PartMessage part;
  for (size_t i = 0; i < 4; ++i) {
    part.number |= static_cast<uint32_t>(message[kMessageHeaderBytes + i]) << (8 * i);
    part.total |= static_cast<uint32_t>(message[kMessageHeaderBytes + 4 + i]) << (8 * i);
  }
  part.bytes = message.subspan(kPartHeaderBytes);
  if (part.total > kPartedChunkBytesMax || part.bytes.size() > part.total) return std::nullopt;
  return part;
}

}  // namespace cohort::transfer

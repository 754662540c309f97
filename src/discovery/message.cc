#include "discovery/message.h"

#include <algorithm>

#include "base/address_bytes.h"
#include "cohort/v1/discovery.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "wire/limits.h"

namespace cohort::discovery {
namespace {

// Spec 3.3: what an OFFER of the longest names needs and a HELLO lacks. A HELLO is padded to this
// size, and a WHERE, so that no answer is larger than the question.
constexpr size_t kQuestionBytesMin = 320;

void EncodeSelf(const Self& self, v1::Discovery& proto) {
  proto.set_instance_hi(self.id.instance.hi);
  proto.set_instance_lo(self.id.instance.lo);
  proto.set_join_no(self.id.join_no);
  proto.set_name(self.name);
  proto.set_address(EncodeAddress(self.address));
}

void EncodeSearch(const Message& message, v1::Discovery& proto) {
  proto.set_incarnation(message.sender.incarnation);
  proto.set_carries_state(message.sender.carries_state);
  proto.set_may_form(message.sender.may_form);
  proto.set_attempt(message.attempt);
  proto.set_wants_echo(message.wants_echo);
}

void EncodeSighting(const GroupSighting& sighting, v1::Discovery& proto) {
  proto.set_coordinator_hi(sighting.coordinator.instance.hi);
  proto.set_coordinator_lo(sighting.coordinator.instance.lo);
  proto.set_coordinator_join_no(sighting.coordinator.join_no);
  proto.set_coordinator_address(EncodeAddress(sighting.address));
  proto.set_view_num(sighting.view.num);
  proto.set_view_cid(sighting.view.cid);
  proto.set_members(sighting.members);
  proto.set_weight(sighting.weight);
  proto.set_primary(sighting.primary);
}

bool DecodeSelf(const v1::Discovery& proto, Self& self) {
  const std::optional<Address> address = DecodeAddress(proto.address());
  if (!address || proto.name().empty() || proto.name().size() > wire::kMemberNameMax) return false;
  self.id = {{proto.instance_hi(), proto.instance_lo()}, proto.join_no()};
  self.name = proto.name();
  self.address = *address;
  self.incarnation = proto.incarnation();
  self.carries_state = proto.carries_state();
  self.may_form = proto.may_form();
  return !self.id.instance.IsZero();
}

bool DecodeSighting(const v1::Discovery& proto, GroupSighting& sighting) {
  const std::optional<Address> address = DecodeAddress(proto.coordinator_address());
  sighting.coordinator = {{proto.coordinator_hi(), proto.coordinator_lo()},
                          proto.coordinator_join_no()};
  sighting.view = {proto.view_num(), proto.view_cid()};
  if (!address || sighting.coordinator.instance.IsZero() || sighting.view.IsZero()) return false;
  if (proto.members() == 0 || proto.members() > wire::kMembersMax) return false;
  sighting.address = *address;
  sighting.members = proto.members();
  sighting.weight = proto.weight();
  sighting.primary = proto.primary();
  return true;
}

}  // namespace

Buffer Encode(const Message& message, std::string_view group) {
  v1::Discovery proto;
  proto.set_kind(static_cast<v1::Discovery::Kind>(message.kind));
  proto.set_group(group.data(), group.size());
  proto.set_nonce(message.nonce);
  EncodeSelf(message.sender, proto);
  if (message.kind == MessageKind::kHello || message.kind == MessageKind::kEcho) {
    EncodeSearch(message, proto);
  } else {
    EncodeSighting(message.sighting, proto);
  }
  const size_t size = proto.ByteSizeLong();
  const bool asks = message.kind == MessageKind::kHello || message.kind == MessageKind::kWhere;
  if (asks && size < kQuestionBytesMin) {
    proto.set_padding(std::string(kQuestionBytesMin - size, '\0'));
  }
  return Buffer::CopyOf(proto.SerializeAsString());
}

std::optional<Message> Decode(Bytes body, std::string_view group) {
  if (body.size() > wire::kControlBodyMax) return std::nullopt;
  v1::Discovery proto;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(body.data()),
                                               static_cast<int>(body.size()));
  input.SetRecursionLimit(4);
  if (!proto.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) return std::nullopt;
  if (proto.group() != std::string(group)) return std::nullopt;
  Message message;
  switch (proto.kind()) {
    case v1::Discovery::KIND_HELLO:
      message.kind = MessageKind::kHello;
      break;
    case v1::Discovery::KIND_ECHO:
      message.kind = MessageKind::kEcho;
      break;
    case v1::Discovery::KIND_OFFER:
      message.kind = MessageKind::kOffer;
      break;
    case v1::Discovery::KIND_ANNOUNCE:
      message.kind = MessageKind::kAnnounce;
      break;
    case v1::Discovery::KIND_WHERE:
      message.kind = MessageKind::kWhere;
      break;
    default:
      return std::nullopt;
  }
  if (!DecodeSelf(proto, message.sender)) return std::nullopt;
  message.nonce = proto.nonce();
  message.attempt = proto.attempt();
  message.wants_echo = proto.wants_echo();
  const bool sights = message.kind != MessageKind::kHello && message.kind != MessageKind::kEcho;
  if (sights && !DecodeSighting(proto, message.sighting)) return std::nullopt;
  return message;
}

}  // namespace cohort::discovery

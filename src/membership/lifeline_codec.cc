#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "base/address_bytes.h"
#include "cohort/v1/join.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "membership/lifeline_messages.h"
#include "membership/vc_codec.h"
#include "wire/limits.h"

namespace cohort::membership {
namespace {

constexpr size_t kSmallBytesMax = 2048;

template <class Proto>
bool Parse(Bytes body, size_t size_max, Proto& proto) {
  if (body.size() > size_max) return false;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(body.data()),
                                               static_cast<int>(body.size()));
  input.SetRecursionLimit(4);
  return proto.ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

Buffer Serialize(const google::protobuf::MessageLite& proto) {
  Buffer buffer = Buffer::Allocate(proto.ByteSizeLong());
  proto.SerializeToArray(buffer.Fill().data(), static_cast<int>(buffer.size()));
  return buffer;
}

void Put(const ViewId& view, v1::LifelineView* proto) {
  proto->set_num(view.num);
  proto->set_cid(view.cid);
}
ViewId Get(const v1::LifelineView& proto) { return {proto.num(), proto.cid()}; }

void Put(const MemberId& member, v1::LifelineMember* proto) {
  proto->set_instance_hi(member.instance.hi);
  proto->set_instance_lo(member.instance.lo);
  proto->set_join_no(member.join_no);
}
MemberId Get(const v1::LifelineMember& proto) {
  return {{proto.instance_hi(), proto.instance_lo()}, proto.join_no()};
}

// Texts end in events and logs of another process: no control characters.
std::string Printable(std::string_view text) {
  std::string printable(text.substr(0, kAnswerTextMax));
  std::replace_if(
      printable.begin(), printable.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return printable;
}

constexpr std::string_view kCarrierPrefix = "brings the state of view ";

}  // namespace

std::string CarrierEvidence(const ViewId& came_from) {
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(came_from.cid));
  return std::string(kCarrierPrefix) + std::to_string(came_from.num) + "-" + hex;
}

std::optional<ViewId> CarrierFrom(const std::string& evidence) {
  if (!evidence.starts_with(kCarrierPrefix)) return std::nullopt;
  const char* begin = evidence.data() + kCarrierPrefix.size();
  const char* end = evidence.data() + evidence.size();
  ViewId view;
  const auto num = std::from_chars(begin, end, view.num);
  if (num.ec != std::errc() || num.ptr == end || *num.ptr != '-') return std::nullopt;
  const auto cid = std::from_chars(num.ptr + 1, end, view.cid, 16);
  if (cid.ec != std::errc() || cid.ptr != end || view.IsZero()) return std::nullopt;
  return view;
}

Buffer Encode(const JoinRequest& request) {
  v1::JoinRequest proto;
  proto.set_group(request.group);
  proto.set_level_min(request.level_min);
  proto.set_level_max(request.level_max);
  proto.set_policy(static_cast<uint32_t>(request.policy));
  Put(request.member.id, proto.mutable_member());
  proto.set_name(request.member.name);
  proto.set_address(EncodeAddress(request.member.address));
  proto.set_incarnation(request.member.incarnation);
  proto.set_last_num(request.last_num);
  proto.set_carries_state(request.carries_state);
  Put(request.came_from, proto.mutable_came_from());
  proto.set_merging(request.merging);
  proto.set_leave(request.leave);
  proto.set_without_data(request.member.without_data);
  proto.set_votes(request.member.votes);
  return Serialize(proto);
}

std::optional<JoinRequest> DecodeJoinRequest(Bytes body) {
  v1::JoinRequest proto;
  if (!Parse(body, kSmallBytesMax, proto)) return std::nullopt;
  const std::optional<Address> address = DecodeAddress(proto.address());
  // Names are judged by admission, which can say what is wrong with them.
  if (!address || proto.name().size() > kAnswerTextMax || proto.policy() > 1) return std::nullopt;
  if (proto.group().size() > wire::kGroupNameMax || proto.last_num() > kViewNumMax)
    return std::nullopt;
  JoinRequest request;
  request.group = proto.group();
  request.level_min = proto.level_min();
  request.level_max = proto.level_max();
  request.policy = static_cast<Policy>(proto.policy());
  request.member.id = Get(proto.member());
  request.member.name = proto.name();
  request.member.address = *address;
  request.member.incarnation = proto.incarnation();
  request.member.without_data = proto.without_data();
  request.member.votes = proto.votes() || !proto.without_data();
  request.last_num = proto.last_num();
  request.carries_state = proto.carries_state();
  request.came_from = Get(proto.came_from());
  request.merging = proto.merging();
  request.leave = proto.leave();
  if (request.member.id.instance.IsZero()) return std::nullopt;
  return request;
}

Buffer Encode(const JoinAnswer& answer) {
  v1::JoinAnswer proto;
  proto.set_kind(static_cast<v1::JoinAnswer::Kind>(answer.kind));
  proto.set_join_no(answer.join_no);
  proto.set_address(EncodeAddress(answer.address));
  proto.set_text(answer.text.substr(0, kAnswerTextMax));
  proto.set_final(answer.final);
  return Serialize(proto);
}

std::optional<JoinAnswer> DecodeJoinAnswer(Bytes body) {
  v1::JoinAnswer proto;
  if (!Parse(body, kSmallBytesMax, proto)) return std::nullopt;
  const int kind = proto.kind();
  if (kind < 1 || kind > 3) return std::nullopt;
  JoinAnswer answer;
  answer.kind = static_cast<JoinAnswer::Kind>(kind);
  answer.join_no = proto.join_no();
  if (answer.kind == JoinAnswer::Kind::kRedirect) {
    const std::optional<Address> address = DecodeAddress(proto.address());
    if (!address) return std::nullopt;
    answer.address = *address;
  }
  answer.text = Printable(proto.text());
  answer.final = proto.final();
  return answer;
}

Buffer Encode(const Welcome& welcome) {
  v1::Welcome proto;
  proto.set_proposal(std::string(EncodeProposal(*welcome.proposal).text()));
  proto.set_group_time_ms(welcome.group_time_ms);
  for (const ViewId& view : welcome.ancestors) Put(view, proto.add_ancestors());
  return Serialize(proto);
}

std::optional<Welcome> DecodeWelcome(Bytes body) {
  v1::Welcome proto;
  if (!Parse(body, kWelcomeBytesMax, proto)) return std::nullopt;
  if (static_cast<size_t>(proto.ancestors_size()) > kAncestorsMax) return std::nullopt;
  Welcome welcome;
  welcome.proposal = DecodeProposal(AsBytes(proto.proposal()));
  if (welcome.proposal == nullptr) return std::nullopt;
  welcome.group_time_ms = proto.group_time_ms();
  for (const v1::LifelineView& view : proto.ancestors()) welcome.ancestors.push_back(Get(view));
  return welcome;
}

Buffer Encode(const MergeMessage& message) {
  v1::MergeMessage proto;
  proto.set_kind(static_cast<v1::MergeMessage::Kind>(message.kind));
  proto.set_group(message.group);
  Put(message.view, proto.mutable_view());
  Put(message.target, proto.mutable_target());
  Put(message.member, proto.mutable_member());
  proto.set_address(EncodeAddress(message.address));
  proto.set_members(message.members);
  proto.set_weight(message.weight);
  proto.set_primary(message.primary);
  proto.set_text(message.text.substr(0, kAnswerTextMax));
  return Serialize(proto);
}

std::optional<MergeMessage> DecodeMergeMessage(Bytes body) {
  v1::MergeMessage proto;
  if (!Parse(body, kSmallBytesMax, proto)) return std::nullopt;
  const std::optional<Address> address = DecodeAddress(proto.address());
  const int kind = proto.kind();
  if (kind < 1 || kind > 6 || !address || proto.group().size() > wire::kGroupNameMax) {
    return std::nullopt;
  }
  if (proto.members() > wire::kMembersMax || proto.view().num() > kViewNumMax) return std::nullopt;
  MergeMessage message;
  message.kind = static_cast<MergeMessage::Kind>(kind);
  message.group = proto.group();
  message.view = Get(proto.view());
  message.target = Get(proto.target());
  message.member = Get(proto.member());
  message.address = *address;
  message.members = proto.members();
  message.weight = proto.weight();
  message.primary = proto.primary();
  message.text = Printable(proto.text());
  return message;
}

}  // namespace cohort::membership

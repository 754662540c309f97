// The way in. Everything before OpenBody() is a few comparisons on a header nobody vouches for yet.
// Spec 10.12.
#include <memory>
#include <utility>

#include "base/check.h"
#include "security/security.h"

namespace cohort::security {

OpenResult Security::Open(Instant now, const Address& from, Bytes datagram) {
  OpenResult result;
  const wire::ParsedHeader parsed = wire::ParsePacketHeader(datagram);
  if (parsed.verdict == wire::HeaderVerdict::kWrongVersion) {
    result.verdict = Verdict::kWrongVersion;
  } else if (parsed.verdict == wire::HeaderVerdict::kOk) {
    const wire::PacketHeader& header = parsed.header;
    result.verdict = CheckHeader(header);
    if (result.ok()) {
      result.verdict = header.type == wire::PacketType::kStranger
                           ? OpenStranger(now, from, header, datagram, result)
                           : OpenMember(header, datagram, result);
    }
  }
  ++stats_.received[static_cast<size_t>(result.verdict)];
  if (result.ok()) stats_.received_bytes += datagram.size();
  return result;
}

Verdict Security::CheckHeader(const wire::PacketHeader& header) const {
  const bool is_plaintext = (header.flags & wire::PacketHeader::kPlaintext) != 0;
  if (is_plaintext == encrypted_) {
    // An encrypted packet does not tell a member without a key which group it is of.
    const bool may_be_ours = !is_plaintext || header.group_tag == plaintext_tag_;
    return may_be_ours ? Verdict::kPlaintextMismatch : Verdict::kForeignGroup;
  }
  if (header.group_tag != keys_.group_tag()) return Verdict::kForeignGroup;
  if (header.key_slot != static_cast<uint8_t>(epoch_)) return Verdict::kUnknownKey;
  const size_t overhead = encrypted_ ? wire::kTagBytes : 0;
  if (header.length < overhead || header.length - overhead > wire::kJumboFramesMax ||
      header.packet_number > kPacketNumberMax) {
    return Verdict::kMalformed;
  }
  return Verdict::kOk;
}

Verdict Security::OpenMember(const wire::PacketHeader& header, Bytes datagram, OpenResult& result) {
  const KnownView* const view = FindViewByTag(header.view_tag);
  if (view == nullptr) return Verdict::kUnknownView;
  const ViewContext& context = view->context;
  Origin& origin = result.origin;
  origin.view = view->slot;
  origin.view_id = context.id;
  origin.rank = header.rank;
  if (header.rank >= context.members.size()) return Verdict::kBadRank;
  origin.member = context.members[header.rank];
  if ((origin.member.join_no & 0xFFFF) != header.join_no) return Verdict::kBadRank;
  if (origin.member.instance == instance_) return Verdict::kOwn;

  PacketOpener& opener = *view->openers[header.rank];
  if (!opener.IsFresh(header.type, header.packet_number)) return Verdict::kReplay;
  origin.direct = header.type == wire::PacketType::kUnicast;
  const Binding binding{.view = &context.id, .receiver = origin.direct ? &instance_ : nullptr};
  return OpenBody(opener, header, binding, datagram, result) ? Verdict::kOk : Verdict::kForged;
}

// Spec 10.16 and 10.17.
Verdict Security::OpenStranger(Instant now, const Address& from, const wire::PacketHeader& header,
                               Bytes datagram, OpenResult& result) {
  Origin& origin = result.origin;
  origin.member = {.instance = header.instance, .join_no = header.join_no};
  origin.direct = (header.flags & wire::PacketHeader::kAddressed) != 0;
  if (header.instance == instance_) return Verdict::kOwn;
  if (!limiter_.Admit(now, from)) return Verdict::kStrangerLimit;

  PacketOpener* opener = strangers_.Find(origin.member);
  std::unique_ptr<PacketOpener> unknown;
  if (opener == nullptr) {
    unknown = std::make_unique<PacketOpener>(origin.member);
    opener = unknown.get();
  }
  if (!opener->IsFresh(header.type, header.packet_number)) return Verdict::kReplay;
  const Binding binding{.view = nullptr, .receiver = origin.direct ? &instance_ : nullptr};
  if (!OpenBody(*opener, header, binding, datagram, result)) return Verdict::kForged;
  strangers_.Touch(origin.member, std::move(unknown));
  return Verdict::kOk;
}

// Decrypts into a spare of full size: a forged packet leaves it for the next one, a large authentic
// one takes it along, and a small one is copied out, so that a chunk that is kept for repairs does
// not pin fourteen times its size. Spec 10.15.
bool Security::OpenBody(PacketOpener& opener, const wire::PacketHeader& header,
                        const Binding& binding, Bytes datagram, OpenResult& result) {
  const size_t header_size = header.Size();
  const Bytes body = datagram.subspan(header_size);
  const size_t size = body.size() - (encrypted_ ? wire::kTagBytes : 0);
  const bool large = size > wire::kPacketFramesMax;
  const size_t room = large ? wire::kJumboFramesMax : wire::kPacketFramesMax;
  Buffer& spare = large ? large_spare_ : spare_;
  if (spare.empty()) spare = Buffer::Allocate(room);
  const MutableBytes out = spare.Fill().first(size);
  if (!opener.Open(PacketKeys(), epoch_, header, datagram.first(header_size), binding, body, out))
    return false;
  if (size > room / 2) {
    result.plaintext = spare.Slice(0, size);
    spare = Buffer();
  } else {
    result.plaintext = Buffer::CopyOf(out);
  }
  return true;
}

}  // namespace cohort::security

#include "census.h"

#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "discovery/message.h"
#include "wire/frame_codec.h"

namespace cohort::tools {
namespace {

Census::Kind KindOf(security::Verdict verdict) {
  using security::Verdict;
  switch (verdict) {
    case Verdict::kForeignGroup:
      return Census::Kind::kForeignGroup;
    case Verdict::kPlaintextMismatch:
      return Census::Kind::kOtherEncryption;
    case Verdict::kWrongVersion:
      return Census::Kind::kOtherVersion;
    case Verdict::kForged:
      return Census::Kind::kForged;
    case Verdict::kMalformed:
      return Census::Kind::kUnknown;
    default:  // A member's packets belong to a view that only members know.
      return Census::Kind::kMember;
  }
}

// A name comes from the network and goes to a terminal.
std::string Printable(std::string name) {
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
  return name;
}

}  // namespace

// Nothing is ever sealed with it: the instance only has to be nobody else's.
Census::Census(const std::string& group, const std::optional<security::GroupKey>& key)
    : group_(group), security_({.group = group, .key = key, .self = {{1, 1}, 1}}) {}

void Census::Add(Instant now, const Address& from, Bytes datagram) {
  const auto found = senders_.find(from);
  if (found == senders_.end() && senders_.size() >= kSendersMax) {
    ++surplus_packets_;
    return;
  }
  Sender& sender = senders_[from];
  Kind kind = Kind::kDoctor;
  if (!datagram.empty()) {
    security::OpenResult opened = security_.Open(now, from, datagram);
    kind = KindOf(opened.verdict);
    if (opened.ok()) ReadFrames(std::move(opened.plaintext), sender);
  }
  ++sender.packets[static_cast<size_t>(kind)];
}

void Census::ReadFrames(Buffer plaintext, Sender& sender) const {
  std::vector<wire::Frame> frames;
  if (!wire::ParseFrames(plaintext, frames).ok()) return;
  for (const wire::Frame& frame : frames) {
    const auto* control = std::get_if<wire::ControlFrame>(&frame);
    if (control == nullptr || control->kind != wire::ControlKind::kDiscovery) continue;
    const std::optional<discovery::Message> message = discovery::Decode(control->body, group_);
    if (!message) continue;
    sender.name = Printable(message->sender.name);
    const GroupSighting& sighting = message->sighting;
    if (sighting.view.IsZero()) continue;
    sender.view_members = sighting.members;
    sender.view = absl::StrCat(sighting.view.ToString(), " of ", sighting.members,
                               sighting.members == 1 ? " member" : " members");
  }
}

}  // namespace cohort::tools

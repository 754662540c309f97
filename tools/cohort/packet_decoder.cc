#include "packet_decoder.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "security/packet_opener.h"
#include "wire/frame_codec.h"
#include "wire/packet_header.h"

namespace cohort::tools {
namespace {

bool ParseHexNumber(std::string_view text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::string Open(const wire::PacketHeader& header, Bytes packet, const DecodeKeys& keys) {
  const Bytes body = packet.subspan(header.Size());
  if ((header.flags & wire::PacketHeader::kPlaintext) != 0) return DescribeFrames(body);
  if (keys.derivation == nullptr) return "  sealed; give --key-file and --group to open it\n";
  if (header.group_tag != keys.derivation->group_tag()) return "  sealed by another group or key\n";
  const bool member = header.type != wire::PacketType::kStranger;
  if (member && (!keys.view || !keys.sender))
    return "  sealed by a member; give --view and --sender to open it\n";
  if (body.size() < wire::kTagBytes) return "  too short for its tag\n";
  const MemberId sender{member ? *keys.sender : header.instance, header.join_no};
  security::Binding binding;
  if (member) binding.view = &*keys.view;
  if (keys.receiver) binding.receiver = &*keys.receiver;
  security::PacketOpener opener(sender);
  Buffer plaintext = Buffer::Allocate(body.size() - wire::kTagBytes);
  if (!opener.Open(keys.derivation, header.key_slot, header, packet.first(header.Size()), binding,
                   body, plaintext.Fill())) {
    return "  does not open: forged, damaged, of another view or sender, or it needs --receiver\n";
  }
  return DescribeFrames(plaintext);
}

}  // namespace

std::string DescribeFrames(Bytes plaintext) {
  std::vector<wire::Frame> frames;
  const wire::ParseResult result = wire::ParseFrames(Buffer::CopyOf(plaintext), frames);
  if (!result.ok()) return absl::StrCat("  frames: ", wire::ToString(result.verdict), "\n");
  std::string text;
  for (const wire::Frame& frame : frames) absl::StrAppend(&text, "  ", wire::ToString(frame), "\n");
  if (result.skipped > 0) absl::StrAppend(&text, "  ", result.skipped, " unknown frames skipped\n");
  return text.empty() ? "  no frames\n" : text;
}

std::string DescribePacket(Bytes packet, const DecodeKeys& keys) {
  const wire::ParsedHeader parsed = wire::ParsePacketHeader(packet);
  if (parsed.verdict == wire::HeaderVerdict::kWrongVersion)
    return "a packet of another wire version\n";
  if (parsed.verdict != wire::HeaderVerdict::kOk) {
    return absl::StrCat("not a packet: ", packet.size(),
                        " bytes without a valid header (try --frames)\n");
  }
  return absl::StrCat(wire::ToString(parsed.header), "\n", Open(parsed.header, packet, keys));
}

absl::StatusOr<std::string> ParseHex(std::string_view text) {
  std::string digits;
  if (text.substr(0, 2) == "0x") text.remove_prefix(2);
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ':';
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!blank && !digit)
      return absl::InvalidArgumentError(
          absl::StrCat("'", std::string(1, c), "' is no hexadecimal digit"));
    if (digit) digits.push_back(c);
  }
  if (digits.size() % 2 != 0)
    return absl::InvalidArgumentError("an odd number of hexadecimal digits");
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    uint64_t value = 0;
    ParseHexNumber(std::string_view(digits).substr(i, 2), value);
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

absl::StatusOr<InstanceId> ParseInstance(std::string_view text) {
  InstanceId id;
  if (text.size() != 32 || !ParseHexNumber(text.substr(0, 16), id.hi) ||
      !ParseHexNumber(text.substr(16), id.lo)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", ToAbsl(text), "' is not an instance: 32 hexadecimal digits"));
  }
  return id;
}

absl::StatusOr<ViewId> ParseView(std::string_view text) {
  ViewId view;
  const size_t dash = text.find('-');
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + std::min(dash, text.size()), view.num);
  if (dash == std::string_view::npos || error != std::errc() || end != text.data() + dash ||
      !ParseHexNumber(text.substr(dash + 1), view.cid)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", ToAbsl(text), "' is not a view: NUM-CID, CID in hexadecimal"));
  }
  return view;
}

}  // namespace cohort::tools

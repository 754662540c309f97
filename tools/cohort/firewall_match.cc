#include "firewall_match.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "ip_text.h"
#include "runtime/socket_address.h"

namespace cohort::tools {
namespace {

using Json = nlohmann::json;

// What a rule compares, as far as it is known of our packet.
struct Fact {
  Truth comparable =
      Truth::kYes;   // kNo: the packet has no such field; kUnknown: we do not know it.
  std::string text;  // "7600", "eth0", "239.255.77.7".
};
Fact NoSuchField() { return {Truth::kNo, ""}; }
Fact NotKnown() { return {Truth::kUnknown, ""}; }

std::string ProtocolNumber(const std::string& name) {
  if (name == "udp") return "17";
  if (name == "tcp") return "6";
  if (name == "igmp") return "2";
  if (name == "icmp") return "1";
  return name == "ipv6-icmp" || name == "icmpv6" ? "58" : name;
}

Fact PayloadFact(const std::string& protocol, const std::string& field,
                 const FilteredPacket& packet) {
  if (protocol == "ip" || protocol == "ip6") {
    if ((protocol == "ip6") != (packet.to.family == 6)) return NoSuchField();
    if (field == "daddr") return {Truth::kYes, IpText(packet.to)};
    if (field == "saddr" && !packet.from.IsNone()) return {Truth::kYes, IpText(packet.from)};
    if (field == "protocol" || field == "nexthdr") return {Truth::kYes, packet.protocol};
    return NotKnown();
  }
  const bool has_ports = packet.protocol == "udp" || packet.protocol == "tcp";
  if (protocol != packet.protocol && !(protocol == "th" && has_ports)) return NoSuchField();
  if (field == "dport" && has_ports) return {Truth::kYes, absl::StrCat(packet.to.port)};
  return NotKnown();
}

Fact MetaFact(const std::string& key, const FilteredPacket& packet) {
  const bool v6 = packet.to.family == 6;
  if (key == "l4proto") return {Truth::kYes, packet.protocol};
  if (key == "iifname" || key == "iif")
    return packet.arriving ? Fact{Truth::kYes, packet.interface} : NoSuchField();
  if (key == "oifname" || key == "oif")
    return packet.arriving ? NoSuchField() : Fact{Truth::kYes, packet.interface};
  if (key == "nfproto") return {Truth::kYes, v6 ? "ipv6" : "ipv4"};
  if (key == "protocol") return {Truth::kYes, v6 ? "ip6" : "ip"};
  if (key == "pkttype" && packet.arriving)
    return {Truth::kYes, packet.IsMulticast() ? "multicast" : "host"};
  return NotKnown();
}

Fact FactOf(const Json& left, const FilteredPacket& packet) {
  const Json& payload = Part(left, "payload");
  if (payload.is_object() && payload.contains("protocol"))
    return PayloadFact(Text(payload, "protocol"), Text(payload, "field"), packet);
  const Json& meta = Part(left, "meta");
  if (meta.is_object()) return MetaFact(Text(meta, "key"), packet);
  // The first packet of a conversation. Nobody answers multicast, so all of it stays "new".
  if (Text(Part(left, "ct"), "key") == "state") return {Truth::kYes, "new"};
  return NotKnown();
}

std::optional<uint64_t> Number(const std::string& text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

std::string Scalar(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  return json.is_number_integer() ? json.dump() : "";
}

Truth InPrefix(const std::string& text, const Json& prefix) {
  Address address;
  Address network;
  const Json& bits = Part(prefix, "len");
  if (!runtime::ParseIp(Text(prefix, "addr"), &network) || !bits.is_number_unsigned() ||
      !runtime::ParseIp(text, &address)) {
    return Truth::kUnknown;
  }
  if (address.family != network.family) return Truth::kNo;
  const size_t length = std::min<size_t>(bits.get<size_t>(), address.family == 6 ? 128 : 32);
  for (size_t bit = 0; bit < length; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80U >> bit % 8);
    if (((address.ip[bit / 8] ^ network.ip[bit / 8]) & mask) != 0) return Truth::kNo;
  }
  return Truth::kYes;
}

// Numbers, or addresses: both are ordered as their bytes are.
Truth InRange(const std::string& text, const Json& range) {
  if (!range.is_array() || range.size() != 2) return Truth::kUnknown;
  const auto value = Number(text);
  const auto low = Number(Scalar(range[0]));
  const auto high = Number(Scalar(range[1]));
  if (value && low && high) return *value >= *low && *value <= *high ? Truth::kYes : Truth::kNo;
  Address address, first, last;
  if (!runtime::ParseIp(text, &address) || !runtime::ParseIp(Scalar(range[0]), &first) ||
      !runtime::ParseIp(Scalar(range[1]), &last)) {
    return Truth::kUnknown;
  }
  return address.family == first.family && address.ip >= first.ip && address.ip <= last.ip
             ? Truth::kYes
             : Truth::kNo;
}

Truth Contains(const Json& right, const std::string& text, const Json& objects,
               const std::string& table, const std::string& family);

Truth AnyOf(const Json& list, const std::string& text, const Json& objects,
            const std::string& table, const std::string& family) {
  Truth found = Truth::kNo;
  for (const Json& one : list) found = std::max(found, Contains(one, text, objects, table, family));
  return found;
}

Truth InNamedSet(const std::string& name, const std::string& text, const Json& objects,
                 const std::string& table, const std::string& family) {
  for (const Json& object : objects) {
    const Json& set = Part(object, "set");
    if (!set.is_object() || Text(set, "name") != name || Text(set, "table") != table ||
        Text(set, "family") != family) {
      continue;
    }
    const Json& elements = Part(set, "elem");
    return elements.is_array() ? AnyOf(elements, text, objects, table, family) : Truth::kNo;
  }
  return Truth::kUnknown;
}

Truth Contains(const Json& right, const std::string& text, const Json& objects,
               const std::string& table, const std::string& family) {
  if (right.is_array()) return AnyOf(right, text, objects, table, family);
  if (right.is_object()) {
    if (const Json& set = Part(right, "set"); set.is_array())
      return AnyOf(set, text, objects, table, family);
    if (const Json& range = Part(right, "range"); !range.is_null()) return InRange(text, range);
    if (const Json& prefix = Part(right, "prefix"); !prefix.is_null())
      return InPrefix(text, prefix);
    if (const Json& element = Part(right, "elem"); element.is_object())
      return Contains(Part(element, "val"), text, objects, table, family);
    return Truth::kUnknown;
  }
  const std::string value = Scalar(right);
  if (value.empty()) return Truth::kUnknown;
  if (value.starts_with('@')) return InNamedSet(value.substr(1), text, objects, table, family);
  if (value.ends_with('*') && text.starts_with(value.substr(0, value.size() - 1)))
    return Truth::kYes;
  return value == text || ProtocolNumber(value) == ProtocolNumber(text) ? Truth::kYes : Truth::kNo;
}

Truth Matches(const Json& match, const Json& rule, const Json& objects,
              const FilteredPacket& packet) {
  const Fact fact = FactOf(Part(match, "left"), packet);
  if (fact.comparable != Truth::kYes) return fact.comparable;
  const std::string op = Text(match, "op");
  const Json& right = Part(match, "right");
  if (op == "==" || op == "in" || op == "!=") {
    const Truth found =
        Contains(right, fact.text, objects, Text(rule, "table"), Text(rule, "family"));
    return op == "!=" ? Not(found) : found;
  }
  const auto value = Number(fact.text);
  const auto bound = Number(Scalar(right));
  if (!value || !bound) return Truth::kUnknown;
  bool holds = false;
  if (op == "<") holds = *value < *bound;
  if (op == "<=") holds = *value <= *bound;
  if (op == ">") holds = *value > *bound;
  if (op == ">=") holds = *value >= *bound;
  return holds ? Truth::kYes : Truth::kNo;
}

// Statements that neither ask nor decide.
bool IsSilent(const std::string& word) {
  static constexpr std::array kWords = {"counter", "log", "comment", "mangle", "notrack", "set"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

Verdict VerdictOfStatement(const Json& statement) {
  if (!statement.is_object() || statement.empty()) return {};
  const std::string word = statement.begin().key();
  if (word == "drop" || word == "reject") return {Verdict::Kind::kDrop, ""};
  if (word == "accept") return {Verdict::Kind::kAccept, ""};
  if (word == "return") return {Verdict::Kind::kReturn, ""};
  if (word == "jump") return {Verdict::Kind::kJump, Text(statement["jump"], "target")};
  if (word == "goto") return {Verdict::Kind::kGoto, Text(statement["goto"], "target")};
  if (word == "vmap" || word == "queue") return {Verdict::Kind::kUnknown, ""};
  return {};
}

std::string Operand(const Json& json) {
  if (json.is_array() || Part(json, "set").is_array()) {
    std::string text;
    for (const Json& one : json.is_array() ? json : json["set"])
      absl::StrAppend(&text, text.empty() ? "" : ", ", Operand(one));
    return absl::StrCat("{ ", text, " }");
  }
  if (const Json& range = Part(json, "range"); range.is_array() && range.size() == 2)
    return absl::StrCat(Scalar(range[0]), "-", Scalar(range[1]));
  if (const Json& prefix = Part(json, "prefix"); prefix.is_object())
    return absl::StrCat(Text(prefix, "addr"), "/", Part(prefix, "len").dump());
  if (const Json& payload = Part(json, "payload"); payload.is_object())
    return absl::StrCat(Text(payload, "protocol"), " ", Text(payload, "field"));
  if (const Json& meta = Part(json, "meta"); meta.is_object()) {
    const std::string key = Text(meta, "key");
    return key.find("if") != std::string::npos ? key : absl::StrCat("meta ", key);
  }
  if (const Json& ct = Part(json, "ct"); ct.is_object())
    return absl::StrCat("ct ", Text(ct, "key"));
  const std::string scalar = Scalar(json);
  return scalar.empty() && json.is_object() && !json.empty() ? json.begin().key() + " ..." : scalar;
}

}  // namespace

const Json& Part(const Json& object, const char* name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string Text(const Json& object, const char* name) {
  const Json& part = Part(object, name);
  return part.is_string() ? part.get<std::string>() : "";
}

Truth Holds(const Json& rule, const Json& objects, const FilteredPacket& packet) {
  Truth all = Truth::kYes;
  for (const Json& statement : Part(rule, "expr")) {
    if (!statement.is_object() || statement.empty()) continue;
    const std::string word = statement.begin().key();
    if (word == "match") {
      all = And(all, Matches(statement["match"], rule, objects, packet));
    } else if (!IsSilent(word) && VerdictOfStatement(statement).kind == Verdict::Kind::kNone) {
      all = And(all, Truth::kUnknown);  // A limit, a quota, an extension of iptables.
    }
  }
  return all;
}

Verdict VerdictOf(const Json& rule) {
  for (const Json& statement : Part(rule, "expr")) {
    const Verdict verdict = VerdictOfStatement(statement);
    if (verdict.kind != Verdict::Kind::kNone) return verdict;
  }
  return {};
}

std::string DescribeRule(const Json& rule) {
  std::string text;
  for (const Json& statement : Part(rule, "expr")) {
    if (!statement.is_object() || statement.empty()) continue;
    const std::string word = statement.begin().key();
    if (!text.empty()) text += ' ';
    if (word == "match") {
      const Json& match = statement["match"];
      const std::string op = Text(match, "op");
      absl::StrAppend(&text, Operand(Part(match, "left")), " ",
                      op == "==" || op == "in" ? "" : op + " ", Operand(Part(match, "right")));
    } else {
      text += word;
    }
    if (const std::string target = Text(statement.begin().value(), "target"); !target.empty())
      absl::StrAppend(&text, " ", target);
  }
  return text;
}

}  // namespace cohort::tools

#include "firewall.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "firewall_match.h"

namespace cohort::tools {
namespace {

using Json = nlohmann::json;

constexpr size_t kRulesetBytesMax = size_t{32} << 20;
constexpr int kJumpsMax = 16;  // As the kernel's.

// Follows one packet through the chains of one hook.
class Walk {
 public:
  Walk(const Json& objects, const FilteredPacket& packet) : objects_(objects), packet_(packet) {}

  std::optional<Obstacle> Run(const Json& chain) {
    obstacle_.reset();
    // Some releases of nft do not say which device a chain belongs to.
    const bool ours = Text(chain, "family") != "netdev" || !Text(chain, "dev").empty();
    const End end = Follow(chain, ours ? Truth::kYes : Truth::kUnknown, 0);
    if (end != End::kDropped && end != End::kAccepted && Text(chain, "policy") == "drop") {
      const bool certain = ours && end == End::kThrough;
      if (certain || !obstacle_) obstacle_ = {certain, "", "policy drop", 0};
    }
    if (obstacle_) {
      obstacle_->chain =
          absl::StrCat(Text(chain, "family"), " ", Text(chain, "table"), " ", Text(chain, "name"));
    }
    return obstacle_;
  }

 private:
  enum class End : uint8_t {
    kThrough,       // No rule decided.
    kThroughMaybe,  // None did for certain, but one may have accepted.
    kAccepted,
    kDropped,
  };

  // `reached`: whether the packet gets into this chain.
  End Follow(const Json& chain, Truth reached, int depth) {
    End end = End::kThrough;
    for (const Json& object : objects_) {
      const Json& rule = Part(object, "rule");
      if (!rule.is_object() || Text(rule, "chain") != Text(chain, "name") ||
          Text(rule, "table") != Text(chain, "table") ||
          Text(rule, "family") != Text(chain, "family")) {
        continue;
      }
      if (++visited_ > kRulesVisitedMax) return End::kThroughMaybe;
      const Truth applies = And(reached, Holds(rule, objects_, packet_));
      if (applies == Truth::kNo) continue;
      const bool certain = applies == Truth::kYes;
      const Verdict verdict = VerdictOf(rule);
      switch (verdict.kind) {
        case Verdict::Kind::kNone:
          break;
        case Verdict::Kind::kDrop:
          if (certain || !obstacle_) obstacle_ = ObstacleOf(rule, certain);
          if (certain) return End::kDropped;
          break;
        case Verdict::Kind::kAccept:
          if (certain) return End::kAccepted;
          end = End::kThroughMaybe;
          break;
        case Verdict::Kind::kReturn:
          if (certain) return end;
          break;
        case Verdict::Kind::kUnknown:
          end = End::kThroughMaybe;
          break;
        case Verdict::Kind::kJump:
        case Verdict::Kind::kGoto: {
          const End inner = FollowTarget(rule, verdict.target, applies, depth);
          if (inner == End::kThroughMaybe) end = End::kThroughMaybe;
          if (certain && (inner == End::kDropped || inner == End::kAccepted)) return inner;
          if (certain && verdict.kind == Verdict::Kind::kGoto) return end;
          if (!certain && inner == End::kAccepted) end = End::kThroughMaybe;
          break;
        }
      }
    }
    return end;
  }

  End FollowTarget(const Json& rule, const std::string& target, Truth reached, int depth) {
    if (depth >= kJumpsMax) return End::kThroughMaybe;
    for (const Json& object : objects_) {
      const Json& chain = Part(object, "chain");
      if (chain.is_object() && Text(chain, "name") == target &&
          Text(chain, "table") == Text(rule, "table") &&
          Text(chain, "family") == Text(rule, "family")) {
        return Follow(chain, reached, depth + 1);
      }
    }
    return End::kThroughMaybe;
  }

  static Obstacle ObstacleOf(const Json& rule, bool certain) {
    const Json& handle = Part(rule, "handle");
    return {certain, "", DescribeRule(rule),
            handle.is_number_unsigned() ? handle.get<uint64_t>() : 0};
  }

  const Json& objects_;
  const FilteredPacket& packet_;
  std::optional<Obstacle> obstacle_;
  size_t visited_ = 0;
};

bool SeesPacket(const Json& chain, const FilteredPacket& packet) {
  const std::string family = Text(chain, "family");
  const std::string hook = Text(chain, "hook");
  if (hook.empty() || Text(chain, "type") == "nat") return false;
  if (family == "netdev") {
    const std::string device = Text(chain, "dev");
    return hook == (packet.arriving ? "ingress" : "egress") &&
           (device.empty() || device == packet.interface);
  }
  const bool ours = family == "inet" || family == (packet.to.family == 6 ? "ip6" : "ip");
  if (!ours) return false;
  return packet.arriving ? hook == "prerouting" || hook == "input"
                         : hook == "output" || hook == "postrouting";
}

}  // namespace

bool FilteredPacket::IsMulticast() const {
  return to.family == 4 ? (to.ip[0] & 0xF0) == 0xE0 : to.ip[0] == 0xFF;
}

std::vector<Obstacle> FindObstacles(const Json& ruleset, const FilteredPacket& packet) {
  std::vector<Obstacle> obstacles;
  const Json& objects = Part(ruleset, "nftables");
  if (!objects.is_array()) return obstacles;
  Walk walk(objects, packet);
  for (const Json& object : objects) {
    const Json& chain = Part(object, "chain");
    if (!chain.is_object() || !SeesPacket(chain, packet)) continue;
    if (std::optional<Obstacle> obstacle = walk.Run(chain)) obstacles.push_back(*obstacle);
  }
  return obstacles;
}

absl::StatusOr<Json> ReadRuleset() {
  // A user's PATH often lacks the folder it is in.
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      popen("PATH=\"$PATH:/usr/sbin:/sbin\" nft -j list ruleset 2>/dev/null", "r"), pclose);
  std::string text;
  std::array<char, 65536> part;
  while (pipe != nullptr && text.size() < kRulesetBytesMax) {
    const size_t got = std::fread(part.data(), 1, part.size(), pipe.get());
    if (got == 0) break;
    text.append(part.data(), got);
  }
  if (text.empty()) return absl::UnavailableError("nft is not installed, or needs root");
  Json ruleset = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (ruleset.is_discarded()) return absl::DataLossError("nft does not answer in JSON");
  return ruleset;
}

}  // namespace cohort::tools

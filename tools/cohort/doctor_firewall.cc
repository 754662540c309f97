// Check of this host's packet filter, by its rules. The echo check shows what it does.
#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "doctor_checks.h"
#include "firewall.h"

namespace cohort::tools {
namespace {

// Stands for a port that the kernel will choose.
constexpr uint16_t kSomePort = 45000;

struct Question {
  std::string what;    // "UDP to the group".
  std::string accept;  // The rule that would let it pass.
  FilteredPacket packet;
};

std::vector<Question> Questions(const Examination& exam) {
  const Address& own = exam.choice->address;
  const std::string& interface = exam.choice->interface.name;
  Address port = own;
  if (port.port == 0) port.port = kSomePort;
  std::vector<Question> questions;
  const auto ask = [&](std::string what, std::string accept, bool arriving, const char* protocol,
                       const Address& to, const Address& from) {
    questions.push_back(
        {std::move(what), std::move(accept), {arriving, interface, protocol, to, from}});
  };
  const std::string family = own.family == 6 ? "ip6" : "ip";
  if (!exam.multicast.IsNone()) {
    const std::string group = absl::StrCat(family, " daddr ", IpText(exam.multicast), " udp dport ",
                                           exam.multicast.port, " accept");
    ask("packets to the group that arrive", group, true, "udp", exam.multicast, {});
    ask("packets to the group that leave", group, false, "udp", exam.multicast, own);
  }
  if (exam.multicast.family == 4) {
    Address all_hosts;
    runtime::ParseIp("224.0.0.1", &all_hosts);
    Address routers;
    runtime::ParseIp("224.0.0.22", &routers);
    ask("IGMP questions that arrive", "ip protocol igmp accept", true, "igmp", all_hosts, {});
    ask("IGMP reports that leave", "ip protocol igmp accept", false, "igmp", routers, own);
  }
  for (const char* protocol : {"udp", "tcp"}) {
    const std::string to_port = own.port != 0 ? absl::StrCat(" dport ", own.port, " accept")
                                              : absl::StrCat(" dport 32768-60999 accept");
    ask(absl::StrCat(protocol[0] == 'u' ? "UDP" : "TCP", " to this member's port"),
        protocol + to_port, true, protocol, port, {});
  }
  return questions;
}

std::string Place(const Obstacle& obstacle) {
  return absl::StrCat(obstacle.chain, obstacle.handle == 0 ? "" : ", handle ",
                      obstacle.handle == 0 ? "" : absl::StrCat(obstacle.handle), ": ",
                      obstacle.rule);
}

Finding Describe(const Question& question, const Obstacle& obstacle) {
  std::string remedy = absl::StrCat("nft insert rule ", obstacle.chain, " ", question.accept);
  if (question.packet.to.port == kSomePort)
    absl::StrAppend(&remedy, "   # or give the member a port: --bind :7601, and open that");
  if (obstacle.certain) {
    return Problem(absl::StrCat("a rule of this host drops ", question.what), Place(obstacle),
                   std::move(remedy));
  }
  return Warning(absl::StrCat("a rule of this host may drop ", question.what),
                 absl::StrCat(Place(obstacle),
                              " (depends on the sender, a limit, or what else is "
                              "not known here)"),
                 std::move(remedy));
}

}  // namespace

Findings CheckFirewall(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  const absl::StatusOr<nlohmann::json> ruleset = ReadRuleset();
  if (!ruleset.ok()) {
    return {NotRun(absl::StrCat(
        "the rules cannot be read: ", ToAbsl(std::string(ToStd(ruleset.status().message()))),
        exam.echoed ? "; packets to the group pass, as the echo shows" : ""))};
  }
  Findings findings;
  for (const Question& question : Questions(exam)) {
    for (const Obstacle& obstacle : FindObstacles(*ruleset, question.packet))
      findings.push_back(Describe(question, obstacle));
  }
  if (findings.empty())
    findings.push_back(Ok("no rule of this host drops what members send", "nft -j list ruleset"));
  return findings;
}

}  // namespace cohort::tools

// Checks of the interface a member would use, and of what stands between it and the wire.
#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "doctor_checks.h"
#include "wire/limits.h"

namespace cohort::tools {
namespace {

using runtime::Interface;

constexpr uint32_t kMtuMin = 1500;  // What members build their packets for.
static_assert(wire::kDatagramMax + 28 == kMtuMin);

// VPNs and other tunnels, by the kernel's word for them or by name.
bool IsTunnel(const Examination& exam, const Interface& interface) {
  const LinkFacts* link = exam.LinkOf(interface.index);
  for (const char* kind : {"tun", "wireguard", "ipip", "sit", "gre", "ip6tnl", "xfrm", "vti"}) {
    if (link != nullptr && link->kind == kind) return true;
  }
  for (const char* prefix : {"tun", "wg", "ppp", "tailscale", "ipsec"}) {
    if (interface.name.starts_with(prefix)) return true;
  }
  return false;
}

bool HasFamily(const Interface& interface, uint8_t family) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [family](const Address& address) { return address.family == family; });
}

// Real networks besides `chosen` that a member could have used.
std::vector<std::string> Others(const Examination& exam, const std::string& chosen) {
  std::vector<std::string> names;
  for (const Interface& interface : exam.interfaces) {
    if (interface.name == chosen || !interface.up || !interface.multicast || interface.loopback)
      continue;
    if (runtime::IsVirtualBridge(interface.name) || IsTunnel(exam, interface)) continue;
    if (HasFamily(interface, exam.settings.interface.family)) names.push_back(interface.name);
  }
  return names;
}

std::string Describe(const Interface& interface) {
  std::string text = interface.name;
  if (!interface.up) absl::StrAppend(&text, " (down, or no cable)");
  if (!interface.multicast && !interface.loopback) absl::StrAppend(&text, " (no multicast)");
  for (const Address& address : interface.addresses) {
    if (address.scope == 0) absl::StrAppend(&text, " ", IpText(address));
  }
  if (interface.addresses.empty()) absl::StrAppend(&text, " (no address)");
  return text;
}

std::string All(const Examination& exam) {
  std::string text;
  for (const Interface& interface : exam.interfaces)
    absl::StrAppend(&text, text.empty() ? "this host has " : "; ", Describe(interface));
  return text;
}

Finding NoInterface(const Examination& exam, const absl::Status& status) {
  std::string remedy = "ip link set lo up";
  const std::string& host = exam.settings.interface.bind.host;
  if (!host.empty()) {
    const std::vector<std::string> others = Others(exam, "");
    remedy = absl::StrCat("--bind ", others.empty() ? "INTERFACE" : others.front());
  }
  for (const Interface& interface : exam.interfaces) {
    if (interface.name == host && !interface.up)
      remedy = absl::StrCat("ip link set dev ", host, " up   # and look at the cable");
    if (interface.name == host && interface.up && interface.addresses.empty())
      remedy = absl::StrCat("ip addr add ADDRESS/LENGTH dev ", host);
  }
  return Problem(std::string(ToStd(status.message())), All(exam), remedy);
}

int ReadNumber(const std::string& path, int otherwise) {
  std::ifstream file(path);
  int number = otherwise;
  return file >> number ? number : otherwise;
}

}  // namespace

Findings CheckInterface(Examination& exam) {
  const absl::StatusOr<runtime::InterfaceChoice> choice =
      runtime::ChooseInterface(exam.settings.interface, exam.interfaces, exam.default_route);
  if (!choice.ok()) return {NoInterface(exam, choice.status())};
  exam.choice = *choice;
  const Interface& interface = choice->interface;
  const bool asked = !exam.settings.interface.bind.host.empty();
  if (exam.settings.interface.loopback_only) {
    return {Warning("without a key only members on this host can be found",
                    absl::StrCat("--allow-plaintext means ", interface.name),
                    "cohort keygen --out shop.key   # copy it to every host; then --key-file "
                    "shop.key instead of --allow-plaintext")};
  }
  if (interface.loopback) {
    const std::string remedy = asked ? "--bind INTERFACE   # or none"
                                     : "ip link set dev INTERFACE up   # or --bind INTERFACE";
    return {Problem("only members on this host can be found", choice->reason + "; " + All(exam),
                    remedy)};
  }
  if (!interface.multicast && !exam.options.no_multicast) {
    return {Problem(absl::StrCat(interface.name, " does not do multicast"),
                    absl::StrCat(choice->reason, "; it lacks the flag MULTICAST"),
                    absl::StrCat("ip link set dev ", interface.name,
                                 " multicast on   # or --no-multicast with --seed HOST:PORT"))};
  }
  if (asked) return {Ok(choice->reason, IpText(choice->address))};
  const std::vector<std::string> others = Others(exam, interface.name);
  if (runtime::IsVirtualBridge(interface.name) || IsTunnel(exam, interface)) {
    return {Warning(absl::StrCat(choice->reason, ": made by a VPN or by virtual machines"),
                    All(exam),
                    absl::StrCat("--bind ", others.empty() ? "INTERFACE" : others.front(),
                                 "   # the network that all members share"))};
  }
  if (!others.empty()) {
    return {Warning(absl::StrCat(choice->reason, "; ", others.front(), " would do as well"),
                    All(exam),
                    absl::StrCat("--bind ", others.front(), "   # or --bind ", interface.name,
                                 ": on every host the one of the network they share"))};
  }
  return {Ok(choice->reason, IpText(choice->address))};
}

Findings CheckMtu(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  const std::string& name = exam.choice->interface.name;
  const LinkFacts* link = exam.LinkOf(exam.choice->interface.index);
  if (link == nullptr || link->mtu == 0) return {NotRun("the kernel does not tell")};
  if (link->mtu >= kMtuMin) {
    const size_t most = std::clamp<size_t>(link->mtu, kMtuMin, wire::kJumboDatagramMax + 28);
    return {Ok(absl::StrCat(name, " takes packets of ", link->mtu, " bytes"),
               most == kMtuMin ? absl::StrCat("members send at most ", kMtuMin)
                               : absl::StrCat("members send up to ", most,
                                              ", if all others' take as much; else ", kMtuMin))};
  }
  return {Warning(
      absl::StrCat(name, " takes packets of ", link->mtu, " bytes, members send up to ", kMtuMin),
      "what others send whole does not arrive here if their MTU is larger; what is sent here is "
      "cut into fragments, and the loss of one loses the packet",
      absl::StrCat("ip link set dev ", name, " mtu ", kMtuMin,
                   "   # or the same MTU on every host, if the network cannot do more"))};
}

Findings CheckBridge(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  const LinkFacts* bridge = exam.LinkOf(exam.choice->interface.index);
  if (bridge == nullptr) return {NotRun("the kernel does not tell")};
  if (bridge->master != 0 && bridge->kind != "bridge") bridge = exam.LinkOf(bridge->master);
  if (bridge == nullptr || bridge->kind != "bridge")
    return {Ok("no bridge of this host is in between")};
  if (!bridge->snooping)
    return {Ok(absl::StrCat("bridge ", bridge->name, " passes all multicast on"))};
  if (bridge->querier || bridge->querier_known) {
    return {Ok(absl::StrCat("bridge ", bridge->name, " snoops multicast, and there is a querier"))};
  }
  return {Warning(
      absl::StrCat("bridge ", bridge->name, " snoops multicast, but nobody asks who listens"),
      "mcast_snooping is 1, mcast_querier is 0, and no other querier was heard; a bridge of Linux "
      "floods as long as that is so, but switches behind it forget who has joined and stop "
      "delivering after some minutes",
      absl::StrCat("ip link set dev ", bridge->name, " type bridge mcast_querier 1"))};
}

Findings CheckReversePath(Examination& exam) {
  if (!exam.choice) return {NotRun("no interface")};
  if (exam.choice->address.family != 4) return {Ok("does not exist for IPv6")};
  const std::string& name = exam.choice->interface.name;
  const auto setting = [](const std::string& of) {
    return ReadNumber("/proc/sys/net/ipv4/conf/" + of + "/rp_filter", 0);
  };
  const int all = setting("all");
  const int own = setting(name);
  const std::string evidence =
      absl::StrCat("net.ipv4.conf.all.rp_filter = ", all, ", net.ipv4.conf.", name,
                   ".rp_filter = ", own, "; the greater one holds");
  if (std::max(all, own) != 1) return {Ok("packets of any source are taken", evidence)};
  const auto is_other = [&](const Interface& interface) {
    return interface.up && !interface.loopback && interface.name != name && HasFamily(interface, 4);
  };
  if (std::none_of(exam.interfaces.begin(), exam.interfaces.end(), is_other))
    return {Ok("strict, but there is no second interface", evidence)};
  return {
      Warning(absl::StrCat("packets are dropped if the way back to their sender is not ", name),
              absl::StrCat(evidence, "; 1 is strict, and this host has more than one interface"),
              absl::StrCat("sysctl -w net.ipv4.conf.", name, ".rp_filter=2"))};
}

}  // namespace cohort::tools

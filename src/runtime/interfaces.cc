#include "runtime/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>

#include "base/absl_bridge.h"
#include "runtime/file_descriptor.h"

namespace cohort::runtime {
namespace {

bool IsLinkLocal6(const Address& address) {
  return address.family == 6 && address.ip[0] == 0xFE && (address.ip[1] & 0xC0) == 0x80;
}

// The address to use on `interface`: of the wanted family if it has one, routable ones before
// link-local ones.
std::optional<Address> BestAddress(const Interface& interface, uint8_t family) {
  std::optional<Address> best;
  int best_score = -1;
  for (const Address& address : interface.addresses) {
    const int score = (address.family == family ? 2 : 0) + (IsLinkLocal6(address) ? 0 : 1);
    if (score > best_score) {
      best = address;
      best_score = score;
    }
  }
  return best;
}

absl::StatusOr<InterfaceChoice> Chosen(const InterfaceWish& wish, const Interface& interface,
                                       Address address, std::string reason) {
  if (wish.loopback_only && !interface.loopback) {
    return MakeStatus(absl::StatusCode::kInvalidArgument,
                      "bind: " + interface.name +
                          " is not the loopback interface, and without a key only that is " +
                          "allowed; give a key, or allow plaintext on the network");
  }
  address.port = wish.bind.port;
  return InterfaceChoice{interface, address, std::move(reason)};
}

std::string Known(std::span<const Interface> interfaces) {
  std::string text;
  for (const Interface& interface : interfaces) {
    for (const Address& address : interface.addresses) {
      text += (text.empty() ? "" : ", ") + interface.name + " " + address.ToString();
    }
  }
  return text.empty() ? "none" : text;
}

absl::StatusOr<InterfaceChoice> ChooseNamed(const InterfaceWish& wish,
                                            std::span<const Interface> interfaces) {
  for (const Interface& interface : interfaces) {
    if (interface.name != wish.bind.host) continue;
    const std::optional<Address> address = BestAddress(interface, wish.family);
    if (!interface.up || !address) {
      return MakeStatus(
          absl::StatusCode::kUnavailable,
          "bind: interface " + interface.name + (interface.up ? " has no IP address" : " is down"));
    }
    return Chosen(wish, interface, *address, interface.name + ", as asked");
  }
  std::vector<Address> wanted(1);
  if (!ParseIp(wish.bind.host, wanted.data())) {
    absl::StatusOr<std::vector<Address>> resolved = Resolve(wish.bind);
    if (!resolved.ok()) {
      return MakeStatus(absl::StatusCode::kNotFound,
                        "bind: '" + wish.bind.host +
                            "' is no address, interface or host name of this host; it has " +
                            Known(interfaces));
    }
    wanted = *std::move(resolved);
  }
  for (const Address& want : wanted) {
    for (const Interface& interface : interfaces) {
      for (const Address& have : interface.addresses) {
        const bool same = have.ip == want.ip && have.family == want.family &&
                          (want.scope == 0 || want.scope == have.scope);
        if (same)
          return Chosen(wish, interface, have,
                        interface.name + ", which has the address asked for");
      }
      // Any address of 127.0.0.0/8 is local although the kernel lists only one.
      if (interface.loopback && want.family == 4 && want.ip[0] == 127) {
        return Chosen(wish, interface, want, interface.name + ", which has the address asked for");
      }
    }
  }
  return MakeStatus(
      absl::StatusCode::kNotFound,
      "bind: this host has no address " + wish.bind.host + "; it has " + Known(interfaces));
}

}  // namespace

std::vector<Interface> ListInterfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::vector<Interface> result;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    auto it = std::find_if(result.begin(), result.end(),
                           [&](const Interface& i) { return i.name == entry->ifa_name; });
    if (it == result.end()) {
      Interface interface;
      interface.name = entry->ifa_name;
      interface.index = if_nametoindex(entry->ifa_name);
      interface.up = (entry->ifa_flags & IFF_UP) != 0 && (entry->ifa_flags & IFF_RUNNING) != 0;
      interface.multicast = (entry->ifa_flags & IFF_MULTICAST) != 0;
      interface.loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
      it = result.insert(result.end(), std::move(interface));
    }
    const Address address = FromSocketAddress(entry->ifa_addr);
    if (!address.IsNone()) it->addresses.push_back(address);
  }
  std::sort(result.begin(), result.end(),
            [](const Interface& a, const Interface& b) { return a.index < b.index; });
  return result;
}

uint32_t MtuOf(uint32_t index) {
  ifreq request{};
  const FileDescriptor fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open() || if_indextoname(index, request.ifr_name) == nullptr) return 0;
  if (ioctl(fd.get(), SIOCGIFMTU, &request) != 0 || request.ifr_mtu < 0) return 0;
  return static_cast<uint32_t>(request.ifr_mtu);
}

bool IsOfThisHost(const Address& address, std::span<const Interface> interfaces) {
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& interface) {
    return std::any_of(
        interface.addresses.begin(), interface.addresses.end(),
        [&](const Address& own) { return own.family == address.family && own.ip == address.ip; });
  });
}

std::string DefaultRouteInterface() {
  std::string best;
  uint64_t best_metric = std::numeric_limits<uint64_t>::max();
  std::ifstream routes("/proc/net/route");
  std::string line;
  std::getline(routes, line);  // Headings.
  while (std::getline(routes, line)) {
    std::istringstream fields(line);
    std::string name, destination, gateway, flags, references, use, mask;
    uint64_t metric = 0;
    fields >> name >> destination >> gateway >> flags >> references >> use >> metric >> mask;
    if (fields && destination == "00000000" && mask == "00000000" && metric < best_metric) {
      best = name;
      best_metric = metric;
    }
  }
  if (!best.empty()) return best;
  std::ifstream routes6("/proc/net/ipv6_route");
  while (std::getline(routes6, line)) {
    std::istringstream fields(line);
    std::string destination, length, source, source_length, hop, metric, references, use, flags,
        name;
    fields >> destination >> length >> source >> source_length >> hop >> metric >> references >>
        use >> flags >> name;
    const bool is_default =
        length == "00" && destination.find_first_not_of('0') == std::string::npos;
    if (fields && is_default && name != "lo") return name;
  }
  return best;
}

bool IsVirtualBridge(const std::string& name) {
  for (const char* prefix : {"docker", "veth", "br-", "virbr", "lxc", "lxd", "cni", "flannel",
                             "cali", "podman", "vnet", "tap"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

absl::StatusOr<InterfaceChoice> ChooseInterface(const InterfaceWish& wish,
                                                std::span<const Interface> interfaces,
                                                const std::string& default_route) {
  if (!wish.bind.host.empty()) return ChooseNamed(wish, interfaces);
  const auto usable = [&](const Interface& interface) {
    return interface.up && interface.multicast && !interface.loopback &&
           BestAddress(interface, wish.family).has_value();
  };
  if (!wish.loopback_only) {
    for (const Interface& interface : interfaces) {
      if (interface.name != default_route || !usable(interface)) continue;
      return Chosen(wish, interface, *BestAddress(interface, wish.family),
                    interface.name + ", the interface of the default route");
    }
    for (const Interface& interface : interfaces) {
      if (!usable(interface) || IsVirtualBridge(interface.name)) continue;
      return Chosen(
          wish, interface, *BestAddress(interface, wish.family),
          interface.name + ", the first one that is up and does multicast (" +
              (default_route.empty() ? "there is no default route"
                                     : "the default route's " + default_route + " does not") +
              ")");
    }
  }
  for (const Interface& interface : interfaces) {
    if (!interface.loopback || !interface.up || !BestAddress(interface, wish.family)) continue;
    return Chosen(
        wish, interface, *BestAddress(interface, wish.family),
        interface.name +
            (wish.loopback_only
                 ? ", the only one allowed without a key"
                 : ", for want of another one that is up and does multicast: only members on "
                   "this host can be found"));
  }
  return MakeStatus(absl::StatusCode::kUnavailable,
                    "no usable network interface: not even loopback is up (ip link set lo up)");
}

}  // namespace cohort::runtime

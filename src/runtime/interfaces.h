// Which network interface a member uses, and why. Multicast joined on the wrong interface is the
// commonest reason for members that do not find each other, so the choice is made once, in one
// place, and explained in words.
#ifndef COHORT_RUNTIME_INTERFACES_H_
#define COHORT_RUNTIME_INTERFACES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "runtime/socket_address.h"

namespace cohort::runtime {

struct Interface {
  std::string name;
  uint32_t index = 0;
  bool up = false;
  bool multicast = false;
  bool loopback = false;
  std::vector<Address> addresses;  // Port 0.
};

// As the kernel lists them now.
std::vector<Interface> ListInterfaces();
// In bytes, of the interface with this index; 0: not known.
uint32_t MtuOf(uint32_t index);
// What a datagram may hold there, over IPv6 as well as IPv4.
inline uint32_t DatagramBytesOf(uint32_t mtu) { return mtu > 48 ? mtu - 48 : 0; }
// Whether one of `interfaces` has this IP number. The port is not looked at.
bool IsOfThisHost(const Address& address, std::span<const Interface> interfaces);
// Name of the interface of the IPv4 (else IPv6) default route with the lowest metric; empty if
// there is none.
std::string DefaultRouteInterface();
// Made by container and virtual machine software on a host, by its name: docker0, veth..., br-...,
// virbr0 and the like.
bool IsVirtualBridge(const std::string& name);

struct InterfaceChoice {
  Interface interface;
  Address address;     // Of it, with the wanted port.
  std::string reason;  // "eth0, the interface of the default route".
};

struct InterfaceWish {
  HostPort bind;  // Host empty: choose. An IP number, the name of an interface, or a host name.
  bool loopback_only = false;  // Refuse anything else.
  uint8_t family = 4;          // Preferred where the choice is ours.
};

// Pure: decides from what it is given. Errors: kNotFound (no such interface or address here),
// kInvalidArgument (not loopback although loopback_only), kUnavailable (nothing usable).
absl::StatusOr<InterfaceChoice> ChooseInterface(const InterfaceWish& wish,
                                                std::span<const Interface> interfaces,
                                                const std::string& default_route);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_INTERFACES_H_

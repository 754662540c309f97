#include "runtime/link_monitor.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace cohort::runtime {

LinkMonitor::LinkMonitor(uint32_t interface_index)
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE)),
      interface_index_(interface_index) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fd_.Close();
}

namespace {

nlmsghdr* Next(nlmsghdr* header, unsigned& left) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-align"  // The kernel's macro; it keeps what it aligns.
  return NLMSG_NEXT(header, left);
#pragma GCC diagnostic pop
}

// What follows the interface's facts in a message of the kernel; 0: nothing about the MTU.
uint32_t MtuIn(const nlmsghdr& header) {
  constexpr size_t kFixed = NLMSG_LENGTH(sizeof(ifinfomsg));
  const auto* bytes = reinterpret_cast<const char*>(&header);
  size_t at = NLMSG_ALIGN(kFixed);
  while (at + sizeof(rtattr) <= header.nlmsg_len) {
    rtattr attribute{};
    std::memcpy(&attribute, bytes + at, sizeof(attribute));
    if (attribute.rta_len < sizeof(rtattr) || attribute.rta_len > header.nlmsg_len - at) return 0;
    if (attribute.rta_type == IFLA_MTU && attribute.rta_len == RTA_LENGTH(sizeof(uint32_t))) {
      uint32_t mtu = 0;
      std::memcpy(&mtu, bytes + at + RTA_LENGTH(0), sizeof(mtu));
      return mtu;
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  return 0;
}

}  // namespace

LinkMonitor::Change LinkMonitor::Poll() {
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  Change change;
  constexpr int kReadsMax = 32;
  for (int i = 0; i < kReadsMax; ++i) {
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received <= 0) break;
    auto left = static_cast<unsigned>(received);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = Next(header, left)) {
      if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) continue;
      if (header->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) continue;
      const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
      if (static_cast<uint32_t>(link->ifi_index) != interface_index_) continue;
      const bool up = header->nlmsg_type == RTM_NEWLINK && (link->ifi_flags & IFF_UP) != 0 &&
                      (link->ifi_flags & IFF_RUNNING) != 0;
      if (up != up_) change.up = up;
      up_ = up;
      const uint32_t mtu = MtuIn(*header);
      if (mtu != 0 && mtu != mtu_) change.mtu = mtu_ = mtu;
    }
  }
  return change;
}

}  // namespace cohort::runtime

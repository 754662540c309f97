#include "link_facts.h"

#include <linux/if_bridge.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string_view>

#include "runtime/file_descriptor.h"

namespace cohort::tools {
namespace {

constexpr size_t kDumpBytesMax = size_t{4} << 20;  // Some thousands of devices.

template <class Value>
Value As(Bytes bytes) {
  Value value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

std::string Text(Bytes bytes) {
  const std::string_view text = AsText(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

size_t Aligned(size_t size) { return (size + 3) & ~size_t{3}; }

// Calls `visit` for each attribute of a list.
void ForEachAttribute(Bytes list, const std::function<void(uint16_t, Bytes)>& visit) {
  while (list.size() >= sizeof(rtattr)) {
    const auto head = As<rtattr>(list);
    if (head.rta_len < sizeof(rtattr) || head.rta_len > list.size()) return;
    visit(head.rta_type & NLA_TYPE_MASK,
          list.subspan(sizeof(rtattr), head.rta_len - sizeof(rtattr)));
    list = list.subspan(std::min(Aligned(head.rta_len), list.size()));
  }
}

void ReadBridge(Bytes data, LinkFacts& link) {
  ForEachAttribute(data, [&link](uint16_t type, Bytes value) {
    if (type == IFLA_BR_MCAST_SNOOPING) link.snooping = As<uint8_t>(value) != 0;
    if (type == IFLA_BR_MCAST_QUERIER) link.querier = As<uint8_t>(value) != 0;
    if (type != IFLA_BR_MCAST_QUERIER_STATE) return;
    ForEachAttribute(value, [&link](uint16_t field, Bytes) {
      if (field == BRIDGE_QUERIER_IP_ADDRESS || field == BRIDGE_QUERIER_IPV6_ADDRESS)
        link.querier_known = true;
    });
  });
}

LinkFacts ReadLink(Bytes message) {
  LinkFacts link;
  link.index = static_cast<uint32_t>(As<ifinfomsg>(message).ifi_index);
  ForEachAttribute(message.subspan(sizeof(ifinfomsg)), [&link](uint16_t type, Bytes value) {
    if (type == IFLA_IFNAME) link.name = Text(value);
    if (type == IFLA_MTU) link.mtu = As<uint32_t>(value);
    if (type == IFLA_MASTER) link.master = As<uint32_t>(value);
    if (type != IFLA_LINKINFO) return;
    ForEachAttribute(value, [&link](uint16_t field, Bytes info) {
      if (field == IFLA_INFO_KIND) link.kind = Text(info);
      if (field == IFLA_INFO_DATA && link.kind == "bridge") ReadBridge(info, link);
    });
  });
  return link;
}

bool EndsDump(Bytes part) {
  while (part.size() >= sizeof(nlmsghdr)) {
    const auto head = As<nlmsghdr>(part);
    if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) return true;
    if (head.nlmsg_len < sizeof(nlmsghdr)) return true;
    part = part.subspan(std::min(Aligned(head.nlmsg_len), part.size()));
  }
  return false;
}

}  // namespace

std::vector<LinkFacts> ParseLinks(Bytes dump) {
  std::vector<LinkFacts> links;
  while (dump.size() >= sizeof(nlmsghdr)) {
    const auto head = As<nlmsghdr>(dump);
    if (head.nlmsg_len < sizeof(nlmsghdr) || head.nlmsg_len > dump.size()) break;
    const Bytes message = dump.subspan(sizeof(nlmsghdr), head.nlmsg_len - sizeof(nlmsghdr));
    if (head.nlmsg_type == RTM_NEWLINK && message.size() >= sizeof(ifinfomsg))
      links.push_back(ReadLink(message));
    dump = dump.subspan(std::min(Aligned(head.nlmsg_len), dump.size()));
  }
  return links;
}

std::vector<LinkFacts> ListLinks() {
  const runtime::FileDescriptor fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.is_open()) return {};
  struct {
    nlmsghdr head;
    ifinfomsg link;
  } request{};
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = RTM_GETLINK;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (::send(fd.get(), &request, sizeof(request), 0) < 0) return {};
  std::vector<std::byte> dump;
  std::vector<std::byte> part(size_t{64} << 10);
  while (dump.size() < kDumpBytesMax) {
    const ssize_t got = ::recv(fd.get(), part.data(), part.size(), 0);
    if (got <= 0) break;
    dump.insert(dump.end(), part.begin(), part.begin() + got);
    if (EndsDump(Bytes(part).first(static_cast<size_t>(got)))) break;
  }
  return ParseLinks(dump);
}

}  // namespace cohort::tools

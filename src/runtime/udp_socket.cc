#include "runtime/udp_socket.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/absl_bridge.h"
#include "runtime/socket_address.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

namespace cohort::runtime {
namespace {

constexpr size_t kControlBytes = 128;

bool SetOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

size_t GrowBuffer(int fd, int force_name, int name, size_t bytes) {
  const int wanted = static_cast<int>(std::min(bytes, size_t{1} << 30));
  if (!SetOption(fd, SOL_SOCKET, force_name, wanted)) SetOption(fd, SOL_SOCKET, name, wanted);
  int granted = 0;
  socklen_t size = sizeof(granted);
  getsockopt(fd, SOL_SOCKET, name, &granted, &size);
  return static_cast<size_t>(std::max(granted, 0));
}

struct ControlFacts {
  size_t segment_bytes = 0;  // 0: one datagram.
  bool has_drops = false;
  uint32_t drops = 0;
};

ControlFacts ReadControl(msghdr& header) {
  ControlFacts facts;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int bytes = 0;
      std::memcpy(&bytes, CMSG_DATA(c), sizeof(bytes));
      facts.segment_bytes = static_cast<size_t>(std::max(bytes, 0));
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&facts.drops, CMSG_DATA(c), sizeof(facts.drops));
      facts.has_drops = true;
    }
  }
  return facts;
}

}  // namespace

absl::Status SocketError(int error, const std::string& what) {
  const std::string text = what + ": " + std::generic_category().message(error);
  switch (error) {
    case EADDRINUSE:
      return MakeStatus(absl::StatusCode::kAlreadyExists, text);
    case EACCES:
    case EPERM:
      return MakeStatus(absl::StatusCode::kPermissionDenied, text);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return MakeStatus(absl::StatusCode::kResourceExhausted, text);
    default:
      return MakeStatus(absl::StatusCode::kUnavailable, text);
  }
}

struct DatagramBatch::Slots {
  struct Slot {
    sockaddr_storage from;
    iovec data;
    alignas(cmsghdr) std::array<std::byte, kControlBytes> control;
  };
  std::unique_ptr<std::byte[]> memory{new std::byte[kMessages * kMessageBytes]};
  std::array<Slot, kMessages> slots;
  std::array<mmsghdr, kMessages> headers{};

  void Prepare() {
    for (size_t i = 0; i < kMessages; ++i) {
      slots[i].data = {memory.get() + i * kMessageBytes, kMessageBytes};
      msghdr& header = headers[i].msg_hdr;
      header.msg_name = &slots[i].from;
      header.msg_namelen = sizeof(slots[i].from);
      header.msg_iov = &slots[i].data;
      header.msg_iovlen = 1;
      header.msg_control = slots[i].control.data();
      header.msg_controllen = kControlBytes;
      header.msg_flags = 0;
    }
  }
};

DatagramBatch::DatagramBatch() : slots_(std::make_shared<Slots>()) {}

absl::StatusOr<UdpSocket> UdpSocket::OpenUnicast(const Address& local, const Options& options) {
  FileDescriptor fd(::socket(local.family == 6 ? AF_INET6 : AF_INET,
                             SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return SocketError(errno, "UDP socket");
  UdpSocket socket(std::move(fd));
  if (absl::Status status = socket.Configure(options, local.family); !status.ok()) return status;
  const SocketAddress address = ToSocketAddress(local);
  if (::bind(socket.fd(), address.get(), address.size) != 0) {
    return SocketError(errno, "UDP " + local.ToString());
  }
  SocketAddress bound;
  bound.size = sizeof(bound.storage);
  if (getsockname(socket.fd(), bound.get(), &bound.size) != 0)
    return SocketError(errno, "UDP socket");
  socket.local_ = FromSocketAddress(bound.get());
  return socket;
}

absl::StatusOr<UdpSocket> UdpSocket::OpenMulticast(const Address& group, const Options& options) {
  FileDescriptor fd(::socket(group.family == 6 ? AF_INET6 : AF_INET,
                             SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return SocketError(errno, "multicast socket");
  UdpSocket socket(std::move(fd));
  socket.multicast_ = true;
  socket.interface_index_ = options.interface_index;
  if (absl::Status status = socket.Configure(options, group.family); !status.ok()) return status;
  SetOption(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  // Bound to the group's address, so that unicast to this port is not taken from anybody else.
  Address bind_to = group;
  if (group.family == 6) bind_to.scope = options.interface_index;
  const SocketAddress address = ToSocketAddress(bind_to);
  if (::bind(socket.fd(), address.get(), address.size) != 0) {
    return SocketError(errno, "multicast " + group.ToString());
  }
  socket.local_ = bind_to;
  // Without this the kernel hands us every group that anybody on this host has joined.
  if (group.family == 6) {
    SetOption(socket.fd(), IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  } else {
    SetOption(socket.fd(), IPPROTO_IP, IP_MULTICAST_ALL, 0);
  }
  if (absl::Status status = socket.Join(); !status.ok()) return status;
  return socket;
}

absl::Status UdpSocket::Configure(const Options& options, uint8_t family) {
  receive_buffer_bytes_ = GrowBuffer(fd(), SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer_bytes);
  GrowBuffer(fd(), SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer_bytes);
  SetOption(fd(), SOL_SOCKET, SO_RXQ_OVFL, 1);
  segments_received_ = SetOption(fd(), SOL_UDP, UDP_GRO, 1);
  bool ok = true;
  if (family == 6) {
    SetOption(fd(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    SetOption(fd(), IPPROTO_IPV6, IPV6_RECVERR, 1);
    ok = SetOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF,
                   static_cast<int>(options.interface_index)) &&
         SetOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options.multicast_ttl) &&
         SetOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
  } else {
    SetOption(fd(), IPPROTO_IP, IP_RECVERR, 1);
    ip_mreqn interface{};
    interface.imr_ifindex = static_cast<int>(options.interface_index);
    ok = setsockopt(fd(), IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) == 0 &&
         SetOption(fd(), IPPROTO_IP, IP_MULTICAST_TTL, options.multicast_ttl) &&
         SetOption(fd(), IPPROTO_IP, IP_MULTICAST_LOOP, 1);
  }
  return ok ? absl::OkStatus() : SocketError(errno, "multicast options of a UDP socket");
}

absl::Status UdpSocket::Join() {
  group_req request{};
  request.gr_interface = interface_index_;
  Address group = local_;
  group.scope = 0;
  const SocketAddress address = ToSocketAddress(group);
  std::memcpy(&request.gr_group, &address.storage, sizeof(address.storage));
  const int level = local_.family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (setsockopt(fd(), level, MCAST_JOIN_GROUP, &request, sizeof(request)) == 0)
    return absl::OkStatus();
  return SocketError(errno, "joining multicast " + group.ToString());
}

void UdpSocket::Rejoin() {
  if (!multicast_) return;
  group_req request{};
  request.gr_interface = interface_index_;
  const SocketAddress address = ToSocketAddress(local_);
  std::memcpy(&request.gr_group, &address.storage, sizeof(address.storage));
  const int level = local_.family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
  setsockopt(fd(), level, MCAST_LEAVE_GROUP, &request, sizeof(request));
  // Not joined is what we were a moment ago; the next interface event tries again.
  Join().IgnoreError();
}

bool UdpSocket::Receive(DatagramBatch& batch) {
  DatagramBatch::Slots& slots = *batch.slots_;
  batch.datagrams_.clear();
  batch.drops_ = 0;
  batch.bytes_ = 0;
  slots.Prepare();
  const int received =
      recvmmsg(fd(), slots.headers.data(), DatagramBatch::kMessages, MSG_DONTWAIT, nullptr);
  batch.full_ = received == static_cast<int>(DatagramBatch::kMessages);
  for (int i = 0; i < received; ++i) {
    msghdr& header = slots.headers[static_cast<size_t>(i)].msg_hdr;
    const size_t size = slots.headers[static_cast<size_t>(i)].msg_len;
    const ControlFacts facts = ReadControl(header);
    if (facts.has_drops) {
      batch.drops_ += facts.drops - drops_seen_;
      drops_seen_ = facts.drops;
    }
    engine::Datagram datagram;
    datagram.from = FromSocketAddress(static_cast<const sockaddr*>(header.msg_name));
    datagram.multicast = multicast_;
    const auto* bytes = static_cast<const std::byte*>(header.msg_iov->iov_base);
    const size_t step = facts.segment_bytes == 0 ? std::max<size_t>(size, 1) : facts.segment_bytes;
    for (size_t offset = 0; offset < size; offset += step) {
      datagram.bytes = Bytes(bytes + offset, std::min(step, size - offset));
      batch.datagrams_.push_back(datagram);
    }
    batch.bytes_ += size;
  }
  return received > 0;
}

std::vector<Address> UdpSocket::DrainErrors() {
  std::vector<Address> closed;
  constexpr int kErrorsMax = 64;
  for (int i = 0; i < kErrorsMax; ++i) {
    sockaddr_storage peer{};
    std::byte byte[1];
    iovec data{byte, sizeof(byte)};
    alignas(cmsghdr) std::byte control[512];
    msghdr header{};
    header.msg_name = &peer;
    header.msg_namelen = sizeof(peer);
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    if (recvmsg(fd(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      const bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
      if (!is_error) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(c), sizeof(error));
      if (error.ee_errno == ECONNREFUSED) {
        closed.push_back(FromSocketAddress(reinterpret_cast<const sockaddr*>(&peer)));
      }
    }
  }
  return closed;
}

}  // namespace cohort::runtime

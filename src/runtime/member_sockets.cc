#include "runtime/member_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/absl_bridge.h"
#include "runtime/socket_address.h"

namespace cohort::runtime {
namespace {

constexpr int kListenBacklog = 128;
constexpr int kPortTriesMax = 32;  // Until a port is free for UDP and TCP at once.

constexpr int kListenerDescriptor = 900;  // And up; select() ends at 1023.

// Linux ends the sockets of a killed process from the highest descriptor down. The listener has to
// end before the lifelines, so that whoever sees a lifeline end is refused at the first try.
FileDescriptor MovedUp(FileDescriptor fd) {
  const int high = fcntl(fd.get(), F_DUPFD_CLOEXEC, kListenerDescriptor);
  return high < 0 ? std::move(fd) : FileDescriptor(high);  // The limit may be lower.
}

absl::StatusOr<FileDescriptor> Listen(const Address& address) {
  FileDescriptor fd(::socket(address.family == 6 ? AF_INET6 : AF_INET,
                             SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return SocketError(errno, "TCP socket");
  const int one = 1;
  // Connections of an earlier run in TIME_WAIT must not keep us from the port; a live listener
  // still does.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (address.family == 6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
  const SocketAddress local = ToSocketAddress(address);
  if (::bind(fd.get(), local.get(), local.size) != 0 || ::listen(fd.get(), kListenBacklog) != 0) {
    return SocketError(errno, "TCP " + address.ToString());
  }
  return MovedUp(std::move(fd));
}

absl::Status Explained(const absl::Status& status, const Address& address, const char* protocol) {
  if (status.code() != absl::StatusCode::kAlreadyExists) return status;
  const std::string port = std::to_string(address.port);
  return MakeStatus(
      absl::StatusCode::kAlreadyExists,
      "port " + port + " of " + address.ToString() + " is taken for " + protocol +
          ": another process (another member on this host?) uses it. Give another port, or none to "
          "have a free one chosen; `ss -lnp " +
          (protocol[0] == 'U' ? "-u" : "-t") + " sport = :" + port + "` shows who has it");
}

}  // namespace

absl::StatusOr<MemberSockets> OpenMemberSockets(const SocketWishes& wishes) {
  const Address wanted = wishes.interface.address;
  UdpSocket::Options udp = wishes.udp;
  udp.interface_index = wishes.interface.interface.index;
  for (int attempt = 0; attempt < kPortTriesMax; ++attempt) {
    absl::StatusOr<UdpSocket> unicast = UdpSocket::OpenUnicast(wanted, udp);
    if (!unicast.ok()) return Explained(unicast.status(), wanted, "UDP");
    const Address address = unicast->local();
    absl::StatusOr<FileDescriptor> listener = Listen(address);
    if (!listener.ok()) {
      const bool taken = listener.status().code() == absl::StatusCode::kAlreadyExists;
      if (taken && wanted.port == 0) continue;
      return Explained(listener.status(), address, "TCP");
    }
    MemberSockets sockets{
        *std::move(unicast), std::nullopt, *std::move(listener), address, {}, wishes.interface, {}};
    if (wishes.multicast.IsNone()) return sockets;
    absl::StatusOr<UdpSocket> multicast = UdpSocket::OpenMulticast(wishes.multicast, udp);
    if (!multicast.ok()) {
      sockets.warning = "no multicast on " + wishes.interface.interface.name + ": " +
                        std::string(ToStd(multicast.status().message())) +
                        "; only seeds and members already known can be reached";
      return sockets;
    }
    sockets.multicast = *std::move(multicast);
    sockets.multicast_to = wishes.multicast;
    if (wishes.multicast.family == 6) sockets.multicast_to.scope = udp.interface_index;
    return sockets;
  }
  return MakeStatus(absl::StatusCode::kUnavailable,
                    "no port of " + wanted.ToString() + " is free for both UDP and TCP");
}

}  // namespace cohort::runtime

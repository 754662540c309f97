// The sockets of one member, opened together because they share a port number: UDP unicast and TCP
// listener on one number, and the group's multicast socket.
#ifndef COHORT_RUNTIME_MEMBER_SOCKETS_H_
#define COHORT_RUNTIME_MEMBER_SOCKETS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "runtime/file_descriptor.h"
#include "runtime/interfaces.h"
#include "runtime/udp_socket.h"

namespace cohort::runtime {

struct MemberSockets {
  UdpSocket unicast;
  std::optional<UdpSocket> multicast;  // None: traffic for everybody is fanned out.
  FileDescriptor listener;
  Address address;       // Of unicast and listener.
  Address multicast_to;  // None without multicast.
  InterfaceChoice interface;
  std::string warning;  // What is not as asked; empty if all is.
};

struct SocketWishes {
  InterfaceChoice interface;
  Address multicast;  // None: no multicast.
  UdpSocket::Options udp;
};

// Port 0 is replaced by one that is free for UDP and TCP. An interface that cannot do multicast is
// a warning, not an error: seeds still work. Errors: kAlreadyExists (port taken: says by which
// protocol, and what to do), kUnavailable.
absl::StatusOr<MemberSockets> OpenMemberSockets(const SocketWishes& wishes);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MEMBER_SOCKETS_H_

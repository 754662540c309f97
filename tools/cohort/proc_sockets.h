// Which ports are taken, by the tables /proc/net/udp, tcp, udp6 and tcp6: nothing has to be bound
// to find out.
#ifndef COHORT_TOOLS_PROC_SOCKETS_H_
#define COHORT_TOOLS_PROC_SOCKETS_H_

#include <string>
#include <vector>

#include "base/types.h"

namespace cohort::tools {

struct BoundSocket {
  Address local;           // All zero: every address of the host.
  bool listening = false;  // TCP.
};

// Lines that are not understood are left out.
std::vector<BoundSocket> ParseProcSockets(const std::string& table);
// Somebody has `wanted`, or its port on every address. `protocol`: "udp" or "tcp".
bool IsTaken(const std::string& protocol, const Address& wanted);
bool IsTaken(const std::vector<BoundSocket>& sockets, const Address& wanted, bool listening_only);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_PROC_SOCKETS_H_

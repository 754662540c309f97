// What the outside world can tell of each host: whether its kernel answers, whether a process reads
// its sockets, and which process that is. Owned by the cluster, read by the networks.
#ifndef COHORT_SIM_HOST_TABLE_H_
#define COHORT_SIM_HOST_TABLE_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/scheduler.h"

namespace cohort::sim {

enum class HostState : uint8_t {
  kDown,       // No process; the kernel answers: connections are refused, datagrams bring port
               // unreachable.
  kRunning,    // A process reads its sockets.
  kPaused,     // A process exists but does not run (SIGSTOP): the kernel queues for it and accepts
               // connections.
  kDying,      // Killed, its memory is still being freed: sockets stay open, nobody reads them.
  kPowerless,  // The host itself is gone: nothing answers.
};

// Counts processes over the whole run; every restart is a new number. 0 is nobody.
using ProcessNumber = uint32_t;

struct HostStatus {
  HostState state = HostState::kDown;
  ProcessNumber process = 0;
  bool accepts() const {
    return state == HostState::kRunning || state == HostState::kPaused ||
           state == HostState::kDying;
  }
};

using HostTable = std::vector<HostStatus>;

inline constexpr uint16_t kPort = 7600;

// 10.0.x.y, port 7600.
inline Address AddressOf(HostIndex host) {
  Address address;
  address.family = 4;
  address.ip[0] = 10;
  address.ip[2] = static_cast<uint8_t>((host + 1) >> 8);
  address.ip[3] = static_cast<uint8_t>(host + 1);
  address.port = kPort;
  return address;
}

// The host behind `address`, or `hosts` if there is none.
inline HostIndex HostOf(const Address& address, size_t hosts) {
  if (address.family != 4 || address.ip[0] != 10 || address.port != kPort) {
    return static_cast<HostIndex>(hosts);
  }
  const uint32_t number = (uint32_t{address.ip[2]} << 8) | address.ip[3];
  return number == 0 || number > hosts ? static_cast<HostIndex>(hosts) : number - 1;
}

}  // namespace cohort::sim

#endif  // COHORT_SIM_HOST_TABLE_H_

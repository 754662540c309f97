// Everything an Engine is told at its start.
#ifndef COHORT_ENGINE_OPTIONS_H_
#define COHORT_ENGINE_OPTIONS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "cohort/view.h"
#include "transfer/limits.h"
#include "wire/limits.h"

namespace cohort {
class TraceSink;
}

namespace cohort::engine {

struct EngineOptions {
  std::string group;           // 1 to kGroupNameMax bytes.
  std::string name;            // 1 to kMemberNameMax bytes; unique in the group, survives restarts.
  Address address;             // This member's unicast UDP port and TCP port, as others reach it.
  bool has_multicast = true;   // False: the driver fans out to all known peers.
  std::vector<Address> seeds;  // Asked at the start and while alone, by unicast.
  std::vector<Address> remembered;  // Members of an earlier run, asked likewise, a few at a time.

  // The group's key, 32 bytes. Empty: plaintext, which the driver allows only on request.
  std::optional<std::array<std::byte, 32>> key;

  Policy policy = Policy::kAvailable;
  // Policy::kPrimary, cold start: this many distinct names must be heard before the group is
  // formed. 0: never forms by itself, only joins (or bootstraps).
  uint32_t initial_members = 0;
  bool bootstrap = false;     // Forms the group at once if nobody answers, whatever the policy.
  std::string tie_breaker;    // Policy::kPrimary: the side with the member of this name wins a tie.
  bool without_data = false;  // Watches and, if `votes`, votes; holds no map.
  bool votes = true;          // False only without data: counts in no quorum.

  Duration dead_after = milliseconds(800);  // Silence before a host counts as dead.
  Duration stalled_after =
      milliseconds(2000);  // Silence before a process whose host answers counts as dead.
  // Policy::kAvailable: a member that held writers back for so long steps aside.
  Duration slow_after = Duration::max();

  // The largest datagram this member takes and sends (Spec 5.24): as it is wished, and as its
  // interface allows for now (HostEvent::kDatagramMax).
  size_t datagram_bytes_max = wire::kDatagramMax6;
  size_t interface_datagram_bytes = wire::kJumboDatagramMax6;
  size_t receive_buffer_bytes =
      size_t{4} << 20;  // Granted to the sockets, read back: it bounds what peers may send.
  size_t send_queue_bytes_max = size_t{16} << 20;  // Queued messages; more are refused.
  // Large ones, which are not among them, and what must stay behind them; more are refused.
  size_t large_queue_bytes_max = size_t{128} << 20;
  // Messages above `large_message_min` bytes are large, and so many bytes of them under way from
  // all members together (Spec 5.20). Alike at all members; less is for tests and the simulator.
  size_t large_message_min = size_t{1} << 20;
  size_t large_under_way_max = size_t{128} << 20;
  // Of each map; writes that would exceed it are refused. Used where this member begins the group.
  size_t map_bytes_max = size_t{4} << 30;
  // Operations that wait at a member that is receiving the state; beyond 3/4 of it the writers are
  // held back, and at the cap the transfer starts over.
  size_t joiner_queue_bytes_max = size_t{256} << 20;
  // Of a state transfer: how large its chunks are, and from which size on several members send the
  // state to one that joins. Less is for tests and the simulator.
  size_t transfer_chunk_bytes = transfer::kChunkBytesAim;
  uint64_t transfer_helped_bytes_min = transfer::kHelpedBytesMin;
  Duration tombstone_horizon = seconds(3600);  // How long an erased key is remembered, for merges.

  TraceSink* trace = nullptr;  // Write-only; may be null. Must outlive the engine.
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_OPTIONS_H_

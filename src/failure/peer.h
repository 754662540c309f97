// What one observer knows of one other member: when it was heard, how regularly, what probes found,
// who accuses it. Instants are of the observer's own clock (FD clock) unless called real.
#ifndef COHORT_FAILURE_PEER_H_
#define COHORT_FAILURE_PEER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/flap_damper.h"
#include "base/types.h"
#include "failure/gap_history.h"
#include "wire/frames.h"

namespace cohort::failure {

struct Peer {
  enum class TcpProbe : uint8_t { kNone, kWaiting, kAnswered, kUnanswered, kRefused };
  // An accusation by `from`, kept while it is repeated.
  struct Report {
    Rank from = kNoRank;
    wire::Evidence evidence = wire::Evidence::kNone;
    Instant at;
    bool convicted = false;
  };

  MemberInfo info;
  Instant heard_at;  // Directly: this link works in our direction.
  Instant alive_at;  // Directly or through another member.
  Instant grace_until;
  Instant multicast_at;            // By multicast; or when a silence of any kind ended.
  bool multicast_lost = false;     // It is heard, but not by multicast.
  unsigned multicast_packets = 0;  // Since it was lost.
  FlapDamper multicast_flaps;
  Instant multicast_held_until;  // Until then it stays lost.
  bool wants_copies = false;     // It does not hear what we multicast, its last HB says.
  GapHistory gaps;
  Duration srtt{0};
  unsigned local_health = 0;

  std::string slow_evidence;  // Not empty: it is heard, and too slow for the group.
  bool probing = false;
  Instant probing_since;
  Instant next_ping;
  Instant next_indirect;
  unsigned pings = 0;  // Unanswered ones of this silence.
  unsigned indirect_pings = 0;

  TcpProbe tcp = TcpProbe::kNone;
  bool host_answered = false;    // By the probe before the one that waits.
  Instant tcp_at;                // Of its start.
  bool tcp_after_close = false;  // Started after the lifeline had closed.
  bool heard_since_tcp = false;
  unsigned reprobes = 0;
  Instant next_tcp = Instant::Infinite();
  bool lifeline_closed = false;
  Instant lifeline_closed_at;

  wire::Evidence accused = wire::Evidence::kNone;  // What we report; kNone: nothing.
  bool convicted = false;
  bool parted = false;    // It will not be heard in this view again.
  bool replaced = false;  // A newer process is at its address.
  unsigned withdrawals_left = 0;
  Instant next_report = Instant::Infinite();
  std::vector<Report> reports;  // By others, at most one a member.

  // Its heartbeats, for echo and for the links it sees.
  bool has_heartbeat = false;
  uint32_t heartbeat_number = 0;
  Instant heartbeat_real;  // Real.
  uint32_t heartbeat_send_us = 0;
  bool echo_due = false;
  Instant hears_at;
  bool has_hears = false;
  absl::InlinedVector<uint64_t, 1> hears;
};

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_PEER_H_

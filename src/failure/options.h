// Times and limits of the failure detector. The defaults are what the figures in
// docs/protocol/failure.md are computed for.
#ifndef COHORT_FAILURE_OPTIONS_H_
#define COHORT_FAILURE_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace cohort::failure {

struct Options {
  Duration tick = milliseconds(20);          // How often silence is judged.
  Duration heartbeat = milliseconds(100);    // Plus or minus a tenth.
  Duration probe_after = milliseconds(350);  // Silence that starts PINGs and the TCP probe.
  Duration ping_every = milliseconds(50);
  Duration indirect_after = milliseconds(450);  // Silence that starts PINGREQs.
  Duration indirect_every = milliseconds(100);
  Duration where_after = milliseconds(400);  // Silence that asks in which view the member is.
  Duration where_every = milliseconds(200);
  Duration dead_after = milliseconds(800);  // T_dead before it adapts.
  Duration stall_after = seconds(2);        // T_stall: silent process on an answering host.
  Duration link_after = seconds(3);         // T_link: broken link between two heard members.
  bool multicast = true;  // The group uses it, so who is heard should be heard by it.
  Duration multicast_lost_after = seconds(1);  // T_mcast.
  Duration rejoin_every = seconds(30);
  Duration grace = seconds(1);  // A new member is not suspected before.
  Duration live_within =
      milliseconds(350);  // Heard within: counts as a live observer, and in `hears`.
  Duration report_every = milliseconds(100);  // A SUSPECT is repeated ...
  Duration report_lifetime = seconds(1);      // ... and forgotten when not repeated for so long.
  Duration reprobe_after =
      milliseconds(1);  // A TCP probe that contradicts the lifeline is repeated after this, ...
  Duration reprobe_max = milliseconds(50);     // ... doubling to this.
  Duration stopped_after = milliseconds(100);  // Not called for so long: this process was stopped.
};

inline constexpr unsigned kLocalHealthMax = 8;       // 0 is well.
inline constexpr unsigned kLocalHealthHalfVote = 4;  // From here on a report counts half.
inline constexpr unsigned kIndirectPeers = 3;        // Members asked by one round of PINGREQ.
inline constexpr size_t kWherePeers = 4;  // Silent members asked where they are, at a time.
inline constexpr unsigned kUnicastHeartbeats =
    8;  // Members that get the unicast copy of a fifth heartbeat.
inline constexpr unsigned kForcedHeartbeatEvery =
    5;  // This heartbeat is sent whatever else was sent.
inline constexpr size_t kFirstPingsMax =
    32;  // Up to this size of group a newcomer is pinged at once.
inline constexpr unsigned kMulticastBackPackets =
    3;                                           // Heard by multicast: it is not lost any more.
inline constexpr unsigned kWithdrawals = 3;      // How often a withdrawal is sent.
inline constexpr unsigned kReprobesMax = 8;      // TCP probes of one closed lifeline, ...
inline constexpr unsigned kReprobesOfHeard = 4;  // ... if the port answers and the peer is heard.
inline constexpr int kDeadAfterStretchMax =
    5;  // T_dead adapts to at most so many times `dead_after`.
inline constexpr size_t kPingsInFlightMax = 512;  // Own and relayed; the oldest is forgotten.
inline constexpr size_t kBadLinksMax = 4096;      // Pairs remembered; further ones wait for room.

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_OPTIONS_H_

// What the failure detector wants done and known. Appended to by the layer, drained by the engine.
#ifndef COHORT_FAILURE_OUTPUT_H_
#define COHORT_FAILURE_OUTPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "wire/frames.h"

namespace cohort::failure {

// `subject` is held for dead. Sticky until the next view; at most one a subject and view.
struct Conviction {
  Rank subject = kNoRank;
  ViewCause cause = ViewCause::kSilent;
  std::string
      evidence;  // "silent 812 ms; 9 pings and 4 indirect probes unanswered; TCP probe unanswered".
  bool authoritative = false;  // Class A: one observer suffices.
};

struct Suspicion {
  Rank subject = kNoRank;
  ViewCause cause = ViewCause::kSilent;
  std::string evidence;
  Duration silence{0};
};

struct RoundTrip {
  Rank peer = kNoRank;
  Duration srtt{0};  // Smoothed.
};

// What `peer` multicasts stopped arriving here, although it is heard, or arrives again.
struct MulticastChange {
  Rank peer = kNoRank;
  bool lost = false;
  Duration silence{0};
  Duration held{0};  // So long it is taken for lost at least, because it has come and gone before.
  size_t times = 0;  // It was lost, lately.
};

struct Output {
  std::vector<wire::OutFrame> frames;  // Heartbeats, PING, PONG, PINGREQ, SUSPECT.
  std::vector<Rank> probes;  // StreamAction::kProbe to their TCP port; answer with OnProbeResult.
  std::vector<Rank> where;   // Silent: to be asked, outside the view, in which view they are.
  std::vector<Suspicion> suspected;
  std::vector<Rank> unsuspected;
  std::vector<Conviction> convicted;
  std::optional<std::string>
      self_doubt;  // This member was stopped or is cut off: why it accuses nobody.
  std::optional<Rank> found_slow_by;  // This member is convicted there, for being too slow.
  std::vector<RoundTrip> round_trips;
  std::vector<MulticastChange> multicast_changes;
  bool rejoin_multicast = false;  // Leave the multicast address and join it again.
  bool copies_changed = false;    // FailureDetector::copies() did.
};

enum class ProbeResult : uint8_t {
  kRefused,   // Reset: the host lives, nobody listens.
  kAnswered,  // Accepted by the peer's kernel.
  kFailed,    // No answer in time.
};

// All counters since the start.
struct Stats {
  uint64_t heartbeats_sent = 0;
  uint64_t pings_sent = 0;
  uint64_t ping_requests_sent = 0;
  uint64_t pongs_sent = 0;
  uint64_t tcp_probes = 0;
  uint64_t suspicions = 0;
  uint64_t withdrawals = 0;
  uint64_t convictions = 0;
  uint64_t self_doubts = 0;
  uint64_t late_ticks = 0;  // Not called for three ticks.
  uint64_t stops = 0;       // Not called for Options::stopped_after.
  uint64_t frames_dropped =
      0;  // Names a rank that is not there, an old instance, or an unknown nonce.
  uint64_t multicast_lost = 0;
  uint64_t bad_links = 0;  // Pairs that stayed bad for Options::link_after.
};

// One peer as this member sees it, for status pages.
struct PeerStatus {
  Duration silence{0};
  Duration srtt{0};           // 0 while unknown.
  Duration dead_after{0};     // T_dead at this moment.
  unsigned local_health = 0;  // As the peer says of itself.
  bool suspected = false;
  bool convicted = false;
};

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_OUTPUT_H_

// How many packets this member may have under way: the smaller of what the network takes (a
// congestion window) and what the slowest member grants (credit), shared with the other senders by
// how much each has waiting.
//
// Idea: Totem's rule for sharing a window (window x own backlog / all backlogs) without a token,
// since every STATUS carries credit and backlog; a congestion window that starts at 16, doubles per
// round trip until the first loss, falls to 0.7 of itself at most once per round trip, then grows
// by one per round trip. Drops a receiver reports of its own socket lower that receiver's credit
// instead. CTRL chunks do not ask. Sources: Amir et al., "The Totem single-ring protocol" (1995);
// Jacobson (1988). Protocol: docs/protocol/multicast.md.
//
// Units: packets of the small size; a large chunk counts as several (under_way.h). Threads: none;
// the caller serialises.
#ifndef COHORT_FLOW_FLOW_CONTROL_H_
#define COHORT_FLOW_FLOW_CONTROL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "wire/frames.h"

namespace cohort::flow {

class FlowControl {
 public:
  struct Options {
    uint32_t window_start = 16;
    uint32_t window_min = 4;
    uint32_t window_max = 8192;  // No more than the ring of rmcast holds.
    uint32_t bytes_per_packet =
        2304;  // What one packet costs of a receive buffer; less when the kernel coalesces.
    uint32_t credit_unknown = 64;           // Granted by a member whose STATUS has not come yet.
    Duration probe_min = milliseconds(5);   // With no credit: one chunk after this, doubling ...
    Duration probe_max = milliseconds(50);  // ... to this.
    Duration round_trip_min = microseconds(100);
  };

  struct Stats {
    uint64_t losses = 0, window_cuts = 0, receiver_drops = 0, probes = 0, stale_statuses = 0;
    uint64_t unknown_ranks = 0;
  };

  explicit FlowControl(const Options& options);
  FlowControl() : FlowControl(Options{}) {}

  // Keeps the congestion window: the network is the same.
  void OnView(Instant now, Rank self, size_t members);

  // `in_flight`: own packets sent and not yet held by all (UnderWay::Packets()).
  bool CanSend(Instant now, size_t in_flight) const;
  void OnSent(Instant now, size_t in_flight);  // After each chunk sent, CTRL too.
  // Whether the next chunk, of `packets` packets, should carry kSync, so that the acknowledgement
  // comes before the window is empty.
  bool WantsAck(size_t in_flight, size_t packets = 1) const;
  void OnAcked(Instant now, size_t packets);
  void OnLoss(Instant now);
  void OnStatus(Instant now, Rank from, const wire::StatusFrame& status);
  void SetBacklog(size_t chunks) { backlog_ = chunks; }  // Own, waiting in the packer.
  void SetRoundTrip(Rank rank, Duration srtt);

  uint32_t window() const;  // Packets that may be in flight now.
  // A member without whose credit nothing of what waits here is sent; kNoRank when there is none.
  Rank starved_by() const;
  // A peer has said in its STATUS that it has a backlog.
  bool SomebodyWaits() const {
    return std::any_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.backlog > 0; });
  }
  uint32_t congestion_window() const { return static_cast<uint32_t>(congestion_window_); }

  // What this member grants the others in its own STATUS.
  void SetReceiveCapacity(size_t granted_bytes);
  uint16_t credit_packets(size_t free_slots) const;

  // Infinite unless CanSend() is false for want of credit; at the deadline CanSend() allows one
  // chunk.
  Instant NextDeadline() const { return probe_at_; }
  void OnTimer(Instant now);
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  static constexpr Instant kNever = Instant::FromNanos(-(int64_t{1} << 60));

  struct Peer {
    uint32_t credit = 0;
    uint32_t backlog = 0;
    double drop_cap = 0;  // Packets; what the peer's socket has shown to hold.
    uint32_t status_no = 0;
    uint16_t drops = 0;
    bool heard = false;
    Duration round_trip{};
  };

  Duration RoundTrip() const;
  uint32_t Share() const;
  bool CutLately(Instant now) const;
  void OnDrops(Instant now, Peer& peer);
  void WatchCredit(Instant now);

  Options options_;
  Rank self_ = 0;
  std::vector<Peer> peers_;
  double congestion_window_ = 0;
  double slow_start_until_ = 0;
  double window_before_cut_ = 0;  // Restored when the loss turns out to be a receiver's.
  Instant last_cut_ = kNever;
  bool window_used_ = false;  // The window was at least half full lately; else it does not grow.
  size_t backlog_ = 0;
  size_t receive_bytes_ = 0;
  Instant probe_at_ = Instant::Infinite();
  Duration probe_delay_{};
  bool probe_allowed_ = false;
  Stats stats_;
};

}  // namespace cohort::flow

#endif  // COHORT_FLOW_FLOW_CONTROL_H_

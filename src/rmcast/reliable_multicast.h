// Reliable, FIFO multicast inside one view: every sender numbers its own chunks, receivers ask for
// what is missing, and any holder may repair.
//
// Idea: a chunk stays in a ring until every member is known to hold it and this member has
// delivered it, so whoever is asked can answer. Loss is noticed by a gap, by a number another
// member names, or by an ORDER; the last chunk of a burst is probed by its sender, who sends it
// again until it is acknowledged. A view change wedges the streams: chunks are still stored and
// repaired, but nothing is handed up, acknowledged or sent until the next view. Sources: NAK timing
// and suppression after SRM (Floyd et al., 1997) and RFC 5401; the tail probe after RFC 8985; wedge
// and trim after Birman and Joseph's virtual synchrony. Protocol: docs/protocol/multicast.md.
//
// Limits: per sender `window_chunks_max` chunks and `window_bytes_max` bytes; all members must use
// the same values. Errors: what a peer sends wrongly is dropped and counted in Stats. Threads:
// none; the caller serialises.
#ifndef COHORT_RMCAST_RELIABLE_MULTICAST_H_
#define COHORT_RMCAST_RELIABLE_MULTICAST_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/random.h"
#include "base/timer_table.h"
#include "base/types.h"
#include "rmcast/repair_budget.h"
#include "rmcast/view_streams.h"
#include "wire/ack_table.h"
#include "wire/chunk.h"
#include "wire/frames.h"
#include "wire/limits.h"

namespace cohort::rmcast {

class ReliableMulticast {
 public:
  struct Options {
    size_t window_chunks_max = 8192;             // Per sender; a power of two, at least 256.
    size_t window_bytes_max = 16u << 20;         // Per sender; half of it is what a sender uses.
    size_t group_bytes_max = 64u << 20;          // All senders of a view; lowers window_bytes_max.
    Duration nak_delay_min = microseconds(250);  // First NAK of a gap: max(this, srtt / 4).
    Duration nak_retry_min = microseconds(500);  // Next ones: max(this, 2 srtt), doubling ...
    Duration nak_retry_max = milliseconds(20);   // ... to this.
    Duration tail_probe_min = milliseconds(1);   // max(this, 2 srtt), doubling ...
    Duration tail_probe_max = milliseconds(50);  // ... to this.
    Duration status_interval = milliseconds(5);  // While something is unstable, doubling ...
    Duration status_interval_max = milliseconds(50);  // ... to this while nothing changes.
    size_t ack_chunks = 64;                // Received chunks after which an acknowledgement is due.
    uint32_t repairs_per_second = 50'000;  // A quarter of what a member sends at best.
    uint32_t repairs_burst = 256;
  };

  // Appended to; the caller clears it (Clear() keeps the memory).
  struct Output {
    std::vector<wire::OutFrame> frames;
    std::vector<wire::Chunk>
        arrived;              // Contiguous, FIFO per sender; own chunks when they are sent.
    bool acks_moved = false;  // acks() changed.
    bool ack_due = false;     // A STATUS is wanted at the end of this turn.
    uint32_t lost = 0;        // Own chunks that a peer asked for: flow control hears of it.
    void Clear() {
      frames.clear();
      arrived.clear();
      acks_moved = ack_due = false;
      lost = 0;
    }
  };

  struct Stats {
    uint64_t sent = 0, received = 0, duplicates = 0, naks_sent = 0, naks_received = 0;
    uint64_t chunks_asked = 0, repairs_sent = 0, repairs_multicast = 0, repairs_received = 0;
    uint64_t repairs_suppressed = 0;  // Same chunk to the same member within its round trip.
    uint64_t repairs_over_budget = 0, repairs_not_held = 0, tail_probes = 0, pushes = 0;
    uint64_t dropped_unknown_rank = 0, dropped_outside_window = 0, dropped_over_bytes = 0;
    uint64_t dropped_forged =
        0;  // A chunk of ours we never sent, or of a sender by another without kRepair.
    uint64_t dropped_previous = 0, ignored_acks = 0, ignored_while_wedged = 0, bad_trims = 0;
  };

  ReliableMulticast(const Options& options, Random& random);

  // Starts the streams of a view; those of the view before are kept for repairs until
  // DropPrevious() or the next view.
  void OnView(Instant now, const ViewId& id, Rank self, size_t members, Output& out);
  void DropPrevious();

  // Whether Send() may be called now, with up to `bytes` bytes. kCtrl has a reserve of its own, so
  // that ORDER passes when the window is full.
  bool CanSend(DeliveryClass cls, size_t bytes = wire::kChunkPayloadMax) const;
  // Assigns the next number, multicasts (unicasts when there is one other member) and hands the
  // chunk up at once.
  SeqNo Send(Instant now, DeliveryClass cls, uint8_t flags, Buffer payload, Output& out);

  void OnData(Instant now, Rank packet_sender, bool previous_view, const wire::DataFrame& data,
              Output& out);
  void OnNak(Instant now, Rank from, bool previous_view, const wire::NakFrame& nak, Output& out);
  void OnStatus(Instant now, Rank from, const wire::StatusFrame& status, Output& out);
  void OnHeartbeat(Instant now, Rank from, SeqNo high, Output& out);
  // An ORDER names a chunk that is not here; it may only have been overtaken, as in any other gap.
  void OnMissing(Instant now, Rank origin, SeqNo upto);
  // Whether OnData() may take this chunk: it is not here, and within the window.
  bool Wants(Rank origin, SeqNo seq) const;
  // `holder` is known to hold `origin` up to `upto` by something else than a STATUS (an ORDER names
  // it).
  void OnHeld(Rank holder, Rank origin, SeqNo upto, Output& out);

  void SetRoundTrip(Rank rank, Duration srtt);
  void SetSuspected(Rank rank, bool suspected);  // Suspects are not asked for repairs.
  // order has delivered everything of `origin` up to `upto`; what all members hold besides is
  // freed.
  void SetDelivered(Rank origin, SeqNo upto);

  // View change, in this order: Wedge, FetchTo (any number of times), ReleaseTo once CompleteTo,
  // OnView.
  void Wedge();
  bool wedged() const { return wedged_; }
  // Contiguously held per rank; own: highest assigned. Never less than what was handed up or
  // acknowledged.
  std::vector<SeqNo> Received() const;
  // Asks `holders[rank]` for what is missing up to `trim[rank]`. A trim of the wrong size is
  // counted and ignored.
  void FetchTo(Instant now, std::vector<SeqNo> trim, std::vector<std::vector<Rank>> holders,
               Output& out);
  // True when all chunks up to `trim` are here and none beyond it was handed up.
  bool CompleteTo(const std::vector<SeqNo>& trim) const;
  // Hands up what is held between the wedge and `trim`, rank by rank; discards the rest. Needs
  // CompleteTo(trim).
  void ReleaseTo(const std::vector<SeqNo>& trim, Output& out);

  const wire::AckTable& acks() const { return current_.acks(); }
  SeqNo high() const { return last_sent_; }  // Highest assigned number; what a heartbeat announces.
  size_t in_flight() const;                  // Own chunks not yet held by all.
  size_t free_slots() const;  // Smallest room among the senders' windows, for the credit.
  // Fills `received` with the vector to acknowledge (own rank first), and notes that it is being
  // sent. With more ranks than kStatusVectorMax, successive calls cover all of them in turn.
  void FillStatus(Instant now, wire::StatusFrame& status);

  Instant NextDeadline() const { return timers_.Next(); }
  void OnTimer(Instant now, Output& out);
  const Stats& stats() const { return stats_; }
  size_t bytes_held() const { return current_.bytes() + previous_.bytes(); }
  bool IsConsistent() const;

 private:
  enum class Timer { kNak, kStatus, kTailProbe, kCount };

  bool IsMember(Rank rank) const { return rank < current_.members(); }
  // What a view change waits for is bounded by FetchTo().
  bool IsInWindow(const OriginStream& stream, SeqNo seq) const {
    return seq <= stream.fetch_upto || seq <= stream.ring.low() + options_.window_chunks_max;
  }
  bool Accepts(const OriginStream& stream, SeqNo seq, size_t size);
  void HandUp(Instant now, Rank origin, Output& out);
  void LearnHigh(Rank origin, SeqNo high, Instant due);
  void RaiseAck(Rank holder, Rank origin, SeqNo upto, Output& out);
  void Collect(Rank origin);
  bool SomethingUnstable() const;

  void SendDueNaks(Instant now, Output& out);
  void SendNaks(Instant now, Rank origin, Output& out);
  Rank NakTarget(Rank origin, SeqNo start, unsigned attempts);
  void PushNak(Rank target, wire::NakFrame& nak, Output& out);
  Duration FirstNakDelay(Rank origin);
  Duration RetryDelay(Rank target, unsigned attempts) const;
  void SendTailProbe(Instant now, Output& out);
  void PushUnstable(Output& out);
  bool SendAgain(Rank origin, SeqNo seq, Output& out);
  Duration TailProbeDelay() const;
  void ArmStatus(Instant now);

  Options options_;
  Random* random_;
  ViewStreams current_;
  ViewStreams previous_;
  RepairBudget budget_;
  TimerTable<Timer> timers_;
  Stats stats_;

  Rank self_ = 0;
  SeqNo last_sent_ = 0;
  size_t bytes_per_sender_ = 0;
  bool wedged_ = false;
  std::vector<Duration> round_trip_;        // By rank.
  std::vector<bool> suspected_;             // By rank.
  std::vector<std::vector<Rank>> holders_;  // Of the chunks to fetch; empty when no fetch runs.
  unsigned rotation_ = 0;                   // Spreads later NAKs over the holders.
  unsigned tail_probes_ = 0;                // Since the last acknowledgement that moved.
  bool tail_is_urgent_ = false;
  bool tail_moved_ = false;  // An acknowledgement came since the timer was set.
  size_t received_since_status_ = 0;
  bool vector_changed_ = false;  // Since the last STATUS.
  Duration status_delay_{};
  Rank status_cursor_ = 0;
};

}  // namespace cohort::rmcast

#endif  // COHORT_RMCAST_RELIABLE_MULTICAST_H_

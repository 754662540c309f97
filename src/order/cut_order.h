// Total order by cuts: rank 0 orders *how many* chunks of each sender come next, never the chunks
// themselves.
//
// Idea: every member receives the same FIFO streams, so a vector of counts is a total order: runs
// as listed, and inside a run by number. Payloads do not pass through the sequencer, and one small
// ORDER per turn orders any amount. CONV chunks go up on arrival; AGREED and BARRIER ones when a
// cut names them; SAFE ones when every member holds the cut, its ORDER and all before. At a view
// change the trim alone decides how the rest is delivered. Sources: the BB method of Amoeba
// (Kaashoek and Tanenbaum, 1991); cuts as in Scalog (Ding et al., 2020). Protocol:
// docs/protocol/order.md.
//
// Limits: what the windows of rmcast hold; a cut stays until it is applied and stable, and
// delivered(0) waits for it. Errors: malformed or foreign ORDERs are counted and ignored. Threads:
// none; the caller serialises.
#ifndef COHORT_ORDER_CUT_ORDER_H_
#define COHORT_ORDER_CUT_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/types.h"
#include "order/ring_queue.h"
#include "wire/ack_table.h"
#include "wire/chunk.h"
#include "wire/order_record.h"

namespace cohort::order {

class CutOrder {
 public:
  struct Options {
    size_t window_chunks_max = 8192;  // As in rmcast: how far ahead of this member a cut may reach.
  };

  struct Delivery {
    wire::Chunk chunk;
    CutNo cut = 0;  // 0 for CONV without BARRIER. The chunks a view change orders itself are in
                    // last cut + 1.
    bool transitional =
        false;  // SAFE delivered by a closing order: guaranteed among installers of the same view.
  };
  struct Missing {
    Rank origin = 0;
    SeqNo upto = 0;
  };
  // `holder` holds `origin` up to `upto`, because its ORDER names it: for
  // ReliableMulticast::OnHeld.
  struct Held {
    Rank holder = 0;
    Rank origin = 0;
    SeqNo upto = 0;
  };
  // Appended to; the caller clears it (Clear() keeps the memory).
  struct Output {
    std::vector<Delivery> deliveries;
    std::vector<Buffer>
        order_records;  // Sequencer: payloads of kCtrl chunks to send now, in this order.
    std::vector<Missing> missing;  // Named by a cut, not here: for ReliableMulticast::OnMissing.
    std::vector<Held> held;
    bool ack_due = false;  // A STATUS is wanted at the end of this turn.
    void Clear() {
      deliveries.clear();
      order_records.clear();
      missing.clear();
      held.clear();
      ack_due = false;
    }
  };

  struct Stats {
    uint64_t orders_sent = 0, orders_received = 0, chunks_ordered = 0, conv_delivered = 0;
    uint64_t orders_malformed = 0;    // Would not parse, unknown rank, empty run.
    uint64_t orders_foreign = 0;      // Not from rank 0.
    uint64_t orders_out_of_turn = 0;  // Wrong cut number.
    uint64_t orders_too_far = 0;      // Names chunks beyond every window.
    uint64_t records_unknown = 0;     // CTRL chunk of another kind.
    uint64_t chunks_out_of_turn = 0;  // Not the next of its sender: our own mistake upstream.
    uint64_t closing_skipped = 0, closing_unordered = 0;
  };

  explicit CutOrder(const Options& options) : options_(options) {}
  CutOrder() : CutOrder(Options{}) {}

  void OnView(Instant now, Rank self, size_t members, Output& out);
  // The next chunk of its sender, as rmcast hands it up.
  void OnChunk(Instant now, wire::Chunk chunk, Output& out);
  // After the chunks that came with them were fed in.
  void OnAcks(Instant now, const wire::AckTable& acks, Output& out);
  // `from` has applied all cuts up to `applied_cut`.
  void OnStatus(Rank from, CutNo applied_cut);
  // Names what is missing; the sequencer emits ORDER for what became contiguous. Call it only while
  // rmcast can send kCtrl; what is not ordered now is ordered by the next call.
  void EndOfTurn(Instant now, Output& out);
  // Delivers everything up to `trim` (all of it was fed in) in the order all survivors compute
  // alike. OnView follows.
  void CloseView(Instant now, const std::vector<SeqNo>& trim, Output& out);

  CutNo applied_cut() const { return applied_cut_; }  // All its chunks were delivered here.
  CutNo stable_cut() const {
    return stable_cut_;
  }  // All members hold it, its ORDER, and all before.
  CutNo last_cut() const { return last_cut_; }  // Highest known.
  CutNo applied_by_all() const { return applied_by_all_; }
  CutNo applied_by(Rank rank) const { return rank < applied_by_.size() ? applied_by_[rank] : 0; }
  unsigned AppliedBy(CutNo cut) const;  // Members known to have applied it, this one included.
  // Everything of `origin` up to here is delivered and no longer needed by order.
  SeqNo delivered(Rank origin) const;
  size_t pending_chunks() const { return pending_chunks_; }

  Instant NextDeadline() const { return Instant::Infinite(); }
  void OnTimer(Instant, Output&) {}
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  struct Sender {
    SeqNo arrived = 0;               // Fed in, contiguous.
    SeqNo last_to_order = 0;         // Highest AGREED, SAFE or BARRIER chunk that arrived.
    SeqNo named = 0;                 // By the cuts known here.
    SeqNo emitted = 0;               // By the cuts this sequencer has emitted.
    SeqNo asked = 0;                 // Reported as missing up to here.
    RingQueue<wire::Chunk> pending;  // Arrived, waiting for their place.
  };
  struct Cut {
    SeqNo order_seq = 0;    // Chunk of rank 0 that carries it.
    uint64_t runs_end = 0;  // Its runs end before this one, counted since the view began.
  };
  struct Run {
    Rank rank = 0;
    SeqNo upto = 0;
  };

  bool IsSequencer() const { return self_ == 0; }
  const Cut& CutAt(CutNo cut) const { return cuts_[cut - first_cut_]; }
  const Run& RunAt(uint64_t run) const { return runs_[run - first_run_]; }
  void OnControl(const wire::Chunk& chunk, Output& out);
  bool IsSound(const wire::OrderRecord& record);
  void AddCut(const wire::OrderRecord& record, SeqNo order_seq, Output& out);
  void AdvanceHeld(Output& out);
  void Deliver(Output& out);
  bool DeliverRun(const Run& run, Output& out);
  void ForgetCuts();
  void SetApplied(Rank rank, CutNo cut);
  void ReportMissing(Output& out);
  void EmitOrders(Output& out);
  void EmitRecord(wire::OrderRecord& record, Output& out);
  void Flush(Rank rank, SeqNo upto, CutNo cut, Output& out);

  Options options_;
  Rank self_ = 0;
  std::vector<Sender> senders_;
  RingQueue<Cut> cuts_;  // Cut first_cut_ at the front.
  RingQueue<Run> runs_;  // Run first_run_ at the front.
  CutNo first_cut_ = 1;
  uint64_t first_run_ = 0;
  CutNo last_cut_ = 0;
  CutNo emitted_cut_ = 0;
  CutNo held_cut_ = 0;  // All its chunks arrived here.
  CutNo applied_cut_ = 0;
  CutNo stable_cut_ = 0;
  CutNo applied_by_all_ = 0;
  // Next run to be held, delivered, stable, counted since the view began.
  uint64_t held_run_ = 0;
  uint64_t deliver_run_ = 0;
  uint64_t stable_run_ = 0;
  bool sync_in_cut_ = false;  // The cut being delivered has a SYNC chunk of another member ...
  bool safe_in_cut_ = false;  // ... a SAFE chunk.
  bool closed_ = false;       // Between CloseView and OnView.
  size_t pending_chunks_ = 0;
  size_t pending_safe_ = 0;
  std::vector<CutNo> applied_by_;  // By rank.
  Stats stats_;
};

}  // namespace cohort::order

#endif  // COHORT_ORDER_CUT_ORDER_H_

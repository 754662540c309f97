#include "order/cut_order.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/check.h"
#include "wire/frames.h"
#include "wire/order_record.h"

namespace cohort::order {
namespace {

// Spec 6.1
bool NeedsOrder(const wire::Chunk& chunk) {
  if (chunk.cls == DeliveryClass::kAgreed || chunk.cls == DeliveryClass::kSafe) return true;
  return chunk.cls == DeliveryClass::kConv && (chunk.flags & wire::DataFrame::kBarrier) != 0;
}

}  // namespace

void CutOrder::OnView(Instant, Rank self, size_t members, Output&) {
  COHORT_CHECK(self < members);
  self_ = self;
  senders_.resize(members);
  for (Sender& sender : senders_) {
    sender.arrived = sender.last_to_order = sender.named = sender.emitted = sender.asked = 0;
    sender.pending.clear();
  }
  cuts_.clear();
  runs_.clear();
  first_cut_ = 1;
  first_run_ = deliver_run_ = held_run_ = stable_run_ = 0;
  last_cut_ = emitted_cut_ = held_cut_ = applied_cut_ = stable_cut_ = applied_by_all_ = 0;
  sync_in_cut_ = safe_in_cut_ = closed_ = false;
  pending_chunks_ = pending_safe_ = 0;
  applied_by_.assign(members, 0);
}

void CutOrder::OnChunk(Instant, wire::Chunk chunk, Output& out) {
  if (closed_ || chunk.origin >= senders_.size() ||
      chunk.seq != senders_[chunk.origin].arrived + 1) {
    ++stats_.chunks_out_of_turn;
    return;
  }
  Sender& sender = senders_[chunk.origin];
  sender.arrived = chunk.seq;
  if (chunk.cls == DeliveryClass::kCtrl) {
    OnControl(chunk, out);
  } else if (NeedsOrder(chunk)) {
    sender.last_to_order = chunk.seq;
    ++pending_chunks_;
    if (chunk.cls == DeliveryClass::kSafe) ++pending_safe_;
    sender.pending.push_back(std::move(chunk));
  } else {
    ++stats_.conv_delivered;
    out.deliveries.push_back({std::move(chunk), 0, false});
  }
  if (held_cut_ < last_cut_) AdvanceHeld(out);
  if (applied_cut_ < last_cut_) Deliver(out);
}

// ---- Cuts ---------------------------------------------------------------------------------------

void CutOrder::OnControl(const wire::Chunk& chunk, Output& out) {
  const auto kind = chunk.payload.empty()
                        ? wire::ControlRecord{}
                        : static_cast<wire::ControlRecord>(chunk.payload.data()[0]);
  // Of its place in the stream nothing here depends on, so it is handed up like a CONV chunk.
  if (kind == wire::ControlRecord::kMark) {
    out.deliveries.push_back({chunk, 0, false});
    return;
  }
  if (kind != wire::ControlRecord::kOrder) {
    ++stats_.records_unknown;
    return;
  }
  if (chunk.origin != 0) {
    ++stats_.orders_foreign;
    return;
  }
  const std::optional<wire::OrderRecord> record = wire::ParseOrderRecord(chunk.payload);
  if (!record.has_value()) {
    ++stats_.orders_malformed;
    return;
  }
  if (record->cut != last_cut_ + 1) {
    ++stats_.orders_out_of_turn;
    return;
  }
  if (IsSound(*record)) AddCut(*record, chunk.seq, out);
}

// Spec 6.4
bool CutOrder::IsSound(const wire::OrderRecord& record) {
  Rank rank = kNoRank;
  SeqNo upto = 0;
  for (const wire::OrderRun& run : record.runs) {
    if (run.rank >= senders_.size() || run.delta == 0 || (rank != kNoRank && run.rank < rank)) {
      ++stats_.orders_malformed;
      return false;
    }
    if (run.rank != rank) upto = senders_[run.rank].named;
    rank = run.rank;
    upto += run.delta;
    // The sequencer holds what it names, and nobody holds more than a window beyond what arrived
    // here.
    if (upto > senders_[rank].arrived + options_.window_chunks_max) {
      ++stats_.orders_too_far;
      return false;
    }
  }
  return true;
}

void CutOrder::AddCut(const wire::OrderRecord& record, SeqNo order_seq, Output& out) {
  for (const wire::OrderRun& run : record.runs) {
    Sender& sender = senders_[run.rank];
    sender.named += run.delta;
    stats_.chunks_ordered += run.delta;
    runs_.push_back({run.rank, sender.named});
    if (!IsSequencer()) out.held.push_back({0, run.rank, sender.named});
  }
  cuts_.push_back({order_seq, first_run_ + runs_.size()});
  ++last_cut_;
  ++stats_.orders_received;
}

// A cut is held when all it names has arrived; with SAFE chunks about, the others wait to hear
// that.
void CutOrder::AdvanceHeld(Output& out) {
  const CutNo before = held_cut_;
  while (held_cut_ < last_cut_) {
    const Cut& cut = CutAt(held_cut_ + 1);
    while (held_run_ < cut.runs_end &&
           senders_[RunAt(held_run_).rank].arrived >= RunAt(held_run_).upto) {
      ++held_run_;
    }
    if (held_run_ < cut.runs_end) break;
    ++held_cut_;
  }
  if (held_cut_ != before && pending_safe_ > 0) out.ack_due = true;
}

// Spec 6.5
void CutOrder::Deliver(Output& out) {
  const CutNo before = applied_cut_;
  while (applied_cut_ < last_cut_) {
    const Cut& cut = CutAt(applied_cut_ + 1);
    while (deliver_run_ < cut.runs_end && DeliverRun(RunAt(deliver_run_), out)) ++deliver_run_;
    if (deliver_run_ < cut.runs_end) break;
    ++applied_cut_;
    if (std::exchange(sync_in_cut_, false)) out.ack_due = true;
    const bool had_safe = std::exchange(safe_in_cut_, false);
    // The sequencer applied this cut when it made it, unless it had to wait for SAFE. Spec 6.7
    if (!had_safe && self_ != 0 && applied_by_[0] + 1 == applied_cut_) {
      SetApplied(0, applied_cut_);
    }
  }
  if (applied_cut_ == before) return;
  SetApplied(self_, applied_cut_);
  ForgetCuts();
}

// True when the whole run is delivered.
bool CutOrder::DeliverRun(const Run& run, Output& out) {
  Sender& sender = senders_[run.rank];
  const CutNo cut = applied_cut_ + 1;
  while (!sender.pending.empty() && sender.pending.front().seq <= run.upto) {
    wire::Chunk& chunk = sender.pending.front();
    const bool safe = chunk.cls == DeliveryClass::kSafe;
    if (safe && cut > stable_cut_) return false;
    if (safe) {
      safe_in_cut_ = true;
      --pending_safe_;
    }
    if (run.rank != self_ && (chunk.flags & wire::DataFrame::kSync) != 0) sync_in_cut_ = true;
    --pending_chunks_;
    out.deliveries.push_back({std::move(chunk), cut, false});
    sender.pending.pop_front();
  }
  return sender.arrived >= run.upto;
}

// Spec 6.6
void CutOrder::OnAcks(Instant, const wire::AckTable& acks, Output& out) {
  if (closed_ || stable_cut_ == last_cut_ || acks.members() != senders_.size()) return;
  const CutNo before = stable_cut_;
  while (stable_cut_ < last_cut_) {
    const Cut& cut = CutAt(stable_cut_ + 1);
    while (stable_run_ < cut.runs_end &&
           acks.ByAll(RunAt(stable_run_).rank) >= RunAt(stable_run_).upto) {
      ++stable_run_;
    }
    if (stable_run_ < cut.runs_end || acks.ByAll(0) < cut.order_seq) break;
    ++stable_cut_;
  }
  if (stable_cut_ == before) return;
  if (applied_cut_ < last_cut_) Deliver(out);
  ForgetCuts();
}

void CutOrder::ForgetCuts() {
  const CutNo done = std::min({applied_cut_, stable_cut_, held_cut_});
  while (first_cut_ <= done) {
    const uint64_t runs_end = cuts_.front().runs_end;
    cuts_.pop_front();
    ++first_cut_;
    for (; first_run_ < runs_end; ++first_run_) runs_.pop_front();
  }
}

void CutOrder::OnStatus(Rank from, CutNo applied_cut) {
  if (from < applied_by_.size() && from != self_) SetApplied(from, applied_cut);
}

void CutOrder::SetApplied(Rank rank, CutNo cut) {
  const CutNo before = applied_by_[rank];
  if (cut <= before) return;
  applied_by_[rank] = cut;
  if (before == applied_by_all_) {
    applied_by_all_ = *std::min_element(applied_by_.begin(), applied_by_.end());
  }
}

unsigned CutOrder::AppliedBy(CutNo cut) const {
  return static_cast<unsigned>(std::count_if(applied_by_.begin(), applied_by_.end(),
                                             [cut](CutNo applied) { return applied >= cut; }));
}

SeqNo CutOrder::delivered(Rank origin) const {
  const Sender& sender = senders_[origin];
  SeqNo upto = sender.pending.empty() ? sender.arrived : sender.pending.front().seq - 1;
  // An ORDER is needed until its cut is applied and stable; this also bounds how many cuts there
  // can be.
  if (origin == 0 && !cuts_.empty()) upto = std::min(upto, cuts_.front().order_seq - 1);
  return upto;
}

// ---- End of turn --------------------------------------------------------------------------------

void CutOrder::EndOfTurn(Instant, Output& out) {
  if (closed_) return;
  if (held_cut_ < last_cut_) ReportMissing(out);
  if (IsSequencer()) EmitOrders(out);
}

void CutOrder::ReportMissing(Output& out) {
  for (size_t i = 0; i < senders_.size(); ++i) {
    Sender& sender = senders_[i];
    if (sender.named <= std::max(sender.arrived, sender.asked)) continue;
    sender.asked = sender.named;
    out.missing.push_back({static_cast<Rank>(i), sender.named});
  }
}

// Spec 6.3
void CutOrder::EmitOrders(Output& out) {
  wire::OrderRecord record;
  for (size_t i = 0; i < senders_.size(); ++i) {
    Sender& sender = senders_[i];
    while (sender.emitted < sender.last_to_order) {
      const auto delta = static_cast<uint16_t>(std::min<SeqNo>(
          sender.last_to_order - sender.emitted, std::numeric_limits<uint16_t>::max()));
      record.runs.push_back({static_cast<Rank>(i), delta});
      sender.emitted += delta;
      if (record.runs.size() == wire::kOrderRunsMax) EmitRecord(record, out);
    }
  }
  if (!record.runs.empty()) EmitRecord(record, out);
}

void CutOrder::EmitRecord(wire::OrderRecord& record, Output& out) {
  record.cut = ++emitted_cut_;
  out.order_records.push_back(wire::EncodeOrderRecord(record));
  ++stats_.orders_sent;
  record.runs.clear();
}

// ---- View change --------------------------------------------------------------------------------

// Everything here follows from the streams up to `trim` alone, so all who install the next view do
// the same. Spec 6.8
void CutOrder::CloseView(Instant, const std::vector<SeqNo>& trim, Output& out) {
  COHORT_CHECK(trim.size() == senders_.size());
  for (; applied_cut_ < last_cut_; ++applied_cut_) {
    const CutNo cut = applied_cut_ + 1;
    for (; deliver_run_ < CutAt(cut).runs_end; ++deliver_run_) {
      const Run run = RunAt(deliver_run_);
      // What the sequencer alone of the members still here could have held is gone with it.
      if (run.upto > trim[run.rank]) stats_.closing_skipped += run.upto - trim[run.rank];
      Flush(run.rank, run.upto, cut, out);
    }
  }
  const size_t before = pending_chunks_;
  for (size_t i = 0; i < senders_.size(); ++i) {
    Flush(static_cast<Rank>(i), trim[i], last_cut_ + 1, out);
  }
  stats_.closing_unordered += before - pending_chunks_;
  closed_ = true;
  cuts_.clear();
  runs_.clear();
}

void CutOrder::Flush(Rank rank, SeqNo upto, CutNo cut, Output& out) {
  Sender& sender = senders_[rank];
  while (!sender.pending.empty() && sender.pending.front().seq <= upto) {
    wire::Chunk& chunk = sender.pending.front();
    const bool safe = chunk.cls == DeliveryClass::kSafe;
    if (safe) --pending_safe_;
    --pending_chunks_;
    out.deliveries.push_back({std::move(chunk), cut, safe});
    sender.pending.pop_front();
  }
}

bool CutOrder::IsConsistent() const {
  if (applied_cut_ > last_cut_ || stable_cut_ > last_cut_ || held_cut_ > last_cut_) return false;
  size_t pending = 0;
  for (const Sender& sender : senders_) {
    pending += sender.pending.size();
    if (sender.pending.size() > 2 * options_.window_chunks_max) return false;
  }
  return pending == pending_chunks_ && pending_safe_ <= pending_chunks_;
}

}  // namespace cohort::order

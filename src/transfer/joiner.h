// Receives the whole map state.
//
// Idea: the joiner has every ordered operation since the view that admitted it, and a donor says
// what the state is at one place at or after that, bucket by bucket (gathering.h). Operations up to
// that place are in the state already and are skipped; later ones wait in order until the state is
// complete and are then applied in turn. Nothing is evaluated and nothing read before. Any failure
// (donor gone, silent, refusing, wrong digest) goes to the next donor; what is here of the state is
// kept, and only what the next donor has otherwise is sent again. There is no timeout after which a
// state counts as received.
//
// A donor may be further than this member: in the order of the view, or in a view that this member
// has yet to install. What it has delivered there may die with it, so its state counts only when
// this member has delivered up to the same place itself; if it goes another way, it starts over.
//
// Why operations wait for the whole state and not for their bucket: byte caps, clears and tombstone
// limits are judged against the whole map, so a result computed on some buckets could differ from
// everybody else's.
//
// Limits: limits.h. Thread rule: none inside; the owner of the engine calls.
#ifndef COHORT_TRANSFER_JOINER_H_
#define COHORT_TRANSFER_JOINER_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/timer_table.h"
#include "map/map_set.h"
#include "transfer/gathering.h"
#include "transfer/messages.h"
#include "transfer/output.h"

namespace cohort::transfer {

class Joiner {
 public:
  struct Options {
    map::MapSet::Options maps;  // hash_key is the group's; settings are replaced by the donor's.
    // Operations that wait. Beyond 3/4 it wants_pause() until half of it is left; at the cap it
    // starts over.
    size_t queue_bytes_max = size_t{256} << 20;
    uint64_t state_bytes_max = uint64_t{64} << 30;  // A donor that announces more is refused.
    // Also of a donor that does not answer the request.
    Gathering::Options gathering = {};
    Duration retry = milliseconds(100);  // Before asking again when every donor has failed once.
  };
  struct Stats {
    uint64_t attempts = 0;
    uint64_t failures = 0;
    uint64_t busy = 0;       // Refusals by donors that served as many joiners as they may.
    uint64_t malformed = 0;  // Messages, but those that a gathering has counted.
    uint64_t stale = 0;      // Messages of an earlier attempt or of somebody who is not the donor.
    uint64_t skipped_ops = 0;
    uint64_t queued_ops = 0;
    uint64_t replayed_ops = 0;
  };
  enum class State : uint8_t { kIdle, kRequested, kReceiving, kReplaying, kSynced };

  explicit Joiner(const Options& options);

  // This member was admitted in `view` and asks `donors` (synced members, best first) in turn.
  void Start(Instant now, const ViewId& view, std::vector<MemberId> donors, Output& out);
  // Entries that this member has of an earlier life; after Start(). What the state has of them is
  // not sent.
  void Remember(const map::MapSet& held);
  // What follows until the next view is in the order that ends this one.
  void OnClosing() { settled_ = delivered_.position; }
  // A later view: its operations follow. A donor that is not among `donors` any more is left.
  void OnView(Instant now, const ViewId& view, std::vector<MemberId> donors, Output& out);
  // In the same view, other members hold the state now.
  void OnDonors(Instant now, std::vector<MemberId> donors, Output& out);
  // An ordered map operation, in order and without gaps since Start(). Copied.
  void OnOrderedOp(Instant now, const Buffer& op, const map::Place& place, Output& out);
  // An operation of a convergent map, of a view since Start(). Joined at once to what is kept apart
  // until the state is here: the order does not matter.
  // Returns the time of its stamp; 0 if there is none.
  uint64_t OnConvergentOp(Bytes message, const map::ConvergentPlace& place);
  // Chunks of each member of the view, by rank, that are delivered here.
  void OnReceived(Instant now, std::vector<SeqNo> received);
  bool wants_received() const { return !needed_.empty(); }
  void OnMessage(Instant now, const MemberId& from, Bytes body, Output& out);
  void OnDonorGone(Instant now, const MemberId& donor, Output& out);  // Its lifeline broke.
  void Stop();
  // Nobody in the view holds the state: goes on from `maps` instead, with what waits applied to it.
  void BeginWith(Instant now, std::unique_ptr<map::MapSet> maps);
  // While held it does not become synced: this member has just told the others that it is not.
  // Ends with the next OnView() or BeginWith().
  void Hold() { held_ = true; }
  // The whole state is here and belongs to this member's own history; at most operations wait.
  bool complete() const { return state_ == State::kReplaying && HasReachedState(); }

  Instant NextDeadline() const;
  void OnTimer(Instant now, Output& out);

  State state() const { return state_; }
  // Whether the others should write no faster than this member can go on. An attempt that fails
  // ends the pause, so no joiner stops the group for longer than one transfer takes.
  bool wants_pause() const { return wants_pause_; }
  uint64_t bytes_received() const {
    return gathering_.has_value() ? gathering_->bytes_received() : bytes_received_;
  }
  uint64_t bytes_expected() const { return bytes_expected_; }
  // The state, once, after Output::synced. Engine applies later operations to it itself.
  std::unique_ptr<map::MapSet> TakeMaps();

  const Stats& stats() const { return stats_; }
  const Gathering::Stats& gathered() const { return gathered_; }
  bool IsConsistent() const;

 private:
  enum class Timer { kSilence, kRetry, kReplay, kCount };
  // An operation, or (no bytes, position 0) a view that began.
  struct Queued {
    map::Place place;
    Buffer op;
    bool is_view = false;
  };

  void Ask(Instant now, Output& out);
  void Fail(Instant now, std::string why, Output& out);
  void OnRefused(Instant now, const RefusedMessage& refusal, Output& out);
  void OnBegin(Instant now, const BeginMessage& begin, Output& out);
  std::unique_ptr<map::MapSet> MapsOf(const BeginMessage& begin) const;
  std::string Story() const;
  void OnProgress(Instant now, Gathering::Progress progress, Output& out);
  void SetQueueBytes(size_t bytes);
  void Enqueue(Queued queued);
  void SkipCovered();
  void ApplyNow(const Buffer& op, const map::Place& place, Output& out);
  void Replay(Instant now, Output& out);
  void TryFinish(Instant now);
  void PlaceIn(const ViewId& view);
  // Of the place that the state is of: this member has delivered as far; it may still; it never
  // will.
  enum class Fit : uint8_t { kReached, kAhead, kElsewhere };
  Fit FitOf(const ViewId& view, uint64_t position) const;
  bool HasReachedState() const;
  bool HasReceived() const;
  void TakeEarly(const map::MapSet& early);
  bool IsOfAnotherEnd(const map::Place& last) const;
  void NeedStateOf(const map::Place& place);
  void GiveUpQueue(const map::Place& place);
  bool IsCovered(const map::Place& place) const;
  static bool IsBefore(const ViewId& view, uint64_t position, const map::Place& place);

  const Options options_;
  Stats stats_;
  State state_ = State::kIdle;
  TimerTable<Timer> timers_;
  ViewId view_;           // That admitted this member.
  map::Place delivered_;  // The last operation this member was given, or the view that began.
  // Views that ended since Start(), with their last place; the latest kPastViewsMax.
  std::vector<map::Place> past_;
  bool held_ = false;
  bool begins_ = false;  // After BeginWith().
  std::vector<MemberId> donors_;
  size_t next_donor_ = 0;
  std::optional<MemberId> donor_;
  uint32_t attempt_ = 0;
  bool waits_for_donor_ = false;  // All were busy, and that was told.
  uint64_t bytes_received_ = 0;   // Of the last gathering.
  uint64_t bytes_expected_ = 0;
  std::deque<Queued> queue_;
  size_t queue_bytes_ = 0;
  bool wants_pause_ = false;
  // How far this member came in its view before the order that ends it; far beyond until that
  // begins.
  uint64_t settled_ = UINT64_MAX;
  // The last operation that was given up, or skipped for a state that failed: a state must include
  // it.
  bool overflowed_ = false;
  map::Place overflow_;
  // What was still to be merged into the state that comes, and what of it has been meanwhile.
  std::optional<Output::Sides> sides_;
  std::vector<map::SideMerged> merged_;
  // What there is from attempts that broke off or from an earlier life, for the next one.
  std::unique_ptr<map::MapSet> remembered_;
  std::unique_ptr<map::MapSet> maps_;
  std::optional<Gathering> gathering_;  // While receiving; into maps_.
  Gathering::Stats gathered_;
  Gathering::Stats gathered_before_;  // The last gathering.
  // What convergent operations since Start() add up to. It has no maps: all is kept apart.
  map::MapSet early_;
  map::MapSet early_of_view_;  // The same, of delivered_.view alone.
  // What of `needed_view_` must be delivered here before the state counts: its donor had it, and
  // may die with it. Empty: nothing more.
  std::vector<SeqNo> needed_;
  ViewId needed_view_;
  std::vector<SeqNo> received_;  // Of delivered_.view.
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_JOINER_H_

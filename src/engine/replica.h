// The replicated state of one member: its maps, how they came here (transfer), who gets them from
// here (donor), what is brought in from the other side of a partition (merge), and when entries
// expire.
//
// Ordered map operations come in one by one, with their place in the order; before this member is
// synced they wait in the joiner. Operations that the member itself must send (EXPIRE, MERGE) are
// put out and come back in order like all others, so replicas never differ.
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_REPLICA_H_
#define COHORT_ENGINE_REPLICA_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/trace.h"
#include "base/types.h"
#include "engine/group_clock.h"
#include "engine/io.h"
#include "map/map_set.h"
#include "map/merge_planner.h"
#include "map/resolver.h"
#include "transfer/donor.h"
#include "transfer/joiner.h"
#include "transfer/limits.h"

namespace cohort::engine {

class Replica {
 public:
  struct Options {
    map::MapSet::Options maps;
    Policy policy = Policy::kAvailable;
    uint64_t merge_horizon_ms = 3'600'000;
    size_t joiner_queue_bytes_max = size_t{256} << 20;
    size_t transfer_chunk_bytes = transfer::kChunkBytesAim;
    uint64_t transfer_helped_bytes_min = transfer::kHelpedBytesMin;
    bool without_data = false;  // Holds nothing and asks for nothing (Spec 4.88).
    TraceSink* trace = nullptr;
  };
  // A member that joined with state, and the view it had it in.
  struct Carrier {
    MemberId member;
    ViewId came_from;
  };
  struct ViewInfo {
    ViewId id;
    MemberId self;
    std::vector<MemberInfo> members;
    bool joined = false;            // This member was not in the view before.
    std::vector<Carrier> carriers;  // Of those who joined in this view.
    size_t operations_queued = 0;   // Of ours, put out before and not sent yet.
  };
  struct Output {
    std::vector<transfer::Output::Message> messages;
    std::vector<Buffer> operations;  // Encoded map operations to send in total order.
    std::vector<Upcall> upcalls;
    bool synced = false;  // Edge: this member holds the whole state now.
  };

  explicit Replica(const Options& options);

  // Whether the view that is about to end leaves this member with the whole state: what it tells
  // the coordinator of the next one.
  bool HoldsState() const { return synced_; }
  // The view is wedged, and HoldsState() of now was told: it stays so until the next view.
  void OnWedged() {
    if (joiner_.has_value()) joiner_->Hold();
  }
  // What is delivered until the next view is in the order that ends this one.
  void OnClosing() {
    if (joiner_.has_value()) joiner_->OnClosing();
  }
  // The group goes on without us: the state is kept aside, to be brought along.
  void OnExcluded();
  // What is here differs from what the others hold; OnExcluded() follows. It is not brought along,
  // but spares what of it is right (Spec 8.33).
  void Distrust() { distrusted_ = true; }
  void OnView(Instant now, const ViewInfo& view, uint64_t hlc, Output& out);
  // `member` announced, in order, that it holds the state.
  void OnMemberSynced(Instant now, const MemberId& member, uint64_t hlc, Output& out);
  // The next ordered map operation of the view. The result is empty while this member is not
  // synced.
  std::optional<map::ApplyResult> OnOperation(Instant now, const Buffer& operation,
                                              const MemberId& writer, Output& out);
  // An operation of a convergent map with its stamp, as it arrives. Returns the stamp's time; 0 if
  // there is none.
  uint64_t OnConvergent(Instant now, Bytes message, const map::ConvergentPlace& place, Output& out);
  // One of this member's own, which leaves now and gets its stamp. For a synced member only.
  map::ApplyResult Write(Bytes operation, uint64_t time, const map::ConvergentPlace& place,
                         std::span<std::byte> stamp, Output& out);
  // `received`: chunks of each member of the view, by rank, that are delivered here (CONV ones).
  void OnTransferMessage(Instant now, const MemberId& from, Bytes body, std::vector<SeqNo> received,
                         Output& out);
  void OnReceived(Instant now, std::vector<SeqNo> received, Output& out);
  // Whether OnReceived() matters: the state that came waits for what its donor had.
  bool WantsReceived() const { return joiner_.has_value() && joiner_->wants_received(); }
  // Somebody's chunk is here; so long it took until all had it. State is sent at that pace (9.13).
  void OnWrite(Instant now) { donor_.OnWrite(now); }
  void OnWriteDelay(Instant now, Duration delay) { donor_.OnWriteDelay(now, delay); }
  bool is_donor() const { return donor_.sessions() > 0; }
  // All operations of convergent maps up to this time are with everybody.
  void SetSettled(uint64_t time) { settled_ = time; }
  uint64_t settled() const { return settled_; }
  void OnLifelineDown(Instant now, const MemberId& member, Output& out);
  void OnTimer(Instant now, map::GroupTime group_now, uint64_t hlc, Output& out);
  Instant NextDeadline(const GroupClock& clock) const;
  // A MERGE or EXPIRE operation of ours was delivered: the next may be sent.
  void OnOwnOperationDelivered() {
    SetOwnOperations(own_operations_ - (own_operations_ > 0 ? 1 : 0));
  }
  // Whether changes of the map of this name are wanted. By name, because numbers change when this
  // member goes to another side of a partition.
  void Watch(std::string_view map, bool wanted);
  // What settles writes of both sides in the map of this name, when this member brings its side's
  // (Spec 8.28). Stays until there is another one.
  void SetResolver(const std::string& map, map::Resolver resolver) {
    resolvers_[map] = std::move(resolver);
  }

  bool synced() const { return synced_; }
  bool carries_state() const { return carries_state_; }
  // Of a life before the last join it holds what is not merged yet, so perhaps nobody else does.
  bool has_to_merge() const { return carried_ != nullptr; }
  bool AwaitsMerge(std::string_view map, std::string_view key) const;
  bool wants_pause() const { return joiner_.has_value() && joiner_->wants_pause(); }
  // Operations of the view so far.
  uint64_t position() const { return position_; }
  // Null while not synced.
  const map::MapSet* maps() const { return synced_ ? maps_.get() : nullptr; }
  map::MapSet* mutable_maps() { return maps_.get(); }
  // The greatest time in any convergent map; 0 without one.
  uint64_t greatest() const;
  // Of all convergent maps (MapState::epoch): another one than before means that what was settled
  // is not any more.
  uint64_t epoch() const;
  // Nothing of this member is under way in the total order.
  bool is_quiet() const { return own_operations_ == 0; }
  uint64_t merging_sides() const { return sides_.size(); }
  // Ranks of the members that hold the whole state.
  const std::vector<Rank>& synced_ranks() const { return synced_ranks_; }
  bool IsConsistent() const;

 private:
  // One side of a healed partition that is not merged yet, for reports. Every carrier merges what
  // it holds: nobody needs to know whether the carriers of a side hold the same.
  struct Carrying {
    MemberId member;
    uint64_t since = 0;  // The number of the view that it came with.
    static auto IsOf(const MemberId& member) {
      return [&member](const Carrying& one) { return one.member == member; };
    }
  };
  struct Side {
    ViewId came_from;
    std::vector<Carrying> carriers;  // Who have not said that they are done.
    uint64_t conflicts = 0;
    bool merged = false;  // By at least one of them.
  };

  bool IsMember(const MemberId& member) const;
  bool BeginsAnew() const;
  void NoteWhetherStateLives(Instant now, Output& out);
  void SetOwnOperations(uint64_t count);
  bool MayMerge() const;
  void AddSynced(const MemberId& member);
  std::vector<MemberId> Donors() const;
  void StartTransfer(Instant now);
  void DeclareSynced(Instant now, Output& out);
  void BeginFresh(Instant now, Output& out);
  // ---- Sides of a healed partition (replica_sides.cc).
  void UpdateSides(const ViewInfo& view, Output& out);
  Side& SideOf(const ViewId& came_from);  // The one that is known, or a new one.
  void DropSidesWithoutCarriers(Output& out);
  // Those that were still to be merged into the state that came.
  void TakeSides(const transfer::Output::Sides& received, Output& out);
  std::vector<transfer::MergingSide> SidesForJoiners() const;
  void TellDonor();  // What it does not see itself, before it begins with a joiner.
  void OnSideDone(const map::SideMerged& merged, Output& out);
  void ReportSide(const Side& side, Output& out) const;
  void ReportLeftOut(Output& out) const;
  void MaybePlanMerge();
  void MergeCarriedHere();
  void PutWrongAside();
  void TellDifferences(Instant now, Output& out);
  void PublishMerge(uint64_t hlc, Output& out);
  void PublishExpiries(map::GroupTime group_now, uint64_t hlc, Output& out);
  void PublishEvictions(uint64_t hlc, Output& out);
  void PublishPurges(Instant now, map::GroupTime group_now, uint64_t hlc, Output& out);
  bool MayPurge() const;
  bool IsExpirer() const;
  bool IsWatched(uint32_t map) const;
  void TellSync(uint32_t map, Output& out) const;
  void TellSyncOfAll(Output& out) const;
  bool Had(std::string_view map) const;  // Before a state is received.
  void TakeReceived(Output& out);
  void Drain(Instant now, transfer::Output& transfer_out, Output& out);
  void DrainChanges(map::Output& changes, const MemberId& writer, Output& out);
  void Report(EventKind kind, const MemberId& subject, std::string text, int64_t number,
              Instant now, Output& out) const;

  const Options options_;
  std::unique_ptr<map::MapSet> maps_;
  std::unique_ptr<map::MapSet>
      carried_;  // Of a life before the last join; until its side is merged.
  // Found to differ; until there is a whole state again.
  std::unique_ptr<map::MapSet> wrong_;
  std::optional<transfer::Joiner> joiner_;
  transfer::Donor donor_;
  map::Resolvers resolvers_;
  std::optional<map::MergePlanner> planner_;
  ViewInfo view_;
  std::vector<MemberId> synced_members_;  // Of the view, in the order in which they became so.
  std::vector<Rank> synced_ranks_;        // The same.
  std::vector<Side> sides_;
  uint64_t joined_in_ = 0;  // The number of the view in which this member came.
  // Where in its sweep over the buckets our planner begins, so that carriers who came together
  // share the work: it is the n-th of so many.
  size_t carrier_index_ = 0;
  size_t carriers_together_ = 1;
  uint64_t position_ = 0;
  uint64_t own_operations_ = 0;
  bool own_large_ = false;  // One of them is, so no more are put out until all are delivered.
  uint64_t settled_ = 0;
  Instant next_purge_;
  std::set<std::string, std::less<>> watched_;  // Names of maps.
  bool merged_aside_ = false;                   // Into what was kept aside, which nobody was told.
  bool synced_ = false;
  bool distrusted_ = false;
  bool carries_state_ = false;
  bool stateless_ = false;  // Without data among others that are: was told.
  transfer::Output transfer_out_;
  map::Output map_out_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_REPLICA_H_

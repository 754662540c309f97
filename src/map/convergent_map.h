// The convergent map: every member applies a write when it arrives, and whatever the order of
// arrival all come to hold the same.
//
// Idea: an entry is a set of registers with stamps (convergent_entry.h), an operation writes some
// of them with one stamp, and applying it is a join. So no operation waits for its place in the
// total order, and none may depend on what others wrote before: conditional writes are refused.
// Only what is done for all members by one (expiry, forgetting of tombstones, merging of sides)
// travels in total order; these are joins too, so their place matters to nothing else.
// Docs: docs/protocol/convergent_map.md, chapter 11.
//
// Limits, errors, threads: as map.h says; errors are in ApplyResult.
#ifndef COHORT_MAP_CONVERGENT_MAP_H_
#define COHORT_MAP_CONVERGENT_MAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "map/convergent_entry.h"
#include "map/convergent_op.h"
#include "map/convergent_stamp.h"
#include "map/delta_plan.h"
#include "map/map.h"

namespace cohort::map {

class ConvergentMap : public Map {
 public:
  // `options.settings` are taken for those of a convergent map.
  ConvergentMap(std::string name, Options options);

  // What travels in total order: CONFIGURE, EXPIRE, MERGE, PURGE, CLAIM and DELTA. Others are
  // refused with kFailedPrecondition.
  ApplyResult Apply(const MapOp& op, const Place& place, Output& out) override;
  // An operation as it arrives. `op.map` is not looked at. Result: version, the operation's stamp;
  // number, the entries that were visible and are gone.
  // Errors: kInvalidArgument when the stamp is of another operation.
  ApplyResult Join(const ConvergentOp& op, const ConvergentStamp& stamp,
                   const ConvergentPlace& place, Output& out);
  // For `writer`, whose operation gets the time `stamp.time` now: fills in the rest. `brought`:
  // what the writer has not merged yet of its side of a partition, or null. Errors: kAborted, it
  // needs an entry that another member owns, or that was claimed later on that side; kNotFound, one
  // that is not there; kInvalidArgument, an entry would be too large.
  absl::Status Resolve(const ConvergentOp& op, const MemberId& writer, const ConvergentMap* brought,
                       ConvergentStamp& stamp) const;
  // All that `other` holds, which was joined apart from this map.
  void Absorb(const ConvergentMap& other, Output& out);
  // Of a map that gathers operations for another one, which may hold what keeps an entry there: so
  // nothing is dropped here.
  void KeepAll() { keeps_all_ = true; }
  // Whether an entry of `before` bytes may have `wanted`; it may always shrink. Errors:
  // kInvalidArgument, an entry has at most kRegistersBytesMax; kResourceExhausted, where the map
  // evicts: the entry would be larger than the map may be.
  absl::Status CheckEntrySize(std::string_view key, size_t wanted, size_t before) const;

  // ---- Reads, besides those of Map.
  // The attribute's value; empty when it or the entry is not there.
  std::optional<Buffer> GetAttribute(std::string_view key, std::string_view name,
                                     GroupTime now) const;
  // All attributes with a name, in order; empty when the entry is not there.
  using Attributes = std::vector<std::pair<std::string, Buffer>>;
  std::optional<Attributes> GetAttributes(std::string_view key, GroupTime now) const;

  // The WriterWord() of the member that owns an entry, by its claim or because it began its life;
  // empty when it is not there.
  std::optional<uint64_t> OwnerOf(std::string_view key, GroupTime now) const;
  // The last claim, also of an entry that is gone.
  Ownership ClaimOf(std::string_view key) const;
  // Whether the entry was claimed here after the last claim that the other one knows (Spec 11.26).
  bool HasLaterClaim(std::string_view key, const ConvergentMap& than) const;

  // What `writer` needs to know to write `item` by a delta in view number `view`; empty when it
  // should go whole. Spec 11.25.
  std::optional<DeltaPlan> PlanDelta(const ConvergentItem& item, const MemberId& writer,
                                     uint64_t view, GroupTime now) const;

  // ---- Of the member that cares for all.
  // Whether entries have to go now; those that have gone already count until then.
  bool IsOverCap() const {
    const MapSettings& settings = state_.settings;
    return settings.evicts && settings.bytes_max != 0 && bytes_ > settings.bytes_max;
  }
  bool MayPurge() const { return Tombstones() > 0 || marked_ > 0; }
  // How far to forget now, at most up to `settled`: tombstones that are older than the settings'
  // horizon at group time `now`, and the oldest beyond the settings' limits; contents of what has
  // expired at once; claims of tombstones beyond the horizon. The view is left to the caller; keys
  // are borrowed until the next write.
  PurgeOp DueForPurge(uint64_t settled, GroupTime now) const;

 private:
  bool IsOwnedByAnother(std::string_view key, const MemberId& member, GroupTime now) const;
  absl::StatusOr<Life> LifeFor(const ConvergentItem& item, GroupTime now) const;
  ApplyResult ApplyExpire(const ExpireOp& op, uint64_t hlc, const Place& place, Output& out);
  ApplyResult ApplyClaim(const ClaimOp& op, uint64_t hlc, const Place& place, Output& out);
  ApplyResult ApplyDelta(const DeltaOp& op, uint64_t hlc, const Place& place, Output& out);
  ApplyResult ApplyMerge(const MergeOp& op, const Place& place, Output& out);
  ApplyResult ApplyPurge(const PurgeOp& op, uint64_t hlc, const Place& place);
  void NoteCaretaker(const MemberId& writer);
  void DropContents(uint64_t upto);
  void ForgetClaim(const ClaimOp& claim);
  bool IsOld(uint64_t time, GroupTime now) const;  // Than the tombstones' horizon.
  uint64_t DueUpTo(uint64_t settled, GroupTime now) const;
  // `theirs` joined to what is here. `held` becomes what is here, unless there is nothing, or all
  // of it is over.
  Registers JoinTo(const Entry* ours, const Registers& theirs,
                   std::optional<Registers>& held) const;
  // Joins `theirs` into the entry; `version` is its greatest stamp.
  bool JoinEntry(std::string_view key, const Registers& theirs, const Version& version,
                 ChangeCause cause, const MemberId& writer, Output& out);
  uint64_t JoinCleared(const Version& cleared, ChangeCause cause, const MemberId& writer,
                       Output& out);
  void ReportLosses(std::string_view key, const Registers& ours, const Registers& theirs,
                    const MergeOp& op, Output& out);
  // The change that was fed; null: there is none.
  Change* Feed(std::string_view key, const Entry* before, const Entry& after, ChangeCause cause,
               const MemberId& writer, Output& out) const;
  std::optional<Registers> RegistersOf(const Entry& entry) const;
  bool IsCleared(const Registers& registers, const Version& version) const;

  bool keeps_all_ = false;
};

// What `item` makes of the entry, in bytes; markers of what it erases are counted in full.
size_t SizeWith(const ConvergentItem& item, const Registers& held, size_t held_bytes);

// What a caller may ask for; a batch and the bodies of an ordered map that make sense here too.
using ConvergentRequest = std::variant<PutOp, EraseOp, IncrementOp, AppendOp, TouchOp, BatchOp,
                                       ClearOp, AttributesOp, ConvergentBatchOp>;

// The request as an operation on `map` as it is at group time `now`. It borrows what the request
// borrows. An operation without items that clears nothing: there is nothing to do. Errors:
// kFailedPrecondition  conditional writes, increments, appends: they need an ordered map.
//         kNotFound            a touch of an entry that is not there.
//         kInvalidArgument     beyond a limit.
//         kResourceExhausted   the map's byte cap.
absl::StatusOr<ConvergentOp> PrepareConvergent(const ConvergentMap& map,
                                               const ConvergentRequest& request, GroupTime now,
                                               const ConvergentFence& fence = {});

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_MAP_H_

// All maps of a group, and how far they have got: the whole replicated state of a member.
//
// A map comes into being at the first operation that names it. The set also keeps the history of
// its views, which a merge compares with the other side's. A member that must join another side
// keeps its old set aside as it is: that is its carried state (merge_planner.h).
//
// Thread rule: none inside; the owner of the engine calls.
#ifndef COHORT_MAP_MAP_SET_H_
#define COHORT_MAP_MAP_SET_H_

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/buffer.h"
#include "map/convergent_map.h"
#include "map/convergent_op_codec.h"
#include "map/convergent_stamp.h"
#include "map/map.h"
#include "map/map_op_codec.h"
#include "map/ordered_map.h"
#include "map/output.h"
#include "map/types.h"
#include "map/view_history.h"

namespace cohort::map {

// What a map of this number adds to the digest of its set.
Uint128 DigestInSet(uint32_t id, const Digest& digest);

// A moment of the whole state.
struct MapSetSnapshot {
  ViewId view;
  uint64_t position = 0;
  ViewHistory history;
  std::vector<Snapshot> maps;  // In the order of their ids.
};

class MapSet {
 public:
  struct Options {
    uint64_t hash_key = 0;
    MapSettings settings;  // Of maps that no CONFIGURE has named. Alike on all members; a joiner
                           // takes the donor's.
  };
  struct Stats {
    uint64_t applied = 0;    // Operations, refused ones included.
    uint64_t joined = 0;     // Operations of convergent maps.
    uint64_t malformed = 0;  // No operation at all, or beyond a limit.
  };

  explicit MapSet(const Options& options);

  // A view was installed: positions begin again.
  void OnView(const ViewId& view);
  // Applies one operation as it was sent. It takes its place whatever its bytes are; a malformed
  // one does nothing.
  // `owner`: a buffer that `op` lies in, of which a large value is kept instead of a copy.
  ApplyResult Apply(Bytes op, const Place& place, Output& out, const Buffer* owner = nullptr);

  // Operations that are about to be applied or joined, up to kForeseenMax (foresight.h): what they
  // write to is on its way to the processor's cache. Changes nothing. Returns how many of them are
  // about an entry that is there.
  size_t Foresee(std::span<const Bytes> operations) const;

  // For its writer, who sends it now: gives the operation `time` and the rest of its stamp, and
  // joins it. An operation that has no place here becomes void; its status says why. `brings`: what
  // the writer has not merged yet of its side of a partition; null: nothing.
  ApplyResult Write(Bytes op, uint64_t time, const ConvergentPlace& place, const MapSet* brings,
                    std::span<std::byte> stamp, Output& out);
  // Joins one operation of a convergent map as it was sent, its stamp included. What is for a map
  // that no ordered operation has named here yet is kept apart until one does; of a set that has no
  // maps (of a member that is receiving the state) that is all of them. ApplyResult::version is the
  // stamp, also where there was nothing to do; none if it is void.
  ApplyResult Join(Bytes message, const ConvergentPlace& place, Output& out);
  // Takes over what another set keeps apart; that keeps it, too.
  void CopyEarly(const MapSet& other, Output& out);
  // What is kept apart for the map of this name; null if nothing is.
  const ConvergentMap* FindEarly(std::string_view name) const;
  // Forgets what is kept apart: of views that are over.
  void ForgetEarly() { early_.clear(); }

  // Null when no operation has named it.
  const Map* Find(std::string_view name) const;
  Map* Find(std::string_view name);
  const Map* Get(uint32_t id) const { return id < maps_.size() ? maps_[id].get() : nullptr; }
  Map* Get(uint32_t id) { return id < maps_.size() ? maps_[id].get() : nullptr; }
  const ConvergentMap* GetConvergent(uint32_t id) const;  // Null also for an ordered one.
  const ConvergentMap* FindConvergent(std::string_view name) const;  // The same.
  size_t size() const { return maps_.size(); }
  // The map, made if it was not there: by an operation or a restore only, because ids follow the
  // order of making and must be alike on all members. Null when there are kMapsMax or the name is
  // malformed, or a map of the other kind has it.
  OrderedMap* Create(std::string_view name);
  ConvergentMap* CreateConvergent(std::string_view name, Output& out);

  ViewId view() const { return view_; }
  uint64_t position() const {
    return position_;
  }  // Of the last operation applied in view(); 0: none.
  const ViewHistory& history() const { return history_; }
  const Options& options() const { return options_; }

  std::optional<MapSetSnapshot> TakeSnapshot() const;  // Empty when too many are alive.
  // For a joiner: continue from a received snapshot.
  void RestorePlace(const ViewId& view, uint64_t position, ViewHistory history);

  Digest digest() const;            // Over all ordered maps.
  Digest ConvergentDigest() const;  // Over all convergent ones.
  bool HasConvergent() const;
  uint64_t Entries() const;
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  Options options_;
  Stats stats_;
  ViewId view_;
  uint64_t position_ = 0;
  ViewHistory history_;
  Map::Options OptionsOf(uint32_t id) const;
  ConvergentMap& EarlyOf(std::string_view name);
  Digest DigestOf(bool convergent) const;

  std::vector<std::unique_ptr<Map>> maps_;  // At most kMapsMax: searched by name in turn.
  // Joined before their maps were here, by name; at most kMapsMax.
  std::map<std::string, std::unique_ptr<ConvergentMap>, std::less<>> early_;
  MapOpDecoder decoder_;
  ConvergentOpDecoder convergent_decoder_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MAP_SET_H_

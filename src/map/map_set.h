// All maps of a group, and how far they have got: the whole replicated state of a member.
//
// A map comes into being at the first operation that names it. The set also keeps the history of
// its views, which a merge compares with the other side's. A member that must join another side
// keeps its old set aside as it is: that is its carried state (merge_planner.h).
//
// Thread rule: none inside; the owner of the engine calls.
#ifndef COHORT_MAP_MAP_SET_H_
#define COHORT_MAP_MAP_SET_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/buffer.h"
#include "map/map_op_codec.h"
#include "map/ordered_map.h"
#include "map/output.h"
#include "map/types.h"
#include "map/view_history.h"

namespace cohort::map {

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
    uint64_t malformed = 0;  // No operation at all, or beyond a limit.
  };

  explicit MapSet(const Options& options);

  // A view was installed: positions begin again.
  void OnView(const ViewId& view);
  // Applies one operation as it was sent. It takes its place whatever its bytes are; a malformed
  // one does nothing.
  ApplyResult Apply(Bytes op, const Place& place, Output& out);

  // Null when no operation has named it.
  const OrderedMap* Find(std::string_view name) const;
  OrderedMap* Find(std::string_view name);
  const OrderedMap* Get(uint32_t id) const { return id < maps_.size() ? maps_[id].get() : nullptr; }
  OrderedMap* Get(uint32_t id) { return id < maps_.size() ? maps_[id].get() : nullptr; }
  size_t size() const { return maps_.size(); }
  // The map, made if it was not there: by an operation or a restore only, because ids follow the
  // order of making and must be alike on all members. Null when there are kMapsMax or the name is
  // malformed.
  OrderedMap* Create(std::string_view name);

  ViewId view() const { return view_; }
  uint64_t position() const {
    return position_;
  }  // Of the last operation applied in view(); 0: none.
  const ViewHistory& history() const { return history_; }
  const Options& options() const { return options_; }

  std::optional<MapSetSnapshot> TakeSnapshot() const;  // Empty when too many are alive.
  // For a joiner: continue from a received snapshot.
  void RestorePlace(const ViewId& view, uint64_t position, ViewHistory history);

  Digest digest() const;  // Over all maps.
  uint64_t Entries() const;
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  Options options_;
  Stats stats_;
  ViewId view_;
  uint64_t position_ = 0;
  ViewHistory history_;
  std::vector<std::unique_ptr<OrderedMap>> maps_;  // At most kMapsMax: searched by name in turn.
  MapOpDecoder decoder_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MAP_SET_H_

// All streams of one view with its acknowledgements, and the answering of NAKs from them.
// ReliableMulticast has two: the current view's, and the previous view's for members that have yet
// to leave it.
#ifndef COHORT_RMCAST_VIEW_STREAMS_H_
#define COHORT_RMCAST_VIEW_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "rmcast/origin_stream.h"
#include "rmcast/repair_budget.h"
#include "wire/ack_table.h"
#include "wire/frames.h"

namespace cohort::rmcast {

class ViewStreams {
 public:
  struct RepairResult {
    uint64_t sent = 0, multicast = 0, suppressed = 0, over_budget = 0, not_held = 0;
    uint32_t first_time = 0;  // Of `sent`: never repaired from here before.
  };

  void Reset(Rank self, size_t members);
  // Gives up the memory too.
  void Drop();

  Rank self() const { return self_; }
  size_t members() const { return members_; }
  OriginStream& stream(Rank rank) { return streams_[rank]; }
  const OriginStream& stream(Rank rank) const { return streams_[rank]; }
  wire::AckTable& acks() { return acks_; }
  const wire::AckTable& acks() const { return acks_; }
  size_t bytes() const;
  bool IsConsistent(size_t window_chunks) const;

  // Appends repairs of what `nak` asks for and is held, oldest first. The first member that asks
  // gets its own copy; a second one within `linger` makes the repair a multicast; within `linger`
  // nobody is sent the same twice. `budget` is null when repairs are unlimited (a view change waits
  // for them).
  RepairResult Repair(Instant now, Rank from, const wire::NakFrame& nak, bool previous_view,
                      Duration linger, RepairBudget* budget, std::vector<wire::OutFrame>& frames);

 private:
  bool RepairOne(Instant now, Rank from, SeqNo seq, Rank origin, bool previous_view,
                 Duration linger, RepairBudget* budget, std::vector<wire::OutFrame>& frames,
                 RepairResult& result);

  Rank self_ = 0;
  size_t members_ = 0;
  std::vector<OriginStream>
      streams_;  // By rank; may be longer than members_ (memory of a larger view).
  wire::AckTable acks_;
};

}  // namespace cohort::rmcast

#endif  // COHORT_RMCAST_VIEW_STREAMS_H_

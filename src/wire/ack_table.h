// What every member is known to hold of every sender: a matrix of counts that only grow. Row: the
// holder; column: the origin. rmcast writes it, order reads it (SAFE), the engine reads it
// (completion of SYNC writes).
//
// Memory: 8 bytes x members squared. Cost: Raise() is constant unless the holder was the slowest of
// that origin.
#ifndef COHORT_WIRE_ACK_TABLE_H_
#define COHORT_WIRE_ACK_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/types.h"

namespace cohort::wire {

class AckTable {
 public:
  void Reset(size_t members) {
    members_ = members;
    held_.assign(members * members, 0);
    by_all_.assign(members, 0);
  }
  size_t members() const { return members_; }

  // Highest number of `origin` up to which `holder` is known to hold everything.
  SeqNo Get(Rank holder, Rank origin) const { return held_[origin * members_ + holder]; }
  // Highest number of `origin` up to which every member holds everything.
  SeqNo ByAll(Rank origin) const { return by_all_[origin]; }
  // How many members hold (origin, seq), itself included.
  unsigned HeldBy(Rank origin, SeqNo seq) const {
    const SeqNo* row = &held_[origin * members_];
    return static_cast<unsigned>(
        std::count_if(row, row + members_, [seq](SeqNo held) { return held >= seq; }));
  }

  // True when the table changed; a lower number than known changes nothing.
  bool Raise(Rank holder, Rank origin, SeqNo upto) {
    SeqNo* row = &held_[origin * members_];
    const SeqNo before = row[holder];
    if (upto <= before) return false;
    row[holder] = upto;
    if (before == by_all_[origin]) by_all_[origin] = *std::min_element(row, row + members_);
    return true;
  }

 private:
  size_t members_ = 0;
  std::vector<SeqNo> held_;    // One row per origin, so that the minimum is one sweep.
  std::vector<SeqNo> by_all_;  // Minimum of each row.
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_ACK_TABLE_H_

// Who holds what: for members j and i of a view, up to which chunk of i member j has received
// everything. Rmcast fills it, order reads it (SAFE, stability), so it lives below both.
//
// Entries only grow. Reports come from the network: ranks outside the view are ignored.
// Cost: Set O(1), or O(n) when it moves a minimum; Min O(1). Memory 8 n^2 bytes.
#ifndef COHORT_WIRE_ACK_TABLE_H_
#define COHORT_WIRE_ACK_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/types.h"

namespace cohort::wire {

class AckTable {
 public:
  AckTable() = default;
  explicit AckTable(size_t members) { Resize(members); }

  // A new view: forgets everything.
  void Resize(size_t members) {
    members_ = members;
    held_.assign(members * members, 0);
    minimum_.assign(members, 0);
  }
  size_t size() const { return members_; }

  // Member `holder` has everything of `sender` up to `upto`. True when that moved Min(sender).
  bool Set(Rank holder, Rank sender, SeqNo upto) {
    if (holder >= members_ || sender >= members_) return false;
    SeqNo& entry = held_[Index(holder, sender)];
    if (upto <= entry) return false;
    const bool was_minimum = entry == minimum_[sender];
    entry = upto;
    return was_minimum && UpdateMinimum(sender);
  }
  // 0 for ranks outside the view.
  SeqNo At(Rank holder, Rank sender) const {
    return holder < members_ && sender < members_ ? held_[Index(holder, sender)] : 0;
  }
  // Every member has everything of `sender` up to here: stable.
  SeqNo Min(Rank sender) const { return sender < members_ ? minimum_[sender] : 0; }

 private:
  // One sender's holders lie together: the minimum is a walk over contiguous memory.
  size_t Index(Rank holder, Rank sender) const { return sender * members_ + holder; }
  bool UpdateMinimum(Rank sender) {
    const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(Index(0, sender));
    const SeqNo least = *std::min_element(begin, begin + static_cast<std::ptrdiff_t>(members_));
    if (least == minimum_[sender]) return false;
    minimum_[sender] = least;
    return true;
  }

  size_t members_ = 0;
  std::vector<SeqNo> held_;
  std::vector<SeqNo> minimum_;
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_ACK_TABLE_H_

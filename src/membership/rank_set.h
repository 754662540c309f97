// A small sorted set of ranks. Iteration is in ascending order, so it may reach the wire.
#ifndef COHORT_MEMBERSHIP_RANK_SET_H_
#define COHORT_MEMBERSHIP_RANK_SET_H_

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "base/types.h"

namespace cohort::membership {

class RankSet {
 public:
  RankSet() = default;
  RankSet(std::initializer_list<Rank> ranks) {
    for (Rank rank : ranks) Insert(rank);
  }
  bool Contains(Rank rank) const { return std::binary_search(ranks_.begin(), ranks_.end(), rank); }
  // True if `rank` was not in the set.
  bool Insert(Rank rank) {
    auto place = std::lower_bound(ranks_.begin(), ranks_.end(), rank);
    if (place != ranks_.end() && *place == rank) return false;
    ranks_.insert(place, rank);
    return true;
  }
  bool Erase(Rank rank) {
    auto place = std::lower_bound(ranks_.begin(), ranks_.end(), rank);
    if (place == ranks_.end() || *place != rank) return false;
    ranks_.erase(place);
    return true;
  }
  void Clear() { ranks_.clear(); }
  size_t size() const { return ranks_.size(); }
  bool empty() const { return ranks_.empty(); }
  auto begin() const { return ranks_.begin(); }
  auto end() const { return ranks_.end(); }
  bool operator==(const RankSet&) const = default;

 private:
  std::vector<Rank> ranks_;
};

}  // namespace cohort::membership

#endif  // COHORT_MEMBERSHIP_RANK_SET_H_

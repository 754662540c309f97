// Links between members that are both alive but of which one does not hear the other, and since
// when.
//
// A link is bad in both directions as soon as one end does not hear the other: data must not depend
// on it. Which member has to go is decided alike by everyone who sees the same links.
#ifndef COHORT_FAILURE_LINK_TABLE_H_
#define COHORT_FAILURE_LINK_TABLE_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/types.h"

namespace cohort::failure {

class LinkTable {
 public:
  // Ranks changed: `new_rank[r]` is what rank r is now, kNoRank if gone.
  void OnView(const std::vector<Rank>& new_rank);

  // A round of observations: Begin, then See for each bad link of this moment, then End forgets the
  // healed ones.
  void Begin() { ++round_; }
  void See(Instant fd_now, Rank a, Rank b);
  void End();

  // The member to evict for links bad since `before` or longer: most bad links, then least weight,
  // then youngest. kNoRank when there is none.
  Rank Victim(Instant before, const std::vector<MemberInfo>& members) const;
  size_t CountBad(Instant before, Rank rank) const;
  size_t size() const { return links_.size(); }

 private:
  struct Link {
    Instant since;
    uint64_t seen_in = 0;
  };
  absl::btree_map<std::pair<Rank, Rank>, Link> links_;  // Lower rank first.
  uint64_t round_ = 0;
};

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_LINK_TABLE_H_

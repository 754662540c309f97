#include "failure/link_table.h"

#include <algorithm>
#include <tuple>

#include "failure/options.h"

namespace cohort::failure {

void LinkTable::OnView(const std::vector<Rank>& new_rank) {
  absl::btree_map<std::pair<Rank, Rank>, Link> kept;
  const auto rank_now = [&](Rank rank) {
    return rank < new_rank.size() ? new_rank[rank] : kNoRank;
  };
  for (const auto& [ends, link] : links_) {
    const auto [low, high] = std::minmax({rank_now(ends.first), rank_now(ends.second)});
    if (high != kNoRank) kept[{low, high}] = link;
  }
  links_ = std::move(kept);
}

void LinkTable::See(Instant fd_now, Rank a, Rank b) {
  const std::pair<Rank, Rank> ends = std::minmax({a, b});
  const auto found = links_.find(ends);
  if (found != links_.end()) {
    found->second.seen_in = round_;
  } else if (links_.size() < kBadLinksMax) {
    links_[ends] = {fd_now, round_};
  }
}

void LinkTable::End() {
  absl::erase_if(links_, [&](const auto& entry) { return entry.second.seen_in != round_; });
}

size_t LinkTable::CountBad(Instant before, Rank rank) const {
  return static_cast<size_t>(std::count_if(links_.begin(), links_.end(), [&](const auto& entry) {
    return entry.second.since <= before &&
           (entry.first.first == rank || entry.first.second == rank);
  }));
}

Rank LinkTable::Victim(Instant before, const std::vector<MemberInfo>& members) const {
  std::vector<size_t> bad(members.size(), 0);
  for (const auto& [ends, link] : links_) {
    if (link.since > before || ends.second >= members.size()) continue;
    ++bad[ends.first];
    ++bad[ends.second];
  }
  Rank victim = kNoRank;
  for (Rank rank = 0; rank < members.size(); ++rank) {
    if (bad[rank] == 0) continue;
    // Ranks go by seniority, so the later of equals is the younger.
    if (victim == kNoRank || bad[rank] > bad[victim] ||
        (bad[rank] == bad[victim] && members[rank].weight <= members[victim].weight)) {
      victim = rank;
    }
  }
  return victim;
}

}  // namespace cohort::failure

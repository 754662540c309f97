#include "map/view_history.h"

#include <algorithm>

#include "map/limits.h"

namespace cohort::map {

void ViewHistory::Add(const ViewId& view) {
  if (view.IsZero() || (!recent_.empty() && view.num <= recent_.back().num)) return;
  if (first_.IsZero()) first_ = view;
  recent_.push_back(view);
  if (recent_.size() > kViewHistoryMax) recent_.pop_front();
}

bool ViewHistory::Restore(const ViewId& first, const std::vector<ViewId>& views) {
  if (views.size() > kViewHistoryMax || first.IsZero() != views.empty()) return false;
  for (size_t i = 0; i < views.size(); ++i) {
    const bool grows = i == 0 ? views[i].num >= first.num : views[i].num > views[i - 1].num;
    if (!grows || views[i].IsZero()) return false;
  }
  first_ = first;
  recent_.assign(views.begin(), views.end());
  return true;
}

bool ViewHistory::HasBetween(uint64_t after, uint64_t before) const {
  return std::any_of(recent_.begin(), recent_.end(),
                     [&](const ViewId& view) { return view.num > after && view.num < before; });
}

ViewHistory::Base ViewHistory::CommonWith(const ViewHistory& other) const {
  if (first_.IsZero() || first_ != other.first_) return {};
  // Both chains are sorted by number, and equal up to where they part: the last view in both is
  // that place.
  for (auto mine = recent_.rbegin(); mine != recent_.rend(); ++mine) {
    const auto theirs =
        std::lower_bound(other.recent_.begin(), other.recent_.end(), *mine,
                         [](const ViewId& a, const ViewId& b) { return a.num < b.num; });
    if (theirs != other.recent_.end() && *theirs == *mine) return {Base::Kind::kKnown, *mine};
  }
  return {Base::Kind::kForgotten, {}};
}

}  // namespace cohort::map

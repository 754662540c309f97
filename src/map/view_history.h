// The chain of views a map's state went through. Two sides of a partition compare theirs to learn
// where they parted.
#ifndef COHORT_MAP_VIEW_HISTORY_H_
#define COHORT_MAP_VIEW_HISTORY_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "cohort/ids.h"

namespace cohort::map {

// Bounded: the first view is kept for ever, of the others the last kViewHistoryMax.
class ViewHistory {
 public:
  // Where two histories parted.
  struct Base {
    enum class Kind : uint8_t {
      kIndependent,  // Two groups that never were one: no view in common.
      kKnown,        // `last` is the last view both sides were in.
      kForgotten,    // One group once, too many views ago to tell when they parted.
    };
    Kind kind = Kind::kIndependent;
    ViewId last;
  };

  // Views that do not grow are ignored: a view is added once.
  void Add(const ViewId& view);
  // As received: `views` oldest first. False if they do not grow or are too many.
  bool Restore(const ViewId& first, const std::vector<ViewId>& views);

  const ViewId& first() const { return first_; }
  std::vector<ViewId> recent() const { return {recent_.begin(), recent_.end()}; }
  // Whether it has a view of a number between these two.
  bool HasBetween(uint64_t after, uint64_t before) const;
  ViewId last() const { return recent_.empty() ? ViewId{} : recent_.back(); }

  // Spec 8.23
  Base CommonWith(const ViewHistory& other) const;

 private:
  ViewId first_;
  std::deque<ViewId> recent_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_VIEW_HISTORY_H_

#include "sim/scheduler.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"

namespace cohort::sim {

void Scheduler::At(Instant at, Task task) {
  uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slab_.size());
    slab_.push_back(std::move(task));
  } else {
    slot = free_.back();
    free_.pop_back();
    slab_[slot] = std::move(task);
  }
  heap_.push_back({std::max(at, now_).nanos(), ++added_, slot});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

Task Scheduler::Pop() {
  COHORT_CHECK(!heap_.empty());
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  const Entry entry = heap_.back();
  heap_.pop_back();
  now_ = Instant::FromNanos(entry.at);
  ++executed_;
  free_.push_back(entry.slot);
  return std::move(slab_[entry.slot]);
}

}  // namespace cohort::sim

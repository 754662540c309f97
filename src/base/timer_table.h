// A layer's timers: an enum and a table of deadlines, not objects. Inspectable, copyable, one
// minimum. Timer must be an enum class with a last enumerator kCount.
#ifndef COHORT_BASE_TIMER_TABLE_H_
#define COHORT_BASE_TIMER_TABLE_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/instant.h"

namespace cohort {

template <class Timer>
class TimerTable {
 public:
  TimerTable() { deadlines_.fill(Instant::Infinite()); }
  void Set(Timer timer, Instant deadline) { At(timer) = deadline; }
  // Sets `timer` to `deadline` unless it is due earlier already.
  void SetEarlier(Timer timer, Instant deadline) { At(timer) = std::min(At(timer), deadline); }
  void Stop(Timer timer) { At(timer) = Instant::Infinite(); }
  bool IsSet(Timer timer) const { return !Get(timer).is_infinite(); }
  Instant Get(Timer timer) const { return deadlines_[static_cast<size_t>(timer)]; }
  Instant Next() const { return *std::min_element(deadlines_.begin(), deadlines_.end()); }
  // True once for a timer that is due; stops it.
  bool TakeExpired(Timer timer, Instant now) {
    if (At(timer) > now) return false;
    Stop(timer);
    return true;
  }

 private:
  Instant& At(Timer timer) { return deadlines_[static_cast<size_t>(timer)]; }
  std::array<Instant, static_cast<size_t>(Timer::kCount)> deadlines_;
};

}  // namespace cohort

#endif  // COHORT_BASE_TIMER_TABLE_H_

// Time as the engine knows it: a steady clock of nanoseconds that is passed in. Wall time cannot
// become an Instant by accident, and nothing in a layer can read a clock.
#ifndef COHORT_BASE_INSTANT_H_
#define COHORT_BASE_INSTANT_H_

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace cohort {

using Duration = std::chrono::nanoseconds;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant Zero() { return Instant(0); }
  static constexpr Instant Infinite() { return Instant(std::numeric_limits<int64_t>::max()); }
  static constexpr Instant FromNanos(int64_t ns) { return Instant(ns); }

  constexpr int64_t nanos() const { return ns_; }
  constexpr bool is_infinite() const { return *this == Infinite(); }
  constexpr auto operator<=>(const Instant&) const = default;

  // Saturates at Infinite(); durations are at most years, so the other end cannot be reached.
  friend constexpr Instant operator+(Instant a, Duration d) {
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
    if (a.is_infinite() || (d.count() > 0 && a.ns_ > kMax - d.count())) return Infinite();
    return Instant(a.ns_ + d.count());
  }
  friend constexpr Instant operator-(Instant a, Duration d) { return Instant(a.ns_ - d.count()); }
  friend constexpr Duration operator-(Instant a, Instant b) { return Duration(a.ns_ - b.ns_); }

 private:
  explicit constexpr Instant(int64_t ns) : ns_(ns) {}
  int64_t ns_ = 0;
};

}  // namespace cohort

#endif  // COHORT_BASE_INSTANT_H_

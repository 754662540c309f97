// Mean and deviation of the gaps between signs of life, over about the last hundred of them.
// Exponential weights instead of a window: two numbers a peer, no division in the packet path.
#ifndef COHORT_FAILURE_GAP_HISTORY_H_
#define COHORT_FAILURE_GAP_HISTORY_H_

#include <cmath>

#include "base/instant.h"

namespace cohort::failure {

class GapHistory {
 public:
  // Shorter gaps are bursts of one turn and say nothing about silence.
  static constexpr Duration kGapMin = milliseconds(5);

  void Add(Duration gap) {
    if (gap < kGapMin) return;
    const double sample = static_cast<double>(gap.count());
    if (mean_ == 0) {
      mean_ = sample;
      return;
    }
    constexpr double kWeight = 0.02;
    const double difference = sample - mean_;
    mean_ += kWeight * difference;
    variance_ = (1 - kWeight) * (variance_ + kWeight * difference * difference);
  }
  Duration mean() const { return Duration(static_cast<int64_t>(mean_)); }
  Duration deviation() const { return Duration(static_cast<int64_t>(std::sqrt(variance_))); }

 private:
  double mean_ = 0;  // Nanoseconds.
  double variance_ = 0;
};

}  // namespace cohort::failure

#endif  // COHORT_FAILURE_GAP_HISTORY_H_

// How often strangers are answered: at most 10 answers a second to one instance, 100 a second in
// all. Counted in windows of one second, so that the state is a number per asker and is bounded.
#ifndef COHORT_DISCOVERY_ANSWER_LIMITER_H_
#define COHORT_DISCOVERY_ANSWER_LIMITER_H_

#include <cstdint>

#include "absl/container/btree_map.h"
#include "base/instant.h"
#include "cohort/ids.h"

namespace cohort::discovery {

inline constexpr uint32_t kAnswersPerAsker = 10;
inline constexpr uint32_t kAnswersInAll = 100;

class AnswerLimiter {
 public:
  // True when `asker` may be answered now; counts the answer.
  bool Take(Instant now, const InstanceId& asker) {
    if (now - window_start_ >= seconds(1)) {
      window_start_ = now;
      total_ = 0;
      per_asker_.clear();
    }
    if (total_ >= kAnswersInAll) return false;
    uint32_t& count =
        per_asker_[asker];  // At most kAnswersInAll entries: each took one answer at least.
    if (count >= kAnswersPerAsker) return false;
    ++count;
    ++total_;
    return true;
  }

 private:
  Instant window_start_;
  uint32_t total_ = 0;
  absl::btree_map<InstanceId, uint32_t> per_asker_;
};

}  // namespace cohort::discovery

#endif  // COHORT_DISCOVERY_ANSWER_LIMITER_H_

// Checks that every buffer stays within its cap (I17).
#ifndef COHORT_SIM_CHECK_LIMITS_H_
#define COHORT_SIM_CHECK_LIMITS_H_

#include <string>

#include "sim/checker.h"

namespace cohort::sim {

class LimitChecker : public Checker {
 public:
  explicit LimitChecker(Violations& violations) : violations_(violations) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override {
    if (record.kind != TraceKind::kBuffers || record.number <= record.limit) return;
    violations_.Add("I17", moment,
                    "buffer " + std::string(record.text) + " holds " +
                        std::to_string(record.number) + " of at most " +
                        std::to_string(record.limit));
  }

 private:
  Violations& violations_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_LIMITS_H_

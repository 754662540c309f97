// Checks increments under Policy::kPrimary, where the map is linearizable: what every caller was
// told to have made of a counter, and what the counter is in the end (I12).
//
//   - no two increments acknowledged at kAll were told the same result: each was applied once, at a
//     place of its own;
//   - in the end a counter counts all that were acknowledged at kAll, and none twice: it is not
//     above the number of those that were issued.
// Under kAvailable sides of a partition count apart and one of the two values stays; nothing is
// promised of the sum.
#ifndef COHORT_SIM_CHECK_COUNTERS_H_
#define COHORT_SIM_CHECK_COUNTERS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "sim/checker.h"

namespace cohort::sim {

class CounterChecker : public Checker {
 public:
  explicit CounterChecker(Violations& violations) : violations_(violations) {}

  void OnIssued(const Moment& moment, const IssuedCommand& command) override;
  void OnUpcall(const Moment& moment, const engine::Upcall& upcall) override;
  void AtEnd(const Moment& moment) override;

 private:
  struct Counter {
    int64_t issued = 0;
    std::set<int64_t> acknowledged;          // Results told at kAll.
    std::map<ProcessNumber, int64_t> value;  // As its map has it.
  };
  struct Pending {
    std::string key;
    bool all = false;
  };

  Violations& violations_;
  std::map<std::string, Counter> counters_;
  std::map<std::pair<ProcessNumber, uint64_t>, Pending> pending_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_COUNTERS_H_

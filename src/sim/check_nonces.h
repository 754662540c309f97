// Checks that no packet number is ever sealed twice under one subkey (I20) and that nobody takes a
// packet twice (I21).
#ifndef COHORT_SIM_CHECK_NONCES_H_
#define COHORT_SIM_CHECK_NONCES_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sim/checker.h"

namespace cohort::sim {

class NonceChecker : public Checker {
 public:
  explicit NonceChecker(Violations& violations) : violations_(violations) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;

 private:
  // A set of numbers that come mostly in order: a bitmap that starts at the first number's page.
  class NumberSet {
   public:
    // False if `number` was in the set already.
    bool Insert(uint64_t number);

   private:
    static constexpr uint64_t kPageBits = 4096;
    std::map<uint64_t, std::vector<uint64_t>> pages_;
    uint64_t last_page_ = ~uint64_t{0};
    std::vector<uint64_t>* last_ = nullptr;
  };

  Violations& violations_;
  absl::flat_hash_map<uint64_t, NumberSet> sealed_;  // By subkey, whoever sealed.
  absl::flat_hash_map<std::pair<ProcessNumber, uint64_t>, NumberSet> opened_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_NONCES_H_

// Counts the events a campaign must have seen to prove anything: a swarm that never saw a merge
// says nothing of merges.
#ifndef COHORT_SIM_SOMETIMES_H_
#define COHORT_SIM_SOMETIMES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/checker.h"

namespace cohort::sim {

class Sometimes : public Checker {
 public:
  using Counts = std::map<std::string, uint64_t>;

  void OnTrace(const Moment& moment, const TraceRecord& record) override;
  void OnUpcall(const Moment& moment, const engine::Upcall& upcall) override;
  void OnProcess(const Moment& moment, ProcessChange change) override;

  const Counts& counts() const { return counts_; }
  uint64_t Of(const std::string& name) const;
  // Of what the cluster itself sees.
  void Count(const std::string& name) { ++counts_[name]; }

  // What a campaign of the mix "mixed" under `policy` must have seen.
  static std::vector<std::string> Wanted(Policy policy);

 private:
  struct ProcessState {
    Rank rank = kNoRank;
    bool wedged = false;
    bool synced = false;
    bool installed = false;
    bool holds_parts = false;        // Of large messages, at the end of its last turn ...
    bool wedged_amid_parts = false;  // ... before it was wedged.
  };

  Counts counts_;
  std::map<ProcessNumber, ProcessState> processes_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_SOMETIMES_H_

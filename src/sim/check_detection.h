// Checks the accuracy of failure detection (I23): nobody that lives, runs and is connected is
// convicted. To be used with fault mixes whose losses stay within what the detector promises to
// bear.
#ifndef COHORT_SIM_CHECK_DETECTION_H_
#define COHORT_SIM_CHECK_DETECTION_H_

#include <map>
#include <set>
#include <string>

#include "sim/checker.h"

namespace cohort::sim {

class DetectionChecker : public Checker {
 public:
  // `excuses_observers`: who stood still may be wrong about others for a while after it.
  DetectionChecker(Violations& violations, bool excuses_observers)
      : violations_(violations), excuses_observers_(excuses_observers) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;
  void OnProcess(const Moment& moment, ProcessChange change) override;
  void OnIssued(const Moment& moment, const IssuedCommand& command) override;

 private:
  // How long after it was stopped a process may still be convicted for it.
  static constexpr Duration kGrace = seconds(5);

  struct ProcessState {
    bool well = true;  // Runs, and does not mean to leave.
    Instant since;     // Well since.
  };

  Violations& violations_;
  const bool excuses_observers_;
  std::map<ProcessNumber, ProcessState> processes_;
  std::map<MemberId, ProcessNumber> members_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_DETECTION_H_

// Checks the accuracy of failure detection (I23): nobody that lives, runs and is connected is
// convicted. To be used with fault mixes whose losses stay within what the detector promises to
// bear.
#ifndef COHORT_SIM_CHECK_DETECTION_H_
#define COHORT_SIM_CHECK_DETECTION_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sim/checker.h"

namespace cohort::sim {

class DetectionChecker : public Checker {
 public:
  // `strict`: who stood still is not excused when it convicts others; and neither an exclusion nor
  // a mere accusation (by one that did not stand still) may be false.
  DetectionChecker(Violations& violations, bool strict)
      : violations_(violations), strict_(strict) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;
  void OnUpcall(const Moment& moment, const engine::Upcall& upcall) override;
  void OnProcess(const Moment& moment, ProcessChange change) override;
  void OnIssued(const Moment& moment, const IssuedCommand& command) override;

  // Violations, those that follow from one another counted once.
  uint64_t incidents() const { return incidents_; }

 private:
  // How long after it was stopped a process may still be convicted for it.
  static constexpr Duration kGrace = seconds(5);
  // What happens so soon after a violation is taken to follow from it.
  static constexpr Duration kIncident = seconds(10);

  struct ProcessState {
    bool runs = true;  // And does not mean to leave.
    Instant since;     // When it last began to, after it had stood still.
    MemberId member;   // As whom it is in its last view; none once it was excluded.
  };

  bool StoodStill(ProcessNumber process, Instant at) const;  // A moment ago.
  bool IsWell(ProcessNumber process, Instant at) const;
  // The process that is the member; 0 if it never installed a view as that one: it has given that
  // attempt to join up.
  ProcessNumber ProcessOf(const MemberId& member) const;
  // Whether it has not gone from its last view to ask for another one.
  bool IsMemberAs(ProcessNumber process, const MemberId& member) const;
  void Add(const Moment& moment, std::string text);

  Violations& violations_;
  const bool strict_;
  std::map<ProcessNumber, ProcessState> processes_;
  std::map<MemberId, ProcessNumber> members_;
  uint64_t incidents_ = 0;
  Instant last_ = Instant::Zero() - kIncident;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_DETECTION_H_

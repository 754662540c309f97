// Checks the history of views: I1 self-inclusion, I2 one content per view id, I3 growing numbers,
// I4 one successor of each primary view, I15 promises never go back.
#ifndef COHORT_SIM_CHECK_VIEWS_H_
#define COHORT_SIM_CHECK_VIEWS_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/checker.h"

namespace cohort::sim {

class ViewChecker : public Checker {
 public:
  ViewChecker(Policy policy, Violations& violations) : policy_(policy), violations_(violations) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;

 private:
  using Ballot = std::pair<uint64_t, Rank>;
  struct ViewContent {
    std::vector<MemberId> members;
    uint32_t key_epoch = 0;
    bool primary = true;
    // Filled by the first member that came from another view; those who joined cannot tell.
    bool continued = false;
    ViewId previous;
    std::vector<SeqNo> trim;
  };
  struct ProcessState {
    uint64_t num = 0;  // Of the view installed last, over all its attempts to be a member.
    ViewId view;
    std::map<ViewId, Ballot> promised;
  };

  void OnInstalled(const Moment& moment, const TraceRecord& record);
  void CheckContent(const Moment& moment, const TraceRecord& record);
  void CheckSuccessor(const Moment& moment, const TraceRecord& record);
  void OnPromised(const Moment& moment, const TraceRecord& record);

  Policy policy_;
  Violations& violations_;
  std::map<ViewId, ViewContent> views_;
  std::map<ViewId, ViewId> successors_;  // Of primary views.
  std::map<ProcessNumber, ProcessState> processes_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_VIEWS_H_

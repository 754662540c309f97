// Checks what is delivered, chunk by chunk: I5 virtual synchrony, I6 nothing invented, I7 nothing
// twice, I8 exactly up to the trim, I9 FIFO without gaps, I10 in the view it was sent in, I11 one
// total order, I13 SAFE is uniform, I14 one closing order, I16 silence between wedge and install.
//
// The idea: every chunk is numbered when it is assigned, so what a member may deliver next from one
// sender in one class is one particular chunk; any other is a violation at once. The total order is
// whatever the first member to reach a place delivered there; everybody else must agree. What is
// left to compare at an install are counts and the closing order.
#ifndef COHORT_SIM_CHECK_DELIVERY_H_
#define COHORT_SIM_CHECK_DELIVERY_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/checker.h"

namespace cohort::sim {

class DeliveryChecker : public Checker {
 public:
  explicit DeliveryChecker(Violations& violations) : violations_(violations) {}

  void OnTrace(const Moment& moment, const TraceRecord& record) override;
  void OnProcess(const Moment& moment, ProcessChange change) override;

 private:
  static constexpr size_t kClasses = 3;  // CTRL chunks are not delivered.
  // Views kept for members that lag behind; older ones nobody is in are forgotten.
  static constexpr size_t kViewsMax = 256;

  struct Assigned {
    SeqNo seq = 0;
    uint64_t digest = 0;
  };
  struct Place {  // Of a chunk in the total order.
    Rank origin = 0;
    SeqNo seq = 0;
    bool safe = false;
    auto operator<=>(const Place&) const = default;
  };
  struct Stream {
    SeqNo high = 0;
    std::array<std::vector<Assigned>, kClasses> chunks;  // By class, in order.
  };
  using Counts = std::vector<std::array<size_t, kClasses>>;  // Delivered, by rank and class.
  // What all members that went from one view to another must have in common.
  struct Passage {
    Counts counts;
    std::vector<Place> order;
    Moment first;
  };
  struct ViewState {
    ViewId id;
    std::vector<Stream> streams;  // By rank.
    std::vector<Place> order;     // Total order before any wedge.
    std::vector<Place> safe;      // Delivered as SAFE, not transitional, by anybody.
    std::map<ViewId, Passage> passages;
  };
  struct ProcessState {
    ViewState* view = nullptr;
    Rank self = kNoRank;
    Counts counts;
    std::vector<Place> order;
    size_t safe = 0;  // SAFE ones delivered before a wedge.
    size_t ordered_before_wedge = 0;
    bool wedged = false;
    std::vector<Moment>
        while_wedged;  // Deliveries that must belong to the install that follows at once.
  };

  ViewState& View(const ViewId& id);
  void OnAssigned(const Moment& moment, const TraceRecord& record);
  void OnDelivered(const Moment& moment, const TraceRecord& record);
  bool CheckChunk(const Moment& moment, const TraceRecord& record, ProcessState& process);
  void CheckOrder(const Moment& moment, const TraceRecord& record, ProcessState& process);
  void OnInstalled(const Moment& moment, const TraceRecord& record);
  void CheckPassage(const Moment& moment, const TraceRecord& record, const ProcessState& process);
  void CheckTrim(const Moment& moment, const TraceRecord& record, const ProcessState& process);
  void CheckSafe(const Moment& moment, const ViewState& view, const std::vector<Place>& order);
  void Forget();
  static std::string Words(const Place& place);

  Violations& violations_;
  std::map<ViewId, ViewState> views_;
  std::map<ProcessNumber, ProcessState> processes_;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_DELIVERY_H_

// Times what is written, one chunk at a time: from when this member has it until all are known to.
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_WRITE_TIMER_H_
#define COHORT_ENGINE_WRITE_TIMER_H_

#include <optional>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "wire/ack_table.h"

namespace cohort::engine {

class WriteTimer {
 public:
  // A chunk that was being timed is forgotten.
  void OnView() {
    step_ = Step::kResting;
    rest_until_ = Instant::Zero();
  }
  // At the end of each turn. `often`: the next chunk is timed at once and not after a rest.
  void Advance(Instant now, const wire::AckTable& acks, Rank self, bool often);
  // Since the call before.
  bool TakeBegun() { return std::exchange(begun_, false); }
  std::optional<Duration> TakeDelay() { return std::exchange(delay_, std::nullopt); }

 private:
  enum class Step : uint8_t { kResting, kLooking, kTiming };
  void Look(const wire::AckTable& acks, Rank self);

  Step step_ = Step::kResting;
  Instant rest_until_;
  std::vector<SeqNo> seen_;  // Of each sender, when it began to look.
  Rank origin_ = 0;          // Of the chunk that is timed ...
  SeqNo seq_ = 0;
  Instant since_;  // ... and when it was here.
  bool begun_ = false;
  std::optional<Duration> delay_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_WRITE_TIMER_H_

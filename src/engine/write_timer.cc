#include "engine/write_timer.h"

namespace cohort::engine {
namespace {

constexpr Duration kRest = milliseconds(10);

}  // namespace

// Spec 9.13
void WriteTimer::Advance(Instant now, const wire::AckTable& acks, Rank self, bool often) {
  if (step_ == Step::kTiming) {
    if (acks.ByAll(origin_) < seq_) return;
    delay_ = now - since_;
    step_ = Step::kResting;
    rest_until_ = now + kRest;
  }
  if (step_ == Step::kResting) {
    if (now < rest_until_ && !often) return;
    Look(acks, self);
    return;
  }
  for (Rank origin = 0; origin < acks.members(); ++origin) {
    const SeqNo held = acks.Get(self, origin);
    if (held <= seen_[origin]) continue;
    step_ = Step::kTiming;
    origin_ = origin;
    seq_ = held;
    since_ = now;
    begun_ = true;
    return;
  }
}

void WriteTimer::Look(const wire::AckTable& acks, Rank self) {
  step_ = Step::kLooking;
  seen_.clear();
  for (Rank origin = 0; origin < acks.members(); ++origin) seen_.push_back(acks.Get(self, origin));
}

}  // namespace cohort::engine

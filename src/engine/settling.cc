#include "engine/settling.h"

#include <algorithm>

namespace cohort::engine {

bool Settling::AllHold(const wire::AckTable& acks, const std::vector<SeqNo>& upto) {
  for (size_t rank = 0; rank < upto.size(); ++rank) {
    if (acks.ByAll(static_cast<Rank>(rank)) < upto[rank]) return false;
  }
  return upto.size() == acks.members();
}

// Spec 11.17
void Settling::Advance(const wire::AckTable& acks, Rank self, uint64_t greatest, bool quiet,
                       CutNo cut, CutNo cut_by_all) {
  if (acks.members() == 0) return;
  const auto take = [&](auto count_of) {
    upto_.clear();
    for (size_t rank = 0; rank < acks.members(); ++rank)
      upto_.push_back(count_of(static_cast<Rank>(rank)));
  };
  if (step_ == Step::kIdle) {
    if (greatest <= settled_ || !quiet) return;
    candidate_ = greatest;
    cut_ = cut;
    take([&](Rank origin) { return acks.Get(self, origin); });
    step_ = Step::kApplied;
  }
  if (step_ == Step::kApplied) {
    if (cut_by_all < cut_ || !AllHold(acks, upto_)) return;
    // A STATUS says both how far its sender has come and what it has sent; an ORDER, which says the
    // former too, is here itself.
    take([&](Rank origin) { return std::max(acks.Get(origin, origin), acks.Get(self, origin)); });
    step_ = Step::kReceived;
  }
  if (!AllHold(acks, upto_)) return;
  settled_ = candidate_;
  step_ = Step::kIdle;
}

}  // namespace cohort::engine

#include "engine/fences.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace cohort::engine {

// Spec 11.21
void Fences::Advance(const wire::AckTable& acks, const std::vector<SeqNo>& delivered,
                     std::vector<Upcall>& upcalls) {
  std::erase_if(upcalls, [&](Upcall& upcall) {
    auto* done = std::get_if<DoneUpcall>(&upcall);
    if (done == nullptr || ids_.erase(done->command) == 0 || !done->status.ok()) return false;
    Waiting& waiting = waiting_.emplace_back();
    waiting.done = std::move(*done);
    for (Rank rank = 0; rank < delivered.size(); ++rank)
      waiting.sent.push_back(acks.Get(rank, rank));
    return true;
  });
  const auto is_over = [&](const Waiting& waiting) {
    return std::equal(waiting.sent.begin(), waiting.sent.end(), delivered.begin(), delivered.end(),
                      [](SeqNo sent, SeqNo here) { return here >= sent; });
  };
  for (Waiting& waiting : waiting_) {
    if (is_over(waiting)) upcalls.emplace_back(waiting.done);
  }
  std::erase_if(waiting_, is_over);
}

void Fences::Release(const absl::Status& status, std::vector<Upcall>& upcalls) {
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    waiting.done.status = status;
    upcalls.emplace_back(std::move(waiting.done));
  }
}

}  // namespace cohort::engine

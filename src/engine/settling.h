// Finds out up to which time all operations of convergent maps are with everybody, so that what was
// removed before may be forgotten (Spec 11.17).
//
// Idea: once every member has applied what this one had at some moment, none of them gives an
// operation a time that is not later; and once all have received what each had sent by then,
// nothing earlier is under way. Both are read from the acknowledgements that flow anyway.
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_SETTLING_H_
#define COHORT_ENGINE_SETTLING_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "wire/ack_table.h"

namespace cohort::engine {

class Settling {
 public:
  // A view begins; by virtual synchrony all who go on hold the same, `greatest` being the greatest
  // time in it.
  void OnView(uint64_t greatest) {
    settled_ = greatest;
    step_ = Step::kIdle;
  }
  // Something came that may be older than `greatest`: nothing is settled until all have applied it.
  void Restart() { OnView(0); }
  // What is known now. `greatest`: the greatest time this member has applied; `quiet`: nothing that
  // it has sent in the total order is still to be applied; `cut`: the last cut it has applied,
  // `cut_by_all` the last that all have.
  void Advance(const wire::AckTable& acks, Rank self, uint64_t greatest, bool quiet, CutNo cut,
               CutNo cut_by_all);
  // No operation of a convergent map that is not later will come any more, to anybody.
  uint64_t settled() const { return settled_; }

 private:
  enum class Step : uint8_t { kIdle, kApplied, kReceived };
  static bool AllHold(const wire::AckTable& acks, const std::vector<SeqNo>& upto);

  Step step_ = Step::kIdle;
  uint64_t settled_ = 0;
  uint64_t candidate_ = 0;
  CutNo cut_ = 0;
  std::vector<SeqNo> upto_;  // Of each sender: first what we had, then what it had sent.
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_SETTLING_H_

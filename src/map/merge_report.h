// What a merge of two sides lost, for events and operators. All losses are counted, the first ones
// are kept.
#ifndef COHORT_MAP_MERGE_REPORT_H_
#define COHORT_MAP_MERGE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cohort/ids.h"
#include "map/limits.h"

namespace cohort::map {

// A key written on both sides of a partition: the greater version stayed.
struct Conflict {
  uint32_t map = 0;
  std::string key;
  Version winner;
  Version loser;
  uint64_t loser_bytes = 0;    // Size of the value that was lost; 0 for an erase.
  bool loser_erased = false;   // What lost was an erase.
  bool winner_erased = false;  // What won was an erase.
  bool resolved = false;       // What won was made of both, by a resolver.
  bool loser_carried = false;  // True: the side that joined lost. False: the side that was joined.
};

class MergeReport {
 public:
  void Add(Conflict conflict) {
    ++conflicts_;
    if (kept_.size() < kConflictsKept) kept_.push_back(std::move(conflict));
  }
  void CountTaken(uint64_t entries) { taken_ += entries; }
  void CountDropped(uint64_t entries) { dropped_ += entries; }
  void Absorb(MergeReport other) {
    conflicts_ += other.conflicts_ - other.kept_.size();
    taken_ += other.taken_;
    dropped_ += other.dropped_;
    for (Conflict& conflict : other.kept_) Add(std::move(conflict));
  }
  uint64_t conflicts() const { return conflicts_; }            // All of them.
  const std::vector<Conflict>& kept() const { return kept_; }  // The first kConflictsKept.
  uint64_t taken() const { return taken_; }                    // Entries that changed by the merge.
  uint64_t dropped() const {
    return dropped_;
  }  // Entries of the joining side not looked at (policy).

 private:
  uint64_t conflicts_ = 0;
  uint64_t taken_ = 0;
  uint64_t dropped_ = 0;
  std::vector<Conflict> kept_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MERGE_REPORT_H_

// What this member has of one sender's stream, and what it knows to be missing.
//
//   ring.low() <= handed_up <= contiguous <= high, and ring.low() <= delivered
//
// Missing chunks are kept as a few coarse gaps: a gap says "ask again at `due` for what is still
// missing in here".
#ifndef COHORT_RMCAST_ORIGIN_STREAM_H_
#define COHORT_RMCAST_ORIGIN_STREAM_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/instant.h"
#include "base/types.h"
#include "rmcast/chunk_ring.h"

namespace cohort::rmcast {

struct Gap {
  SeqNo start = 0;
  SeqNo end = 0;  // Included.
  Instant due;    // Of the next NAK.
  unsigned attempts = 0;
  SeqNo asked = 0;  // Up to here by the last NAK; a long gap is asked for piece by piece.
};

class OriginStream {
 public:
  static constexpr size_t kGapsMax = 64;  // Further ones join the last.

  void Reset() {
    ring.Clear();
    handed_up = contiguous = high = delivered = fetch_upto = 0;
    gaps.clear();
  }

  bool Has(SeqNo seq) const { return seq <= contiguous || ring.Find(seq) != nullptr; }

  void AdvanceContiguous() {
    while (ring.Find(contiguous + 1) != nullptr) ++contiguous;
  }

  // `upto` exists: opens a gap for what lies between it and what was known. Returns false when that
  // is nothing new.
  bool OpenGap(SeqNo upto, Instant due) {
    if (upto <= high) return false;
    const SeqNo start = high + 1;
    high = upto;
    if (gaps.size() < kGapsMax) {
      gaps.push_back(Gap{start, upto, due, 0, 0});
    } else {
      gaps.back().end = upto;
      gaps.back().due = std::min(gaps.back().due, due);
    }
    return true;
  }

  Instant NextNak() const {
    Instant next = Instant::Infinite();
    for (const Gap& gap : gaps) next = std::min(next, gap.due);
    return next;
  }

  ChunkRing ring;
  SeqNo handed_up = 0;    // In `arrived`, hence acknowledged; stands still while wedged.
  SeqNo contiguous = 0;   // Held without a hole.
  SeqNo high = 0;         // Known to exist.
  SeqNo delivered = 0;    // By order.
  SeqNo fetch_upto = 0;   // Trim, while a view change fetches; 0 otherwise.
  std::vector<Gap> gaps;  // In ascending order; bounded by kGapsMax.
};

}  // namespace cohort::rmcast

#endif  // COHORT_RMCAST_ORIGIN_STREAM_H_

// Joins the pieces in which large chunks are sent again (Spec 5.26).
//
// Idea: a chunk is gathered in one block of its size; which pieces are there is a bit each. What
// came of a chunk stays when it is asked for once more, so each try fills holes. Memory: kPiecedMax
// chunks; the one that was begun first makes room. Not thread-safe.
#ifndef COHORT_ENGINE_PIECE_TABLE_H_
#define COHORT_ENGINE_PIECE_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/buffer.h"
#include "base/types.h"
#include "wire/frames.h"
#include "wire/limits.h"

namespace cohort::engine {

inline constexpr size_t kPiecedMax = 64;

class PieceTable {
 public:
  void Clear() { chunks_.clear(); }
  size_t size() const { return chunks_.size(); }

  // The chunk, when this was the last piece of it. Pieces that do not fit what came before of that
  // chunk begin it anew.
  std::optional<wire::DataFrame> Add(const wire::PieceFrame& piece) {
    auto found = std::find_if(chunks_.begin(), chunks_.end(), [&](const Chunk& chunk) {
      return chunk.seq == piece.seq && chunk.origin == piece.origin;
    });
    if (found != chunks_.end() &&
        (found->payload.size() != piece.total || found->cls != piece.cls)) {
      chunks_.erase(found);
      found = chunks_.end();
    }
    if (found == chunks_.end()) {
      if (chunks_.size() == kPiecedMax) chunks_.pop_front();
      found = chunks_.insert(chunks_.end(), {.seq = piece.seq,
                                             .origin = piece.origin,
                                             .cls = piece.cls,
                                             .payload = Buffer::Allocate(piece.total)});
    }
    Chunk& chunk = *found;
    std::memcpy(chunk.payload.Fill().data() + piece.index * wire::kPieceBytes, piece.payload.data(),
                piece.payload.size());
    chunk.here |= 1U << piece.index;
    if (chunk.here != (1U << wire::PacketsOf(piece.total)) - 1) return std::nullopt;
    wire::DataFrame data{.seq = chunk.seq,
                         .origin = chunk.origin,
                         .cls = chunk.cls,
                         .flags = piece.flags,
                         .payload = std::move(chunk.payload)};
    chunks_.erase(found);
    return data;
  }

 private:
  struct Chunk {
    SeqNo seq = 0;
    Rank origin = 0;
    DeliveryClass cls = DeliveryClass::kConv;
    Buffer payload;
    uint32_t here = 0;  // Bit i: piece i.
  };
  std::deque<Chunk> chunks_;  // In the order in which they were begun.
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_PIECE_TABLE_H_

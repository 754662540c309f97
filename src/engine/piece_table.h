// Joins the pieces in which large chunks are sent again (Spec 5.26).
//
// Idea: a chunk is gathered in one block of its size; which pieces are there is a bit each. What
// came of a chunk stays when it is asked for once more, so each try fills holes. Memory: kPiecedMax
// chunks. Who has most of them makes room, with the last one: chunks are asked for in their order,
// so of a long gap the first ones, which are needed first, stay until they are whole. Not
// thread-safe.
#ifndef COHORT_ENGINE_PIECE_TABLE_H_
#define COHORT_ENGINE_PIECE_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
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

  // Whether a chunk is still of use: it may have come whole meanwhile.
  using IsWanted = absl::FunctionRef<bool(Rank origin, SeqNo seq)>;

  // The chunk, when this was the last piece of it. Pieces that do not fit what came before of that
  // chunk begin it anew.
  std::optional<wire::DataFrame> Add(const wire::PieceFrame& piece, IsWanted is_wanted) {
    auto found = std::find_if(chunks_.begin(), chunks_.end(), [&](const Chunk& chunk) {
      return chunk.seq == piece.seq && chunk.origin == piece.origin;
    });
    if (found != chunks_.end() &&
        (found->payload.size() != piece.total || found->cls != piece.cls)) {
      chunks_.erase(found);
      found = chunks_.end();
    }
    if (found == chunks_.end()) {
      if (chunks_.size() == kPiecedMax && !MakeRoom(piece, is_wanted)) return std::nullopt;
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

  // False when it is the newcomer that has no room.
  bool MakeRoom(const wire::PieceFrame& piece, IsWanted is_wanted) {
    std::erase_if(chunks_, [&](const Chunk& chunk) { return !is_wanted(chunk.origin, chunk.seq); });
    if (chunks_.size() < kPiecedMax) return true;
    const auto of = [&](Rank origin) {
      return std::count_if(chunks_.begin(), chunks_.end(),
                           [&](const Chunk& chunk) { return chunk.origin == origin; });
    };
    Rank crowded = piece.origin;
    auto most = of(crowded) + 1;  // With the newcomer.
    for (const Chunk& chunk : chunks_) {
      if (chunk.origin == crowded) continue;
      if (const auto count = of(chunk.origin); count > most) {
        crowded = chunk.origin;
        most = count;
      }
    }
    auto last = chunks_.end();
    for (auto chunk = chunks_.begin(); chunk != chunks_.end(); ++chunk) {
      if (chunk->origin == crowded && (last == chunks_.end() || chunk->seq > last->seq))
        last = chunk;
    }
    if (last == chunks_.end() || (crowded == piece.origin && piece.seq > last->seq)) return false;
    chunks_.erase(last);
    return true;
  }

  std::vector<Chunk> chunks_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_PIECE_TABLE_H_

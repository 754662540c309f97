// What donor and joiner put out. The engine drains it.
#ifndef COHORT_TRANSFER_OUTPUT_H_
#define COHORT_TRANSFER_OUTPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "cohort/ids.h"
#include "map/output.h"
#include "map/types.h"
#include "transfer/messages.h"

namespace cohort::transfer {

struct Output {
  // Goes to a member over its lifeline as the body of a wire::StreamMessage::kTransfer.
  struct Message {
    MemberId to;
    Buffer body;
  };
  // For the host's event sink.
  struct Note {
    enum class Kind : uint8_t { kStarted, kDone, kFailed } kind = Kind::kStarted;
    MemberId peer;
    uint64_t bytes = 0;
    std::string text;  // kFailed: why. kDone, of the joiner: what was spared.
  };
  // An ordered operation that had waited for the state and is applied now.
  struct Applied {
    map::Place place;
    map::ApplyResult result;
    uint64_t digest = 0;  // Of the operation, for traces.
  };
  std::vector<Message> messages;
  std::vector<Note> notes;
  std::vector<Applied>
      applied;  // Joiner only, in order. Changes are not fed: the user gets one kSync for all.
  map::MergeReport merge;  // Of MERGE operations among them.
  bool synced = false;     // Joiner only: TakeMaps() now.
  // With `synced`, if the state came of a donor: what was still to be merged into it, in the view
  // it is of.
  struct Sides {
    ViewId view;
    std::vector<MergingSide> sides;
  };
  std::optional<Sides> sides;
  std::vector<map::SideMerged> merged;  // With `synced`: by what was applied since.
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_OUTPUT_H_

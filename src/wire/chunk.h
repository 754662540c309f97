// A chunk as the layers above the wire pass it on: received contiguously, in its sender's order.
#ifndef COHORT_WIRE_CHUNK_H_
#define COHORT_WIRE_CHUNK_H_

#include <cstdint>

#include "base/buffer.h"
#include "base/types.h"

namespace cohort::wire {

struct Chunk {
  Rank origin = 0;
  SeqNo seq = 0;
  DeliveryClass cls = DeliveryClass::kConv;
  uint8_t flags = 0;  // wire::DataFrame::Flag.
  Buffer payload;
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_CHUNK_H_

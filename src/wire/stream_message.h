// Messages of a lifeline: u32 length of what follows | u8 type | body, little-endian. `length`
// counts type and body and is at most kStreamMessageMax; a longer one ends the lifeline.
#ifndef COHORT_WIRE_STREAM_MESSAGE_H_
#define COHORT_WIRE_STREAM_MESSAGE_H_

#include <cstdint>

namespace cohort::wire {

enum class StreamMessage : uint8_t {
  kHello = 1,     // Who is calling: the first message in both directions.
  kJoin = 2,      // membership: let me in.
  kWelcome = 3,   // membership: you are in, here is the view.
  kRefused = 4,   // membership: no, and why.
  kControl = 5,   // A ControlFrame too large for one datagram.
  kMerge = 6,     // membership: between coordinators of two sides.
  kTransfer = 7,  // transfer: state.
  kBye = 8,       // This end leaves for good; what follows is not a crash.
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_STREAM_MESSAGE_H_

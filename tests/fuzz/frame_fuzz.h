// Whatever a holder of the key may put into a packet or on a lifeline. Aborts when a promise of the
// codecs is broken.
#ifndef COHORT_TESTS_FUZZ_FRAME_FUZZ_H_
#define COHORT_TESTS_FUZZ_FRAME_FUZZ_H_

#include "base/buffer.h"

namespace cohort::fuzz {

// The input as frames of a packet, as a datagram's header, as an ORDER record and as a stream cut
// in odd pieces.
void FuzzFrames(Bytes input);

}  // namespace cohort::fuzz

#endif  // COHORT_TESTS_FUZZ_FRAME_FUZZ_H_

// Whatever a member may send to another's data plane. Aborts when a bound or an invariant of
// rmcast, order or frag breaks.
#ifndef COHORT_TESTS_FUZZ_ORDER_FUZZ_H_
#define COHORT_TESTS_FUZZ_ORDER_FUZZ_H_

#include "base/buffer.h"

namespace cohort::fuzz {

// The input as a list of frames, timers and view changes for a warm member 1 of three.
void FuzzOrder(Bytes input);

}  // namespace cohort::fuzz

#endif  // COHORT_TESTS_FUZZ_ORDER_FUZZ_H_

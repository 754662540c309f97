// Whatever a member, or who writes into a map of locks, may send to another's channels, requests
// and locks. Aborts when a promise of src/messaging or src/lock is broken.
#ifndef COHORT_TESTS_FUZZ_MESSAGING_FUZZ_H_
#define COHORT_TESTS_FUZZ_MESSAGING_FUZZ_H_

#include "base/buffer.h"

namespace cohort::fuzz {

// The input as one frame and as one entry of a lock; then as a list of frames, views and timers for
// a member that asks and is asked; then as a list of entries, views and outcomes of writes for a
// member that holds locks.
void FuzzMessaging(Bytes input);

}  // namespace cohort::fuzz

#endif  // COHORT_TESTS_FUZZ_MESSAGING_FUZZ_H_

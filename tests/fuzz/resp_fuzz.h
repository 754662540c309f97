// Whatever a client may send to the RESP server, before it has authenticated. Aborts when a promise
// of the parser is broken.
#ifndef COHORT_TESTS_FUZZ_RESP_FUZZ_H_
#define COHORT_TESTS_FUZZ_RESP_FUZZ_H_

#include "base/buffer.h"

namespace cohort::fuzz {

// The input as a stream of requests, at once and in odd pieces: both must be understood alike. Its
// pieces as glob pattern and text.
void FuzzResp(Bytes input);

}  // namespace cohort::fuzz

#endif  // COHORT_TESTS_FUZZ_RESP_FUZZ_H_

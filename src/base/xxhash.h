// XXH3 by the instructions of the processor this runs on, where the library has them for several
// (x86-64); what it answers is the same everywhere.
#ifndef COHORT_BASE_XXHASH_H_
#define COHORT_BASE_XXHASH_H_

#include <xxhash.h>
#ifdef COHORT_XXHASH_DISPATCH
#include <xxh_x86dispatch.h>  // Redefines the names of xxhash.h.
#endif

#endif  // COHORT_BASE_XXHASH_H_

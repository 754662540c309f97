// COHORT_CHECK: for our own mistakes only, never for what a peer or a caller sends. Dies in release
// builds too.
#ifndef COHORT_BASE_CHECK_H_
#define COHORT_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace cohort::internal {
[[noreturn]] inline void CheckFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "cohort: CHECK failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}
}  // namespace cohort::internal

#define COHORT_CHECK(expression)       \
  ((expression) ? static_cast<void>(0) \
                : ::cohort::internal::CheckFailed(#expression, __FILE__, __LINE__))

#endif  // COHORT_BASE_CHECK_H_

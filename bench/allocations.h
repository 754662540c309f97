// Counts allocations of the whole program, malloc included (Buffer and OpenSSL use it), by standing
// before the C library's. Include in exactly one source file of a program. Under sanitizers, which
// stand there themselves, nothing is counted and kAllocationsAreCounted is false.
#ifndef COHORT_BENCH_ALLOCATIONS_H_
#define COHORT_BENCH_ALLOCATIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COHORT_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COHORT_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef COHORT_COUNTS_ALLOCATIONS
#define COHORT_COUNTS_ALLOCATIONS 1
#endif

namespace cohort::bench {

inline constexpr bool kAllocationsAreCounted = COHORT_COUNTS_ALLOCATIONS != 0;
inline std::atomic<uint64_t> allocation_count{0};

inline uint64_t Allocations() { return allocation_count.load(std::memory_order_relaxed); }

}  // namespace cohort::bench

#if COHORT_COUNTS_ALLOCATIONS
// operator new of libstdc++ ends here too.
extern "C" {
void* __libc_malloc(size_t size);
void* malloc(size_t size) {
  cohort::bench::allocation_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
}
#endif

#endif  // COHORT_BENCH_ALLOCATIONS_H_

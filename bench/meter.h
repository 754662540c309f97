// What one operation costs: time, bytes, allocations; under the same names in every bench.
//
// Includes allocations.h: include in exactly one source file of a program.
#ifndef COHORT_BENCH_METER_H_
#define COHORT_BENCH_METER_H_

#include <benchmark/benchmark.h>

#include <cstdint>

#include "bench/allocations.h"

namespace cohort::bench {

// Counts from its construction, or from the last Resume().
class Meter {
 public:
  explicit Meter(benchmark::State& state) : state_(state), before_(Allocations()) {}

  // What happens in between is not counted.
  void Pause() {
    state_.PauseTiming();
    allocations_ += Allocations() - before_;
  }
  void Resume() {
    before_ = Allocations();
    state_.ResumeTiming();
  }

  // `operations` were done in all, of `bytes` each: those that the operation reads or makes.
  void Done(uint64_t operations, uint64_t bytes) {
    allocations_ += Allocations() - before_;
    const auto count = static_cast<double>(operations);
    // Inverted rate: seconds for each.
    state_.counters["time/op"] =
        benchmark::Counter(count, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state_.counters["bytes/op"] = static_cast<double>(bytes);
    if (kAllocationsAreCounted)
      state_.counters["allocs/op"] = static_cast<double>(allocations_) / count;
    state_.SetBytesProcessed(static_cast<int64_t>(operations * bytes));
  }
  void Done(uint64_t bytes) { Done(static_cast<uint64_t>(state_.iterations()), bytes); }

 private:
  benchmark::State& state_;
  uint64_t before_;
  uint64_t allocations_ = 0;
};

}  // namespace cohort::bench

#endif  // COHORT_BENCH_METER_H_

// Counter: a 64-bit number that a group counts together, in an entry of an ordered map.
#ifndef COHORT_COUNTER_H_
#define COHORT_COUNTER_H_

#include <charconv>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"

namespace cohort {

// Attempts of CompareAndSet while others write between its read and its write.
inline constexpr int kCounterAttemptsMax = 16;

// A number at `key` of `map`; absent counts as 0. The entry is decimal text, as Redis clients of
// `cohort node` count it (INCRBY), and may be used by both.
//
// Add is one operation in the total order: under Policy::kPrimary every call gets another number of
// one sequence, and no count is lost. Under Policy::kAvailable that holds within one side of a
// partition; when sides merge, the number that was written last stays and the counts of the other
// side are gone, as with any entry. Which is why numbers that must never come twice need kPrimary.
// A member that dies takes nothing with it: what it added stays.
//
// Calls block, unless they are named Async, and have the errors of WriteResult::status; after
// kDeadlineExceeded or kUnavailable it is unknown whether it was added. Thread-safe; a copyable
// handle. `Map` is for tests: testing::SimMap.
//
// ```cpp
//   cohort::Counter reports(*numbers, "reports");
//   const absl::StatusOr<int64_t> number = reports.Add(1);
// ```
template <class Map>
class BasicCounter {
 public:
  BasicCounter(Map map, std::string_view key) : map_(std::move(map)), key_(key) {}

  const std::string& key() const { return key_; }

  // The number afterwards. Errors besides: kOutOfRange (it would not fit; nothing was added),
  // kFailedPrecondition (the entry is no number).
  absl::StatusOr<int64_t> Add(int64_t delta, const WriteOptions& options = {}) {
    const WriteResult result = map_.Increment(key_, delta, options);
    if (!result.ok()) return result.status;
    return result.number;
  }
  absl::Status AddAsync(int64_t delta, const WriteOptions& options,
                        std::function<void(absl::StatusOr<int64_t>)> done) {
    WriteCallback callback;
    if (done) {
      callback = [done = std::move(done)](const WriteResult& result) {
        if (result.ok()) {
          done(result.number);
        } else {
          done(result.status);
        }
      };
    }
    return map_.IncrementAsync(key_, delta, options, std::move(callback));
  }

  // As applied by this member so far. kFailedPrecondition: the entry is no number. kUnavailable:
  // this member has no complete state.
  absl::StatusOr<int64_t> Get() const {
    const absl::StatusOr<Reading> reading = Read();
    if (!reading.ok()) return reading.status();
    return reading->number;
  }
  absl::Status Set(int64_t number, const WriteOptions& options = {}) {
    return map_.Put(key_, std::to_string(number), options).status;
  }
  // Sets it to `number` if it is `expected`. kAborted: it is not, or others wrote in between
  // kCounterAttemptsMax times.
  absl::Status CompareAndSet(int64_t expected, int64_t number, const WriteOptions& options = {}) {
    for (int attempt = 0; attempt < kCounterAttemptsMax; ++attempt) {
      const absl::StatusOr<Reading> reading = Read();
      if (!reading.ok()) return reading.status();
      if (reading->number != expected) {
        return absl::AbortedError("the counter is at " + std::to_string(reading->number) +
                                  ", not at " + std::to_string(expected));
      }
      const WriteResult result =
          map_.PutIf(key_, reading->version, std::to_string(number), options);
      if (!absl::IsAborted(result.status)) return result.status;
    }
    return absl::AbortedError("others write to this counter all the time: retry, or use Add");
  }

 private:
  struct Reading {
    int64_t number = 0;
    Version version;
  };
  absl::StatusOr<Reading> Read() const {
    const absl::StatusOr<Entry> entry = map_.Get(key_);
    if (absl::IsNotFound(entry.status())) return Reading{0, Version::None()};
    if (!entry.ok()) return entry.status();
    Reading reading{0, entry->version};
    const char* const end = entry->value.data() + entry->value.size();
    const auto [rest, error] = std::from_chars(entry->value.data(), end, reading.number);
    if (error != std::errc() || rest != end)
      return absl::FailedPreconditionError("the entry " + key_ + " is no number");
    return reading;
  }

  Map map_;
  std::string key_;
};

using Counter = BasicCounter<ReplicatedMap>;

}  // namespace cohort

#endif  // COHORT_COUNTER_H_

// Counts what happens to the keys of a map besides this member's own writes, where any thread may
// look without the engine's lock: while the count of a key is the same, nobody else has changed it.
// Keys share places, so a count that has moved may mean nothing.
//
// Threads: NoteChange and NoteAll under the engine's lock, with the change; Of by any.
#ifndef COHORT_RUNTIME_CHANGE_COUNTS_H_
#define COHORT_RUNTIME_CHANGE_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/xxhash.h"
#include "engine/io.h"

namespace cohort::runtime {

class ChangeCounts {
 public:
  // `self` is this member: what it puts is no news, unless that begins the entry.
  void NoteChange(const engine::ChangeUpcall& change, const InstanceId& self) {
    using Cause = engine::ChangeUpcall::Cause;
    if (change.key.empty()) return NoteAll();
    if (change.writer.instance == self && change.cause == Cause::kPut && !change.begins) return;
    places_[IndexOf(change.key)].fetch_add(1, std::memory_order_release);
  }
  // Anything may have happened to any key.
  void NoteAll() { all_.fetch_add(1, std::memory_order_release); }
  uint64_t Of(std::string_view key) const {
    return all_.load(std::memory_order_acquire) +
           places_[IndexOf(key)].load(std::memory_order_acquire);
  }

 private:
  // So many that the sessions of other members are seldom taken for one of this.
  static constexpr size_t kPlaces = size_t{1} << 14;
  static size_t IndexOf(std::string_view key) {
    return XXH3_64bits(key.data(), key.size()) % kPlaces;
  }

  std::array<std::atomic<uint32_t>, kPlaces> places_{};
  std::atomic<uint64_t> all_{0};
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_CHANGE_COUNTS_H_

// What waits under numbers that are given out one after the other, and is mostly taken in about
// the same order: calls and their answers.
//
// Idea: a number's place is given by its low bits, so those under way stand side by side in memory
// and nothing is hashed. Where a place is needed again by then, the ring grows if half of it is in
// use, up to kRingMax; what still waits there goes to a table of its own.
//
// Thread rule: none inside. Memory: never less than it had, sizeof(T) + 8 for each place.
#ifndef COHORT_BASE_NUMBER_RING_H_
#define COHORT_BASE_NUMBER_RING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"

namespace cohort {

template <class T>
class NumberRing {
 public:
  static constexpr size_t kRingMin = 64;
  static constexpr size_t kRingMax = size_t{1} << 14;

  // Keeps it under a new number; the first is 1.
  uint64_t Add(T value) {
    const uint64_t number = next_++;
    if (PlaceOf(number).number != 0) MakeRoom(number);
    PlaceOf(number) = {number, std::move(value)};
    ++size_;
    return number;
  }
  // Null if it was taken, or never given. Valid until the next call that is not const.
  T* Find(uint64_t number) {
    if (number == 0) return nullptr;
    if (Place& place = PlaceOf(number); place.number == number) return &place.value;
    const auto late = late_.find(number);
    return late == late_.end() ? nullptr : &late->second;
  }
  std::optional<T> Take(uint64_t number) {
    T* const found = Find(number);
    if (found == nullptr) return std::nullopt;
    std::optional<T> taken(std::move(*found));
    if (Place& place = PlaceOf(number); place.number == number) {
      place = {};
    } else {
      late_.erase(number);
    }
    --size_;
    return taken;
  }
  // All that waits, by number.
  std::vector<std::pair<uint64_t, T>> TakeAll() {
    std::vector<std::pair<uint64_t, T>> all;
    all.reserve(size_);
    for (Place& place : ring_) {
      if (place.number != 0) all.emplace_back(place.number, std::move(place.value));
      place = {};
    }
    for (auto& [number, value] : late_) all.emplace_back(number, std::move(value));
    late_.clear();
    size_ = 0;
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
  }
  size_t size() const { return size_; }
  size_t places() const { return ring_.size(); }

 private:
  struct Place {
    uint64_t number = 0;  // 0: nothing is here.
    T value{};
  };

  Place& PlaceOf(uint64_t number) { return ring_[number % ring_.size()]; }
  // So that the place of `number` is free.
  void MakeRoom(uint64_t number) {
    if (size_ - late_.size() >= ring_.size() / 2 && ring_.size() < kRingMax) {
      std::vector<Place> larger(ring_.size() * 2);
      for (Place& place : ring_) {
        if (place.number != 0) larger[place.number % larger.size()] = std::move(place);
      }
      ring_ = std::move(larger);
    }
    Place& place = PlaceOf(number);
    if (place.number != 0) late_.emplace(place.number, std::move(place.value));
  }

  std::vector<Place> ring_ = std::vector<Place>(kRingMin);
  absl::btree_map<uint64_t, T> late_;
  uint64_t next_ = 1;
  size_t size_ = 0;
};

}  // namespace cohort

#endif  // COHORT_BASE_NUMBER_RING_H_

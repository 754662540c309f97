// A FIFO queue in one ring that grows by doubling and never shrinks: no allocation once warm,
// elements reachable by position. What is popped is destroyed at once (a chunk's buffer is not kept
// alive by an old slot).
#ifndef COHORT_ORDER_RING_QUEUE_H_
#define COHORT_ORDER_RING_QUEUE_H_

#include <cstddef>
#include <utility>
#include <vector>

namespace cohort::order {

template <class T>
class RingQueue {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& front() { return slots_[head_]; }
  const T& front() const { return slots_[head_]; }
  // `position` counts from the front.
  T& operator[](size_t position) { return slots_[(head_ + position) & (slots_.size() - 1)]; }
  const T& operator[](size_t position) const {
    return slots_[(head_ + position) & (slots_.size() - 1)];
  }

  void push_back(T value) {
    if (size_ == slots_.size()) Grow();
    slots_[(head_ + size_) & (slots_.size() - 1)] = std::move(value);
    ++size_;
  }
  void pop_front() {
    slots_[head_] = T{};
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
  }
  void clear() {
    while (!empty()) pop_front();
    head_ = 0;
  }

 private:
  void Grow() {
    std::vector<T> larger(slots_.empty() ? 16 : slots_.size() * 2);
    for (size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> slots_;  // A power of two of them.
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace cohort::order

#endif  // COHORT_ORDER_RING_QUEUE_H_

// What a sender has in flight, in packets: a large chunk counts as many as small ones would hold
// what is in it, since it takes as much of a receiver's socket (Spec 5.28).
//
// Memory: a byte for each chunk in flight. Threads: none; the caller serialises.
#ifndef COHORT_FLOW_UNDER_WAY_H_
#define COHORT_FLOW_UNDER_WAY_H_

#include <cstddef>
#include <cstdint>
#include <deque>

namespace cohort::flow {

class UnderWay {
 public:
  void Clear() {
    packets_of_.clear();
    packets_ = 0;
  }
  // One more chunk left.
  void Add(size_t packets) {
    packets_of_.push_back(static_cast<uint8_t>(packets));
    packets_ += packets;
  }
  // Of the last `chunks` that left; those before have arrived everywhere.
  size_t Packets(size_t chunks) {
    while (packets_of_.size() > chunks) {
      packets_ -= packets_of_.front();
      packets_of_.pop_front();
    }
    return packets_;
  }

 private:
  std::deque<uint8_t> packets_of_;  // By chunk, the oldest first.
  size_t packets_ = 0;              // Their sum.
};

}  // namespace cohort::flow

#endif  // COHORT_FLOW_UNDER_WAY_H_

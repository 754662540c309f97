// How a caller waits for an answer: it looks out for it a moment before it sleeps.
//
// Idea: an answer of the group takes about as long as it takes to wake a thread whose processor has
// halted (docs/performance.md), so a caller that sleeps at once waits nearly twice. A caller that
// is the only one to wait looks out instead, and between two looks gives its processor to whoever
// wants it, as the I/O thread that brings the answer. What it has cost to look out in vain is paid
// back by sleeping at once the next times: the more often it was, and the longer others have kept
// the processor, the more times. Decision 0034.
//
// Threads: any.
#ifndef COHORT_RUNTIME_ANSWER_WATCH_H_
#define COHORT_RUNTIME_ANSWER_WATCH_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "base/instant.h"
#include "runtime/mutex.h"

namespace cohort::runtime {

class AnswerWatch {
 public:
  // What it looks at the clock with, and gives the processor up with.
  struct Host {
    Instant (*now)();
    void (*yield)();
  };
  static constexpr Duration kWatchMax = std::chrono::microseconds(300);
  // What is saved where the answer comes in time; so many more waits are slept through for each of
  // these that were lost.
  static constexpr Duration kSaved = std::chrono::microseconds(15);
  static constexpr uint32_t kSkippedMax = 1023;

  AnswerWatch();
  explicit AnswerWatch(const Host& host) : host_(host) {}

  // Whether it came within `timeout`.
  bool Wait(const Notification& answered, absl::Duration timeout);
  // How many do now.
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  // Whether it came before it was better to sleep.
  bool Watch(const Notification& answered, Instant start, Duration longest);
  bool Skips();
  void Learn(bool in_time, Duration watched);

  const Host host_;
  std::atomic<uint32_t> waiting_{0};
  // Waits to be slept through from the beginning: of the next ones, and of those after the watch
  // that was in vain last. By whoever waits alone; what two might do to each other has no weight.
  std::atomic<uint32_t> to_skip_{0};
  std::atomic<uint32_t> penalty_{0};
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_ANSWER_WATCH_H_

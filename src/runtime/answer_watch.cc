#include "runtime/answer_watch.h"

#include <sched.h>

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "runtime/asio_driver.h"

namespace cohort::runtime {

AnswerWatch::AnswerWatch()
    : AnswerWatch(Host{.now = [] { return SteadyNow(); }, .yield = [] { sched_yield(); }}) {}

bool AnswerWatch::Wait(const Notification& answered, absl::Duration timeout) {
  const bool alone = waiting_.fetch_add(1, std::memory_order_relaxed) == 0;
  const absl::Cleanup leave = [this] { waiting_.fetch_sub(1, std::memory_order_relaxed); };
  if (!alone || timeout <= absl::ZeroDuration() || Skips())
    return answered.WaitForNotificationWithTimeout(timeout);
  const Instant start = host_.now();
  const Duration longest = std::min(kWatchMax, absl::ToChronoNanoseconds(timeout));
  if (Watch(answered, start, longest)) return true;
  const absl::Duration watched = absl::FromChrono(host_.now() - start);
  return answered.WaitForNotificationWithTimeout(timeout - watched);
}

bool AnswerWatch::Watch(const Notification& answered, Instant start, Duration longest) {
  for (;;) {
    const bool came = answered.HasBeenNotified();
    // Where others wanted the processor for so long that it is late all the same, it was in vain.
    const Duration watched = host_.now() - start;
    const bool in_time = watched < longest;
    if (came || !in_time) {
      Learn(came && in_time, watched);
      return came;
    }
    // Many that wait keep the processors busy, and are woken together.
    if (waiting_.load(std::memory_order_relaxed) > 1) return false;
    host_.yield();
  }
}

bool AnswerWatch::Skips() {
  const uint32_t left = to_skip_.load(std::memory_order_relaxed);
  if (left == 0) return false;
  to_skip_.store(left - 1, std::memory_order_relaxed);
  return true;
}

void AnswerWatch::Learn(bool in_time, Duration watched) {
  uint32_t penalty = penalty_.load(std::memory_order_relaxed);
  if (in_time) {
    penalty_.store(penalty / 2, std::memory_order_relaxed);
    return;
  }
  const auto lost = static_cast<uint32_t>(std::min<int64_t>(watched / kSaved, kSkippedMax));
  penalty = std::min(std::max(penalty * 2 + 1, lost), kSkippedMax);
  penalty_.store(penalty, std::memory_order_relaxed);
  to_skip_.store(penalty, std::memory_order_relaxed);
}

}  // namespace cohort::runtime

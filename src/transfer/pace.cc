#include "transfer/pace.h"

#include <algorithm>
#include <chrono>

namespace cohort::transfer {
namespace {

using Micros = std::chrono::duration<double, std::micro>;

}  // namespace

void Pace::Begin() {
  SetRate(options_.rate_start / senders_);
  judged_ = 0;
  long_ = 0;
}

void Pace::SetSenders(size_t senders) {
  senders_ = static_cast<double>(senders);
  SetRate(rate_);
}

void Pace::SetRate(double rate) {
  rate_ = std::clamp(rate, options_.rate_min / senders_, options_.rate_max / senders_);
}

void Pace::OnWrite(Instant now) {
  timing_ = true;
  last_write_ = now;
}

// Spec 9.13
void Pace::OnDelay(Instant now, Duration delay, bool sending) {
  timing_ = false;
  last_write_ = now;
  const double micros = std::chrono::duration_cast<Micros>(delay).count();
  if (!sending || learned_ < options_.normal_min) Learn(micros);
  if (sending) Judge(micros);
}

// Comes to lie where as many are longer as are shorter.
void Pace::Learn(double micros) {
  if (learned_++ == 0) normal_us_ = std::max(micros, 1.0);
  if (micros > normal_us_) normal_us_ *= options_.normal_step;
  if (micros < normal_us_) normal_us_ = std::max(normal_us_ / options_.normal_step, 1.0);
}

void Pace::Judge(double micros) {
  // What is normal is not known yet: at the least rate, what is seen is nearly that.
  if (learned_ < options_.normal_min) {
    SetRate(options_.rate_min / senders_);
    return;
  }
  if (micros > options_.too_long * normal_us_) ++long_;
  if (++judged_ < options_.judged && long_ < options_.many) return;
  if (long_ >= options_.many) rate_ *= options_.cut;
  if (long_ <= options_.few) rate_ *= options_.growth;
  judged_ = 0;
  long_ = 0;
  SetRate(rate_);
}

void Pace::OnSent(Instant now, size_t bytes) {
  if (!SomebodyWrites(now)) return;
  const auto taking = [&](double size) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(size / rate_));
  };
  const Duration burst = std::max(taking(options_.burst_bytes), options_.burst_time);
  next_ = std::max(next_, now - burst) + taking(static_cast<double>(bytes));
}

Duration Pace::normal() const { return std::chrono::duration_cast<Duration>(Micros(normal_us_)); }

}  // namespace cohort::transfer

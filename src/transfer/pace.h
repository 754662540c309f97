// How fast a member may send state, so that those who write meanwhile hardly notice.
//
// Idea: what a chunk of a writer takes until all members are known to have it is compared with what
// it took while no state was sent. While many take much longer, the rate is cut; while few do, it
// grows. Where nobody writes there is no limit. Source: LEDBAT (RFC 6817), whose base is a minimum
// and whose measure is a sum; here both are medians, since the scheduler of a busy host spreads the
// delays of writes over two orders of magnitude. Protocol: docs/protocol/transfer.md, 9.13.
//
// Owner: one Donor. Not thread-safe. Never reads a clock.
#ifndef COHORT_TRANSFER_PACE_H_
#define COHORT_TRANSFER_PACE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace cohort::transfer {

class Pace {
 public:
  struct Options {
    // Bytes a second, of all together that may send to one joiner: each has its part of them. At
    // the least a network of 100 Mbit/s has two thirds left for the writers. At the most a donor
    // still has half of its time for what the others write, which no delay that it sees itself
    // could tell it.
    double rate_min = 4e6;
    double rate_start = 96e6;
    double rate_max = 150e6;
    // Sent at once: so much, or what the rate allows in this time, which is that of a timer.
    double burst_bytes = 32 << 10;
    Duration burst_time = milliseconds(1);
    double too_long = 2;  // Times the normal delay. Of so many delays, ...
    int judged = 8;
    int many = 4;         // ... if so many are too long, which is known early, the rate is cut ...
    double cut = 0.5;     // ... to so much of itself,
    int few = 2;          // and if no more than so many are, it grows ...
    double growth = 1.2;  // ... to so many times itself.
    uint64_t normal_min = 16;   // Delays before it is known what is normal.
    double normal_step = 1.05;  // A delay that is longer or shorter moves it by this factor.
    Duration idle_after = milliseconds(50);  // Without a chunk to time, nobody writes.
  };

  explicit Pace(const Options& options) : options_(options), rate_(options.rate_start) {}

  // Members that may send to one joiner, this one included: at least 1.
  void SetSenders(size_t senders);
  // Nothing was sent before: what the rate came to the last time is forgotten.
  void Begin();
  // A chunk that somebody wrote is here; its delay will be told, or forgotten with OnView().
  void OnWrite(Instant now);
  void OnDelay(Instant now, Duration delay, bool sending);
  void OnView() { timing_ = false; }

  bool MaySend(Instant now) const { return !SomebodyWrites(now) || next_ <= now; }
  void OnSent(Instant now, size_t bytes);
  // When MaySend() will hold, if nothing happens before.
  Instant next() const {
    return timing_ ? next_ : std::min(next_, last_write_ + options_.idle_after);
  }
  double rate() const { return rate_; }
  Duration normal() const;

 private:
  bool SomebodyWrites(Instant now) const {
    return timing_ || now < last_write_ + options_.idle_after;
  }
  void Learn(double micros);
  void Judge(double micros);
  void SetRate(double rate);  // Within its part.

  const Options options_;
  double senders_ = 1;
  double rate_;
  Instant next_;
  Instant last_write_ = Instant::FromNanos(-(int64_t{1} << 60));
  bool timing_ = false;
  double normal_us_ = 0;
  uint64_t learned_ = 0;
  int judged_ = 0;  // Delays since the rate was set, and those of them that were too long.
  int long_ = 0;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_PACE_H_

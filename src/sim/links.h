// The state of every directed link: how long a packet takes, what is lost, what is cut. Faults
// change it, the networks for datagrams and streams ask it.
//
// Cuts are counted, so that overlapping faults heal one by one. Loss is a Gilbert-Elliott chain: a
// link is good or bad, loses with a different probability in either state, and changes state by
// chance at every packet. Source: Gilbert, Capacity of a burst-noise channel, 1960; Elliott, 1963.
#ifndef COHORT_SIM_LINKS_H_
#define COHORT_SIM_LINKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/instant.h"
#include "base/random.h"
#include "sim/scheduler.h"
#include "wire/limits.h"

namespace cohort::sim {

struct Link {
  Duration delay{};        // Smallest one-way time.
  Duration jitter{};       // Mean of the random part on top.
  double loss = 0;         // In the good state.
  double burst_enter = 0;  // Chance per packet to turn bad ...
  double burst_leave = 1;  // ... and to turn good again.
  double burst_loss = 0;   // In the bad state.
  double multicast_loss = 0;
  double duplicate = 0;
  double reorder = 0;  // Chance to be held back by up to reorder_delay.
  Duration reorder_delay{};
  double corrupt = 0;
  bool narrow = false;  // Large datagrams do not get through, and nobody is told.
  uint32_t cuts = 0;    // Cut while not 0.
  bool bad = false;     // State of the Gilbert-Elliott chain.
};

class Links {
 public:
  // Every link starts healthy, with a delay between `delay_min` and `delay_max`, drawn once.
  Links(size_t hosts, Duration delay_min, Duration delay_max, Random& random);

  size_t hosts() const { return hosts_; }
  Link& at(HostIndex from, HostIndex to) { return links_[from * hosts_ + to]; }
  const Link& at(HostIndex from, HostIndex to) const { return links_[from * hosts_ + to]; }
  bool IsCut(HostIndex from, HostIndex to) const { return at(from, to).cuts != 0; }
  // The largest datagram that the interface of `host` takes and sends.
  void SetDatagramMax(HostIndex host, size_t bytes) { datagram_max_[host] = bytes; }
  size_t datagram_max(HostIndex host) const { return datagram_max_[host]; }
  // Whether a datagram of `bytes` bytes is not too large for the way.
  bool Carries(HostIndex from, HostIndex to, size_t bytes) const {
    return bytes <= wire::kDatagramMax ||
           (!at(from, to).narrow && bytes <= std::min(datagram_max_[from], datagram_max_[to]));
  }
  // A stream needs both directions.
  bool IsCutEitherWay(HostIndex a, HostIndex b) const { return IsCut(a, b) || IsCut(b, a); }

  // One way, now: the delay plus jitter, at most eight times its mean.
  Duration DrawDelay(HostIndex from, HostIndex to, Random& random) const;
  // True if this packet is lost; advances the chain.
  bool DrawLoss(HostIndex from, HostIndex to, bool multicast, Random& random);

  // Ends every fault on every link; delays stay.
  void Heal();

 private:
  size_t hosts_;
  std::vector<Link> links_;
  std::vector<size_t> datagram_max_;  // By host.
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_LINKS_H_

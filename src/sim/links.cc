#include "sim/links.h"

namespace cohort::sim {

Links::Links(size_t hosts, Duration delay_min, Duration delay_max, Random& random)
    : hosts_(hosts), links_(hosts * hosts), datagram_max_(hosts, wire::kDatagramMax6) {
  for (Link& link : links_) {
    link.delay = random.Between(delay_min, delay_max);
    link.jitter = link.delay / 4;
  }
  // A host hears itself by way of its own kernel.
  for (HostIndex host = 0; host < hosts; ++host) {
    at(host, host).delay = microseconds(5);
    at(host, host).jitter = microseconds(1);
  }
}

Duration Links::DrawDelay(HostIndex from, HostIndex to, Random& random) const {
  const Link& link = at(from, to);
  // Not a logarithm, whose last bits differ between libraries: a sum of three uniform numbers,
  // mean 1 and at most 2, and one packet in 64 four times that.
  const uint64_t bits = random.Next();
  const uint64_t sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF);
  int64_t scaled = static_cast<int64_t>(static_cast<uint64_t>(link.jitter.count()) * sum / 98304);
  if ((bits >> 58) == 0) scaled *= 4;
  return link.delay + Duration(scaled);
}

bool Links::DrawLoss(HostIndex from, HostIndex to, bool multicast, Random& random) {
  Link& link = at(from, to);
  if (link.burst_enter > 0) {
    link.bad = link.bad ? !random.Chance(link.burst_leave) : random.Chance(link.burst_enter);
    if (link.bad && random.Chance(link.burst_loss)) return true;
  }
  if (link.loss > 0 && random.Chance(link.loss)) return true;
  return multicast && link.multicast_loss > 0 && random.Chance(link.multicast_loss);
}

void Links::Heal() {
  for (Link& link : links_) {
    Link healthy;
    healthy.delay = link.delay;
    healthy.jitter = link.jitter;
    link = healthy;
  }
}

}  // namespace cohort::sim

// Discoveries on a bus of the test, in virtual time.
#ifndef COHORT_TESTS_DISCOVERY_BUS_H_
#define COHORT_TESTS_DISCOVERY_BUS_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "discovery/discovery.h"
#include "discovery/host_address.h"
#include "gtest/gtest.h"
#include "wire/limits.h"

namespace cohort::discovery {

inline constexpr char kGroup[] = "shop";

inline Self MakeSelf(int host) {
  Self self;
  self.id = {{static_cast<uint64_t>(host), 7}, 1};
  self.name = "host" + std::to_string(host);
  self.address = HostAddress(host);
  self.incarnation = 1000 + static_cast<uint64_t>(host);
  return self;
}

struct BusEvent {
  Instant at;
  int from = 0;
  int to = 0;
  Buffer body;
};

// Hosts are numbers from 1. Delivery takes 1 ms.
class Bus {
 public:
  struct Host {
    Self self;
    std::unique_ptr<Random> random;
    std::unique_ptr<Discovery> discovery;
    std::vector<GroupSighting> sightings;
    std::vector<Instant> form_at;
    std::vector<Instant> multicasts_at;
    std::vector<cohort::Event> events;
    int received_bytes = 0;
  };

  Host& Add(int number, Options options = {}) {
    options.group = kGroup;
    Host& host = hosts_[number];
    host.self = MakeSelf(number);
    host.random = std::make_unique<Random>(static_cast<uint64_t>(number));
    host.discovery = std::make_unique<Discovery>(options, *host.random);
    return host;
  }
  void Search(int number) {
    Output out;
    hosts_[number].discovery->Search(now_, hosts_[number].self, out);
    Drain(number, out);
  }
  void Coordinate(int number, uint32_t members = 1, Rank rank = 0, int coordinator = 0,
                  std::vector<Address> addresses = {}) {
    Standing standing;
    standing.rank = rank;
    const int first = coordinator == 0 ? number : coordinator;
    standing.side.coordinator = MakeSelf(first).id;
    standing.side.address = HostAddress(first);
    standing.side.view = {5, static_cast<uint64_t>(first)};
    standing.side.members = members;
    standing.side.weight = members;
    standing.side.primary = true;
    Output out;
    hosts_[number].discovery->OnMember(now_, hosts_[number].self, standing, addresses, out);
    Drain(number, out);
  }
  void SetSeeds(int number, const std::vector<Address>& seeds) {
    Output out;
    hosts_[number].discovery->SetSeeds(now_, seeds, out);
    Drain(number, out);
  }
  void RunFor(Duration duration) {
    const Instant end = now_ + duration;
    while (true) {
      Instant next = queue_.empty() ? Instant::Infinite() : queue_.front().at;
      int timer_of = 0;
      for (auto& [number, host] : hosts_) {
        if (host.discovery->NextDeadline() < next) {
          next = host.discovery->NextDeadline();
          timer_of = number;
        }
      }
      if (next > end) break;
      now_ = std::max(now_, next);
      Output out;
      if (timer_of != 0) {
        hosts_[timer_of].discovery->OnTimer(now_, out);
        Drain(timer_of, out);
        continue;
      }
      const BusEvent event = queue_.front();
      queue_.pop_front();
      const auto to = hosts_.find(event.to);
      if (to == hosts_.end()) continue;
      to->second.received_bytes += static_cast<int>(event.body.size());
      to->second.discovery->OnMessage(now_, HostAddress(event.from),
                                      MakeSelf(event.from).id.instance, event.body, out);
      Drain(event.to, out);
    }
    now_ = end;
  }
  void Inject(int from, int to, Buffer body) {
    queue_.push_back({now_, from, to, std::move(body)});
  }
  Host& host(int number) { return hosts_[number]; }
  void Kill(int number) { hosts_.erase(number); }
  Instant now() const { return now_; }
  bool multicast_works = true;

 private:
  void Drain(int number, const Output& out) {
    Host& host = hosts_[number];
    EXPECT_TRUE(host.discovery->IsConsistent());
    for (const Packet& packet : out.packets) {
      EXPECT_LE(packet.body.size(), wire::kControlBodyMax);
      if (packet.multicast) host.multicasts_at.push_back(now_);
      for (auto& [other, _] : hosts_) {
        const bool reaches = packet.multicast ? multicast_works : packet.to == HostAddress(other);
        if (other != number && reaches) {
          queue_.push_back({now_ + milliseconds(1), number, other, packet.body});
        }
      }
    }
    host.sightings.insert(host.sightings.end(), out.sightings.begin(), out.sightings.end());
    host.events.insert(host.events.end(), out.events.begin(), out.events.end());
    if (out.form_group) host.form_at.push_back(now_);
  }

  Instant now_ = Instant::Zero() + seconds(1);
  std::map<int, Host> hosts_;
  std::deque<BusEvent> queue_;
};

}  // namespace cohort::discovery

#endif  // COHORT_TESTS_DISCOVERY_BUS_H_

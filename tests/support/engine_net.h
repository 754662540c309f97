// A handful of engines joined by a perfect network in virtual time: every packet arrives 50 us
// later, streams always work, a killed engine's port refuses. For tests and benches of whole
// engines; faults are the simulator's business.
#ifndef COHORT_TESTS_SUPPORT_ENGINE_NET_H_
#define COHORT_TESTS_SUPPORT_ENGINE_NET_H_

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "map/map_op_codec.h"
#include "map/ordered_map.h"
#include "map/subjects.h"
#include "support/engine_net_host.h"

namespace cohort::testing_support {

class EngineNet {
 public:
  using Arrival = NetArrival;
  using Host = NetHost;
  using Observer = NetObserver;

  void SetObserver(Observer* observer) { observer_ = observer; }

  static Address AddressOf(size_t index) { return NetAddressOf(index); }
  engine::EngineOptions Options(const std::string& name) { return NetOptions(name); }

  // Starts a member; its index is returned.
  size_t Add(engine::EngineOptions options) {
    const size_t index = hosts_.size();
    auto host = std::make_unique<Host>();
    host->address = options.address = AddressOf(index);
    std::array<std::byte, 32> entropy{};
    const uint64_t seed = 1000 + index;
    for (size_t word = 0; word < 4; ++word) {
      const uint64_t value = (seed + word) * 0x9E3779B97F4A7C15u;
      std::memcpy(entropy.data() + 8 * word, &value, 8);
    }
    host->engine = std::make_unique<engine::Engine>(std::move(options), entropy);
    hosts_.push_back(std::move(host));
    Drive(index, [&](engine::Engine& engine, engine::Output& out) {
      engine.Start(now_, 1'700'000'000'000, out);
    });
    return index;
  }

  size_t size() const { return hosts_.size(); }
  Host& host(size_t index) { return *hosts_[index]; }
  engine::Engine& engine(size_t index) { return *hosts_[index]->engine; }
  Instant now() const { return now_; }

  // Ends a process: its streams are closed, its port refuses, its packets vanish.
  void Kill(size_t index) {
    hosts_[index]->alive = false;
    for (auto it = pipes_.begin(); it != pipes_.end();) {
      const auto current = it++;
      const auto [key, peer] = *current;
      if (key.first != index) continue;
      engine::StreamEvent event{.kind = engine::StreamEvent::Kind::kClosed, .stream = peer.second};
      Later({.to = peer.first, .stream = event});
      pipes_.erase(peer);
      pipes_.erase(current);
      it = pipes_.begin();
    }
  }

  // Cuts the network: a host hears only those of its own part. Streams between parts break.
  void Split(std::vector<int> part_of_host) {
    part_ = std::move(part_of_host);
    for (const auto& [end, peer] : std::map<PipeEnd, PipeEnd>(pipes_)) {
      if (Reaches(end.first, peer.first)) continue;
      Later({.to = end.first,
             .stream = engine::StreamEvent{.kind = engine::StreamEvent::Kind::kClosed,
                                           .stream = end.second}});
      pipes_.erase(end);
    }
  }
  // Likewise, for datagrams alone: streams go on, so nobody's port refuses.
  void SplitDatagrams(std::vector<int> part_of_host) { datagram_part_ = std::move(part_of_host); }
  void Heal() {
    part_.clear();
    datagram_part_.clear();
  }
  // Ends NetHost::Pause(), and `holds_streams`, of a host: what waited comes now.
  void Release(size_t index) {
    hosts_[index]->is_paused = hosts_[index]->holds_datagrams = hosts_[index]->holds_streams =
        false;
    for (Arrival& arrival : std::exchange(hosts_[index]->held_streams, {}))
      Later(std::move(arrival));
  }
  absl::Status Execute(size_t index, const engine::Command& command) {
    absl::Status status;
    Drive(index, [&](engine::Engine& engine, engine::Output& out) {
      status = engine.Execute(now_, command, out);
    });
    return status;
  }

  // Runs until `done()` or `limit` has passed; whether it came true.
  template <class Done>
  bool RunUntil(Done done, Duration limit = seconds(10)) {
    const Instant end = now_ + limit;
    while (!done()) {
      if (!Step(end)) return done();
    }
    return true;
  }
  void RunFor(Duration duration) {
    const Instant end = now_ + duration;
    while (Step(end)) {
    }
    now_ = end;
  }

  bool AllIn(std::initializer_list<size_t> indices) {
    for (const size_t index : indices) {
      if (engine(index).view().members.size() != indices.size()) return false;
      if (engine(index).view().id != engine(*indices.begin()).view().id || !engine(index).synced())
        return false;
    }
    return true;
  }

  // Puts `value` under `key`; the command's id is returned.
  uint64_t Put(size_t index, std::string_view map, std::string_view key, std::string_view value,
               engine::AckLevel ack = engine::AckLevel::kAll) {
    const uint64_t hlc = engine(index).NextHlc(now_);
    const map::MapOp op{.map = map, .hlc = hlc, .body = map::PutOp{.key = key, .value = value}};
    const uint64_t id = next_command_++;
    last_status_ = Execute(index, engine::MapWrite{.id = id,
                                                   .operation = map::EncodeMapOp(op),
                                                   .ack = ack,
                                                   .subjects = map::SubjectsOf(op)});
    return id;
  }
  const absl::Status& last_status() const { return last_status_; }
  std::string Get(size_t index, std::string_view map, std::string_view key) {
    const std::optional<uint32_t> id = engine(index).MapId(map);
    if (!id.has_value()) return "(no map)";
    const auto value = engine(index).FindMap(*id)->Get(key, engine(index).GroupTimeMs(now_));
    return value.has_value() ? std::string(value->text()) : "(none)";
  }

 private:
  static constexpr Duration kDelay = microseconds(50);
  using PipeEnd = std::pair<size_t, engine::StreamId>;

  bool Reaches(size_t from, size_t to) const { return part_.empty() || part_[from] == part_[to]; }
  bool DatagramReaches(size_t from, size_t to) const {
    return Reaches(from, to) &&
           (datagram_part_.empty() || datagram_part_[from] == datagram_part_[to]);
  }
  void Later(Arrival arrival) { queue_.emplace(now_ + kDelay, std::move(arrival)); }

  bool Step(Instant end) {
    Instant next = queue_.empty() ? Instant::Infinite() : queue_.begin()->first;
    for (const auto& host : hosts_) {
      if (host->alive && !host->is_paused)
        next = std::min(next, std::max(now_, host->engine->NextDeadline()));
      if (!host->held.empty() && !host->holds_datagrams) next = now_;
    }
    if (next > end) return false;
    now_ = next;
    std::map<size_t, std::vector<Arrival>> datagrams;
    while (!queue_.empty() && queue_.begin()->first <= now_) {
      Arrival arrival = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      if (!hosts_[arrival.to]->alive) continue;
      if (arrival.stream.has_value()) {
        if (hosts_[arrival.to]->drops_streams) continue;
        if (hosts_[arrival.to]->holds_streams) {
          hosts_[arrival.to]->held_streams.push_back(std::move(arrival));
          continue;
        }
        arrival.stream->bytes = AsBytes(arrival.bytes);
        Drive(arrival.to, [&](engine::Engine& engine, engine::Output& out) {
          engine.OnStream(now_, *arrival.stream, out);
        });
      } else {
        hosts_[arrival.to]->held.push_back(std::move(arrival));
      }
    }
    for (size_t index = 0; index < hosts_.size(); ++index) {
      if (hosts_[index]->holds_datagrams || hosts_[index]->held.empty()) continue;
      datagrams[index] = std::exchange(hosts_[index]->held, {});
    }
    for (auto& [index, batch] : datagrams) {
      std::vector<engine::Datagram> list;
      for (const Arrival& arrival : batch)
        list.push_back({arrival.from, arrival.multicast, AsBytes(arrival.datagram)});
      Drive(index, [&](engine::Engine& engine, engine::Output& out) {
        engine.OnDatagrams(now_, list, out);
      });
    }
    for (size_t index = 0; index < hosts_.size(); ++index) {
      const Host& host = *hosts_[index];
      if (!host.alive || host.is_paused || host.engine->NextDeadline() > now_) continue;
      Drive(index, [&](engine::Engine& engine, engine::Output& out) { engine.OnTimer(now_, out); });
    }
    return true;
  }

  template <class Input>
  void Drive(size_t index, Input input) {
    if (observer_ != nullptr) observer_->OnEnter(index);
    input(*hosts_[index]->engine, out_);
    if (observer_ != nullptr) observer_->OnLeave(index, out_);
    Take(index, out_);
  }

  void Take(size_t index, engine::Output& out) {
    const Address from = hosts_[index]->address;
    for (const engine::Packets::One& one : out.packets.packets) {
      const std::string bytes(AsText(Bytes(out.packets.arena).subspan(one.offset, one.size)));
      for (size_t to = 0; to < hosts_.size(); ++to) {
        if (one.multicast ? !hosts_[to]->drops_multicast : hosts_[to]->address == one.to) {
          if (!DatagramReaches(index, to) || hosts_[index]->is_mute) continue;
          if (one.size > hosts_[to]->datagram_max) continue;
          Later({.to = to, .from = from, .multicast = one.multicast, .datagram = bytes});
        }
      }
    }
    for (engine::StreamAction& action : out.streams) Act(index, action);
    for (const engine::Upcall& upcall : out.upcalls) hosts_[index]->Keep(upcall);
    out.packets.Clear();  // Keeps the memory, as the drivers do.
    out.streams.clear();
    out.upcalls.clear();
  }

  void Act(size_t index, engine::StreamAction& action) {
    using Kind = engine::StreamAction::Kind;
    using Event = engine::StreamEvent::Kind;
    const PipeEnd self{index, action.stream};
    if (action.kind == Kind::kOpen || action.kind == Kind::kProbe) {
      size_t to = hosts_.size();
      for (size_t i = 0; i < hosts_.size(); ++i) {
        const bool answers = hosts_[i]->alive && Reaches(index, i);
        if (hosts_[i]->address == action.to && answers) to = i;
      }
      if (to == hosts_.size()) {
        Later({.to = index,
               .stream = engine::StreamEvent{.kind = Event::kRefused, .stream = action.stream}});
      } else if (action.kind == Kind::kProbe) {
        Later({.to = index,
               .stream = engine::StreamEvent{.kind = Event::kAnswered, .stream = action.stream}});
      } else {
        const PipeEnd peer{to, next_accepted_ += 2};
        pipes_[self] = peer;
        pipes_[peer] = self;
        Later({.to = index,
               .stream = engine::StreamEvent{.kind = Event::kOpened, .stream = action.stream}});
        Later(
            {.to = to,
             .stream = engine::StreamEvent{
                 .kind = Event::kAccepted, .stream = peer.second, .from = hosts_[index]->address}});
      }
      return;
    }
    const auto pipe = pipes_.find(self);
    if (pipe == pipes_.end()) return;
    const PipeEnd peer = pipe->second;
    if (action.kind == Kind::kSend) {
      Later({.to = peer.first,
             .stream = engine::StreamEvent{.kind = Event::kBytes, .stream = peer.second},
             .bytes = std::string(action.data.text())});
    } else {
      Later({.to = peer.first,
             .stream = engine::StreamEvent{.kind = Event::kClosed, .stream = peer.second}});
      pipes_.erase(peer);
      pipes_.erase(self);
    }
  }

  Observer* observer_ = nullptr;
  engine::Output out_;
  Instant now_ = Instant::Zero() + seconds(1000);
  std::vector<std::unique_ptr<Host>> hosts_;
  std::multimap<Instant, Arrival> queue_;
  std::map<PipeEnd, PipeEnd> pipes_;
  std::vector<int> part_;  // By host; all in one when empty.
  std::vector<int> datagram_part_;
  engine::StreamId next_accepted_ = 0;
  uint64_t next_command_ = 1;
  absl::Status last_status_;
};

}  // namespace cohort::testing_support

#endif  // COHORT_TESTS_SUPPORT_ENGINE_NET_H_

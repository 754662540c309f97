// The smallest node that exercises the simulator: it multicasts now and then, answers by unicast,
// talks to one peer over a stream, and believes to be alone in its view.
#ifndef COHORT_TESTS_SIM_ECHO_NODE_H_
#define COHORT_TESTS_SIM_ECHO_NODE_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.h"
#include "sim/node.h"

namespace cohort::sim {

class EchoNode : public Node {
 public:
  EchoNode(const engine::EngineOptions& options, const Entropy& entropy)
      : trace_(options.trace), random_(static_cast<uint64_t>(entropy[0])) {
    id_.instance.hi = static_cast<uint64_t>(entropy[1]) + 1;
    view_.members.push_back({id_, options.name, "", true});
  }

  void Start(Instant now, int64_t, engine::Output&) override { next_ = now; }
  void OnDatagrams(Instant, std::span<const engine::Datagram> datagrams,
                   engine::Output& out) override {
    for (const engine::Datagram& datagram : datagrams) {
      Trace(trace_, TraceKind::kRepaired, [&](TraceRecord& r) { r.seq = datagram.bytes.size(); });
      if (datagram.multicast) Send(datagram.from, datagram.bytes.size(), out);
      if (stream_ == 0) {
        stream_ = 1;
        out.streams.push_back({engine::StreamAction::Kind::kOpen, 1, datagram.from, {}});
      }
    }
  }
  void OnStream(Instant, const engine::StreamEvent& event, engine::Output& out) override {
    using Kind = engine::StreamEvent::Kind;
    if (event.kind == Kind::kOpened) {
      out.streams.push_back(
          {engine::StreamAction::Kind::kSend, event.stream, {}, Buffer::CopyOf("hello")});
    }
    const bool over =
        event.kind == Kind::kClosed || event.kind == Kind::kFailed || event.kind == Kind::kRefused;
    if (over && event.stream == stream_) stream_ = 0;
  }
  void OnHost(Instant, const engine::HostEvent&, engine::Output&) override {}
  void OnTimer(Instant now, engine::Output& out) override {
    next_ = now + random_.Between(Duration(milliseconds(10)), Duration(milliseconds(50)));
    Send(std::nullopt, random_.Between(10, 100), out);
  }
  Instant NextDeadline() const override { return next_; }
  absl::Status Execute(Instant, const engine::Command&, engine::Output&) override {
    return absl::UnavailableError("echo");
  }
  MemberId self() const override { return id_; }
  const View& view() const override { return view_; }
  bool synced() const override { return true; }
  bool writable() const override { return false; }
  uint64_t NextHlc(Instant) override { return 1; }
  std::optional<uint32_t> MapId(std::string_view) const override { return std::nullopt; }
  void WatchMap(std::string_view) override {}
  std::optional<uint64_t> MapDigest(uint32_t) const override { return std::nullopt; }
  std::optional<std::vector<Entry>> ReadMap(uint32_t) const override { return std::nullopt; }
  engine::EngineStats stats() const override { return {}; }
  bool IsConsistent() const override { return true; }

 private:
  static void Send(std::optional<Address> to, size_t size, engine::Output& out) {
    engine::Packets::One packet;
    packet.multicast = !to.has_value();
    if (to.has_value()) packet.to = *to;
    packet.offset = static_cast<uint32_t>(out.packets.arena.size());
    packet.size = static_cast<uint32_t>(size);
    out.packets.arena.resize(packet.offset + size);
    out.packets.packets.push_back(packet);
  }

  TraceSink* trace_;
  Random random_;
  MemberId id_;
  View view_;
  Instant next_ = Instant::Infinite();
  engine::StreamId stream_ = 0;
};

inline NodeFactory EchoNodes() {
  return [](const engine::EngineOptions& options, const Entropy& entropy) {
    return std::make_unique<EchoNode>(options, entropy);
  };
}

}  // namespace cohort::sim

#endif  // COHORT_TESTS_SIM_ECHO_NODE_H_

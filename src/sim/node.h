// What the simulator drives: one member of the group. In earnest an engine (engine_node.h); in the
// simulator's own tests something smaller.
#ifndef COHORT_SIM_NODE_H_
#define COHORT_SIM_NODE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/command.h"
#include "engine/engine_stats.h"
#include "engine/io.h"
#include "engine/options.h"
#include "map/convergent_map.h"

namespace cohort::engine {
class Engine;
}  // namespace cohort::engine

namespace cohort::sim {

class Node {
 public:
  virtual ~Node() = default;

  virtual void Start(Instant now, int64_t unix_ms, engine::Output& out) = 0;
  virtual void OnDatagrams(Instant now, std::span<const engine::Datagram> datagrams,
                           engine::Output& out) = 0;
  virtual void OnStream(Instant now, const engine::StreamEvent& event, engine::Output& out) = 0;
  virtual void OnHost(Instant now, const engine::HostEvent& event, engine::Output& out) = 0;
  virtual void OnTimer(Instant now, engine::Output& out) = 0;
  virtual Instant NextDeadline() const = 0;
  virtual absl::Status Execute(Instant now, const engine::Command& command,
                               engine::Output& out) = 0;

  virtual MemberId self() const = 0;
  virtual const View& view() const = 0;
  virtual bool synced() const = 0;
  virtual bool writable() const = 0;
  // A time for MapOp::hlc, for the Execute() that follows.
  virtual uint64_t NextHlc(Instant now) = 0;
  virtual std::optional<uint32_t> MapId(std::string_view name) const = 0;
  virtual void WatchMap(std::string_view map) = 0;
  // A write to a convergent map, without id and level. Empty: there is nothing to send, or it is
  // refused.
  virtual std::optional<engine::MapWrite> PrepareConvergent(Instant, uint32_t,
                                                            const map::ConvergentRequest&,
                                                            const map::ConvergentFence& /*fence*/) {
    return std::nullopt;
  }
  // An entry of a convergent map as its owner sees it.
  struct OwnedEntry {
    bool is_there = false;
    bool is_mine = false;
    std::string value;  // Of one attribute.
  };
  virtual OwnedEntry LookAt(Instant, uint32_t /*map*/, std::string_view /*key*/,
                            std::string_view /*attribute*/) {
    return {};
  }
  // A write by right as a delta; empty where it should go whole.
  virtual std::optional<map::Delta> PrepareDelta(Instant, uint32_t /*map*/,
                                                 const map::AttributesOp&) {
    return std::nullopt;
  }
  // The replica's own digest of the map: what members compare. Empty while its state is not
  // complete.
  virtual std::optional<uint64_t> MapDigest(uint32_t map) const = 0;
  // Every entry of the map, expired ones that were not removed yet included; in no particular
  // order.
  struct Entry {
    std::string key;
    Version version;
    Buffer value;
  };
  virtual std::optional<std::vector<Entry>> ReadMap(uint32_t map) const = 0;
  // What tenants are built on; null: it is no engine.
  virtual const engine::Engine* engine() const { return nullptr; }
  virtual engine::EngineStats stats() const = 0;
  virtual bool IsConsistent() const = 0;
};

using Entropy = std::array<std::byte, 32>;
using NodeFactory =
    std::function<std::unique_ptr<Node>(const engine::EngineOptions&, const Entropy&)>;

}  // namespace cohort::sim

#endif  // COHORT_SIM_NODE_H_

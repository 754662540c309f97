#include "sim/engine_node.h"

#include <memory>
#include <utility>

#include "engine/engine.h"
#include "map/convergent_op_codec.h"
#include "map/map.h"

namespace cohort::sim {
namespace {

class EngineNode : public Node {
 public:
  EngineNode(const engine::EngineOptions& options, const Entropy& entropy)
      : engine_(options, entropy) {}

  void Start(Instant now, int64_t unix_ms, engine::Output& out) override {
    engine_.Start(now, unix_ms, out);
  }
  void OnDatagrams(Instant now, std::span<const engine::Datagram> datagrams,
                   engine::Output& out) override {
    engine_.OnDatagrams(now, datagrams, out);
  }
  void OnStream(Instant now, const engine::StreamEvent& event, engine::Output& out) override {
    engine_.OnStream(now, event, out);
  }
  void OnHost(Instant now, const engine::HostEvent& event, engine::Output& out) override {
    engine_.OnHost(now, event, out);
  }
  void OnTimer(Instant now, engine::Output& out) override { engine_.OnTimer(now, out); }
  Instant NextDeadline() const override { return engine_.NextDeadline(); }
  absl::Status Execute(Instant now, const engine::Command& command, engine::Output& out) override {
    return engine_.Execute(now, command, out);
  }

  MemberId self() const override { return engine_.self(); }
  const View& view() const override { return engine_.view(); }
  bool synced() const override { return engine_.synced(); }
  bool writable() const override { return engine_.writable(); }
  uint64_t NextHlc(Instant now) override { return engine_.NextHlc(now); }
  std::optional<uint32_t> MapId(std::string_view name) const override {
    return engine_.MapId(name);
  }
  void WatchMap(std::string_view map) override { engine_.WatchMap(map, true); }
  std::optional<engine::MapWrite> PrepareConvergent(Instant now, uint32_t map,
                                                    const map::ConvergentRequest& request,
                                                    const map::ConvergentFence& fence) override {
    const map::ConvergentMap* found = engine_.FindConvergent(map);
    if (found == nullptr) return std::nullopt;
    const auto op = map::PrepareConvergent(*found, request, engine_.GroupTimeMs(now), fence);
    if (!op.ok() || (op->items.empty() && !op->clears)) return std::nullopt;
    engine::MapWrite write;
    write.map = map;
    write.operation = map::EncodeConvergentOp(*op);
    write.stamp_bytes = map::StampBytes(op->Lives());
    return write;
  }
  OwnedEntry LookAt(Instant now, uint32_t map, std::string_view key,
                    std::string_view attribute) override {
    const map::ConvergentMap* found = engine_.FindConvergent(map);
    if (found == nullptr) return {};
    const map::GroupTime at = engine_.GroupTimeMs(now);
    const std::optional<uint64_t> owner = found->OwnerOf(key, at);
    if (!owner.has_value()) return {};
    const std::optional<Buffer> value = found->GetAttribute(key, attribute, at);
    return {true, map::IsWordOf(*owner, self()),
            std::string(value.has_value() ? value->text() : std::string_view())};
  }
  std::optional<map::Delta> PrepareDelta(Instant now, uint32_t map,
                                         const map::AttributesOp& request) override {
    const map::ConvergentMap* found = engine_.FindConvergent(map);
    if (found == nullptr) return std::nullopt;
    const map::GroupTime at = engine_.GroupTimeMs(now);
    const auto op =
        map::PrepareConvergent(*found, request, at, {.by_owner = true, .if_present = true});
    if (!op.ok() || op->items.size() != 1) return std::nullopt;
    const auto plan = found->PlanDelta(op->items[0], self(), view().id.num, at);
    return plan.has_value() ? map::MakeDelta(*plan, op->items[0]) : std::nullopt;
  }
  std::optional<uint64_t> MapDigest(uint32_t map) const override {
    const map::Map* found = engine_.FindMap(map);
    if (found == nullptr) return std::nullopt;
    return found->digest().lo ^ found->digest().hi;
  }
  std::optional<std::vector<Entry>> ReadMap(uint32_t map) const override {
    const map::Map* found = engine_.FindMap(map);
    if (found == nullptr) return std::nullopt;
    std::vector<Entry> entries;
    uint64_t cursor = 0;
    do {
      // At time 0 nothing has expired yet.
      map::Map::ScanResult scan = found->Scan(cursor, 1000, 0);
      for (auto& [key, reading] : scan.entries) {
        entries.push_back({std::move(key), reading.version, std::move(reading.value)});
      }
      cursor = scan.next_cursor;
    } while (cursor != 0);
    return entries;
  }
  const engine::Engine* engine() const override { return &engine_; }
  engine::EngineStats stats() const override { return engine_.stats(); }
  bool IsConsistent() const override { return engine_.IsConsistent(); }

 private:
  engine::Engine engine_;
};

}  // namespace

NodeFactory EngineNodes() {
  return [](const engine::EngineOptions& options, const Entropy& entropy) {
    return std::make_unique<EngineNode>(options, entropy);
  };
}

}  // namespace cohort::sim

// One member's whole protocol as a pure state machine: the sans-I/O core.
//
// The engine owns each layer by value and is the only place where they meet. A driver (runtime/ on
// sockets, sim/ in virtual time) feeds it datagrams, stream events, host events, timers and
// commands, each with the time of now, and carries out what it finds in Output. One call is one
// turn: everything that arrived is handled first, then what it caused leaves in as few packets as
// possible (at most one ORDER, one STATUS), so batches grow with the load and an idle member sends
// at once. There are no batching timers.
//
// Spec:    docs/protocol.md.
// Threads: none. Calls must not overlap; the runtime guards it with one lock. `now` never goes
// back. Never reads a
//          clock, never calls out: every effect is in Output (the one exception is the write-only
//          TraceSink).
#ifndef COHORT_ENGINE_ENGINE_H_
#define COHORT_ENGINE_ENGINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "base/types.h"
#include "engine/command.h"
#include "engine/engine_stats.h"
#include "engine/io.h"
#include "engine/options.h"

namespace cohort::map {
class ConvergentMap;
class Map;
}  // namespace cohort::map

namespace cohort::engine {

class Engine {
 public:
  // `entropy`: 32 fresh random bytes of a cryptographic source. The instance id and all protocol
  // randomness come from them; two engines must never get the same ones.
  Engine(EngineOptions options, const std::array<std::byte, 32>& entropy);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Begins to look for the group. `unix_ms` is the time of day, read this once.
  void Start(Instant now, int64_t unix_ms, Output& out);
  // A batch as the socket gave it; the longer, the less each costs.
  void OnDatagrams(Instant now, std::span<const Datagram> datagrams, Output& out);
  void OnStream(Instant now, const StreamEvent& event, Output& out);
  void OnHost(Instant now, const HostEvent& event, Output& out);
  void OnTimer(Instant now, Output& out);
  // Names of seeds stand for these addresses from now on; in place of all seeds before.
  void SetSeeds(Instant now, std::span<const Address> seeds, Output& out);
  Instant NextDeadline() const;

  // Accepts a command, or says why not (then nothing happened and no DoneUpcall follows):
  //   kResourceExhausted   too much is queued already; retry when commands have been done.
  //   kInvalidArgument     too large, or an unknown map.
  //   kUnavailable         outside the primary partition.
  //   kFailedPrecondition  left, or leaving.
  absl::Status Execute(Instant now, const Command& command, Output& out);

  // Reads; valid until the next call that is not const.
  MemberId self() const;
  const View& view() const;  // The one installed last; without members before the first.
  bool synced() const;       // Holds the whole state.
  bool merging() const;      // A side of a partition, its own or another one's, is not merged yet.
  // Of what this member's side of a partition held of the key something is later than what is here,
  // and not merged yet.
  bool AwaitsMerge(std::string_view map, std::string_view key) const;
  // In a view, and has all that it will have: the whole state, unless it is without data.
  bool joined() const;
  // Up to which time all members of this view have received what was written to convergent maps
  // (Spec 11.17). 0 where the view does not go on, is halted, or a merge is under way: what has
  // taken effect here may be taken back then.
  uint64_t settled() const;
  // A write would be accepted now: in its place, and not draining.
  bool writable() const;
  // In a view that goes on, joined, not halted, not leaving. While it drains, such a member takes
  // releases and answers only.
  bool in_place() const;
  bool draining() const;
  const map::Map* FindMap(
      uint32_t id) const;  // Null if there is none, or its state is not complete yet.
  // The same, if it is a convergent one.
  const map::ConvergentMap* FindConvergent(uint32_t id) const;
  std::optional<uint32_t> MapId(std::string_view name) const;
  int64_t GroupTimeMs(Instant now) const;  // Unix milliseconds of the group's clock.
  // A time for MapOp::hlc, greater than all before. Take it under the same lock as the Execute()
  // that follows.
  uint64_t NextHlc(Instant now);
  // Whether ChangeUpcalls are wanted for this map: they cost a copy of key and value each.
  void WatchMap(std::string_view name, bool wanted);
  EngineStats stats() const;
  bool IsConsistent() const;

 private:
  friend struct EngineForTests;  // Damages what is inside.
  class Core;
  std::unique_ptr<Core> core_;
};

// The name of the map of `change`; empty if nobody knows it any more. Where the map is gone its
// name is taken out of `change.key`, into `gone`. Borrows from `engine`, or `gone`.
std::string_view TakeMapName(const Engine& engine, ChangeUpcall& change, std::string& gone);

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_ENGINE_H_

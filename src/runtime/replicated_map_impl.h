// What stands behind a ReplicatedMap: its group, and its name. The number by which the engine knows
// the map is looked up each time, since it may change when this member comes back from the other
// side of a partition.
#ifndef COHORT_RUNTIME_REPLICATED_MAP_IMPL_H_
#define COHORT_RUNTIME_REPLICATED_MAP_IMPL_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cohort/replicated_map.h"
#include "map/convergent_map.h"
#include "map/map.h"
#include "runtime/group_impl.h"
#include "runtime/map_calls.h"

namespace cohort {

struct ReplicatedMap::Impl {
  Impl(std::shared_ptr<Group::Impl> in_group, Group::Impl::OpenedMap& opened)
      : group(std::move(in_group)), map(opened) {}

  // Calls read(map, engine, group time in ms) under the lock. False: there is no complete state to
  // read.
  template <class Function>
  bool Read(Function&& read) const {
    return group->driver().Read([&](const engine::Engine& engine, Instant now) {
      const std::optional<uint32_t> id = engine.MapId(map.name);
      const map::Map* found = id ? engine.FindMap(*id) : nullptr;
      if (found == nullptr) return false;
      read(*found, engine, engine.GroupTimeMs(now));
      return true;
    });
  }

  using Body = runtime::MapBody;
  // `body` may be a status instead: then nothing is sent.
  WriteResult Write(absl::StatusOr<Body> body, const WriteOptions& options) const;
  absl::Status WriteAsync(absl::StatusOr<Body> body, const WriteOptions& options,
                          WriteCallback done) const;
  // What only a convergent map can do; fails in an ordered one.
  using Request = map::ConvergentRequest;
  WriteResult WriteConvergent(absl::StatusOr<Request> request, const WriteOptions& options) const;
  absl::Status WriteConvergentAsync(absl::StatusOr<Request> request, const WriteOptions& options,
                                    WriteCallback done) const;
  // As WriteConvergent, but large values that changed little travel as deltas (Spec 11.25), of
  // which `deltas` tells whether they did. Nothing that this member has written to the entry before
  // may be under way, nor have an outcome that is unknown.
  WriteResult WriteByDelta(const map::AttributesOp& op, const WriteOptions& options,
                           bool& deltas) const;
  // The command of such a write; under the lock.
  runtime::CallErrand::Command NewConvergentWrite(const engine::Engine& engine, Instant now,
                                                  const Request& request,
                                                  const WriteOptions& options) const;
  WriteResult Claim(std::string_view key, const WriteOptions& options) const;
  absl::Status ClaimAsync(std::string_view key, const WriteOptions& options,
                          WriteCallback done) const;
  // Calls read(map, group time in ms), which gives a status, under the lock. Errors: those of
  // runtime::FindConvergent().
  template <class Function>
  absl::Status ReadConvergent(Function&& read) const {
    return group->driver().Read([&](const engine::Engine& engine, Instant now) -> absl::Status {
      const absl::StatusOr<const map::ConvergentMap*> found =
          runtime::FindConvergent(engine, map.name);
      return found.ok() ? read(**found, engine.GroupTimeMs(now)) : found.status();
    });
  }
  // `own_keys`: of the keys that this member puts and erases itself only those for which it is true
  // have to be told; null: all.
  Subscription Subscribe(std::function<bool(std::string_view)> wanted,
                         std::function<void(const Change&)> on_change,
                         Group::Impl::KeyFilter own_keys = nullptr) const;

  const std::shared_ptr<Group::Impl> group;
  Group::Impl::OpenedMap& map;

 private:
  using Command = absl::StatusOr<engine::MapWrite>;
  // Under the lock. Of an ordered map it only says which one it is.
  runtime::CallErrand::Command NewWrite(const engine::Engine& engine, Instant now, Body& body,
                                        const WriteOptions& options,
                                        std::optional<uint32_t>& ordered) const;
  Command NewOrderedWrite(uint32_t id, Body body, const WriteOptions& options) const;
  absl::StatusOr<engine::ClaimEntry> NewClaim(std::string_view key) const;
};

}  // namespace cohort

#endif  // COHORT_RUNTIME_REPLICATED_MAP_IMPL_H_

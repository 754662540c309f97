// A map's calls in the engine's words, whoever drives the engine: the body of each write, or why
// there is none, and what a reading is to a user.
#ifndef COHORT_RUNTIME_MAP_CALLS_H_
#define COHORT_RUNTIME_MAP_CALLS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/view.h"
#include "cohort/write_batch.h"
#include "engine/command.h"
#include "engine/engine.h"
#include "engine/io.h"
#include "map/convergent_map.h"
#include "map/map_op.h"
#include "map/types.h"

namespace cohort::runtime {

// Borrows keys and values from the call's arguments.
using MapBody = decltype(map::MapOp::body);

// Errors of all: kInvalidArgument, a lifetime that is none.
absl::StatusOr<MapBody> PutBody(std::string_view key, std::string_view value,
                                const WriteOptions& options,
                                std::optional<Version> expected = std::nullopt);
absl::StatusOr<MapBody> ExpireBody(std::string_view key, absl::Duration ttl);
absl::StatusOr<MapBody> BatchBody(const WriteBatch& batch);
MapBody EraseBody(std::string_view key, std::optional<Version> expected = std::nullopt);
MapBody IncrementBody(std::string_view key, int64_t delta);
MapBody AppendBody(std::string_view key, std::string_view suffix);
MapBody PersistBody(std::string_view key);
MapBody TouchBody(std::string_view key);
MapBody ClearBody();

// `body` as a command for a convergent map, as NewConvergentWrite(). Errors besides those:
// kFailedPrecondition, there is no such write of a convergent map.
absl::StatusOr<engine::MapWrite> NewWriteTo(const map::ConvergentMap& map, MapBody body,
                                            map::GroupTime now, const WriteOptions& options);
// kFailedPrecondition: what `options` ask for is none of an ordered map's.
absl::Status CheckForOrdered(const WriteOptions& options);

// What stands for the convergent map of this name. Errors: kUnavailable, there is none yet;
// kFailedPrecondition, it is an ordered one.
absl::StatusOr<const map::ConvergentMap*> FindConvergent(const engine::Engine& engine,
                                                         std::string_view name);
// Its owner among the members of the view. Errors: kNotFound; kUnavailable.
absl::StatusOr<Member> OwnerIn(const engine::Engine& engine, const map::ConvergentMap& map,
                               std::string_view key, map::GroupTime now);
// Copies the values. Error: kNotFound, for nothing.
absl::StatusOr<std::vector<Attribute>> ToAttributes(
    std::optional<map::ConvergentMap::Attributes> found);

// Whether a subscriber to the keys that are `wanted` is told of `change`: what has no key concerns
// everybody.
bool Concerns(const Change& change, const std::function<bool(std::string_view)>& wanted);

// Copies the value. `now` is the group's time.
Entry ToEntry(const map::Reading& reading, map::GroupTime now);

// A read that another member answers if this one cannot. Whether there is one to be made after the
// answer of this member; what asks for it; what came of it. Error: kInvalidArgument.
bool MayAskOthers(const absl::StatusOr<Entry>& here, const ReadOptions& options);
absl::StatusOr<engine::ReadEntry> NewRead(std::string_view map, std::string_view key,
                                          const ReadOptions& options);
absl::StatusOr<Entry> ToEntry(const engine::DoneUpcall& answer);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MAP_CALLS_H_

// From the public words for a write to the engine's: values checked against their limits, then
// encoded.
#ifndef COHORT_RUNTIME_MAP_WRITES_H_
#define COHORT_RUNTIME_MAP_WRITES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/write_batch.h"
#include "engine/command.h"
#include "map/convergent_map.h"
#include "map/limits.h"
#include "map/map_op.h"

namespace cohort::runtime {

// An attribute with fewer bytes is never written by a delta.
inline constexpr size_t kDeltaValueMin = map::kDeltaValueMin;
inline constexpr unsigned kLogicalBits = 16;  // Of a hybrid logical time, below its milliseconds.

// Milliseconds of a lifetime, rounded up; 0 for none. Errors: kInvalidArgument, less than 1 ms or
// too long.
absl::StatusOr<uint64_t> TtlMillis(absl::Duration ttl);

engine::AckLevel ToAckLevel(Ack ack);

absl::StatusOr<map::PutOp> NewPut(std::string_view key, std::string_view value,
                                  const WriteOptions& options);
absl::StatusOr<map::TouchOp> NewExpire(std::string_view key, absl::Duration ttl);
// Strings of the result are borrowed from `batch`. Errors: kInvalidArgument, a lifetime that is
// none, or an attribute without a name; kFailedPrecondition, it writes attributes.
absl::StatusOr<map::BatchOp> NewBatch(const WriteBatch& batch);
// For a convergent map; attributes take `options.keep_ttl`. Errors: as NewBatch, but attributes are
// welcome.
absl::StatusOr<map::ConvergentBatchOp> NewConvergentBatch(const WriteBatch& batch,
                                                          const WriteOptions& options);
// Whether only a convergent map can take it.
bool WritesAttributes(const WriteBatch& batch);

// `op` as a command for the map number `map`, id 0. Errors: kInvalidArgument, beyond a limit.
absl::StatusOr<engine::MapWrite> NewMapWrite(uint32_t map, const map::MapOp& op, Ack ack);

// `body` as a command for a convergent map, prepared on what it holds at group time `now`, id 0. An
// empty operation: there is nothing to do. Errors: those of map::PrepareConvergent().
absl::StatusOr<engine::MapWrite> NewConvergentWrite(const map::ConvergentMap& map,
                                                    const map::ConvergentRequest& request,
                                                    map::GroupTime now,
                                                    const WriteOptions& options);
// The same request for a map of either kind; MERGE, EXPIRE and the like are none of a caller.
absl::StatusOr<map::ConvergentRequest> ToConvergentRequest(decltype(map::MapOp::body) body);

// Errors: kInvalidArgument, a lifetime that is none, or an attribute without a name.
absl::StatusOr<map::AttributesOp> NewAttributes(std::string_view key,
                                                const std::vector<Attribute>& attributes,
                                                const WriteOptions& options);
absl::StatusOr<map::AttributesOp> NewAttributeErasure(std::string_view key,
                                                      std::span<const std::string_view> names,
                                                      const WriteOptions& options);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MAP_WRITES_H_

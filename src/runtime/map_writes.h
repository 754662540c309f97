// From the public words for a write to the engine's: values checked against their limits, then
// encoded.
#ifndef COHORT_RUNTIME_MAP_WRITES_H_
#define COHORT_RUNTIME_MAP_WRITES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "cohort/options.h"
#include "cohort/write_batch.h"
#include "engine/command.h"
#include "map/map_op.h"

namespace cohort::runtime {

// Milliseconds of a lifetime, rounded up; 0 for none. Errors: kInvalidArgument, less than 1 ms or
// too long.
absl::StatusOr<uint64_t> TtlMillis(absl::Duration ttl);

engine::AckLevel ToAckLevel(Ack ack);

absl::StatusOr<map::PutOp> NewPut(std::string_view key, std::string_view value,
                                  const WriteOptions& options);
absl::StatusOr<map::TouchOp> NewExpire(std::string_view key, absl::Duration ttl);
// Strings of the result are borrowed from `batch`.
absl::StatusOr<map::BatchOp> NewBatch(const WriteBatch& batch);

// `op` as a command for the map number `map`, id 0. Errors: kInvalidArgument, beyond a limit.
absl::StatusOr<engine::MapWrite> NewMapWrite(uint32_t map, const map::MapOp& op, Ack ack);

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_MAP_WRITES_H_

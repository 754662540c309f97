// What the public API asks before it sends an operation: is it within the limits? Every refusal
// says the limit and what to do about it. The same checks run again at the operation's place in the
// order, where they are what counts.
//
// Errors of all: kInvalidArgument.
#ifndef COHORT_MAP_VALIDATION_H_
#define COHORT_MAP_VALIDATION_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "map/map_op.h"

namespace cohort::map {

absl::Status Invalid(const std::string& message);  // That error.

absl::Status ValidateMapName(std::string_view name);
absl::Status ValidateKey(std::string_view key);
absl::Status ValidateValue(std::string_view value);
absl::Status ValidateTtl(uint64_t ttl_ms);
// The whole operation, its encoded size included.
absl::Status ValidateOp(const MapOp& op);

}  // namespace cohort::map

#endif  // COHORT_MAP_VALIDATION_H_

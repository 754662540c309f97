// The options of a group, from C.
#ifndef COHORT_C_API_GROUP_OPTIONS_H_
#define COHORT_C_API_GROUP_OPTIONS_H_

#include "absl/status/statusor.h"
#include "cohort/c.h"
#include "cohort/options.h"

namespace cohort::c_api {

// Copies everything. Errors: kInvalidArgument; what Group::Join judges is left to it.
absl::StatusOr<GroupOptions> ToGroupOptions(const cohort_group_options_t* options);

}  // namespace cohort::c_api

#endif  // COHORT_C_API_GROUP_OPTIONS_H_

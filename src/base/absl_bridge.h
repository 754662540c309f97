// The one place where std and Abseil string views meet: in some distributions they are two types,
// in others one.
#ifndef COHORT_BASE_ABSL_BRIDGE_H_
#define COHORT_BASE_ABSL_BRIDGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cohort {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }
inline absl::Status MakeStatus(absl::StatusCode code, std::string_view message) {
  return absl::Status(code, ToAbsl(message));
}

}  // namespace cohort

#endif  // COHORT_BASE_ABSL_BRIDGE_H_

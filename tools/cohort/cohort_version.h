// Versions the program tells.
#ifndef COHORT_TOOLS_COHORT_VERSION_H_
#define COHORT_TOOLS_COHORT_VERSION_H_

#include <string_view>

namespace cohort::tools {

#ifdef COHORT_VERSION
inline constexpr std::string_view kCohortVersion = COHORT_VERSION;
#else
inline constexpr std::string_view kCohortVersion = "unknown";
#endif
// The Redis whose commands these are; client libraries choose their dialect by it.
inline constexpr std::string_view kRedisVersion = "7.0.0";

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_COHORT_VERSION_H_

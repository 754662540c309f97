// Redis glob patterns: * ? [abc] [^a-z] and \ for the character itself.
#ifndef COHORT_TOOLS_GLOB_H_
#define COHORT_TOOLS_GLOB_H_

#include <string_view>

namespace cohort::tools {

// Whether all of `text` matches. Time is at most the product of the lengths, whatever the pattern.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_GLOB_H_

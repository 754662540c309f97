// What somebody may have meant who mistyped a word.
#ifndef COHORT_TOOLS_NEAREST_H_
#define COHORT_TOOLS_NEAREST_H_

#include <span>
#include <string>
#include <string_view>

namespace cohort::tools {

// Typing errors (letters left out, added, changed, or two swapped) that a word is looked through
// for: at most this many, and at most one for each three letters.
inline constexpr size_t kTypingErrorsMax = 3;

// The one of `known` that is fewest typing errors away from `word`, the first of several; empty
// when none is near. Of words longer than 64 bytes none is.
std::string Nearest(std::string_view word, std::span<const std::string> known);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_NEAREST_H_

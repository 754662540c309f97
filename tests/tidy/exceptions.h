// What may break a rule for now: a ratchet. A line is `rule place size`; size is the number of
// lines of what is too long, or the number of findings. More than listed fails, and so does a line
// that is not needed any more.
#ifndef COHORT_TESTS_TIDY_EXCEPTIONS_H_
#define COHORT_TESTS_TIDY_EXCEPTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "tidy/rules.h"

namespace cohort::tidy {

// What is left of `findings` when `exceptions` (the text of exceptions.txt) are taken out, in
// words; and the exceptions that nothing needs.
std::vector<std::string> Judge(const Findings& findings, std::string_view exceptions);

}  // namespace cohort::tidy

#endif  // COHORT_TESTS_TIDY_EXCEPTIONS_H_

// The options of SET: NX XX GET EX PX EXAT PXAT KEEPTTL.
#ifndef COHORT_TOOLS_SET_OPTIONS_H_
#define COHORT_TOOLS_SET_OPTIONS_H_

#include <string>

#include "absl/time/time.h"
#include "resp_command.h"

namespace cohort::tools {

struct SetOptions {
  bool only_if_absent = false;
  bool only_if_present = false;
  bool get = false;
  bool keep_ttl = false;
  bool expired = false;  // EXAT or PXAT lie in the past: the entry goes away.
  absl::Duration ttl = absl::InfiniteDuration();

  // Reads arguments[3...]. Empty, or Redis's words for what is wrong.
  std::string Parse(Arguments arguments);
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_SET_OPTIONS_H_

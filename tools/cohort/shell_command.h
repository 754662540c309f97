// Runs a command of the operator's by the shell, for a bounded time.
#ifndef COHORT_TOOLS_SHELL_COMMAND_H_
#define COHORT_TOOLS_SHELL_COMMAND_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace cohort::tools {

// Runs `command` by /bin/sh, with no signal blocked and nothing to read; blocks, `within` at most,
// after which it is killed with all that it has started. Errors, with the end of what it wrote:
// kInternal (it failed, or could not be started), kDeadlineExceeded.
absl::Status RunShellCommand(const std::string& command, absl::Duration within);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_SHELL_COMMAND_H_

// SIGINT and SIGTERM as a wish to end: the first is handed on, the second ends the process at once.
#ifndef COHORT_TOOLS_SIGNALS_H_
#define COHORT_TOOLS_SIGNALS_H_

#include <functional>

namespace cohort::tools {

// Call first thing in main, before any thread exists: blocks both signals everywhere, ignores
// SIGPIPE, and waits for them on a thread of its own ("cohort-signals") that lives as long as the
// process.
void HandleSignals(std::function<void(int signal)> on_first);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_SIGNALS_H_

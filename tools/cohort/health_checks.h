// Asks servers that are about to be marked up whether they serve yet: some containers open their
// port before their applications are there, and answer 404 meanwhile.
//
// The idea: each awaited server is asked by HTTP, by a thread of its own, again after a pause until
// it is healthy. Nobody waits for such a thread: who does not answer holds up nobody.
//
// Threads: any.
#ifndef COHORT_TOOLS_HEALTH_CHECKS_H_
#define COHORT_TOOLS_HEALTH_CHECKS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "cohort/ids.h"

namespace cohort::tools {

// Servers that are asked at a time. Where there are more, they take turns.
inline constexpr size_t kHealthThreadsMax = 64;

// GET `path` at `address`, "IP:PORT". Healthy is whoever answers with 2xx or 3xx. Blocks for 2 s at
// most; of the answer the status line is read, up to 1 KiB. Errors, in words: kInvalidArgument (no
// such address), kUnavailable.
absl::Status AskHealth(const std::string& address, const std::string& path);

class HealthChecks {
 public:
  // `on_news`: a server is healthy, or failed for the first time; called by threads of this, one at
  // a time, under no lock, and not after the destructor.
  HealthChecks(std::string path, std::function<void()> on_news);
  ~HealthChecks();
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;

  struct Target {
    std::string address;
    MemberId member;  // Of another one nothing is known.
    bool operator==(const Target&) const = default;
  };
  // Servers to be asked from now on, by name. What is known of others is forgotten.
  void Await(const std::map<std::string, Target>& targets);
  std::map<std::string, MemberId> Healthy() const;  // Of those awaited.
  // Those that failed since they are awaited, and why; each once.
  std::map<std::string, std::string> TakeFailures();

 private:
  struct State;
  const std::shared_ptr<State> state_;  // Shared with the threads.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_HEALTH_CHECKS_H_

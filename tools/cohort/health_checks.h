// Asks servers that are about to be marked up whether they serve yet: some containers open their
// port before their applications are there, and answer 404 meanwhile.
//
// The idea: a thread of its own asks each awaited server by HTTP, one after the other and again
// after a pause, until it is healthy; so that a server that does not answer holds up no mark but of
// servers that are asked after it, by 6 s at most.
//
// Threads: any.
#ifndef COHORT_TOOLS_HEALTH_CHECKS_H_
#define COHORT_TOOLS_HEALTH_CHECKS_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "cohort/ids.h"

namespace cohort::tools {

// GET `path` at `address`, "HOST:PORT". Healthy is whoever answers with 2xx or 3xx; the body is not
// read. Waits up to 2 s for the connection, and for each part of the answer. Errors, in words:
// kInvalidArgument (no such address), kUnavailable.
absl::Status AskHealth(const std::string& address, const std::string& path);

class Question;

class HealthChecks {
 public:
  // `on_news`: a server is healthy, or failed for the first time; called by the thread, under no
  // lock, never after the destructor.
  HealthChecks(std::string path, std::function<void()> on_news);
  ~HealthChecks();
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;

  struct Target {
    std::string address;
    MemberId member;  // Of another one nothing is known.
    bool operator==(const Target&) const = default;
  };
  // Servers to be asked from now on, by name. What is known of others is forgotten. To be called
  // again within seconds: it ends questions that take too long.
  void Await(const std::map<std::string, Target>& targets);
  std::set<std::string> Healthy() const;  // Of those awaited.
  // Those that failed since they are awaited, and why; each once.
  std::map<std::string, std::string> TakeFailures();

 private:
  struct Server {
    Target target;
    bool healthy = false;
    bool told = false;    // That it fails.
    std::string failure;  // To be told.
  };
  void Run();
  // Whoever is to be asked now, but those of `asked`; empty: nobody.
  std::string NextOf(const std::set<std::string>& asked) const;
  void AskOne(std::unique_lock<std::mutex>& lock, const std::string& name);

  const std::string path_;
  const std::function<void()> on_news_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Server> servers_;
  std::unique_ptr<Question> question_;  // Under way.
  bool stop_ = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_HEALTH_CHECKS_H_

#include "health_checks.h"

#include <httplib.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "endpoint.h"
#include "runtime/delivery_queue.h"

namespace cohort::tools {
namespace {

constexpr time_t kSeconds = 2;
constexpr std::chrono::seconds kQuestionMax(4);   // Whoever answers byte by byte is not healthy.
constexpr std::chrono::milliseconds kPause(250);  // Between two rounds.

bool IsHealthy(int status) { return status >= 200 && status < 400; }

}  // namespace

// A GET that another thread may end.
class Question {
 public:
  explicit Question(const Endpoint& endpoint) : client_(endpoint.host, endpoint.port) {
    client_.set_connection_timeout(kSeconds, 0);
    client_.set_read_timeout(kSeconds, 0);
    client_.set_write_timeout(kSeconds, 0);
  }
  absl::Status Ask(const std::string& address, const std::string& path);
  void End() { client_.stop(); }
  bool IsOld() const { return Clock::now() - begun_ > kQuestionMax; }

 private:
  using Clock = std::chrono::steady_clock;
  httplib::Client client_;
  const Clock::time_point begun_ = Clock::now();
};

absl::Status Question::Ask(const std::string& address, const std::string& path) {
  int status = 0;
  const auto see_status = [&](const httplib::Response& response) {
    status = response.status;
    return false;
  };
  const auto no_body = [](const char*, size_t) { return false; };
  const httplib::Result result = client_.Get(path.c_str(), see_status, no_body);
  if (result) status = result->status;  // An answer without a body.
  if (IsHealthy(status)) return absl::OkStatus();
  if (status != 0) return absl::UnavailableError(absl::StrCat(address, path, " answers ", status));
  return absl::UnavailableError(absl::StrCat("no answer from ", address, path, ": ",
                                             result.error() == httplib::Error::Connection
                                                 ? "nobody accepts connections there"
                                                 : httplib::to_string(result.error())));
}

absl::Status AskHealth(const std::string& address, const std::string& path) {
  const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(address);
  if (!endpoint.ok()) return endpoint.status();
  return Question(*endpoint).Ask(address, path);
}

HealthChecks::HealthChecks(std::string path, std::function<void()> on_news)
    : path_(std::move(path)),
      on_news_(std::move(on_news)),
      thread_(runtime::StartThread("cohort-health", [this] { Run(); })) {}

HealthChecks::~HealthChecks() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (question_ != nullptr) question_->End();
  }
  changed_.notify_all();
  thread_.join();
}

void HealthChecks::Await(const std::map<std::string, Target>& targets) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(servers_, [&](const auto& item) {
      const auto wanted = targets.find(item.first);
      return wanted == targets.end() || wanted->second != item.second.target;
    });
    for (const auto& [name, target] : targets) servers_[name].target = target;
    if (question_ != nullptr && question_->IsOld()) question_->End();
  }
  changed_.notify_all();
}

std::set<std::string> HealthChecks::Healthy() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& [name, server] : servers_) {
    if (server.healthy) names.insert(name);
  }
  return names;
}

std::map<std::string, std::string> HealthChecks::TakeFailures() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> failures;
  for (auto& [name, server] : servers_) {
    if (!server.failure.empty()) failures[name] = std::exchange(server.failure, {});
  }
  return failures;
}

std::string HealthChecks::NextOf(const std::set<std::string>& asked) const {
  for (const auto& [name, server] : servers_) {
    if (!server.healthy && !asked.contains(name)) return name;
  }
  return {};
}

void HealthChecks::AskOne(std::unique_lock<std::mutex>& lock, const std::string& name) {
  const Target target = servers_[name].target;
  const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(target.address);
  absl::Status status = endpoint.status();
  if (endpoint.ok()) {
    question_ = std::make_unique<Question>(*endpoint);
    lock.unlock();
    status = question_->Ask(target.address, path_);
    lock.lock();
    question_.reset();
  }
  // It may be awaited no more, or be another one.
  const auto found = servers_.find(name);
  if (found == servers_.end() || found->second.target != target) return;
  Server& server = found->second;
  server.healthy = status.ok();
  const bool fails_first = !status.ok() && !std::exchange(server.told, true);
  if (fails_first) server.failure = std::string(status.message());
  if (!server.healthy && !fails_first) return;
  lock.unlock();
  on_news_();
  lock.lock();
}

void HealthChecks::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    changed_.wait(lock, [this] { return stop_ || !NextOf({}).empty(); });
    std::set<std::string> asked;
    for (std::string name = NextOf(asked); !stop_ && !name.empty(); name = NextOf(asked)) {
      asked.insert(name);
      AskOne(lock, name);
    }
    changed_.wait_for(lock, kPause, [this] { return stop_; });
  }
}

}  // namespace cohort::tools

#include "health_checks.h"

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "endpoint.h"
#include "runtime/delivery_queue.h"

namespace cohort::tools {
namespace {

constexpr time_t kSeconds = 2;
constexpr std::chrono::milliseconds kPause(250);  // Between two questions.

bool IsHealthy(int status) { return status >= 200 && status < 400; }

}  // namespace

absl::Status AskHealth(const std::string& address, const std::string& path) {
  const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(address);
  if (!endpoint.ok()) return endpoint.status();
  httplib::Client client(endpoint->host, endpoint->port);
  client.set_connection_timeout(kSeconds, 0);
  client.set_read_timeout(kSeconds, 0);
  client.set_write_timeout(kSeconds, 0);
  int status = 0;
  const auto see_status = [&](const httplib::Response& response) {
    status = response.status;
    return false;
  };
  const auto no_body = [](const char*, size_t) { return false; };
  const httplib::Result result = client.Get(path.c_str(), see_status, no_body);
  if (result) status = result->status;  // An answer without a body.
  if (IsHealthy(status)) return absl::OkStatus();
  if (status != 0) return absl::UnavailableError(absl::StrCat(address, path, " answers ", status));
  return absl::UnavailableError(absl::StrCat("no answer from ", address, path, ": ",
                                             result.error() == httplib::Error::Connection
                                                 ? "nobody accepts connections there"
                                                 : httplib::to_string(result.error())));
}

struct HealthChecks::State {
  struct Server {
    Target target;
    uint64_t number = 0;  // Of this wait, unlike all others.
    bool asked = false;   // A thread asks it, or has.
    bool healthy = false;
    bool told = false;    // That it fails.
    std::string failure;  // To be told.
  };
  State(std::string its_path, std::function<void()> to_tell)
      : path(std::move(its_path)), on_news(std::move(to_tell)) {}

  // Whoever is still asked for by the thread of this number; null: nobody. Under the lock.
  Server* Find(const std::string& name, uint64_t number) {
    const auto found = servers.find(name);
    return stop || found == servers.end() || found->second.number != number ? nullptr
                                                                            : &found->second;
  }
  // Of one server, until it is healthy, or not awaited any more.
  void Ask(const std::string& name, uint64_t number, const std::string& address);
  // What it answered. Whether there is news.
  bool Note(Server& server, const absl::Status& status);
  void Tell() {
    const std::lock_guard lock(telling);
    if (on_news != nullptr) on_news();
  }

  const std::string path;
  std::mutex telling;             // Held while `on_news` is called.
  std::function<void()> on_news;  // Null: nobody is to be told any more.
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Server> servers;
  uint64_t next_number = 1;
  size_t threads = 0;
  bool stop = false;
};

bool HealthChecks::State::Note(Server& server, const absl::Status& status) {
  server.healthy = status.ok();
  if (server.healthy) return true;
  if (std::exchange(server.told, true)) return false;
  server.failure = std::string(status.message());
  return true;
}

void HealthChecks::State::Ask(const std::string& name, uint64_t number,
                              const std::string& address) {
  std::unique_lock lock(mutex);
  while (Find(name, number) != nullptr) {
    lock.unlock();
    const absl::Status status = AskHealth(address, path);
    lock.lock();
    Server* const server = Find(name, number);
    if (server == nullptr) break;
    const bool is_news = Note(*server, status);
    if (is_news) {
      lock.unlock();
      Tell();
      lock.lock();
    }
    if (status.ok()) break;
    changed.wait_for(lock, kPause, [&] { return Find(name, number) == nullptr; });
  }
  --threads;
}

HealthChecks::HealthChecks(std::string path, std::function<void()> on_news)
    : state_(std::make_shared<State>(std::move(path), std::move(on_news))) {}

HealthChecks::~HealthChecks() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  const std::lock_guard lock(state_->telling);
  state_->on_news = nullptr;
}

void HealthChecks::Await(const std::map<std::string, Target>& targets) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  std::erase_if(state.servers, [&](const auto& item) {
    const auto wanted = targets.find(item.first);
    return wanted == targets.end() || wanted->second != item.second.target;
  });
  state.changed.notify_all();
  for (const auto& [name, target] : targets) {
    State::Server& server = state.servers[name];
    if (server.number == 0) server.number = state.next_number++;
    server.target = target;
    if (server.asked || state.threads >= kHealthThreadsMax) continue;
    server.asked = true;
    ++state.threads;
    const auto ask = [shared = state_, of = name, number = server.number,
                      address = target.address] { shared->Ask(of, number, address); };
    runtime::StartThread("cohort-health", ask).detach();
  }
}

std::map<std::string, MemberId> HealthChecks::Healthy() const {
  const std::lock_guard lock(state_->mutex);
  std::map<std::string, MemberId> members;
  for (const auto& [name, server] : state_->servers) {
    if (server.healthy) members[name] = server.target.member;
  }
  return members;
}

std::map<std::string, std::string> HealthChecks::TakeFailures() {
  const std::lock_guard lock(state_->mutex);
  std::map<std::string, std::string> failures;
  for (auto& [name, server] : state_->servers) {
    if (!server.failure.empty()) failures[name] = std::exchange(server.failure, {});
  }
  return failures;
}

}  // namespace cohort::tools

#include "health_checks.h"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "endpoint.h"
#include "runtime/delivery_queue.h"

namespace cohort::tools {
namespace {

constexpr std::chrono::seconds kAnswerMax(2);  // From the first packet to the status.
constexpr size_t kStatusLineBytesMax = 1024;
constexpr std::chrono::milliseconds kPause(250);  // Between two questions.

// Asks for the status line alone. (The library for HTTP bounds neither the bytes nor the time of
// one, and who asks must not be held up, or filled, by the server that is asked.)
class Question {
 public:
  Question(const Endpoint& endpoint, const std::string& path)
      : text_(absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", endpoint.ToString(),
                           "\r\nConnection: close\r\n\r\n")) {}

  // The status; 0: there was none, and error() says why.
  int Ask(const asio::ip::tcp::endpoint& server) {
    const auto failed = [this](const asio::error_code& error) {
      error_ = error;
      return static_cast<bool>(error);
    };
    socket_.async_connect(server, [&](const asio::error_code& error) {
      if (failed(error)) return;
      asio::async_write(socket_, asio::buffer(text_), [&](const asio::error_code& sent, size_t) {
        if (failed(sent)) return;
        asio::async_read_until(socket_, asio::dynamic_buffer(answer_, kStatusLineBytesMax), "\r\n",
                               [&](const asio::error_code& read, size_t) { failed(read); });
      });
    });
    error_ = asio::error::timed_out;
    context_.run_for(kAnswerMax);
    return error_ ? 0 : Status();
  }
  const asio::error_code& error() const { return error_; }

 private:
  // "HTTP/1.1 200 OK"
  int Status() const {
    constexpr std::string_view kVersion = "HTTP/1.";
    int status = 0;
    const bool is_status = answer_.starts_with(kVersion) && answer_.size() >= 12 &&
                           absl::SimpleAtoi(answer_.substr(kVersion.size() + 2, 3), &status);
    return is_status ? status : 0;
  }

  const std::string text_;
  std::string answer_;
  asio::error_code error_;
  asio::io_context context_;
  asio::ip::tcp::socket socket_{context_};
};

bool IsHealthy(int status) { return status >= 200 && status < 400; }

std::string WhyNone(const asio::error_code& error) {
  if (error == asio::error::connection_refused) return "nobody accepts connections there";
  if (error == asio::error::timed_out)
    return absl::StrCat("none within ", kAnswerMax.count(), " s");
  if (!error || error == asio::error::not_found) return "it is none of HTTP";
  return error.message();
}

}  // namespace

absl::Status AskHealth(const std::string& address, const std::string& path) {
  const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(address);
  if (!endpoint.ok()) return endpoint.status();
  asio::error_code no_address;
  const asio::ip::address host = asio::ip::make_address(endpoint->host, no_address);
  if (no_address)
    return absl::InvalidArgumentError(absl::StrCat(address, " is no IP address and port"));
  Question question(*endpoint, path);
  const int status = question.Ask({host, endpoint->port});
  if (IsHealthy(status)) return absl::OkStatus();
  if (status != 0) return absl::UnavailableError(absl::StrCat(address, path, " answers ", status));
  return absl::UnavailableError(
      absl::StrCat("no answer from ", address, path, ": ", WhyNone(question.error())));
}

struct HealthChecks::State {
  struct Server {
    Target target;
    uint64_t number = 0;  // Of this wait, unlike all others.
    bool asked = false;   // A thread asks it, or has found it healthy.
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
  // The one that has waited for a thread longest.
  std::map<std::string, Server>::iterator FindUnasked() {
    auto first = servers.end();
    for (auto it = servers.begin(); it != servers.end(); ++it) {
      const bool waits = !it->second.asked;
      if (waits && (first == servers.end() || it->second.number < first->second.number)) first = it;
    }
    return first;
  }
  // What a thread does: as long as there is a server that nobody asks.
  void Work();
  // One server, until it is healthy, or not awaited any more. Under the lock, but for the asking.
  void Ask(std::unique_lock<std::mutex>& lock, const std::string& name, uint64_t number,
           const std::string& address);
  // What it answered. Whether there is news.
  bool Note(Server& server, const absl::Status& status);
  void Tell() {
    const std::lock_guard lock(telling);
    if (on_news != nullptr) on_news();
  }

  const std::string path;
  std::mutex telling;             // Held while `on_news` is called.
  std::function<void()> on_news;  // Null: nobody is to be told any more.
  std::mutex mutex;
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

void HealthChecks::State::Work() {
  std::unique_lock lock(mutex);
  while (!stop) {
    const auto next = FindUnasked();
    if (next == servers.end()) break;
    next->second.asked = true;
    Ask(lock, std::string(next->first), next->second.number,
        std::string(next->second.target.address));
  }
  --threads;
}

void HealthChecks::State::Ask(std::unique_lock<std::mutex>& lock, const std::string& name,
                              uint64_t number, const std::string& address) {
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
    // Who waits for a thread comes first.
    Server* const failed = Find(name, number);
    if (failed == nullptr || FindUnasked() == servers.end()) continue;
    failed->asked = false;
    failed->number = next_number++;
    break;
  }
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
  size_t unasked = 0;
  for (const auto& [name, target] : targets) {
    State::Server& server = state.servers[name];
    if (server.number == 0) server.number = state.next_number++;
    server.target = target;
    unasked += !server.asked;
  }
  for (; unasked > 0 && state.threads < kHealthThreadsMax; --unasked) {
    ++state.threads;
    runtime::StartThread("cohort-health", [shared = state_] { shared->Work(); }).detach();
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

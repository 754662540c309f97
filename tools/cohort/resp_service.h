// What all connections of a RESP server share: the maps, the rules, finished writes on their way
// back, counters.
#ifndef COHORT_TOOLS_RESP_SERVICE_H_
#define COHORT_TOOLS_RESP_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cohort/group.h"
#include "resp_channels.h"

namespace cohort::tools {

struct RespOptions {
  Ack ack = Ack::kAll;
  absl::Duration timeout = absl::Seconds(5);
  std::string password;  // Empty: AUTH is not needed.
  size_t clients_max = 1024;
  // A client that takes nothing of its replies for so long is disconnected.
  absl::Duration write_timeout = absl::Seconds(60);
};

// A write that reached its acknowledgement, or failed.
struct WriteCompletion {
  uint64_t session = 0;
  uint64_t slot = 0;
  WriteResult result;
};

// From the delivery thread to the server's. Shared, because the last callbacks may outlive the
// server.
class CompletionQueue {
 public:
  // `wake` is called, on the pushing thread, when the queue becomes non-empty.
  explicit CompletionQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Push(WriteCompletion completion) {
    const std::lock_guard lock(mutex_);
    completions_.push_back(std::move(completion));
    if (completions_.size() == 1 && wake_) wake_();
  }
  std::vector<WriteCompletion> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(completions_, {});
  }
  // Nobody listens any more.
  void Close() {
    const std::lock_guard lock(mutex_);
    wake_ = nullptr;
    completions_.clear();
  }

 private:
  std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<WriteCompletion> completions_;
};

// Read by the HTTP door too, hence atomic.
struct RespStats {
  std::atomic<uint64_t> connections_open{0};
  std::atomic<uint64_t> connections_total{0};
  std::atomic<uint64_t> connections_refused{0};
  std::atomic<uint64_t> connections_dropped{0};  // Too slow a reader, or not speaking the protocol.
  std::atomic<uint64_t> commands{0};
  std::atomic<uint64_t> messages{0};  // Of channels, to clients.
  std::atomic<uint64_t> errors{0};
  std::atomic<uint64_t> transactions_repeated{0};
};

struct RespService {
  Group* group = nullptr;           // Outlives the server.
  std::vector<ReplicatedMap> maps;  // SELECT picks one.
  RespOptions options;
  std::shared_ptr<CompletionQueue> completions;
  RespChannels channels;        // Of the server's thread.
  std::function<void()> leave;  // COHORT LEAVE.
  // COHORT DRAIN: begins to, and calls `done` with what came of it, from another thread. False: is
  // at it already.
  std::function<bool(absl::Duration timeout, std::function<void(const absl::Status&)> done)> drain;
  std::function<std::vector<std::string>(size_t)> recent_events;  // COHORT EVENTS.
  std::function<void(std::string)> on_dropped;  // Which client was disconnected, and why.
  RespStats stats;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_SERVICE_H_

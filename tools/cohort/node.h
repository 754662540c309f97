// One member without a host program: a group, its maps, and the doors to them.
#ifndef COHORT_TOOLS_NODE_H_
#define COHORT_TOOLS_NODE_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cohort/group.h"
#include "event_log.h"
#include "http_server.h"
#include "node_options.h"
#include "resp_server.h"

namespace cohort::tools {

class Node {
 public:
  explicit Node(NodeOptions options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Takes the doors' addresses, joins, opens the maps, opens the doors. Blocks.
  absl::Status Start();
  // Until RequestStop.
  void WaitForStop();
  enum class Farewell : uint8_t {
    kLeave,  // At once.
    kDrain,  // As NodeOptions::drain_timeout says.
  };
  // From any thread. Before Start has returned there is nothing to leave: the caller may end the
  // process.
  void RequestStop(Farewell farewell);
  bool started() const;
  // Drains if that was asked for, closes the doors and leaves the group. Blocks.
  absl::Status Stop();

  const Group& group() const { return *group_; }  // After Start.
  const Endpoint& resp_endpoint() const { return resp_.endpoint(); }
  const RespStats& resp_stats() { return resp_.service().stats; }
  const Endpoint& http_endpoint() const { return http_.endpoint(); }

 private:
  void WithStatus(const std::function<void(const NodeStatus&)>& use);
  absl::Status OpenMaps();
  void AnnounceReady();
  bool Drain(absl::Duration timeout, std::function<void(const absl::Status&)> done);
  void DrainFirst();

  NodeOptions options_;
  EventLog events_;
  std::optional<Group> group_;
  std::vector<ReplicatedMap> maps_;
  RespServer resp_;
  HttpServer http_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Farewell> stop_requested_;
  std::thread drainer_;    // "cohort-drain", for COHORT DRAIN.
  bool draining_ = false;  // It has not ended.
  bool drained_ = false;   // The group was left by it.
  bool started_ = false;
  NodeStatus status_;  // Guarded by mutex_.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_NODE_H_

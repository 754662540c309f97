// Serves maps over the Redis protocol on one TCP or Unix socket, with one thread of its own
// ("cohort-resp").
#ifndef COHORT_TOOLS_RESP_SERVER_H_
#define COHORT_TOOLS_RESP_SERVER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"
#include "endpoint.h"
#include "resp_connection.h"
#include "resp_keyspace.h"
#include "resp_service.h"

namespace cohort::tools {

class RespServer {
 public:
  RespServer();
  ~RespServer();  // Stop().
  RespServer(const RespServer&) = delete;
  RespServer& operator=(const RespServer&) = delete;

  // Takes the address; nobody is served yet. Errors in words: taken, not ours, not allowed.
  absl::Status Bind(const Endpoint& endpoint);
  // Serves from now on. `group` outlives the server.
  absl::Status Start(Group* group, std::vector<ReplicatedMap> maps, const RespOptions& options);
  // Ends all connections and the thread.
  void Stop();

  // Before Start: what commands of the host do. `completions` and `channels` are the server's own.
  RespService& service() { return service_; }
  const Endpoint& endpoint() const {
    return endpoint_;
  }  // With the port that was chosen for port 0.

 private:
  template <class Acceptor>
  void Accept(Acceptor& acceptor);
  void Welcome(RespConnection::Socket socket, std::string peer);
  void HandCompletions();
  void HandEvents();
  void Announce(const KeyspaceEvent& event, std::set<uint64_t>& touched, std::set<uint64_t>& slow);
  void ContinueAll(const std::set<uint64_t>& ids);

  asio::io_context io_{1};
  Endpoint endpoint_;
  std::unique_ptr<asio::ip::tcp::acceptor> tcp_;
  std::unique_ptr<asio::local::stream_protocol::acceptor> local_;
  RespService service_;
  std::map<uint64_t, std::shared_ptr<RespConnection>> connections_;
  std::shared_ptr<KeyspaceQueue> events_;
  std::vector<Subscription> feeds_;  // While somebody listens to a channel.
  uint64_t next_id_ = 1;
  std::thread thread_;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_SERVER_H_

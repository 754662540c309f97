#include "resp_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/post.hpp"

namespace cohort::tools {
namespace {

constexpr size_t kEventsAtOnce = 256;   // Other clients have their turn in between.
constexpr int kKeepAliveSeconds = 300;  // As Redis; then the kernel's probes, about 11 minutes.

absl::Status BindError(const Endpoint& endpoint, const asio::error_code& error) {
  const bool taken = error == asio::error::address_in_use;
  return absl::UnavailableError(absl::StrCat(
      "cannot listen for Redis clients on ", endpoint.ToString(), ": ", error.message(),
      taken ? "; another process has it: give --resp another port, or see `ss -lntp`" : ""));
}

std::string PeerName(const asio::ip::tcp::socket& socket) {
  asio::error_code error;
  const auto peer = socket.remote_endpoint(error);
  return error ? "?" : absl::StrCat(peer.address().to_string(), ":", peer.port());
}
std::string PeerName(const asio::local::stream_protocol::socket&) { return "unix"; }

void TuneSocket(asio::ip::tcp::socket& socket) {
  asio::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  // An idle client may stay, but not one whose host is gone.
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int seconds = kKeepAliveSeconds;
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
}
void TuneSocket(asio::local::stream_protocol::socket&) {}

}  // namespace

RespServer::RespServer() {
  service_.completions =
      std::make_shared<CompletionQueue>([this] { asio::post(io_, [this] { HandCompletions(); }); });
  events_ = std::make_shared<KeyspaceQueue>([this] { asio::post(io_, [this] { HandEvents(); }); });
  service_.channels.on_used = [this](bool any) {
    feeds_ = any ? FeedKeyspace(service_.maps, events_) : std::vector<Subscription>();
    if (!any) events_->Clear();
  };
}

RespServer::~RespServer() { Stop(); }

absl::Status RespServer::Bind(const Endpoint& endpoint) {
  endpoint_ = endpoint;
  asio::error_code error;
  if (endpoint.IsUnix()) {
    RemoveStaleSocket(endpoint.path);
    local_ = std::make_unique<asio::local::stream_protocol::acceptor>(io_);
    local_->open(asio::local::stream_protocol(), error);
    if (!error) local_->bind(asio::local::stream_protocol::endpoint(endpoint.path), error);
    if (!error) return absl::OkStatus();
    local_.reset();  // The file is another process's: not ours to remove.
    return BindError(endpoint, error);
  }
  asio::ip::tcp::resolver resolver(io_);
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port),
                                      asio::ip::tcp::resolver::passive, error);
  if (error || found.empty()) return BindError(endpoint, error);
  const asio::ip::tcp::endpoint address = found.begin()->endpoint();
  tcp_ = std::make_unique<asio::ip::tcp::acceptor>(io_);
  tcp_->open(address.protocol(), error);
  if (!error) tcp_->set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) tcp_->bind(address, error);
  if (error) return BindError(endpoint, error);
  endpoint_.port = tcp_->local_endpoint(error).port();
  return absl::OkStatus();
}

absl::Status RespServer::Start(Group* group, std::vector<ReplicatedMap> maps,
                               const RespOptions& options) {
  service_.group = group;
  service_.maps = std::move(maps);
  service_.options = options;
  asio::error_code error;
  if (local_) {
    local_->listen(asio::socket_base::max_listen_connections, error);
  } else {
    tcp_->listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) return BindError(endpoint_, error);
  asio::post(io_, [this] { local_ ? Accept(*local_) : Accept(*tcp_); });
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "cohort-resp");
    const auto work = asio::make_work_guard(io_);
    io_.run();
  });
  return absl::OkStatus();
}

void RespServer::Stop() {
  if (thread_.joinable()) {
    asio::post(io_, [this] {
      HandCompletions();  // The answer to COHORT DRAIN, perhaps.
      for (const auto& connection : std::exchange(connections_, {})) connection.second->Close();
      io_.stop();
    });
    thread_.join();
  }
  service_.completions->Close();
  events_->Close();
  tcp_.reset();
  if (local_) {
    local_.reset();
    unlink(endpoint_.path.c_str());
  }
}

template <class Acceptor>
void RespServer::Accept(Acceptor& acceptor) {
  acceptor.async_accept([this, &acceptor](const asio::error_code& error,
                                          typename Acceptor::protocol_type::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      TuneSocket(socket);
      std::string peer = PeerName(socket);
      Welcome(RespConnection::Socket(std::move(socket)), std::move(peer));
      return Accept(acceptor);
    }
    // Out of descriptors, most likely: let some connections end first.
    auto pause = std::make_shared<asio::steady_timer>(io_, std::chrono::milliseconds(50));
    pause->async_wait([this, &acceptor, pause](const asio::error_code& stopped) {
      if (!stopped) Accept(acceptor);
    });
  });
}

void RespServer::Welcome(RespConnection::Socket socket, std::string peer) {
  ++service_.stats.connections_total;
  if (connections_.size() >= service_.options.clients_max) {
    ++service_.stats.connections_refused;
    asio::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer("-ERR max number of clients reached\r\n", 36), 0, ignored);
    return;
  }
  const uint64_t id = next_id_++;
  const auto connection = std::make_shared<RespConnection>(
      std::move(socket), service_, id, std::move(peer), [this](uint64_t closed) {
        --service_.stats.connections_open;
        service_.channels.RemoveAll(closed);
        connections_.erase(closed);
      });
  connections_.emplace(id, connection);
  ++service_.stats.connections_open;
  connection->Start();
}

void RespServer::HandCompletions() {
  std::set<uint64_t> touched;
  for (const WriteCompletion& completion : service_.completions->Take()) {
    const auto found = connections_.find(completion.session);
    if (found == connections_.end()) continue;
    found->second->OnWritten(completion);
    touched.insert(completion.session);
  }
  ContinueAll(touched);
}

void RespServer::ContinueAll(const std::set<uint64_t>& ids) {
  for (const uint64_t id : ids) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    const std::shared_ptr<RespConnection> connection = found->second;  // It may close itself.
    connection->Continue();
  }
}

void RespServer::HandEvents() {
  const KeyspaceQueue::Taken taken = events_->Take(kEventsAtOnce);
  std::set<uint64_t> touched;
  std::set<uint64_t> slow;
  if (taken.lost) slow = service_.channels.Clients();
  if (!taken.lost) {
    for (const KeyspaceEvent& event : taken.events) Announce(event, touched, slow);
  }
  for (const uint64_t id : slow) {
    const std::shared_ptr<RespConnection> connection = connections_.at(id);
    connection->Drop(taken.lost
                         ? "keyspace events came faster than they could be sent: listen to fewer"
                         : "it takes the messages of its channels too slowly");
  }
  ContinueAll(touched);
  if (taken.more) asio::post(io_, [this] { HandEvents(); });
}

void RespServer::Announce(const KeyspaceEvent& event, std::set<uint64_t>& touched,
                          std::set<uint64_t>& slow) {
  const auto send = [&](const std::string& channel, std::string_view message) {
    service_.channels.Match(channel, [&](uint64_t id, const std::string* pattern) {
      if (connections_.at(id)->AddMessage(pattern, channel, message)) {
        touched.insert(id);
      } else {
        slow.insert(id);
      }
    });
  };
  if (!event.key.empty()) send(event.KeyspaceChannel(), event.name);
  send(event.KeyeventChannel(), event.key);
}

}  // namespace cohort::tools

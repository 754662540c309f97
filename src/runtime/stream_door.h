// Where lifelines come in: the listener of an endpoint, and the connections it accepted until it is
// known of which group each of them is.
//
// Idea: a TLS handshake asks for the group's key by the identity that the client offers, and ends
// only with who holds that key. Without TLS the same identity comes first, and proves as much as
// everything else there. Then the connection goes to its group, and is no longer of the door.
//
// Limits: kHandshakesMax connections at once, kHandshakeTimeout each; more are closed as they come,
// which is counted. Threads: the I/O thread only.
#ifndef COHORT_RUNTIME_STREAM_DOOR_H_
#define COHORT_RUNTIME_STREAM_DOOR_H_

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/file_descriptor.h"
#include "runtime/stream.h"
#include "runtime/tls_context.h"

namespace cohort::runtime {

inline constexpr size_t kHandshakesMax = 64;

class StreamDoor final : public StreamOwner {
 public:
  struct Callbacks {
    // The group of this identity; numbers from 1, each for one group for ever. `psk` null in a
    // group without a key. {null, 0}: there is none.
    std::function<TlsContext::Known(std::string_view identity)> find;
    // To be taken or aborted.
    std::function<void(uint64_t group, const std::shared_ptr<Stream>& stream)> hand_over;
  };
  struct Stats {
    uint64_t handshakes_failed = 0;
    uint64_t turned_away = 0;
  };

  // `listener` is a listening socket. Errors: as TlsContext::ForServers.
  static absl::StatusOr<std::unique_ptr<StreamDoor>> Open(asio::io_context& io,
                                                          FileDescriptor listener,
                                                          Callbacks callbacks);
  ~StreamDoor() override;

  void Start();
  // Ends what has not been handed over, and accepts no more.
  void Close();
  size_t size() const { return streams_.size(); }  // Not handed over yet.
  const Stats& stats() const { return stats_; }

 private:
  StreamDoor(asio::io_context& io, FileDescriptor listener, Callbacks callbacks);
  void OnStreamEvent(const engine::StreamEvent& event) override;
  void OnHandshakeOver(bool succeeded) override;
  void OnStreamGone(Stream& stream) override { streams_.erase(stream.id()); }
  MutableBytes ReadBuffer() override { return {}; }  // Who reads has been handed over.
  uint64_t FindPlainGroup(std::string_view identity) override;

  void ArmAccept();
  void AcceptSome();
  // True if a connection was taken from the listener.
  bool AcceptOne();

  asio::io_context& io_;
  FileDescriptor listener_;
  const Callbacks callbacks_;
  std::unique_ptr<TlsContext> tls_;
  asio::posix::stream_descriptor waiter_;
  asio::steady_timer accept_pause_;
  std::map<engine::StreamId, std::shared_ptr<Stream>> streams_;
  engine::StreamId next_id_ = 0;
  Stream::Counters not_counted_;  // A group counts from when it has the connection.
  Stats stats_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_STREAM_DOOR_H_

// All lifelines of a member: the listener, the connections it accepted, those the engine opened,
// and its probes.
//
// Limits: kStreamsMax connections, kHandshakesMax of them in their handshake; more are closed as
// they come, which is counted. Threads: the I/O thread only, except stats().
#ifndef COHORT_RUNTIME_STREAM_SET_H_
#define COHORT_RUNTIME_STREAM_SET_H_

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/io.h"
#include "runtime/file_descriptor.h"
#include "runtime/stream.h"
#include "runtime/tls_context.h"

namespace cohort::runtime {

inline constexpr size_t kStreamsMax = 1024;
inline constexpr size_t kHandshakesMax = 64;

class StreamSet final : public StreamOwner {
 public:
  using Sink = std::function<void(const engine::StreamEvent&)>;
  struct Stats {
    size_t open = 0;
    uint64_t handshakes_failed = 0;
    uint64_t turned_away = 0;
    Stream::Counters counters;
  };

  // `listener` is a listening socket, `local` the address connections leave from, `tls` null for
  // plaintext.
  StreamSet(asio::io_context& io, FileDescriptor listener, const Address& local,
            const TlsContext* tls, Sink sink);
  ~StreamSet() override;

  void Start();
  void Perform(engine::StreamAction action);
  // Ends everything at once and accepts no more.
  void Abort();
  // Closes everything in order.
  void Close();
  bool empty() const { return streams_.empty(); }
  const Stats& stats() const { return stats_; }

 private:
  void OnStreamEvent(const engine::StreamEvent& event) override { sink_(event); }
  void OnHandshakeBegun() override { ++handshakes_; }
  void OnHandshakeOver(bool succeeded) override;
  void OnStreamGone(Stream& stream) override;
  MutableBytes ReadBuffer() override { return read_buffer_; }

  void ArmAccept();
  void AcceptSome();
  // True if a connection was taken from the listener.
  bool AcceptOne();
  void Open(const engine::StreamAction& action);
  void Fail(const engine::StreamAction& action, engine::StreamEvent::Kind kind, std::string text);

  asio::io_context& io_;
  FileDescriptor listener_;
  asio::posix::stream_descriptor waiter_;
  asio::steady_timer accept_pause_;
  const Address local_;
  const TlsContext* const tls_;
  const Sink sink_;
  std::map<engine::StreamId, std::shared_ptr<Stream>> streams_;
  size_t handshakes_ = 0;
  engine::StreamId next_accepted_ = 2;
  std::vector<std::byte> read_buffer_;
  Stats stats_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_STREAM_SET_H_

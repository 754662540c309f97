// All lifelines of a member: the connections that the endpoint's door has handed over, those the
// engine opened, and its probes.
//
// Limits: kStreamsMax connections; more are closed as they come, which is counted. Threads: the I/O
// thread only, except stats().
#ifndef COHORT_RUNTIME_STREAM_SET_H_
#define COHORT_RUNTIME_STREAM_SET_H_

#include <asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io.h"
#include "runtime/stream.h"
#include "runtime/tls_context.h"

namespace cohort::runtime {

inline constexpr size_t kStreamsMax = 1024;

class StreamSet final : public StreamOwner {
 public:
  using Sink = std::function<void(const engine::StreamEvent&)>;
  struct Stats {
    size_t open = 0;
    uint64_t handshakes_failed = 0;
    uint64_t turned_away = 0;
    Stream::Counters counters;
  };

  // `local` is the address connections leave from, `tls` null for plaintext, in which connections
  // begin with `identity`.
  StreamSet(asio::io_context& io, const Address& local, const TlsContext* tls, std::string identity,
            Sink sink);

  // A connection that somebody opened to this group.
  void Adopt(const std::shared_ptr<Stream>& stream);
  void Perform(engine::StreamAction action);
  // Ends everything at once.
  void Abort();
  // Closes everything in order.
  void Close();
  bool empty() const { return streams_.empty(); }
  const Stats& stats() const { return stats_; }

 private:
  void OnStreamEvent(const engine::StreamEvent& event) override { sink_(event); }
  void OnHandshakeOver(bool succeeded) override;
  void OnStreamGone(Stream& stream) override;
  MutableBytes ReadBuffer() override { return read_buffer_; }
  uint64_t FindPlainGroup(std::string_view) override { return 0; }  // Nobody greets us here.

  void Open(const engine::StreamAction& action);
  void Fail(const engine::StreamAction& action, engine::StreamEvent::Kind kind, std::string text);

  asio::io_context& io_;
  const Address local_;
  const TlsContext* const tls_;
  const std::string identity_;
  const Sink sink_;
  std::map<engine::StreamId, std::shared_ptr<Stream>> streams_;
  engine::StreamId next_accepted_ = 2;
  std::vector<std::byte> read_buffer_;
  Stats stats_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_STREAM_SET_H_

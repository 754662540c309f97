// One lifeline from connect or accept to its end: handshake, a bounded send queue, reading, an
// orderly close.
//
// Idea: connecting -> handshaking -> open -> closing -> closed, each with its own time limit; every
// way out goes through End(), once. A connection that was accepted belongs to the endpoint's door
// until its handshake, or without TLS its first bytes, have said of which group it is. Events are
// handed to the owner; while it handles one it may close this stream, so each hand-over is followed
// by a look at the state.
//
// Threads: the I/O thread only. Lifetime: shared by its owner and its pending waits.
#ifndef COHORT_RUNTIME_STREAM_H_
#define COHORT_RUNTIME_STREAM_H_

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "engine/io.h"
#include "runtime/stream_socket.h"

namespace cohort::runtime {

// Limits of one stream. docs/runtime.md lists them for readers.
inline constexpr std::chrono::milliseconds kConnectTimeout{2000};
inline constexpr std::chrono::milliseconds kHandshakeTimeout{2000};
inline constexpr std::chrono::milliseconds kProbeTimeout{1000};
inline constexpr std::chrono::milliseconds kCloseTimeout{1000};
inline constexpr size_t kStreamQueueBytesLow = size_t{256} << 10;

class Stream;

// Who a stream reports to.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  virtual void OnStreamEvent(const engine::StreamEvent& event) = 0;
  // The handshake is over, in one way or the other. A connection that is refused, and a probe,
  // never begin one.
  virtual void OnHandshakeOver(bool succeeded) = 0;
  // Forget it. Comes once, last.
  virtual void OnStreamGone(Stream& stream) = 0;
  // Bytes that a stream reads into; shared by all of an owner.
  virtual MutableBytes ReadBuffer() = 0;
  // The number of the group that lifelines without TLS begin with so; 0: there is none.
  virtual uint64_t FindPlainGroup(std::string_view identity) = 0;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  enum class Purpose : uint8_t { kOpen, kProbe, kAccepted };
  struct Counters {
    uint64_t bytes_sent = 0;
    uint64_t bytes_received = 0;
  };

  Stream(asio::io_context& io, StreamOwner& owner, engine::StreamId id, Purpose purpose,
         const Address& peer, StreamSocket socket, Counters& counters);
  ~Stream();

  // Of one that connects: `tls` null is plaintext, and then it says `identity` first. Of one that
  // was accepted: `tls` is for those that come with TLS.
  void Start(const TlsContext* tls, std::string_view identity = {});
  // Of one that was accepted and is open: the group it is of, and a move to that one's owner.
  uint64_t group() const { return group_; }
  void MoveTo(StreamOwner& owner, engine::StreamId id, Counters& counters);
  void Send(Buffer data);
  // Flushes what is queued, says goodbye, waits for the peer's FIN at most kCloseTimeout. No event
  // follows.
  void Close();
  // Ends at once, without an event.
  void Abort();

  engine::StreamId id() const { return id_; }
  const Address& peer() const { return peer_; }

 private:
  enum class State : uint8_t { kConnecting, kHandshaking, kOpen, kClosing, kClosed };

  void OnConnected();
  void BeginHandshake();
  void ContinueHandshake();
  void Greet();
  void ReadIdentity();
  void BeginOpen();
  void ReadSome();
  void Flush();
  void ArmRead();
  void ArmWrite();
  void ArmTimer(std::chrono::milliseconds after);
  void OnTimeout();
  void FinishWriting();
  // The last event (none while closing), then gone.
  void End(engine::StreamEvent::Kind kind, bool reset, std::string text);
  void End();
  engine::StreamEvent NewEvent(engine::StreamEvent::Kind kind) const;

  StreamOwner* owner_;
  engine::StreamId id_;
  const Purpose purpose_;
  const Address peer_;
  StreamSocket socket_;
  asio::posix::stream_descriptor waiter_;  // Borrows the socket's descriptor.
  asio::steady_timer timer_;
  Counters* counters_;
  State state_ = State::kConnecting;
  const TlsContext* tls_ = nullptr;
  bool greeted_ = false;  // TLS has begun, or is not used.
  std::string identity_;  // Without TLS: what is said, or has been read, at the beginning.
  uint64_t group_ = 0;
  bool was_probe_ = false;
  std::deque<Buffer> queue_;
  size_t queue_bytes_ = 0;
  bool above_low_mark_ = false;
  bool reading_ = false;  // A wait for it is pending.
  bool writing_ = false;
  bool said_goodbye_ = false;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_STREAM_H_

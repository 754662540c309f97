#include "runtime/stream.h"

#include <array>
#include <asio/post.hpp>
#include <system_error>
#include <utility>

#include "security/key_derivation.h"

namespace cohort::runtime {

using Kind = engine::StreamEvent::Kind;
using Outcome = StreamSocket::Outcome;

Stream::Stream(asio::io_context& io, StreamOwner& owner, engine::StreamId id, Purpose purpose,
               const Address& peer, StreamSocket socket, Counters& counters)
    : owner_(&owner),
      id_(id),
      purpose_(purpose),
      peer_(peer),
      socket_(std::move(socket)),
      waiter_(io, socket_.fd()),
      timer_(io),
      counters_(&counters) {}

Stream::~Stream() {
  if (waiter_.is_open()) waiter_.release();
}

engine::StreamEvent Stream::NewEvent(Kind kind) const {
  engine::StreamEvent event;
  event.kind = kind;
  event.stream = id_;
  event.from = peer_;
  return event;
}

void Stream::Start(const TlsContext* tls, std::string_view identity) {
  tls_ = tls;
  identity_ = identity;
  if (purpose_ == Purpose::kAccepted) {
    state_ = State::kHandshaking;
    ArmTimer(kHandshakeTimeout);
    Greet();
    return;
  }
  ArmTimer(purpose_ == Purpose::kProbe ? kProbeTimeout : kConnectTimeout);
  ArmWrite();
}

void Stream::MoveTo(StreamOwner& owner, engine::StreamId id, Counters& counters) {
  owner_ = &owner;
  id_ = id;
  counters_ = &counters;
}

void Stream::OnConnected() {
  if (const int error = socket_.ConnectError(); error != 0) {
    const std::string text = std::generic_category().message(error);
    End(error == ECONNREFUSED ? Kind::kRefused : Kind::kFailed, false, text);
    return;
  }
  if (purpose_ == Purpose::kProbe) {
    End(Kind::kAnswered, false, "");
    return;
  }
  BeginHandshake();
}

// Spec 10.22: whose a connection is shows in its first bytes, encrypted or not.
void Stream::Greet() {
  bool is_tls = false;
  const StreamSocket::Result result = socket_.PeekTls(&is_tls);
  if (result.outcome == Outcome::kWantRead) {
    ArmRead();
  } else if (result.outcome != Outcome::kDone) {
    was_probe_ = true;
    End(Kind::kFailed, result.outcome == Outcome::kReset, "");
  } else if (!is_tls) {
    ReadIdentity();
  } else {
    greeted_ = true;
    BeginHandshake();
  }
}

// Read, not peeked: what is left in the socket would wake us again and again.
void Stream::ReadIdentity() {
  std::array<std::byte, security::kLifelineIdentityBytes> bytes;
  const size_t missing = bytes.size() - identity_.size();
  const StreamSocket::Result result = socket_.Read(MutableBytes(bytes).first(missing));
  if (result.outcome == Outcome::kWantRead) {
    ArmRead();
    return;
  }
  if (result.outcome != Outcome::kDone) {
    End(Kind::kFailed, result.outcome == Outcome::kReset, "");
    return;
  }
  identity_ += AsText(Bytes(bytes).first(result.bytes));
  if (identity_.size() < bytes.size()) {
    ArmRead();
    return;
  }
  group_ = owner_->FindPlainGroup(identity_);
  if (group_ == 0) {
    End(Kind::kFailed, false, "of no group here");
    return;
  }
  identity_.clear();
  greeted_ = true;
  BeginOpen();
}

void Stream::BeginHandshake() {
  state_ = State::kHandshaking;
  if (tls_ == nullptr) {
    BeginOpen();
    return;
  }
  if (!socket_.StartTls(*tls_)) {
    End(Kind::kFailed, false, "no memory for a TLS session");
    return;
  }
  ArmTimer(kHandshakeTimeout);
  ContinueHandshake();
}

void Stream::ContinueHandshake() {
  if (purpose_ == Purpose::kAccepted && !greeted_) {
    identity_.empty() ? Greet() : ReadIdentity();
    return;
  }
  const StreamSocket::Result result = socket_.Handshake();
  switch (result.outcome) {
    case Outcome::kDone:
      BeginOpen();
      break;
    case Outcome::kWantRead:
      ArmRead();
      break;
    case Outcome::kWantWrite:
      ArmWrite();
      break;
    case Outcome::kEnded:
    case Outcome::kReset:
      End(Kind::kFailed, result.outcome == Outcome::kReset,
          "the other side hung up during the handshake: it has another key, or is no member of "
          "this group");
      break;
    case Outcome::kFailed:
      End(Kind::kFailed, false,
          "TLS handshake failed (" + socket_.error() +
              "): the other side has another key, or none");
      break;
  }
}

void Stream::BeginOpen() {
  timer_.cancel();
  state_ = State::kOpen;
  if (purpose_ == Purpose::kAccepted && group_ == 0) group_ = socket_.TlsGroup();
  if (!identity_.empty()) Send(Buffer::CopyOf(identity_));
  owner_->OnHandshakeOver(true);
  owner_->OnStreamEvent(NewEvent(purpose_ == Purpose::kAccepted ? Kind::kAccepted : Kind::kOpened));
  if (state_ == State::kOpen) ReadSome();
}

void Stream::ReadSome() {
  constexpr int kReadsMax = 16;  // Before others get their turn.
  const MutableBytes buffer = owner_->ReadBuffer();
  for (int i = 0; i < kReadsMax; ++i) {
    const StreamSocket::Result result = socket_.Read(buffer);
    switch (result.outcome) {
      case Outcome::kDone:
        counters_->bytes_received += result.bytes;
        if (state_ == State::kOpen) {
          engine::StreamEvent event = NewEvent(Kind::kBytes);
          event.bytes = Bytes(buffer.data(), result.bytes);
          owner_->OnStreamEvent(event);
        }
        if (state_ == State::kClosed) return;
        break;
      case Outcome::kWantRead:
      case Outcome::kWantWrite:
        ArmRead();
        return;
      case Outcome::kEnded:
        End(Kind::kClosed, false, "closed by the peer");
        return;
      case Outcome::kReset:
      case Outcome::kFailed:
        End(Kind::kClosed, true, socket_.error());
        return;
    }
  }
  // TLS may hold bytes that the socket no longer shows as readable, so come back without waiting
  // for it.
  asio::post(waiter_.get_executor(), [self = shared_from_this()] {
    if (self->state_ == State::kOpen || self->state_ == State::kClosing) self->ReadSome();
  });
}

void Stream::Send(Buffer data) {
  if (state_ != State::kOpen || data.empty()) return;
  queue_bytes_ += data.size();
  queue_.push_back(std::move(data));
  if (queue_bytes_ > engine::kStreamQueueBytesMax) {
    End(Kind::kClosed, true, "send queue full: the peer does not read");
    return;
  }
  if (queue_bytes_ > kStreamQueueBytesLow) above_low_mark_ = true;
  if (!writing_) Flush();
}

void Stream::Flush() {
  while (!queue_.empty()) {
    Buffer& front = queue_.front();
    const StreamSocket::Result result = socket_.Write(front.bytes());
    if (result.outcome == Outcome::kWantWrite) {
      ArmWrite();
      break;
    }
    if (result.outcome == Outcome::kWantRead) break;  // The pending read continues us.
    if (result.outcome != Outcome::kDone) {
      // What the peer sent before it closed is still to be read; the read side reports the end.
      queue_.clear();
      queue_bytes_ = 0;
      break;
    }
    counters_->bytes_sent += result.bytes;
    queue_bytes_ -= result.bytes;
    if (result.bytes == front.size()) {
      queue_.pop_front();
    } else {
      front = front.Slice(result.bytes, front.size() - result.bytes);
    }
  }
  if (state_ == State::kClosing && queue_.empty()) FinishWriting();
  if (state_ == State::kOpen && above_low_mark_ && queue_bytes_ <= kStreamQueueBytesLow) {
    above_low_mark_ = false;
    owner_->OnStreamEvent(NewEvent(Kind::kWritable));
  }
}

void Stream::Close() {
  if (state_ == State::kClosed || state_ == State::kClosing) return;
  if (state_ != State::kOpen) {
    Abort();
    return;
  }
  state_ = State::kClosing;
  ArmTimer(kCloseTimeout);
  if (queue_.empty()) FinishWriting();
}

void Stream::FinishWriting() {
  if (said_goodbye_) return;
  said_goodbye_ = true;
  socket_.EndWriting();
}

void Stream::ArmRead() {
  if (reading_ || state_ == State::kClosed) return;
  reading_ = true;
  waiter_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](
                                                                    const std::error_code& error) {
    self->reading_ = false;
    if (error || self->state_ == State::kClosed) return;
    if (self->state_ == State::kHandshaking) {
      self->ContinueHandshake();
      return;
    }
    self->ReadSome();
    if (self->state_ != State::kClosed && !self->writing_ && !self->queue_.empty()) self->Flush();
  });
}

void Stream::ArmWrite() {
  if (writing_ || state_ == State::kClosed) return;
  writing_ = true;
  waiter_.async_wait(asio::posix::stream_descriptor::wait_write,
                     [self = shared_from_this()](const std::error_code& error) {
                       self->writing_ = false;
                       if (error) return;
                       switch (self->state_) {
                         case State::kConnecting:
                           self->OnConnected();
                           break;
                         case State::kHandshaking:
                           self->ContinueHandshake();
                           break;
                         case State::kOpen:
                         case State::kClosing:
                           self->Flush();
                           break;
                         case State::kClosed:
                           break;
                       }
                     });
}

void Stream::ArmTimer(std::chrono::milliseconds after) {
  timer_.expires_after(after);
  timer_.async_wait([self = shared_from_this()](const std::error_code& error) {
    if (!error) self->OnTimeout();
  });
}

void Stream::OnTimeout() {
  switch (state_) {
    case State::kConnecting:
      End(Kind::kFailed, false, "no answer to a connection request");
      break;
    case State::kHandshaking:
      End(Kind::kFailed, false, "no answer to the TLS handshake");
      break;
    case State::kClosing:
      End();
      break;
    case State::kOpen:
    case State::kClosed:
      break;
  }
}

void Stream::Abort() { End(); }

void Stream::End(Kind kind, bool reset, std::string text) {
  if (state_ == State::kClosed) return;
  const State before = state_;
  const std::shared_ptr<Stream> self = shared_from_this();
  engine::StreamEvent event = NewEvent(kind);
  event.reset = reset;
  event.text = std::move(text);
  End();
  // Nobody was told of an accepted connection before its handshake; nobody is told of its failure.
  const bool known = purpose_ != Purpose::kAccepted || before == State::kOpen;
  if (before != State::kClosing && known) owner_->OnStreamEvent(event);
}

void Stream::End() {
  if (state_ == State::kClosed) return;
  const std::shared_ptr<Stream> self = shared_from_this();
  // A connection that came and went without a byte is a probe, not a failed handshake.
  if (state_ == State::kHandshaking) owner_->OnHandshakeOver(was_probe_);
  state_ = State::kClosed;
  timer_.cancel();
  waiter_.release();  // Cancels its waits.
  socket_ = StreamSocket(FileDescriptor());
  queue_.clear();
  queue_bytes_ = 0;
  owner_->OnStreamGone(*this);
}

}  // namespace cohort::runtime

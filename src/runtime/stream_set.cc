#include "runtime/stream_set.h"

#include <sys/socket.h>

#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "runtime/socket_address.h"

namespace cohort::runtime {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;

}  // namespace

StreamSet::StreamSet(asio::io_context& io, FileDescriptor listener, const Address& local,
                     const TlsContext* tls, Sink sink)
    : io_(io),
      listener_(std::move(listener)),
      waiter_(io, listener_.get()),
      accept_pause_(io),
      local_(local),
      tls_(tls),
      sink_(std::move(sink)),
      read_buffer_(kReadBytes) {}

StreamSet::~StreamSet() {
  if (waiter_.is_open()) waiter_.release();
}

void StreamSet::Start() { ArmAccept(); }

void StreamSet::ArmAccept() {
  waiter_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this](const std::error_code& error) {
                       if (!error) AcceptSome();
                     });
}

void StreamSet::AcceptSome() {
  constexpr int kAcceptsMax = 64;  // Before others get their turn.
  int accepted = 0;
  while (accepted < kAcceptsMax && AcceptOne()) ++accepted;
  if (!waiter_.is_open()) return;
  if (accepted > 0 || errno == EAGAIN) {
    ArmAccept();
    return;
  }
  // Out of descriptors: the listener stays readable, so waiting for it would spin.
  accept_pause_.expires_after(std::chrono::milliseconds(100));
  accept_pause_.async_wait([this](const std::error_code& error) {
    if (!error && waiter_.is_open()) ArmAccept();
  });
}

bool StreamSet::AcceptOne() {
  SocketAddress peer;
  peer.size = sizeof(peer.storage);
  FileDescriptor fd(
      ::accept4(listener_.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.is_open()) return errno == EINTR || errno == ECONNABORTED;
  if (streams_.size() >= kStreamsMax || handshakes_ >= kHandshakesMax) {
    ++stats_.turned_away;
    return true;
  }
  const engine::StreamId id = next_accepted_;
  next_accepted_ += 2;
  auto stream = std::make_shared<Stream>(io_, *this, id, Stream::Purpose::kAccepted,
                                         FromSocketAddress(peer.get()), StreamSocket(std::move(fd)),
                                         stats_.counters);
  streams_.emplace(id, stream);
  stats_.open = streams_.size();
  stream->Start(tls_);
  return true;
}

void StreamSet::Perform(engine::StreamAction action) {
  using ActionKind = engine::StreamAction::Kind;
  if (action.kind == ActionKind::kOpen || action.kind == ActionKind::kProbe) {
    Open(action);
    return;
  }
  const auto it = streams_.find(action.stream);
  if (it == streams_.end()) return;  // Ended meanwhile; its event is on the way.
  const std::shared_ptr<Stream> stream = it->second;
  if (action.kind == ActionKind::kSend) {
    stream->Send(std::move(action.data));
  } else {
    stream->Close();
  }
}

void StreamSet::Open(const engine::StreamAction& action) {
  const bool probe = action.kind == engine::StreamAction::Kind::kProbe;
  if (streams_.size() >= kStreamsMax) {
    Fail(action, engine::StreamEvent::Kind::kFailed, "too many connections");
    return;
  }
  absl::StatusOr<StreamSocket> socket = StreamSocket::Connect(local_, action.to);
  if (!socket.ok()) {
    Fail(action, engine::StreamEvent::Kind::kFailed, std::string(socket.status().message()));
    return;
  }
  auto stream = std::make_shared<Stream>(io_, *this, action.stream,
                                         probe ? Stream::Purpose::kProbe : Stream::Purpose::kOpen,
                                         action.to, *std::move(socket), stats_.counters);
  streams_.emplace(action.stream, stream);
  stats_.open = streams_.size();
  stream->Start(tls_);
}

void StreamSet::Fail(const engine::StreamAction& action, engine::StreamEvent::Kind kind,
                     std::string text) {
  engine::StreamEvent event;
  event.kind = kind;
  event.stream = action.stream;
  event.from = action.to;
  event.text = std::move(text);
  sink_(event);
}

void StreamSet::OnHandshakeOver(bool succeeded) {
  --handshakes_;
  if (!succeeded) ++stats_.handshakes_failed;
}

void StreamSet::OnStreamGone(Stream& stream) {
  streams_.erase(stream.id());
  stats_.open = streams_.size();
}

void StreamSet::Close() {
  accept_pause_.cancel();
  if (waiter_.is_open()) waiter_.release();
  listener_.Close();
  const auto streams = streams_;
  for (const auto& [id, stream] : streams) stream->Close();
}

void StreamSet::Abort() {
  accept_pause_.cancel();
  if (waiter_.is_open()) waiter_.release();
  listener_.Close();
  const auto streams = streams_;
  for (const auto& [id, stream] : streams) stream->Abort();
}

}  // namespace cohort::runtime

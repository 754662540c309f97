#include "runtime/stream_door.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "runtime/socket_address.h"

namespace cohort::runtime {

absl::StatusOr<std::unique_ptr<StreamDoor>> StreamDoor::Open(asio::io_context& io,
                                                             FileDescriptor listener,
                                                             Callbacks callbacks) {
  std::unique_ptr<StreamDoor> door(new StreamDoor(io, std::move(listener), std::move(callbacks)));
  absl::StatusOr<std::unique_ptr<TlsContext>> tls = TlsContext::ForServers(
      [&find = door->callbacks_.find](std::string_view identity) { return find(identity); });
  if (!tls.ok()) return tls.status();
  door->tls_ = *std::move(tls);
  return door;
}

StreamDoor::StreamDoor(asio::io_context& io, FileDescriptor listener, Callbacks callbacks)
    : io_(io),
      listener_(std::move(listener)),
      callbacks_(std::move(callbacks)),
      waiter_(io, listener_.get()),
      accept_pause_(io) {}

StreamDoor::~StreamDoor() {
  if (waiter_.is_open()) waiter_.release();
}

void StreamDoor::Start() { ArmAccept(); }

void StreamDoor::ArmAccept() {
  waiter_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this](const std::error_code& error) {
                       if (!error) AcceptSome();
                     });
}

void StreamDoor::AcceptSome() {
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

bool StreamDoor::AcceptOne() {
  SocketAddress peer;
  peer.size = sizeof(peer.storage);
  FileDescriptor fd(
      ::accept4(listener_.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.is_open()) return errno == EINTR || errno == ECONNABORTED;
  if (streams_.size() >= kHandshakesMax) {
    ++stats_.turned_away;
    return true;
  }
  const engine::StreamId id = next_id_++;
  auto stream = std::make_shared<Stream>(io_, *this, id, Stream::Purpose::kAccepted,
                                         FromSocketAddress(peer.get()), StreamSocket(std::move(fd)),
                                         not_counted_);
  streams_.emplace(id, stream);
  stream->Start(tls_.get());
  return true;
}

// The only one before a hand-over: that it is open.
void StreamDoor::OnStreamEvent(const engine::StreamEvent& event) {
  const auto it = streams_.find(event.stream);
  if (it == streams_.end()) return;
  const std::shared_ptr<Stream> stream = it->second;
  streams_.erase(it);
  callbacks_.hand_over(stream->group(), stream);
}

void StreamDoor::OnHandshakeOver(bool succeeded) {
  if (!succeeded) ++stats_.handshakes_failed;
}

// A group with a key takes nobody who does without.
uint64_t StreamDoor::FindPlainGroup(std::string_view identity) {
  const TlsContext::Known known = callbacks_.find(identity);
  return known.psk == nullptr ? known.group : 0;
}

void StreamDoor::Close() {
  accept_pause_.cancel();
  if (waiter_.is_open()) waiter_.release();
  listener_.Close();
  const auto streams = streams_;
  for (const auto& [id, stream] : streams) stream->Abort();
}

}  // namespace cohort::runtime

#include "runtime/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include "runtime/socket_address.h"
#include "runtime/udp_socket.h"

namespace cohort::runtime {

absl::StatusOr<StreamSocket> StreamSocket::Connect(const Address& from, const Address& to) {
  FileDescriptor fd(
      ::socket(to.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return SocketError(errno, "TCP socket");
  if (from.family == to.family) {
    // Leave from the member's own address, so that peers and firewalls see the one they know.
    Address any_port = from;
    any_port.port = 0;
    const SocketAddress local = ToSocketAddress(any_port);
    const int one = 1;
    setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (::bind(fd.get(), local.get(), local.size) != 0) {
      return SocketError(errno, "TCP from " + any_port.ToString());
    }
  }
  const SocketAddress peer = ToSocketAddress(to);
  if (::connect(fd.get(), peer.get(), peer.size) != 0 && errno != EINPROGRESS &&
      errno != ECONNREFUSED) {
    return SocketError(errno, "TCP to " + to.ToString());
  }
  return StreamSocket(std::move(fd));
}

StreamSocket::StreamSocket(FileDescriptor fd) : fd_(std::move(fd)) {
  const int one = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int StreamSocket::ConnectError() const {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return error;
  sockaddr_storage peer;
  size = sizeof(peer);
  // A refusal that connect() itself reported has been taken out of SO_ERROR already.
  return getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0 ? 0 : ECONNREFUSED;
}

bool StreamSocket::StartTls(const TlsContext& tls) {
  tls_ = tls.NewSession(fd_.get());
  return tls_ != nullptr;
}

uint64_t StreamSocket::TlsGroup() const { return tls_ == nullptr ? 0 : TlsContext::GroupOf(tls_); }

StreamSocket::Result StreamSocket::PeekTls(bool* is_tls) {
  constexpr std::byte kHandshakeRecord{22};  // RFC 8446, 5.1.
  std::byte first{};
  const ssize_t received = ::recv(fd_.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (received < 0) return FromErrno(errno);
  if (received == 0) return {Outcome::kEnded};
  *is_tls = first == kHandshakeRecord;
  return {Outcome::kDone, 1};
}

StreamSocket::Result StreamSocket::FromErrno(int error) {
  if (error == EAGAIN || error == EINTR) return {Outcome::kWantRead};
  error_ = std::generic_category().message(error);
  return {Outcome::kReset};
}

StreamSocket::Result StreamSocket::FromTls(int returned) {
  const int system_error = errno;
  switch (SSL_get_error(tls_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {Outcome::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::kEnded};
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      if (returned < 0 && system_error != 0) return FromErrno(system_error);
      return {Outcome::kEnded};
    default:
      // A process that dies closes its sockets without a word of TLS: that is an end like FIN, not
      // a forgery. Nothing rests on it but evidence that is probed before it is believed.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return {Outcome::kEnded};
      }
      error_ = TlsErrorText();
      return {Outcome::kFailed};
  }
}

StreamSocket::Result StreamSocket::Handshake() {
  if (tls_ == nullptr) return {Outcome::kDone};
  ERR_clear_error();
  errno = 0;
  const int returned = SSL_do_handshake(tls_.get());
  if (returned != 1) return FromTls(returned);
  if (SSL_session_reused(tls_.get()) == 1) return {Outcome::kDone};
  error_ = "the other side did not use the group's key";
  return {Outcome::kFailed};
}

StreamSocket::Result StreamSocket::Read(MutableBytes into) {
  if (tls_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    const int wanted = static_cast<int>(std::min<size_t>(into.size(), INT_MAX));
    const int received = SSL_read(tls_.get(), into.data(), wanted);
    if (received <= 0) return FromTls(received);
    return {Outcome::kDone, static_cast<size_t>(received)};
  }
  const ssize_t received = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (received < 0) return FromErrno(errno);
  if (received == 0) return {Outcome::kEnded};
  return {Outcome::kDone, static_cast<size_t>(received)};
}

StreamSocket::Result StreamSocket::Write(Bytes from) {
  if (from.empty()) return {Outcome::kDone, 0};
  if (tls_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    const int wanted = static_cast<int>(std::min<size_t>(from.size(), INT_MAX));
    const int sent = SSL_write(tls_.get(), from.data(), wanted);
    if (sent <= 0) return FromTls(sent);
    return {Outcome::kDone, static_cast<size_t>(sent)};
  }
  const ssize_t sent = ::send(fd_.get(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    const Result result = FromErrno(errno);
    return result.outcome == Outcome::kWantRead ? Result{Outcome::kWantWrite} : result;
  }
  return {Outcome::kDone, static_cast<size_t>(sent)};
}

void StreamSocket::EndWriting() {
  if (tls_ != nullptr && SSL_is_init_finished(tls_.get())) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace cohort::runtime

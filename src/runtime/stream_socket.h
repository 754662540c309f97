// One TCP connection, non-blocking, with or without TLS: the same four verbs either way, and the
// ways a connection ends told apart, because they are evidence of different things.
//
// Threads: the I/O thread only.
#ifndef COHORT_RUNTIME_STREAM_SOCKET_H_
#define COHORT_RUNTIME_STREAM_SOCKET_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "base/types.h"
#include "runtime/file_descriptor.h"
#include "runtime/tls_context.h"

namespace cohort::runtime {

class StreamSocket {
 public:
  enum class Outcome : uint8_t {
    kDone,       // Handshake: complete. Read, Write: `bytes` were moved.
    kWantRead,   // Try again when the socket is readable ...
    kWantWrite,  // ... or writable.
    kEnded,      // The peer closed in order (FIN).
    kReset,      // The peer's kernel reset it, or the network broke it.
    kFailed,     // TLS does not accept what arrives; error() says why.
  };
  struct Result {
    Outcome outcome = Outcome::kDone;
    size_t bytes = 0;
  };

  // Begins to connect; the socket is writable when that has succeeded or failed.
  static absl::StatusOr<StreamSocket> Connect(const Address& from, const Address& to);
  // A connection that was accepted.
  explicit StreamSocket(FileDescriptor fd);

  int fd() const { return fd_.get(); }
  // After Connect: 0, or the errno it failed with.
  int ConnectError() const;
  // From now on everything goes through TLS. False when memory is short.
  bool StartTls(const TlsContext& tls);
  // As TlsContext::GroupOf; 0 without TLS.
  uint64_t TlsGroup() const;

  Result Handshake();
  // Whether the next byte begins a TLS handshake, without taking it. kDone: there is one.
  Result PeekTls(bool* is_tls);
  Result Read(MutableBytes into);
  Result Write(Bytes from);
  // Says that nothing more will be written (TLS close_notify, then FIN). Reading goes on.
  void EndWriting();
  const std::string& error() const { return error_; }

 private:
  Result FromTls(int returned);
  Result FromErrno(int error);

  FileDescriptor fd_;
  TlsContext::Session tls_;
  std::string error_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_STREAM_SOCKET_H_

// TLS 1.3 for lifelines, by pre-shared key alone: no certificates, no names, no earlier versions,
// no resumption.
//
// Both ends prove that they hold the group's key and agree on fresh keys by (EC)DHE, so recorded
// traffic stays closed to who learns the group's key later. Who connects uses the context of its
// group; who is connected to, that of the endpoint, which asks for the key by the name in the
// handshake. Source: RFC 8446, 2.2 (external PSK, psk_dhe_ke). Threads: made once, then read-only;
// sessions belong to the I/O thread.
#ifndef COHORT_RUNTIME_TLS_CONTEXT_H_
#define COHORT_RUNTIME_TLS_CONTEXT_H_

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "security/key_derivation.h"

struct ssl_st;
struct ssl_ctx_st;

namespace cohort::runtime {

class TlsContext {
 public:
  struct FreeSession {
    void operator()(ssl_st* session) const;
  };
  using Session = std::unique_ptr<ssl_st, FreeSession>;
  // A key that a server accepts, borrowed for the call, and a number for whose it is. Null: none.
  struct Known {
    const security::TlsPsk* psk = nullptr;
    uint64_t group = 0;
  };
  using FindPsk = std::function<Known(std::string_view identity)>;

  // Errors: kInternal, with what OpenSSL says.
  static absl::StatusOr<std::unique_ptr<TlsContext>> ForClients(const security::TlsPsk& psk);
  static absl::StatusOr<std::unique_ptr<TlsContext>> ForServers(FindPsk find);
  ~TlsContext();

  // One connection over `fd`, which stays the caller's. Writes raise no SIGPIPE. Null when memory
  // is short.
  Session NewSession(int fd) const;
  // Of a server's session whose handshake is done: Known::group of the key that was used.
  static uint64_t GroupOf(const Session& session);

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  struct Callbacks;  // What OpenSSL calls.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Configured(std::unique_ptr<TlsContext> made);
  absl::Status Configure();

  security::TlsPsk psk_;  // Of clients.
  FindPsk find_;          // Of servers.
  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
};

// What OpenSSL complained about last, in words; clears its queue.
std::string TlsErrorText();

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_TLS_CONTEXT_H_

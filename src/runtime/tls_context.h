// TLS 1.3 for lifelines, by pre-shared key alone: no certificates, no names, no earlier versions,
// no resumption.
//
// Both ends prove that they hold the group's key and agree on fresh keys by (EC)DHE, so recorded
// traffic stays closed to who learns the group's key later. Source: RFC 8446, 2.2 (external PSK,
// psk_dhe_ke). Threads: made once, then read-only; sessions belong to the I/O thread.
#ifndef COHORT_RUNTIME_TLS_CONTEXT_H_
#define COHORT_RUNTIME_TLS_CONTEXT_H_

#include <memory>

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
  enum class Side : uint8_t { kClient, kServer };

  // Errors: kInternal, with what OpenSSL says.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Create(const security::TlsPsk& psk);
  ~TlsContext();

  // One connection over `fd`, which stays the caller's. Writes raise no SIGPIPE. Null when memory
  // is short.
  Session NewSession(int fd, Side side) const;

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsContext(const security::TlsPsk& psk) : psk_(psk) {}
  absl::Status Configure();

  security::TlsPsk psk_;
  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
};

// What OpenSSL complained about last, in words; clears its queue.
std::string TlsErrorText();

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_TLS_CONTEXT_H_

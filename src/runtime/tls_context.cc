#include "runtime/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/absl_bridge.h"

namespace cohort::runtime {
namespace {

constexpr unsigned char kAes256GcmSha384[2] = {0x13, 0x02};

// A BIO over a socket like OpenSSL's own, except that a write to a closed connection is an error
// instead of a signal.
int FdOf(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

int BioWrite(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      ::send(FdOf(bio), data, static_cast<size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int BioRead(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t received = ::recv(FdOf(bio), data, static_cast<size_t>(size), MSG_DONTWAIT);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(received);
}

long BioControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}  // NOLINT: OpenSSL's type.

BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cohort socket");
    BIO_meth_set_write(made, &BioWrite);
    BIO_meth_set_read(made, &BioRead);
    BIO_meth_set_ctrl(made, &BioControl);
    return made;
  }();
  return method;
}

SSL_SESSION* NewPskSession(SSL* ssl, const security::TlsPsk& psk) {
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, kAes256GcmSha384);
  SSL_SESSION* session = SSL_SESSION_new();
  const Bytes secret = psk.secret.bytes();
  if (cipher == nullptr || session == nullptr ||
      SSL_SESSION_set1_master_key(session, reinterpret_cast<const unsigned char*>(secret.data()),
                                  secret.size()) != 1 ||
      SSL_SESSION_set_cipher(session, cipher) != 1 ||
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1) {
    SSL_SESSION_free(session);
    return nullptr;
  }
  return session;
}

}  // namespace

struct TlsContext::Callbacks {
  static const TlsContext& Of(SSL* ssl) {
    return *static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  static int UsePsk(SSL* ssl, const EVP_MD* digest, const unsigned char** identity,
                    size_t* identity_size, SSL_SESSION** session) {
    *session = nullptr;
    *identity = nullptr;
    *identity_size = 0;
    const security::TlsPsk& psk = Of(ssl).psk_;
    SSL_SESSION* made = NewPskSession(ssl, psk);
    if (made == nullptr) return 0;
    // After a HelloRetryRequest the digest is settled; a PSK of another one must not be offered.
    if (digest != nullptr &&
        SSL_CIPHER_get_handshake_digest(SSL_SESSION_get0_cipher(made)) != digest) {
      SSL_SESSION_free(made);
      return 1;
    }
    *identity = reinterpret_cast<const unsigned char*>(psk.identity.data());
    *identity_size = psk.identity.size();
    *session = made;
    return 1;
  }

  // Asked for one offered identity after the other until a key fits, so the last answer is the one
  // that the client then has to prove.
  static int FindPsk(SSL* ssl, const unsigned char* identity, size_t identity_size,
                     SSL_SESSION** session) {
    *session = nullptr;
    const Known known = Of(ssl).find_({reinterpret_cast<const char*>(identity), identity_size});
    if (known.psk == nullptr) return 1;  // Without certificates the handshake ends there.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as in NewSession.
    SSL_set_app_data(ssl, reinterpret_cast<void*>(static_cast<uintptr_t>(known.group)));
    *session = NewPskSession(ssl, *known.psk);
    return *session != nullptr;
  }
};

void TlsContext::FreeSession::operator()(ssl_st* session) const { SSL_free(session); }
void TlsContext::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
TlsContext::~TlsContext() = default;

std::string TlsErrorText() {
  const unsigned long code = ERR_peek_error();  // NOLINT(google-runtime-int): OpenSSL's type.
  ERR_clear_error();
  if (code == 0) return "the connection ended during the handshake";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "unknown TLS error" : reason;
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::ForClients(const security::TlsPsk& psk) {
  std::unique_ptr<TlsContext> context(new TlsContext());
  context->psk_ = psk;
  return Configured(std::move(context));
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::ForServers(FindPsk find) {
  std::unique_ptr<TlsContext> context(new TlsContext());
  context->find_ = std::move(find);
  return Configured(std::move(context));
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Configured(
    std::unique_ptr<TlsContext> made) {
  if (absl::Status status = made->Configure(); !status.ok()) return status;
  return made;
}

// Spec 10.20.
absl::Status TlsContext::Configure() {
  context_.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* context = context_.get();
  const bool ok = context != nullptr &&
                  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") == 1 &&
                  SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 &&
                  SSL_CTX_set_num_tickets(context, 0) == 1;
  if (!ok) return MakeStatus(absl::StatusCode::kInternal, "TLS: " + TlsErrorText());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_app_data(context, this);
  if (find_) {
    SSL_CTX_set_psk_find_session_callback(context, &Callbacks::FindPsk);
  } else {
    SSL_CTX_set_psk_use_session_callback(context, &Callbacks::UsePsk);
  }
  return absl::OkStatus();
}

TlsContext::Session TlsContext::NewSession(int fd) const {
  Session session(SSL_new(context_.get()));
  BIO* bio = BIO_new(SocketMethod());
  if (session == nullptr || bio == nullptr) {
    BIO_free(bio);
    return nullptr;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): OpenSSL keeps a number for us where it has a
  // pointer.
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(session.get(), bio, bio);
  if (!find_) {
    // Nobody is trusted by certificate: a server that ignores the PSK and shows one is refused.
    SSL_set_verify(session.get(), SSL_VERIFY_PEER, nullptr);
    SSL_set_connect_state(session.get());
  } else {
    SSL_set_accept_state(session.get());
  }
  return session;
}

uint64_t TlsContext::GroupOf(const Session& session) {
  return reinterpret_cast<uintptr_t>(SSL_get_app_data(session.get()));
}

}  // namespace cohort::runtime

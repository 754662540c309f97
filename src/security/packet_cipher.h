// AES-256-GCM under one key, in one direction: the key schedule is made once, a packet only sets
// its nonce. OpenSSL's work throughout.
#ifndef COHORT_SECURITY_PACKET_CIPHER_H_
#define COHORT_SECURITY_PACKET_CIPHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "security/group_key.h"

struct evp_cipher_ctx_st;

namespace cohort::security {

inline constexpr size_t kNonceBytes = 12;
using Nonce = std::array<std::byte, kNonceBytes>;
// 4 zero bytes, then the number, little-endian.
Nonce NonceOf(uint64_t packet_number);

class PacketCipher {
 public:
  enum class Direction : uint8_t { kSeal, kOpen };
  PacketCipher(Direction direction, const SecretKey& key);

  // Writes ciphertext and tag: `out` has plaintext.size() + wire::kTagBytes bytes and may begin
  // where `plaintext` does (in place), but not overlap it otherwise.
  void Seal(const Nonce& nonce, Bytes associated, Bytes plaintext, MutableBytes out);
  // `sealed` is ciphertext and tag; `out` has sealed.size() - wire::kTagBytes bytes. False when
  // anything was altered: `out` then holds garbage that nobody may read.
  bool Open(const Nonce& nonce, Bytes associated, Bytes sealed, MutableBytes out);

 private:
  struct FreeContext {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, FreeContext> context_;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_PACKET_CIPHER_H_

// AES-256-GCM under one key, in one direction: the key schedule is made once, a packet only sets
// its nonce. The work is done by one of two libraries, whose packets are the same
// (docs/decisions/0039).
#ifndef COHORT_SECURITY_PACKET_CIPHER_H_
#define COHORT_SECURITY_PACKET_CIPHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "security/group_key.h"

namespace cohort::security {

inline constexpr size_t kNonceBytes = 12;
using Nonce = std::array<std::byte, kNonceBytes>;
// 4 zero bytes, then the number, little-endian.
Nonce NonceOf(uint64_t packet_number);

enum class CipherLibrary : uint8_t {
  kOpenSsl,
  kIpsecMb,  // Intel's IPsec Multi-Buffer library, of x86-64: a packet in a third of the time.
};
// What this process uses, decided at the first call: kIpsecMb where libIPSec_MB.so.1 can be loaded,
// is of the version that Cohort was built with, knows this processor's AES instructions, and seals
// and opens as OpenSSL does; else kOpenSsl. COHORT_CIPHER=openssl in the environment: kOpenSsl.
CipherLibrary BestCipherLibrary();

class PacketCipher {
 public:
  enum class Direction : uint8_t { kSeal, kOpen };
  // kIpsecMb only where BestCipherLibrary answers that.
  static std::unique_ptr<PacketCipher> Make(Direction direction, const SecretKey& key,
                                            CipherLibrary library = BestCipherLibrary());

  PacketCipher() = default;
  PacketCipher(const PacketCipher&) = delete;
  PacketCipher& operator=(const PacketCipher&) = delete;
  virtual ~PacketCipher() = default;

  // Writes ciphertext and tag: `out` has plaintext.size() + wire::kTagBytes bytes and may begin
  // where `plaintext` does (in place), but not overlap it otherwise.
  virtual void Seal(const Nonce& nonce, Bytes associated, Bytes plaintext, MutableBytes out) = 0;
  // `sealed` is ciphertext and tag; `out` has sealed.size() - wire::kTagBytes bytes. False when
  // anything was altered: `out` then holds garbage that nobody may read.
  virtual bool Open(const Nonce& nonce, Bytes associated, Bytes sealed, MutableBytes out) = 0;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_PACKET_CIPHER_H_

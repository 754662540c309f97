#include "security/packet_cipher.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "security/cipher_libraries.h"
#include "wire/byte_writer.h"
#include "wire/limits.h"

namespace cohort::security {
namespace {

// One packet of each length where the libraries' code takes another way, sealed and opened.
bool DoesAsOpenSslDoes() {
  SecretKey key;
  const Nonce nonce = NonceOf(1);
  std::vector<std::byte> plaintext(1500);
  for (size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<std::byte>(i * 7);
  std::copy(plaintext.begin(), plaintext.begin() + kKeyBytes, key.Fill().begin());
  const auto ours = MakeIpsecMbCipher(key);
  const auto theirs = MakeOpenSslCipher(PacketCipher::Direction::kSeal, key);
  for (const size_t size : {0, 1, 16, 100, 255, 256, 257, 768, 1024, 1500}) {
    const Bytes packet = Bytes(plaintext).first(size);
    std::vector<std::byte> sealed(size + wire::kTagBytes);
    std::vector<std::byte> expected(sealed.size());
    ours->Seal(nonce, packet.first(size / 8), packet, sealed);
    theirs->Seal(nonce, packet.first(size / 8), packet, expected);
    if (sealed != expected) return false;
    sealed.back() ^= std::byte{1};
    if (ours->Open(nonce, packet.first(size / 8), sealed, MutableBytes(sealed).first(size))) {
      return false;
    }
    if (!ours->Open(nonce, packet.first(size / 8), expected, MutableBytes(expected).first(size)) ||
        !std::equal(packet.begin(), packet.end(), expected.begin())) {
      return false;
    }
  }
  return true;
}

CipherLibrary Choose() {
  const char* const wanted = std::getenv("COHORT_CIPHER");
  if (wanted != nullptr && std::string_view(wanted) == "openssl") return CipherLibrary::kOpenSsl;
  return HasIpsecMb() && DoesAsOpenSslDoes() ? CipherLibrary::kIpsecMb : CipherLibrary::kOpenSsl;
}

}  // namespace

Nonce NonceOf(uint64_t packet_number) {
  Nonce nonce;
  wire::ByteWriter writer(nonce);
  writer.WriteU32(0);
  writer.WriteU64(packet_number);
  return nonce;
}

CipherLibrary BestCipherLibrary() {
  static const CipherLibrary library = Choose();
  return library;
}

std::unique_ptr<PacketCipher> PacketCipher::Make(Direction direction, const SecretKey& key,
                                                 CipherLibrary library) {
  return library == CipherLibrary::kIpsecMb ? MakeIpsecMbCipher(key)
                                            : MakeOpenSslCipher(direction, key);
}

}  // namespace cohort::security

#include <openssl/evp.h>

#include <array>

#include "base/check.h"
#include "security/cipher_libraries.h"
#include "wire/limits.h"

namespace cohort::security {
namespace {

class OpenSslCipher : public PacketCipher {
 public:
  OpenSslCipher(Direction direction, const SecretKey& key) : context_(EVP_CIPHER_CTX_new()) {
    COHORT_CHECK(context_ != nullptr);
    const int encrypt = direction == Direction::kSeal ? 1 : 0;
    COHORT_CHECK(EVP_CipherInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, Input(key.bytes()),
                                   nullptr, encrypt) == 1);
  }

  void Seal(const Nonce& nonce, Bytes associated, Bytes plaintext, MutableBytes out) override {
    COHORT_CHECK(out.size() == plaintext.size() + wire::kTagBytes);
    bool done = Process(nonce, associated, plaintext, out);
    const MutableBytes tag = out.subspan(plaintext.size());
    int written = 0;
    done = done && EVP_EncryptFinal_ex(context_.get(), Output(tag), &written) == 1;
    done = done && EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG,
                                       static_cast<int>(tag.size()), tag.data()) == 1;
    COHORT_CHECK(done);
  }

  bool Open(const Nonce& nonce, Bytes associated, Bytes sealed, MutableBytes out) override {
    if (sealed.size() < wire::kTagBytes) return false;
    const Bytes body = sealed.first(sealed.size() - wire::kTagBytes);
    const Bytes tag = sealed.last(wire::kTagBytes);
    COHORT_CHECK(out.size() == body.size());
    bool done = Process(nonce, associated, body, out);
    // OpenSSL only reads the tag; its signature serves both directions.
    done = done &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()),
                               const_cast<std::byte*>(tag.data())) == 1;
    COHORT_CHECK(done);
    std::array<unsigned char, 16> nothing;
    int written = 0;
    return EVP_DecryptFinal_ex(context_.get(), nothing.data(), &written) == 1;
  }

 private:
  // All but the tag, in the context's direction. False where OpenSSL fails.
  bool Process(const Nonce& nonce, Bytes associated, Bytes in, MutableBytes out) {
    EVP_CIPHER_CTX* const context = context_.get();
    constexpr int kAsBefore = -1;
    int written = 0;
    bool done = EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, Input(nonce), kAsBefore) == 1;
    done = done && EVP_CipherUpdate(context, nullptr, &written, Input(associated),
                                    static_cast<int>(associated.size())) == 1;
    if (!in.empty()) {
      done = done && EVP_CipherUpdate(context, Output(out), &written, Input(in),
                                      static_cast<int>(in.size())) == 1;
    }
    return done;
  }

  struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context_;
};

}  // namespace

std::unique_ptr<PacketCipher> MakeOpenSslCipher(PacketCipher::Direction direction,
                                                const SecretKey& key) {
  return std::make_unique<OpenSslCipher>(direction, key);
}

}  // namespace cohort::security

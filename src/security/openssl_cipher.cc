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
    EVP_CIPHER_CTX* const context = context_.get();
    COHORT_CHECK(out.size() == plaintext.size() + wire::kTagBytes);
    int written = 0;
    bool done = EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, Input(nonce)) == 1;
    done = done && EVP_EncryptUpdate(context, nullptr, &written, Input(associated),
                                     static_cast<int>(associated.size())) == 1;
    if (!plaintext.empty()) {
      done = done && EVP_EncryptUpdate(context, Output(out), &written, Input(plaintext),
                                       static_cast<int>(plaintext.size())) == 1;
    }
    const MutableBytes tag = out.subspan(plaintext.size());
    done = done && EVP_EncryptFinal_ex(context, Output(tag), &written) == 1;
    done = done && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()),
                                       tag.data()) == 1;
    COHORT_CHECK(done);
  }

  bool Open(const Nonce& nonce, Bytes associated, Bytes sealed, MutableBytes out) override {
    if (sealed.size() < wire::kTagBytes) return false;
    EVP_CIPHER_CTX* const context = context_.get();
    const Bytes body = sealed.first(sealed.size() - wire::kTagBytes);
    const Bytes tag = sealed.last(wire::kTagBytes);
    COHORT_CHECK(out.size() == body.size());
    int written = 0;
    bool done = EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, Input(nonce)) == 1;
    done = done && EVP_DecryptUpdate(context, nullptr, &written, Input(associated),
                                     static_cast<int>(associated.size())) == 1;
    if (!body.empty()) {
      done = done && EVP_DecryptUpdate(context, Output(out), &written, Input(body),
                                       static_cast<int>(body.size())) == 1;
    }
    // OpenSSL only reads the tag; its signature serves both directions.
    done = done && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()),
                                       const_cast<std::byte*>(tag.data())) == 1;
    COHORT_CHECK(done);
    std::array<unsigned char, 16> nothing;
    return EVP_DecryptFinal_ex(context, nothing.data(), &written) == 1;
  }

 private:
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

// Loaded, not linked: a host that has not got the library uses OpenSSL instead, and nobody who
// embeds Cohort has one more library to name.
#include "base/check.h"
#include "security/cipher_libraries.h"

#ifdef COHORT_IPSEC_MB

#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "wire/limits.h"

namespace cohort::security {
namespace {

// What is taken from the library's manager: plain functions, which any thread may call. (Version
// 1.3 clears a global word that we do not read at each call, without a lock.)
struct Gcm256 {
  aes_gcm_pre_t expand = nullptr;
  aes_gcm_enc_dec_t seal = nullptr;
  aes_gcm_enc_dec_t open = nullptr;
};

template <typename Function>
Function* Find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

std::optional<Gcm256> Load() {
  void* const library = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);  // It stays loaded.
  if (library == nullptr) return std::nullopt;
  const auto version = Find<decltype(imb_get_version)>(library, "imb_get_version");
  const auto make = Find<decltype(alloc_mb_mgr)>(library, "alloc_mb_mgr");
  const auto init = Find<decltype(init_mb_mgr_auto)>(library, "init_mb_mgr_auto");
  const auto free = Find<decltype(free_mb_mgr)>(library, "free_mb_mgr");
  if (version == nullptr || make == nullptr || init == nullptr || free == nullptr) {
    return std::nullopt;
  }
  // Where the functions are in the manager is a matter of the version.
  if (version() != IMB_VERSION_NUM) return std::nullopt;
  IMB_MGR* const manager = make(0);
  if (manager == nullptr) return std::nullopt;
  IMB_ARCH arch = IMB_ARCH_NONE;
  init(manager, &arch);
  // Without AES instructions the library looks things up in tables, which takes a time that
  // depends on the key.
  const bool usable = arch != IMB_ARCH_NONE && arch != IMB_ARCH_NOAESNI &&
                      (manager->features & IMB_FEATURE_SELF_TEST_PASS) != 0;
  const Gcm256 gcm{manager->gcm256_pre, manager->gcm256_enc, manager->gcm256_dec};
  free(manager);
  return usable ? std::optional(gcm) : std::nullopt;
}

const std::optional<Gcm256>& Library() {
  static const std::optional<Gcm256> library = Load();
  return library;
}

// The functions answer nothing. What they refuse (no pointer where there is a length, a message of
// 64 GiB) cannot be said by Bytes of a packet; if they ever refuse, the tag stays as it was.
class IpsecMbCipher : public PacketCipher {
 public:
  explicit IpsecMbCipher(const SecretKey& key) : gcm_(*Library()) {
    gcm_.expand(key.bytes().data(), &key_);
  }
  ~IpsecMbCipher() override { OPENSSL_cleanse(&key_, sizeof key_); }

  void Seal(const Nonce& nonce, Bytes associated, Bytes plaintext, MutableBytes out) override {
    COHORT_CHECK(out.size() == plaintext.size() + wire::kTagBytes);
    const MutableBytes tag = out.subspan(plaintext.size());
    constexpr std::array<std::byte, wire::kTagBytes> kNothing{};
    std::copy(kNothing.begin(), kNothing.end(), tag.begin());
    gcm_context_data context;
    gcm_.seal(&key_, &context, Output(out), Input(plaintext), plaintext.size(), Input(nonce),
              Input(associated), associated.size(), Output(tag), tag.size());
    COHORT_CHECK(!std::equal(tag.begin(), tag.end(), kNothing.begin()));
  }

  bool Open(const Nonce& nonce, Bytes associated, Bytes sealed, MutableBytes out) override {
    if (sealed.size() < wire::kTagBytes) return false;
    const Bytes body = sealed.first(sealed.size() - wire::kTagBytes);
    COHORT_CHECK(out.size() == body.size());
    gcm_context_data context;
    const Bytes received = sealed.last(wire::kTagBytes);
    std::array<uint8_t, wire::kTagBytes> tag;
    std::transform(received.begin(), received.end(), tag.begin(),
                   [](std::byte byte) { return std::to_integer<uint8_t>(~byte); });
    gcm_.open(&key_, &context, Output(out), Input(body), body.size(), Input(nonce),
              Input(associated), associated.size(), tag.data(), tag.size());
    return CRYPTO_memcmp(tag.data(), received.data(), tag.size()) == 0;
  }

 private:
  const Gcm256 gcm_;
  alignas(64) gcm_key_data key_;  // The header says so only where the library itself is built.
};

}  // namespace

bool HasIpsecMb() { return Library().has_value(); }

std::unique_ptr<PacketCipher> MakeIpsecMbCipher(const SecretKey& key) {
  COHORT_CHECK(HasIpsecMb());
  return std::make_unique<IpsecMbCipher>(key);
}

}  // namespace cohort::security

#else  // Not found when this was built.

namespace cohort::security {

bool HasIpsecMb() { return false; }

std::unique_ptr<PacketCipher> MakeIpsecMbCipher(const SecretKey&) {
  COHORT_CHECK(HasIpsecMb());
  return nullptr;
}

}  // namespace cohort::security

#endif

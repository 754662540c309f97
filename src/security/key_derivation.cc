#include "security/key_derivation.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cstdio>
#include <vector>

#include "base/check.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::security {
namespace {

constexpr std::string_view kSaltLabel = "cohort 1 group ";
constexpr size_t kInfoMax = 64;

struct FreeKdfContext {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

OSSL_PARAM OctetParam(const char* name, Bytes bytes) {
  // OpenSSL only reads through this pointer; its type says otherwise.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()),
                                           bytes.size());
}

bool RunHkdf(EVP_KDF* kdf, int mode, Bytes key, Bytes salt, Bytes info, MutableBytes out) {
  const std::unique_ptr<EVP_KDF_CTX, FreeKdfContext> context(EVP_KDF_CTX_new(kdf));
  if (context == nullptr) return false;
  char digest[] = "SHA256";
  OSSL_PARAM params[6];
  size_t count = 0;
  params[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
  params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
  params[count++] = OctetParam(OSSL_KDF_PARAM_KEY, key);
  if (!salt.empty()) params[count++] = OctetParam(OSSL_KDF_PARAM_SALT, salt);
  if (!info.empty()) params[count++] = OctetParam(OSSL_KDF_PARAM_INFO, info);
  params[count] = OSSL_PARAM_construct_end();
  return EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), out.size(),
                        params) > 0;
}

uint32_t ToNumber(const std::array<std::byte, 4>& bytes) {
  return wire::ByteReader(bytes).ReadU32();
}

}  // namespace

void KeyDerivation::FreeKdf::operator()(evp_kdf_st* kdf) const { EVP_KDF_free(kdf); }

bool HkdfSha256(Bytes secret, Bytes salt, Bytes info, MutableBytes out) {
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  if (kdf == nullptr) return false;
  const bool derived = RunHkdf(kdf, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, secret, salt, info, out);
  EVP_KDF_free(kdf);
  return derived;
}

KeyDerivation::KeyDerivation(const GroupKey& key, std::string_view group)
    : kdf_(EVP_KDF_fetch(nullptr, "HKDF", nullptr)) {
  COHORT_CHECK(kdf_ != nullptr);
  std::string salt(kSaltLabel);
  salt += group;
  COHORT_CHECK(RunHkdf(kdf_.get(), EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key.bytes(), AsBytes(salt), {},
                       extracted_.Fill()));
  std::array<std::byte, 4> tag;
  Expand("group tag", {}, tag);
  group_tag_ = ToNumber(tag);
}

KeyDerivation KeyDerivation::OfPlaintext(std::string_view group) {
  constexpr std::string_view kText = "cohort plaintext, known to all..";
  static_assert(kText.size() == kKeyBytes);
  return KeyDerivation(
      GroupKey(std::span<const std::byte, kKeyBytes>(AsBytes(kText).data(), kKeyBytes)), group);
}

KeyDerivation KeyDerivation::Of(const std::optional<GroupKey>& key, std::string_view group) {
  return key ? KeyDerivation(*key, group) : OfPlaintext(group);
}

void KeyDerivation::Expand(std::string_view label, Bytes fields, MutableBytes out) const {
  std::array<std::byte, kInfoMax> info;
  wire::ByteWriter writer(info);
  writer.WriteU8(static_cast<uint8_t>(label.size()));
  writer.WriteBytes(AsBytes(label));
  writer.WriteBytes(fields);
  COHORT_CHECK(writer.ok());
  COHORT_CHECK(RunHkdf(kdf_.get(), EVP_KDF_HKDF_MODE_EXPAND_ONLY, extracted_.bytes(), {},
                       writer.written(), out));
}

// Spec 10.5.
SecretKey KeyDerivation::PacketKey(const MemberId& sender, wire::PacketType channel,
                                   KeyEpoch epoch) const {
  std::array<std::byte, 16 + 4 + 1 + 4> fields;
  wire::ByteWriter writer(fields);
  writer.WriteU64(sender.instance.hi);
  writer.WriteU64(sender.instance.lo);
  writer.WriteU32(sender.join_no);
  writer.WriteU8(static_cast<uint8_t>(channel));
  writer.WriteU32(epoch);
  SecretKey key;
  Expand("packets", fields, key.Fill());
  return key;
}

uint32_t KeyDerivation::ViewTag(const ViewId& view) const {
  std::array<std::byte, 16> fields;
  wire::ByteWriter writer(fields);
  writer.WriteU64(view.num);
  writer.WriteU64(view.cid);
  std::array<std::byte, 4> tag;
  Expand("view tag", fields, tag);
  return ToNumber(tag);
}

TlsPsk KeyDerivation::LifelinePsk() const {
  char tag[9];
  std::snprintf(tag, sizeof tag, "%08x", group_tag_);
  TlsPsk psk;
  psk.identity = std::string("cohort-1 ") + tag;
  COHORT_CHECK(psk.identity.size() == kLifelineIdentityBytes);
  Expand("lifeline psk", {}, psk.secret.Fill());
  return psk;
}

uint64_t KeyDerivation::TableSeed() const {
  std::array<std::byte, 8> seed;
  Expand("table seed", {}, seed);
  return wire::ByteReader(seed).ReadU64();
}

}  // namespace cohort::security

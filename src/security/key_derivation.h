// Everything a group derives from its key: one subkey per sender and channel, the tags that sort
// packets before they are opened, and the pre-shared key of the lifelines.
//
// HKDF-SHA256 (RFC 5869): extract once from the key with the group's name, then expand once per
// purpose with an info string no two purposes share (a label, and fields of fixed size). Source:
// NIST SP 800-108 for the separation.
#ifndef COHORT_SECURITY_KEY_DERIVATION_H_
#define COHORT_SECURITY_KEY_DERIVATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/types.h"
#include "security/group_key.h"
#include "wire/packet_header.h"

struct evp_kdf_st;

namespace cohort::security {

// Counts the group's keys; the low 8 bits are the key slot of the header.
using KeyEpoch = uint32_t;

// External PSK of TLS 1.3 (RFC 8446, 4.2.11). The identity travels in clear and tells nothing but
// the group's tag.
inline constexpr size_t kLifelineIdentityBytes = 17;
struct TlsPsk {
  std::string identity;  // kLifelineIdentityBytes. A lifeline without TLS begins with it.
  SecretKey secret;
};

// False when OpenSSL refuses (wrong sizes). Empty `salt` is 32 zero bytes, as RFC 5869 says.
bool HkdfSha256(Bytes secret, Bytes salt, Bytes info, MutableBytes out);

class KeyDerivation {
 public:
  KeyDerivation(const GroupKey& key, std::string_view group);
  // By a key that everybody knows: without one, the tags still tell groups apart. Spec 10.24.
  static KeyDerivation OfPlaintext(std::string_view group);
  // By the group's key, if it has one.
  static KeyDerivation Of(const std::optional<GroupKey>& key, std::string_view group);

  SecretKey PacketKey(const MemberId& sender, wire::PacketType channel, KeyEpoch epoch) const;
  uint32_t group_tag() const { return group_tag_; }
  uint32_t ViewTag(const ViewId& view) const;
  TlsPsk LifelinePsk() const;
  // Salts tables that strangers, and users who choose keys of a map, could otherwise fill with
  // collisions. Alike on all members, whose digests of a map must agree.
  uint64_t TableSeed() const;

 private:
  struct FreeKdf {
    void operator()(evp_kdf_st* kdf) const;
  };
  void Expand(std::string_view label, Bytes fields, MutableBytes out) const;

  std::unique_ptr<evp_kdf_st, FreeKdf> kdf_;
  SecretKey extracted_;
  uint32_t group_tag_ = 0;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_KEY_DERIVATION_H_

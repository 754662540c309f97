// The two libraries behind PacketCipher, for it alone.
#ifndef COHORT_SECURITY_CIPHER_LIBRARIES_H_
#define COHORT_SECURITY_CIPHER_LIBRARIES_H_

#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "security/group_key.h"
#include "security/packet_cipher.h"

namespace cohort::security {

// As both take bytes.
inline const uint8_t* Input(Bytes bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }
inline uint8_t* Output(MutableBytes bytes) { return reinterpret_cast<uint8_t*>(bytes.data()); }

std::unique_ptr<PacketCipher> MakeOpenSslCipher(PacketCipher::Direction direction,
                                                const SecretKey& key);

// Whether libIPSec_MB.so.1 is loaded (the first call does that) and may be used here.
bool HasIpsecMb();
// For both directions. Only where HasIpsecMb().
std::unique_ptr<PacketCipher> MakeIpsecMbCipher(const SecretKey& key);

}  // namespace cohort::security

#endif  // COHORT_SECURITY_CIPHER_LIBRARIES_H_

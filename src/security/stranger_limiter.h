// How many packets of strangers may cost us a key derivation: a token bucket for each source
// address, and one for all together.
//
// Addresses are not stored: each falls on one of kBuckets by a salted hash, and those that fall on
// one share it. So the memory is fixed and nobody can push another address out; two hosts that
// collide share 100 packets a second.
#ifndef COHORT_SECURITY_STRANGER_LIMITER_H_
#define COHORT_SECURITY_STRANGER_LIMITER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/instant.h"
#include "base/types.h"

namespace cohort::security {

inline constexpr uint32_t kStrangerPacketsPerSource =
    100;  // A second, and at once after a second's rest.
inline constexpr uint32_t kStrangerPacketsTotal = 1000;  // Likewise, of all sources.

// Holds up to one second's worth of tokens.
class TokenBucket {
 public:
  bool Take(Instant now, uint32_t per_second) {
    // The bucket is the instant at which it will be full again: one number, no rounding (GCRA).
    const Duration token = Duration(seconds(1)) / per_second;
    const Instant full_at = std::max(full_at_, now) + token;
    if (full_at - now > seconds(1)) return false;
    full_at_ = full_at;
    return true;
  }

 private:
  Instant full_at_;
};

class StrangerLimiter {
 public:
  explicit StrangerLimiter(uint64_t salt) : salt_(salt) {}

  // Takes a token of the source and one of all. A source that has none left does not use up the
  // others' share.
  bool Admit(Instant now, const Address& from) {
    return per_source_[IndexOf(from)].Take(now, kStrangerPacketsPerSource) &&
           total_.Take(now, kStrangerPacketsTotal);
  }

 private:
  static constexpr size_t kBuckets = 1024;
  // By address alone: a source may own as many ports as it likes.
  size_t IndexOf(const Address& from) const;

  uint64_t salt_;
  TokenBucket total_;
  std::array<TokenBucket, kBuckets> per_source_{};
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_STRANGER_LIMITER_H_

#include "security/stranger_limiter.h"

#include "base/random.h"

namespace cohort::security {

size_t StrangerLimiter::IndexOf(const Address& from) const {
  // Salted multiply and fold: a sender without the key cannot aim at a bucket.
  uint64_t hash = salt_ ^ from.family;
  for (size_t half = 0; half < 2; ++half) {
    uint64_t word = 0;
    for (size_t i = 0; i < 8; ++i) word |= uint64_t{from.ip[half * 8 + i]} << (8 * i);
    const Uint128 product = static_cast<Uint128>(hash ^ word) * 0x9E3779B97F4A7C15u;
    hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ salt_;
  }
  return (hash ^ (hash >> 32)) % kBuckets;
}

}  // namespace cohort::security

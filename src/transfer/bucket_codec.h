// What donor and joiner say about buckets: what each holds by the state (DIGESTS), and which are
// wanted (WANT). Packed by hand, little-endian, after the header of every message (messages.h):
//   DIGESTS: u16 map | for each bucket that holds something, upwards:
//            u16 bucket | u32 entries | u64 digest hi | u64 digest lo
//   WANT:    for each bucket: u16 map | u16 bucket | u16 held | held times u64 (the low half of an
//            entry's digest)
// Clauses 9.4 and 9.5.
#ifndef COHORT_TRANSFER_BUCKET_CODEC_H_
#define COHORT_TRANSFER_BUCKET_CODEC_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "map/types.h"

namespace cohort::transfer {

struct DigestsMessage {
  struct Sum {
    uint16_t bucket = 0;
    uint32_t entries = 0;
    map::Digest digest;
  };
  uint16_t map = 0;
  std::vector<Sum> sums;  // By bucket.
};

// A bucket that the joiner asks for.
struct Want {
  uint16_t map = 0;
  uint16_t bucket = 0;
  std::vector<uint64_t> held;  // Of entries it has already. Empty: all are wanted.
};

Buffer EncodeDigests(uint32_t attempt, const DigestsMessage& message);
// In as many messages as it takes.
std::vector<Buffer> EncodeWants(uint32_t attempt, std::span<const Want> wants);

// Both take the whole message, and are empty where the body is not well formed. The numbers of maps
// are not checked.
std::optional<DigestsMessage> DecodeDigests(Bytes message);
std::optional<std::vector<Want>> DecodeWant(Bytes message);

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_BUCKET_CODEC_H_

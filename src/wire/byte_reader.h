// Reads little-endian numbers from borrowed bytes. Reading past the end yields zeros and marks the
// reader failed for good, so a parser checks ok() once, after reading all its fields.
#ifndef COHORT_WIRE_BYTE_READER_H_
#define COHORT_WIRE_BYTE_READER_H_

#include <cstddef>
#include <cstdint>

#include "base/buffer.h"

namespace cohort::wire {

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  uint8_t ReadU8() { return static_cast<uint8_t>(Read<1>()); }
  uint16_t ReadU16() { return static_cast<uint16_t>(Read<2>()); }
  uint32_t ReadU32() { return static_cast<uint32_t>(Read<4>()); }
  uint64_t ReadU48() { return Read<6>(); }
  uint64_t ReadU64() { return Read<8>(); }
  // The next `size` bytes, borrowed; empty when there are fewer.
  Bytes ReadBytes(size_t size) {
    if (!Has(size)) return {};
    const Bytes result = bytes_.subspan(position_, size);
    position_ += size;
    return result;
  }

  bool ok() const { return !failed_; }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }
  // Everything was read and nothing was missing.
  bool AtEnd() const { return !failed_ && left() == 0; }

 private:
  bool Has(size_t bytes) {
    if (failed_ || bytes > left()) failed_ = true;
    return !failed_;
  }
  template <size_t kBytes>
  uint64_t Read() {
    if (!Has(kBytes)) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < kBytes; ++i) {
      value |= static_cast<uint64_t>(bytes_[position_ + i]) << (8 * i);
    }
    position_ += kBytes;
    return value;
  }

  Bytes bytes_;
  size_t position_ = 0;
  bool failed_ = false;
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_BYTE_READER_H_

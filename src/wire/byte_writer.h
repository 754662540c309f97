// Writes little-endian numbers into memory of a fixed size. A write that does not fit is not begun,
// and marks the writer failed for good, so a sequence of writes is checked once, at its end.
#ifndef COHORT_WIRE_BYTE_WRITER_H_
#define COHORT_WIRE_BYTE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/buffer.h"

namespace cohort::wire {

class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes memory) : memory_(memory) {}

  void WriteU8(uint8_t value) { Write<1>(value); }
  void WriteU16(uint16_t value) { Write<2>(value); }
  void WriteU32(uint32_t value) { Write<4>(value); }
  // The low 48 bits; a larger value fails.
  void WriteU48(uint64_t value) {
    if ((value >> 48) != 0) {
      failed_ = true;
    } else {
      Write<6>(value);
    }
  }
  void WriteU64(uint64_t value) { Write<8>(value); }
  void WriteBytes(Bytes bytes) {
    if (!Has(bytes.size())) return;
    if (!bytes.empty()) std::memcpy(memory_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  bool ok() const { return !failed_; }
  size_t size() const { return size_; }
  size_t room() const { return memory_.size() - size_; }
  Bytes written() const { return memory_.first(size_); }

 private:
  bool Has(size_t bytes) {
    if (failed_ || bytes > room()) failed_ = true;
    return !failed_;
  }
  template <size_t kBytes>
  void Write(uint64_t value) {
    if (!Has(kBytes)) return;
    for (size_t i = 0; i < kBytes; ++i) {
      memory_[size_ + i] = static_cast<std::byte>(value >> (8 * i));
    }
    size_ += kBytes;
  }

  MutableBytes memory_;
  size_t size_ = 0;
  bool failed_ = false;
};

}  // namespace cohort::wire

#endif  // COHORT_WIRE_BYTE_WRITER_H_

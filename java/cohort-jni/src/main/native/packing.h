// How records cross between Java and C++: as one array of bytes instead of many objects, numbers in
// big-endian order as java.nio.ByteBuffer has them. Text and bytes follow their length (4 bytes).
#ifndef COHORT_JNI_PACKING_H_
#define COHORT_JNI_PACKING_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "cohort/c.h"

namespace cohort::jni {

class Packer {
 public:
  // Into a string of its own; `bytes`: what is going to be packed, where that is known.
  explicit Packer(size_t bytes = 0) { bytes_.reserve(bytes); }
  // Into memory of somebody else, which has room for `bytes`: for more it ends the process.
  Packer(char* into, size_t bytes) : into_(into), room_(bytes) {}

  Packer& Byte(uint8_t value) {
    const char byte = static_cast<char>(value);
    return Append(&byte, 1);
  }
  Packer& Int(uint32_t value) { return Number(value, 4); }
  Packer& Long(uint64_t value) { return Number(value, 8); }
  // Of anything longer than 4 GiB, which nothing is, the beginning.
  Packer& Bytes(const void* data, size_t size) {
    Int(static_cast<uint32_t>(size));
    return Append(data, static_cast<uint32_t>(size));
  }
  Packer& Text(const char* text) {
    return text == nullptr ? Int(0) : Bytes(text, std::strlen(text));
  }
  Packer& Id(const cohort_member_id_t& id) {
    return Long(id.instance_hi).Long(id.instance_lo).Long(id.join_no);
  }
  Packer& Id(const cohort_view_id_t& id) { return Long(id.number).Long(id.random); }

  // Without their length.
  Packer& Append(const void* data, size_t size) {
    if (size == 0) return *this;
    if (into_ == nullptr) {
      bytes_.append(static_cast<const char*>(data), size);
    } else {
      if (size > room_) std::abort();
      std::memcpy(into_, data, size);
      into_ += size;
      room_ -= size;
    }
    return *this;
  }

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  Packer& Number(uint64_t value, size_t size) {
    char digits[8];
    for (size_t i = 0; i < size; ++i) digits[i] = static_cast<char>(value >> (8 * (size - 1 - i)));
    return Append(digits, size);
  }

  std::string bytes_;
  char* into_ = nullptr;
  size_t room_ = 0;
};

// Reads what Java packed. After anything that cannot be, ok() is false and all else is empty.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::string_view Bytes() {
    const size_t size = Length();
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

 private:
  size_t Length() {
    if (rest_.size() < 4) ok_ = false;
    if (!ok_) return 0;
    uint32_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8U | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(4);
    return length;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace cohort::jni

#endif  // COHORT_JNI_PACKING_H_

// A hash of the Redis protocol as the value of one entry.
//
// The value begins with the 16 bytes of kHashMark; then come the fields, ascending by their bytes,
// none twice, at least one: size of the field, field, size of its value, value. Sizes have 32 bits,
// little-endian. So equal hashes have equal bytes. The mark alone tells a hash from a string; no
// text, and no string that this door writes, begins with it. docs/resp.md tells programs.
#ifndef COHORT_TOOLS_HASH_VALUE_H_
#define COHORT_TOOLS_HASH_VALUE_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cohort::tools {

// Encoded. Much less than a value may have: each write to one field writes all of them.
inline constexpr size_t kHashBytesMax = (size_t{1} << 20) - 8192;

inline constexpr std::string_view kHashMark{"\xff\0CohortHash1\0\xff\n", 16};

inline bool IsHash(std::string_view value) {
  return value.substr(0, kHashMark.size()) == kHashMark;
}

// Borrows what it is given: an entry's bytes, fields and values outlive it. Not thread-safe.
class HashValue {
 public:
  using Fields = std::map<std::string_view, std::string_view>;

  // False: `value` is no hash, or a malformed one; then this is unusable. Takes time and memory
  // proportional to the bytes of `value`, whatever they announce.
  bool Parse(std::string_view value);
  std::string Encode() const;

  const Fields& fields() const { return fields_; }
  size_t encoded_bytes() const { return encoded_bytes_; }
  std::optional<std::string_view> Find(std::string_view field) const;
  bool Set(std::string_view field, std::string_view value);  // Whether the field is new.
  bool Erase(std::string_view field);                        // Whether it was there.

 private:
  Fields fields_;
  size_t encoded_bytes_ = kHashMark.size();
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_HASH_VALUE_H_

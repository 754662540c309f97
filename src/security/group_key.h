// The secret a group shares, and the text file it is kept in.
//
// The file: lines of comments (`#`) and blanks, and one line `cohort-key-1 KEY` where KEY is 32
// bytes in base64 or in hexadecimal. Only text is handled here; whoever reads the file minds its
// mode. Errors say what is wrong and on which line, never what the key is.
#ifndef COHORT_SECURITY_GROUP_KEY_H_
#define COHORT_SECURITY_GROUP_KEY_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/buffer.h"

namespace cohort::security {

inline constexpr size_t kKeyBytes = 32;
inline constexpr size_t kKeyFileMax = 4096;

// 256 secret bits, wiped when they go away.
class SecretKey {
 public:
  SecretKey() = default;
  explicit SecretKey(std::span<const std::byte, kKeyBytes> bytes);
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  bool operator==(const SecretKey&) const = default;

  Bytes bytes() const { return bytes_; }
  MutableBytes Fill() { return bytes_; }

 private:
  std::array<std::byte, kKeyBytes> bytes_{};
};
using GroupKey = SecretKey;

absl::StatusOr<GroupKey> ParseKeyFile(std::string_view text);

// The text of a new key file. `random` comes from the system's generator.
std::string GenerateKeyFile(std::span<const std::byte, kKeyBytes> random);

}  // namespace cohort::security

#endif  // COHORT_SECURITY_GROUP_KEY_H_

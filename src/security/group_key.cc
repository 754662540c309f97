#include "security/group_key.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "base/absl_bridge.h"

namespace cohort::security {
namespace {

constexpr std::string_view kFormat = "cohort-key-1";
constexpr size_t kHexDigits = 2 * kKeyBytes;
constexpr std::string_view kExpected =
    "expected one line `cohort-key-1 KEY` with 32 bytes in base64 or hexadecimal (see cohort "
    "keygen)";

absl::Status KeyError(size_t line, std::string_view what) {
  std::string message = "key file";
  if (line != 0) message += ", line " + std::to_string(line);
  message += ": ";
  message += what;
  message += "; ";
  message += kExpected;
  return MakeStatus(absl::StatusCode::kInvalidArgument, message);
}

std::string_view Strip(std::string_view text) {
  return ToStd(absl::StripAsciiWhitespace(ToAbsl(text)));
}

// The bytes of one key line, or nothing when the text is neither hexadecimal nor base64.
std::optional<std::string> DecodeKey(std::string_view text) {
  const bool is_hex = text.size() % 2 == 0 && text.size() <= kHexDigits &&
                      std::all_of(text.begin(), text.end(),
                                  [](unsigned char c) { return absl::ascii_isxdigit(c); });
  if (is_hex && text.size() == kHexDigits) return absl::HexStringToBytes(ToAbsl(text));
  std::string bytes;
  if (absl::Base64Unescape(ToAbsl(text), &bytes)) return bytes;
  if (is_hex) return absl::HexStringToBytes(ToAbsl(text));  // Too few digits: the caller says so.
  return std::nullopt;
}

absl::StatusOr<GroupKey> ParseKeyLine(std::string_view line, size_t number) {
  if (line.substr(0, kFormat.size()) != kFormat) return KeyError(number, "not a Cohort key");
  std::string_view rest = line.substr(kFormat.size());
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') {
    return KeyError(number, "not a Cohort key of a format this version knows");
  }
  rest = Strip(rest);
  if (rest.empty()) return KeyError(number, "the key is missing");
  std::optional<std::string> bytes = DecodeKey(rest);
  if (!bytes) return KeyError(number, "the key is neither base64 nor hexadecimal");
  const size_t size = bytes->size();
  GroupKey key;
  if (size == kKeyBytes) std::copy_n(AsBytes(*bytes).begin(), kKeyBytes, key.Fill().begin());
  OPENSSL_cleanse(bytes->data(), bytes->size());
  if (size < kKeyBytes) {
    return KeyError(number,
                    "the key is too short, " + std::to_string(size) + " bytes instead of 32");
  }
  if (size > kKeyBytes) {
    return KeyError(number,
                    "the key is too long, " + std::to_string(size) + " bytes instead of 32");
  }
  const Bytes all = key.bytes();
  if (std::all_of(all.begin(), all.end(), [&all](std::byte b) { return b == all[0]; })) {
    return KeyError(number, "the key is one byte repeated, so not random");
  }
  return key;
}

}  // namespace

SecretKey::SecretKey(std::span<const std::byte, kKeyBytes> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

// Spec 10.2.
absl::StatusOr<GroupKey> ParseKeyFile(std::string_view text) {
  if (text.size() > kKeyFileMax) return KeyError(0, "it is too long to be a key file");
  std::optional<GroupKey> key;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (key) return KeyError(number, "there is a second key");
    absl::StatusOr<GroupKey> parsed = ParseKeyLine(line, number);
    if (!parsed.ok()) return parsed;
    key = *parsed;
  }
  if (!key) return KeyError(0, "it is empty");
  return *key;
}

std::string GenerateKeyFile(std::span<const std::byte, kKeyBytes> random) {
  const std::string_view raw = AsText(random);
  std::string text =
      "# The key of a Cohort group. Whoever has it is a member: keep it secret (mode 0600).\n";
  text += kFormat;
  text += ' ';
  text += absl::Base64Escape(ToAbsl(raw));
  text += '\n';
  return text;
}

}  // namespace cohort::security

// Golden files: bytes that must not change by accident, as hexadecimal text with comments (#). A
// test compares what the code writes with the file and what the file reads as.
// COHORT_UPDATE_GOLDEN=1 in the environment rewrites them; the diff is then for a reviewer to
// judge.
#ifndef COHORT_TESTS_SUPPORT_GOLDEN_FILE_H_
#define COHORT_TESTS_SUPPORT_GOLDEN_FILE_H_

#include <cctype>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/buffer.h"

namespace cohort::testing {

inline std::string TestDataPath(const std::string& name) {
  return std::string(COHORT_SOURCE_DIR) + "/tests/testdata/" + name;
}

// Digits may be spaced as one likes; a comment runs to the end of its line.
inline std::vector<std::byte> FromHex(const std::string& text) {
  std::vector<std::byte> bytes;
  int pending = -1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#') i = std::min(text.find('\n', i), text.size() - 1);
    const char c = text[i];
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (pending < 0) {
      pending = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(pending * 16 + digit));
      pending = -1;
    }
  }
  return bytes;
}

inline std::string ToHex(Bytes bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    char digits[4];
    const char* const separator = i + 1 == bytes.size() || i % 16 == 15 ? "\n" : " ";
    std::snprintf(digits, sizeof digits, "%02x%s", static_cast<unsigned>(bytes[i]), separator);
    text += digits;
  }
  return text;
}

inline std::string ReadTextFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The bytes of a golden file; `actual` is written to it first when goldens are being updated.
inline std::vector<std::byte> Golden(const std::string& name, const std::string& comment,
                                     Bytes actual) {
  const std::string path = TestDataPath(name);
  if (std::getenv("COHORT_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << "# " << comment << "\n" << ToHex(actual);
  }
  return FromHex(ReadTextFile(path));
}

}  // namespace cohort::testing

#endif  // COHORT_TESTS_SUPPORT_GOLDEN_FILE_H_

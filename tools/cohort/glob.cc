#include "glob.h"

#include <algorithm>
#include <cstddef>

namespace cohort::tools {
namespace {

// Matches one character against the pattern's element at `at`; moves `at` behind the element.
bool ElementMatches(std::string_view pattern, size_t& at, char c) {
  const char first = pattern[at++];
  if (first == '?') return true;
  if (first == '\\' && at < pattern.size()) return pattern[at++] == c;
  if (first != '[') return first == c;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = pattern[at + 1];
      at += 2;
    }
    if (low > high) std::swap(low, high);
    found = found || (c >= low && c <= high);
  }
  if (at < pattern.size()) ++at;  // An unclosed class ends with the pattern.
  return found != negated;
}

}  // namespace

bool GlobMatches(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t position = 0;
  size_t star = std::string_view::npos;  // Behind the last '*' ...
  size_t star_text = 0;                  // ... which has swallowed the text up to here.
  while (position < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      star_text = position;
      continue;
    }
    size_t next = at;
    if (at < pattern.size() && ElementMatches(pattern, next, text[position])) {
      at = next;
      ++position;
    } else if (star != std::string_view::npos) {
      at = star;
      position = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace cohort::tools

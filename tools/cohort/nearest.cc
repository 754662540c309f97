#include "nearest.h"

#include <algorithm>
#include <vector>

namespace cohort::tools {
namespace {

constexpr size_t kWordMax = 64;
constexpr size_t kLettersPerError = 3;

// Edit distance in which two neighbours that were swapped count as one error (optimal string
// alignment).
size_t Errors(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Nearest(std::string_view word, std::span<const std::string> known) {
  if (word.size() > kWordMax) return "";
  const size_t letters = word.size() - std::min(word.size(), word.find_first_not_of('-'));
  size_t fewest = std::min(kTypingErrorsMax, std::max<size_t>(1, letters / kLettersPerError)) + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    if (candidate.size() > kWordMax) continue;
    const size_t errors = Errors(word, candidate);
    if (errors >= fewest) continue;
    fewest = errors;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace cohort::tools

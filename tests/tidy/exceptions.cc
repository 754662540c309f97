#include "tidy/exceptions.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

namespace cohort::tidy {
namespace {

using Place = std::pair<std::string, std::string>;  // Rule, where.

struct Total {
  size_t size = 0;
  std::string words;
};

std::map<Place, size_t> Parse(std::string_view text) {
  std::map<Place, size_t> allowed;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string rule;
    std::string where;
    size_t size = 0;
    if (fields >> rule >> where >> size) allowed[{rule, where}] = size;
  }
  return allowed;
}

}  // namespace

std::vector<std::string> Judge(const Findings& findings, std::string_view exceptions) {
  std::map<Place, Total> totals;
  for (const Finding& finding : findings) {
    Total& total = totals[{finding.rule, finding.where}];
    // Two functions of one name share a line of the list: the longer one counts.
    total.size = finding.size > 1 ? std::max(total.size, finding.size) : total.size + finding.size;
    total.words += "\n    line " + std::to_string(finding.line) + ": " + finding.text;
  }
  std::vector<std::string> verdicts;
  const std::map<Place, size_t> allowed = Parse(exceptions);
  for (const auto& [place, total] : totals) {
    const auto exception = allowed.find(place);
    if (exception != allowed.end() && total.size <= exception->second) continue;
    verdicts.push_back(
        (exception == allowed.end() ? "breaks a rule: " : "grew beyond its exception: ") +
        place.first + " " + place.second + " " + std::to_string(total.size) + total.words);
  }
  for (const auto& [place, size] : allowed) {
    if (totals.contains(place)) continue;
    verdicts.push_back("exception no longer needed, take it out: " + place.first + " " +
                       place.second + " " + std::to_string(size));
  }
  return verdicts;
}

}  // namespace cohort::tidy

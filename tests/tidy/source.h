// A source file as the house rules see it: its lines as written, and again with comments and the
// insides of literals blanked, so that a rule about code is not misled by prose.
#ifndef COHORT_TESTS_TIDY_SOURCE_H_
#define COHORT_TESTS_TIDY_SOURCE_H_

#include <string>
#include <string_view>
#include <vector>

namespace cohort::tidy {

struct Source {
  std::string path;               // Relative to the root of the repository, with slashes.
  std::vector<std::string> raw;   // As written.
  std::vector<std::string> code;  // Same lines and columns; comments and literals are spaces.

  bool IsHeader() const { return path.ends_with(".h"); }
  bool IsUnder(std::string_view folder) const { return path.starts_with(folder); }
  // "map" for src/map/entry.h; empty outside src.
  std::string Layer() const;
};

Source MakeSource(std::string path, std::string_view text);

// All hand-written .h, .cc and .c files of the repository, sorted by path.
std::vector<Source> ReadSources(const std::string& root);

// Relative paths of all *.md files outside build and hidden folders, sorted.
std::vector<std::string> FindMarkdown(const std::string& root);

std::string ReadText(const std::string& path);

}  // namespace cohort::tidy

#endif  // COHORT_TESTS_TIDY_SOURCE_H_

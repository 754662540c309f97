// The rules of the house that a program can check. Each takes one file and lists what breaks it.
// CONTRIBUTING.md says why they exist; exceptions.txt lists what may break them for now.
#ifndef COHORT_TESTS_TIDY_RULES_H_
#define COHORT_TESTS_TIDY_RULES_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tidy/source.h"

namespace cohort::tidy {

inline constexpr size_t kLineColumnsMax =
    120;  // clang-format keeps 100; long literals may pass it.
inline constexpr size_t kFileLinesMax = 600;
inline constexpr size_t kHeaderLinesMax = 300;
inline constexpr size_t kFunctionLinesMax = 70;

struct Finding {
  std::string rule;
  std::string where;  // Path, and ":function" for the rule about functions. Key of an exception.
  size_t line = 0;
  size_t size = 1;  // Lines of what is too long; else 1, and findings of one place are added up.
  std::string text;
};
using Findings = std::vector<Finding>;

// Sockets, threads, locks, clocks and entropy are for src/runtime, the tools, the benches, and the
// tests of real processes.
void CheckPurity(const Source& source, Findings& findings);
// A layer includes base, wire and itself; transfer also map; engine, runtime and sim what is below.
void CheckLayers(const Source& source, Findings& findings);
// Generated protobuf code is seen by the codecs only.
void CheckProtobuf(const Source& source, Findings& findings);
// No loop over a hash table in the engine: its order differs from run to run. Best effort: knows
// variables declared in this file or in `header`, that of the same name (or null).
void CheckHashOrder(const Source& source, const Source* header, Findings& findings);
// No <iostream> in src.
void CheckStreams(const Source& source, Findings& findings);
// Columns of a line, lines of a file.
void CheckSizes(const Source& source, Findings& findings);
// Lines of a function from its opening to its closing brace. Counts braces; knows no C++.
void CheckFunctions(const Source& source, Findings& findings);
// No sleeping in tests outside tests/e2e, no skipped or disabled test.
void CheckTests(const Source& source, Findings& findings);
// No marks of unfinished work.
void CheckMarks(const Source& source, Findings& findings);
// Every relative link of a Markdown text leads to a file or folder under `root`.
void CheckLinks(const std::string& root, const std::string& path, std::string_view text,
                Findings& findings);

// Clauses of the protocol, "4.62", as the chapters under docs/protocol define them.
std::set<std::string> FindClauses(const std::string& root);
// Every clause that a comment cites ("Spec 4.62", "clauses 5.1 to 5.9") is one of `clauses`, and
// every document that one names is under `root`.
void CheckCitations(const std::string& root, const std::set<std::string>& clauses,
                    const Source& source, Findings& findings);
// Likewise for Markdown: the text of a link to a chapter of the protocol ("[8.16](...)").
void CheckClauseLinks(const std::set<std::string>& clauses, const std::string& path,
                      std::string_view text, Findings& findings);

}  // namespace cohort::tidy

#endif  // COHORT_TESTS_TIDY_RULES_H_

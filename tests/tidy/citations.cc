// CheckCitations, CheckClauseLinks: what is cited is there.
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "tidy/rules.h"

namespace cohort::tidy {
namespace {

namespace fs = std::filesystem;

// Each match of `pattern`'s first group in `text`.
template <class Visit>
void ForEachMatch(const std::string& text, const std::regex& pattern, Visit visit) {
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    visit((*it)[1].str());
}

void Expect(const std::set<std::string>& clauses, const std::string& clause,
            const std::string& path, size_t index, Findings& findings) {
  if (clauses.contains(clause)) return;
  findings.push_back({"citation", path, index + 1, 1, "there is no clause " + clause});
}

}  // namespace

std::set<std::string> FindClauses(const std::string& root) {
  static const std::regex kDefined(R"((?:^##\s+|\*\*|^(?=\d+\.\d+ [A-Z`]))(\d+\.\d+)\b)");
  std::set<std::string> clauses;
  for (const auto& entry : fs::directory_iterator(fs::path(root) / "docs/protocol")) {
    const Source chapter = MakeSource(entry.path().filename().string(), ReadText(entry.path()));
    for (const std::string& line : chapter.raw) {
      ForEachMatch(line, kDefined, [&](const std::string& clause) { clauses.insert(clause); });
    }
  }
  return clauses;
}

void CheckCitations(const std::string& root, const std::set<std::string>& clauses,
                    const Source& source, Findings& findings) {
  static const std::regex kCited(
      R"(\b(?:Spec|[Cc]lauses?)\s+(\d+\.\d+(?:(?:,| and| or| to)+ \d+\.\d+)*))");
  static const std::regex kClause(R"((\d+\.\d+))");
  static const std::regex kDocument(R"(\b(docs/[\w/]+\.md)\b)");
  for (size_t i = 0; i < source.raw.size(); ++i) {
    const size_t comment = source.raw[i].find("//");
    if (comment == std::string::npos) continue;
    const std::string text = source.raw[i].substr(comment);
    ForEachMatch(text, kCited, [&](const std::string& cited) {
      ForEachMatch(cited, kClause, [&](const std::string& clause) {
        Expect(clauses, clause, source.path, i, findings);
      });
    });
    ForEachMatch(text, kDocument, [&](const std::string& document) {
      if (fs::exists(fs::path(root) / document)) return;
      findings.push_back({"citation", source.path, i + 1, 1, "there is no " + document});
    });
    // Chapters have names that change; clauses have numbers that do not.
    if (text.find("docs/") != std::string::npos && text.find("chapter \"") != std::string::npos)
      findings.push_back({"citation", source.path, i + 1, 1, "cite a clause by its number"});
  }
}

void CheckClauseLinks(const std::set<std::string>& clauses, const std::string& path,
                      std::string_view text, Findings& findings) {
  static const std::regex kLink(R"(\[(\d+\.\d+)\]\([^)]*protocol[^)]*\))");
  const Source source = MakeSource(path, text);
  for (size_t i = 0; i < source.raw.size(); ++i) {
    ForEachMatch(source.raw[i], kLink,
                 [&](const std::string& clause) { Expect(clauses, clause, path, i, findings); });
  }
}

}  // namespace cohort::tidy

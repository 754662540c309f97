// CheckFunctions: a brace counter that knows which braces open a namespace or a type.
#include <regex>
#include <string>
#include <vector>

#include "tidy/rules.h"

namespace cohort::tidy {
namespace {

enum class Block { kScope, kFunction, kOther };

struct Open {
  Block block;
  size_t line;
  std::string name;
};

// `head`: the code between the last ; { or } and the brace.
Block Classify(const std::string& head) {
  static const std::regex kScope(
      R"(^\s*(?:template\s*<[^()]*>\s*)?(?:inline\s+)?(namespace|class|struct|union|extern)\b)"
      R"(|^\s*(?:@\w+(?:\([^()]*\))?\s*)*)"
      R"((?:(?:public|protected|private|static|final|abstract|sealed)\s+)*(class|interface|record)\b)");
  static const std::regex kEnum(R"(^\s*enum\b)");
  static const std::regex kTable(R"(\[\w*\]\s*=\s*$|=\s*$)");
  if (std::regex_search(head, kScope)) return Block::kScope;
  if (std::regex_search(head, kEnum) || std::regex_search(head, kTable)) return Block::kOther;
  return head.find('(') == std::string::npos ? Block::kOther : Block::kFunction;
}

// The words before the first parenthesis; for a test, its two names.
std::string NameOf(const std::string& head) {
  static const std::regex kTest(R"(\b(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(\s*(\w+)\s*,\s*(\w+))");
  static const std::regex kName(R"(([\w:~]+)\s*\()");
  std::smatch match;
  if (std::regex_search(head, match, kTest)) return match[1].str() + "." + match[2].str();
  if (std::regex_search(head, match, kName)) return match[1];
  return "?";
}

}  // namespace

void CheckFunctions(const Source& source, Findings& findings) {
  std::vector<Open> open;
  std::string head;
  for (size_t i = 0; i < source.code.size(); ++i) {
    const std::string& line = source.code[i];
    const size_t first = line.find_first_not_of(' ');
    if (first != std::string::npos && line[first] == '#') continue;
    for (char c : line) {
      if (c == '{') {
        const bool outside = open.empty() || open.back().block == Block::kScope;
        const Block block = outside ? Classify(head) : Block::kOther;
        open.push_back({block, i, block == Block::kFunction ? NameOf(head) : ""});
        head.clear();
      } else if (c == '}') {
        head.clear();
        if (open.empty()) continue;
        const Open closed = open.back();
        open.pop_back();
        const size_t lines = i - closed.line + 1;
        if (closed.block != Block::kFunction || lines <= kFunctionLinesMax) continue;
        findings.push_back({"function", source.path + ":" + closed.name, closed.line + 1, lines,
                            std::to_string(lines) + " lines"});
      } else if (c == ';') {
        head.clear();
      } else {
        head += c;
      }
    }
    head += ' ';
  }
}

}  // namespace cohort::tidy

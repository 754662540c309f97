#include "documents/documents.h"

#include <algorithm>
#include <cctype>
#include <regex>
#include <sstream>
#include <utility>

namespace cohort::documents {
namespace {

constexpr std::string_view kFence = "```";

size_t Indentation(const std::string& line) {
  const size_t first = line.find_first_not_of(' ');
  return first == std::string::npos ? line.size() : first;
}

bool IsBlank(const std::string& line) { return Indentation(line) == line.size(); }

// `part` shifted by `shift` columns is what stands in `whole` from `line` on.
bool StandsAt(const std::vector<std::string>& part, const std::vector<std::string>& whole,
              size_t line, long shift) {
  for (size_t i = 0; i < part.size(); ++i) {
    const std::string& there = whole[line + i];
    if (IsBlank(part[i]) || IsBlank(there)) {
      if (IsBlank(part[i]) != IsBlank(there)) return false;
      continue;
    }
    const size_t here_indent = Indentation(part[i]);
    const size_t there_indent = Indentation(there);
    if (static_cast<long>(there_indent) - static_cast<long>(here_indent) != shift) return false;
    if (part[i].substr(here_indent) != there.substr(there_indent)) return false;
  }
  return true;
}

bool IsPartOf(const std::vector<std::string>& part, const Text& whole) {
  if (part.empty() || IsBlank(part[0])) return false;
  for (size_t line = 0; line + part.size() <= whole.lines.size(); ++line) {
    const long shift =
        static_cast<long>(Indentation(whole.lines[line])) - static_cast<long>(Indentation(part[0]));
    if (StandsAt(part, whole.lines, line, shift)) return true;
  }
  return false;
}

Complaints CheckParts(const Text& text, const std::string& language, const std::vector<Text>& files,
                      const std::string& advice) {
  Complaints complaints;
  for (const Block& block : FindBlocks(text)) {
    if (block.language != language) continue;
    const bool found = std::any_of(files.begin(), files.end(), [&block](const Text& file) {
      return IsPartOf(block.lines, file);
    });
    if (!found) complaints.push_back(block.place + ": this " + language + " block is " + advice);
  }
  return complaints;
}

std::vector<std::string> WordsOf(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) {
    if (word[0] == '#' || word == "&" || word == "|" || word == ">") break;
    words.push_back(word);
  }
  return words;
}

// `cohort keygen`, but not `cohort 1 group` or `cohort ...`.
bool BeginsCommand(const std::string& text, const std::string& start) {
  return text.starts_with(start) && text.size() > start.size() &&
         std::isalpha(static_cast<unsigned char>(text[start.size()])) != 0;
}

std::string PlaceOf(const Text& text, size_t index) {
  return text.path + ":" + std::to_string(index + 1);
}

}  // namespace

Text MakeText(std::string path, std::string_view content) {
  Text text{.path = std::move(path), .lines = {}};
  const bool is_header = text.path.ends_with(".h");
  std::istringstream stream{std::string(content)};
  for (std::string line; std::getline(stream, line);) {
    if (is_header) {
      const size_t first = Indentation(line);
      const bool is_comment = line.compare(first, 2, "//") == 0;
      line = is_comment ? line.substr(std::min(first + 3, line.size())) : "";
    }
    text.lines.push_back(std::move(line));
  }
  return text;
}

std::vector<Block> FindBlocks(const Text& text) {
  std::vector<Block> blocks;
  bool inside = false;
  for (size_t i = 0; i < text.lines.size(); ++i) {
    const std::string& line = text.lines[i];
    if (line.starts_with(kFence)) {
      if (!inside) blocks.push_back({PlaceOf(text, i + 1), line.substr(kFence.size()), {}});
      inside = !inside;
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

std::vector<Command> FindCommands(const Text& text, std::string_view program) {
  const std::string start = std::string(program) + " ";
  std::vector<Command> commands;
  bool inside = false;
  for (size_t i = 0; i < text.lines.size(); ++i) {
    const std::string& line = text.lines[i];
    if (line.starts_with(kFence)) {
      inside = !inside;
      continue;
    }
    const size_t indent = Indentation(line);
    if ((inside || indent >= 2) && BeginsCommand(line.substr(indent), start)) {
      commands.push_back({PlaceOf(text, i), WordsOf(line), true});
      continue;
    }
    if (inside) continue;
    for (size_t from = line.find('`'); from != std::string::npos;) {
      const size_t to = line.find('`', from + 1);
      if (to == std::string::npos) break;
      const std::string quoted = line.substr(from + 1, to - from - 1);
      if (BeginsCommand(quoted, start))
        commands.push_back({PlaceOf(text, i), WordsOf(quoted), false});
      from = line.find('`', to + 1);
    }
  }
  return commands;
}

Complaints CheckCode(const Text& text, const std::vector<Text>& compiled) {
  Complaints complaints;
  for (const char* language : {"cpp", "c"}) {
    const Complaints some =
        CheckParts(text, language, compiled,
                   "no part of a program under examples/; put it into one that is built there, "
                   "and copy it from there");
    complaints.insert(complaints.end(), some.begin(), some.end());
  }
  const Complaints in_java = CheckParts(
      text, "java", compiled,
      "no part of a class under java/; put it into a test there, and copy it from there");
  complaints.insert(complaints.end(), in_java.begin(), in_java.end());
  static const std::regex kLooksLikeCode(
      R"(^\s*#\s*include\b|\bcohort::\w.*;\s*$|\bcohort_[a-z_]+\(.*;\s*$|^\s*import io\.cohort\b)");
  bool inside = false;
  std::string language;
  for (size_t i = 0; i < text.lines.size(); ++i) {
    const std::string& line = text.lines[i];
    if (line.starts_with(kFence)) {
      inside = !inside;
      language = inside ? line.substr(kFence.size()) : "";
      continue;
    }
    const bool is_code = inside || line.starts_with("  ");
    if (language == "cpp" || language == "c" || language == "java" || !is_code) continue;
    if (!std::regex_search(line, kLooksLikeCode)) continue;
    complaints.push_back(
        PlaceOf(text, i) +
        ": code outside a block marked ```cpp, ```c or ```java, so nothing compares it "
        "with a program that is compiled; mark it");
  }
  return complaints;
}

Complaints CheckTestNames(const Text& text, const std::vector<Text>& compiled) {
  static const std::regex kTestName(R"(`([A-Z][A-Za-z]*Test)\.([a-z][A-Za-z0-9]*)`)");
  Complaints complaints;
  for (size_t i = 0; i < text.lines.size(); ++i) {
    const std::string& line = text.lines[i];
    for (std::sregex_iterator name(line.begin(), line.end(), kTestName), end; name != end; ++name) {
      const std::string file = "/" + (*name)[1].str() + ".java";
      const std::string method = "void " + (*name)[2].str() + "(";
      const bool found = std::any_of(compiled.begin(), compiled.end(), [&](const Text& source) {
        return source.path.ends_with(file) &&
               std::any_of(source.lines.begin(), source.lines.end(), [&](const std::string& there) {
                 return there.find(method) != there.npos;
               });
      });
      if (found) continue;
      complaints.push_back(PlaceOf(text, i) + ": there is no test " + (*name)[0].str());
    }
  }
  return complaints;
}

Complaints CheckCmake(const Text& text, const std::vector<Text>& configured) {
  return CheckParts(text, "cmake", configured,
                    "no part of a CMakeLists.txt under cmake/install_test/; change either, so that "
                    "./run install-test proves what is shown");
}

Complaints CheckOptions(const Command& command,
                        const std::function<std::string(const std::string&)>& help) {
  // COMMAND stands for any of them.
  if (command.words.size() < 2 || command.words[1] == "COMMAND") return {};
  const std::string& name = command.words[1];
  if (name.starts_with("-")) return {};
  const std::string said = help(name);
  if (said.empty()) return {command.place + ": there is no command '" + name + "'"};
  Complaints complaints;
  static const std::regex kOption(R"(^--[a-z][a-z-]*)");
  for (const std::string& word : command.words) {
    std::smatch match;
    if (!std::regex_search(word, match, kOption) || match[0] == "--help") continue;
    const std::regex known(match[0].str() + R"((?![a-z-]))");
    if (std::regex_search(said, known)) continue;
    complaints.push_back(command.place + ": '" + name + "' has no option " + match[0].str() +
                         "; its --help lists those it has");
  }
  return complaints;
}

}  // namespace cohort::documents

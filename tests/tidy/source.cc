#include "tidy/source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace cohort::tidy {
namespace {

namespace fs = std::filesystem;

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

// Blanks comments and literals. One pass; knows //, /* */, "...", '...' and R"x(...)x".
class Blanker {
 public:
  explicit Blanker(std::string text) : text_(std::move(text)) {}

  std::string Run() {
    while (at_ < text_.size()) {
      if (StartsWith("//")) {
        BlankTo(text_.find('\n', at_));
      } else if (StartsWith("/*")) {
        BlankPast("*/", at_ + 2);
      } else if (StartsWith("R\"") && (at_ == 0 || !IsWord(text_[at_ - 1]))) {
        const size_t open = text_.find('(', at_);
        BlankPast(")" + text_.substr(at_ + 2, open - at_ - 2) + "\"", open);
      } else if (text_[at_] == '"') {
        BlankQuoted('"');
      } else if (text_[at_] == '\'' && (at_ == 0 || !IsWord(text_[at_ - 1]))) {
        BlankQuoted('\'');
      } else {
        ++at_;
      }
    }
    return std::move(text_);
  }

 private:
  bool StartsWith(std::string_view what) const {
    return std::string_view(text_).substr(at_).starts_with(what);
  }
  void BlankTo(size_t end) {
    end = std::min(end, text_.size());
    for (; at_ < end; ++at_) {
      if (text_[at_] != '\n') text_[at_] = ' ';
    }
  }
  void BlankPast(const std::string& closing, size_t from) {
    const size_t end = text_.find(closing, from);
    BlankTo(end == std::string::npos ? end : end + closing.size());
  }
  void BlankQuoted(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    BlankTo(end + 1);
  }

  std::string text_;
  size_t at_ = 0;
};

}  // namespace

std::string Source::Layer() const {
  if (!IsUnder("src/")) return "";
  const size_t end = path.find('/', 4);
  return end == std::string::npos ? "" : path.substr(4, end - 4);
}

Source MakeSource(std::string path, std::string_view text) {
  Source source{std::move(path), SplitLines(text), SplitLines(Blanker(std::string(text)).Run())};
  source.code.resize(source.raw.size());
  return source;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<Source> ReadSources(const std::string& root) {
  std::vector<Source> sources;
  for (const char* folder :
       {"src", "include", "tools", "tests", "bench", "examples", "cmake", "java"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
      const std::string ending = entry.path().extension().string();
      const bool is_source =
          ending == ".h" || ending == ".cc" || ending == ".c" || ending == ".java";
      if (!entry.is_regular_file() || !is_source) continue;
      sources.push_back(MakeSource(fs::relative(entry.path(), root).generic_string(),
                                   ReadText(entry.path().string())));
    }
  }
  std::sort(sources.begin(), sources.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

std::vector<std::string> FindMarkdown(const std::string& root) {
  std::vector<std::string> found;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name.starts_with(".") || name == "build")) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file() && name.ends_with(".md")) {
      found.push_back(fs::relative(it->path(), root).generic_string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace cohort::tidy

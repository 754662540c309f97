#include "resp_parser.h"

#include <algorithm>
#include <charconv>

namespace cohort::tools {
namespace {

constexpr size_t kNumberLineMax = 32;  // "*1048576" and the like.

bool ParseNumber(std::string_view text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads the quoted text that starts at line[at] (the quote). False when it does not end properly.
bool ReadQuoted(std::string_view line, size_t& at, std::string& text) {
  const char quote = line[at++];
  while (at < line.size() && line[at] != quote) {
    char c = line[at++];
    if (c != '\\' || at >= line.size()) {
      text.push_back(c);
    } else if (quote == '\'') {
      if (line[at] == '\'') c = line[at++];
      text.push_back(c);
    } else if (line[at] == 'x' && at + 2 < line.size() && HexDigit(line[at + 1]) >= 0 &&
               HexDigit(line[at + 2]) >= 0) {
      text.push_back(static_cast<char>(HexDigit(line[at + 1]) * 16 + HexDigit(line[at + 2])));
      at += 3;
    } else {
      text.push_back(Unescape(line[at++]));
    }
  }
  if (at >= line.size()) return false;
  ++at;
  return at == line.size() || IsSpace(line[at]);
}

}  // namespace

RespParser::Verdict RespParser::Fail(std::string_view reason) {
  error_ = "Protocol error: ";
  error_ += reason;
  return Verdict::kError;
}

RespParser::Verdict RespParser::Finish(std::string_view data, size_t consumed) {
  arguments_.clear();
  for (const Piece& piece : pieces_) arguments_.push_back(data.substr(piece.offset, piece.size));
  consumed_ = consumed;
  in_multibulk_ = false;
  position_ = remaining_ = searched_ = 0;
  pieces_.clear();
  if (pieces_.capacity() > 4096) pieces_.shrink_to_fit();
  return Verdict::kRequest;
}

RespParser::Verdict RespParser::Parse(std::string_view data) {
  consumed_ = 0;
  wanted_ = 0;
  if (data.empty()) return Verdict::kNeedMore;
  if (!in_multibulk_) {
    if (data[0] != '*') return ParseInline(data);
    const Verdict verdict = ParseCount(data);
    if (!in_multibulk_) return verdict;
  }
  return ParseArguments(data);
}

// A line from position_, without its end; position_ is not moved.
RespParser::LineState RespParser::FindLine(std::string_view data, std::string_view& line) const {
  const size_t end = data.find('\n', position_);
  if (end == std::string_view::npos) {
    return data.size() - position_ > kNumberLineMax ? LineState::kTooLong : LineState::kIncomplete;
  }
  if (end - position_ > kNumberLineMax) return LineState::kTooLong;
  line = data.substr(position_, end - position_);
  if (line.empty() || line.back() != '\r') return LineState::kTooLong;
  line.remove_suffix(1);
  return LineState::kComplete;
}

RespParser::Verdict RespParser::ParseCount(std::string_view data) {
  std::string_view line;
  const LineState state = FindLine(data, line);
  if (state == LineState::kIncomplete) return Verdict::kNeedMore;
  int64_t count = 0;
  if (state == LineState::kTooLong || !ParseNumber(line.substr(1), count) ||
      count > static_cast<int64_t>(kRespArgumentsMax)) {
    return Fail("invalid multibulk length (at most 1048576 arguments)");
  }
  position_ = line.size() + 2;
  if (count <= 0) return Finish(data, position_);
  in_multibulk_ = true;
  remaining_ = static_cast<size_t>(count);
  return Verdict::kNeedMore;
}

RespParser::Verdict RespParser::ParseArguments(std::string_view data) {
  while (remaining_ > 0) {
    if (position_ > kRespRequestMax) return Fail("request too big (at most 65 MiB)");
    if (position_ >= data.size()) return Verdict::kNeedMore;
    if (data[position_] != '$') {
      return Fail(std::string("expected '$', got '") + data[position_] + "'");
    }
    std::string_view line;
    const LineState state = FindLine(data, line);
    if (state == LineState::kIncomplete) return Verdict::kNeedMore;
    int64_t size = 0;
    if (state == LineState::kTooLong || !ParseNumber(line.substr(1), size) || size < 0) {
      return Fail("invalid bulk length");
    }
    if (size > static_cast<int64_t>(kRespBulkMax)) {
      return Fail("invalid bulk length (an argument has at most 64 MiB)");
    }
    const size_t start = position_ + line.size() + 2;
    const auto bytes = static_cast<size_t>(size);
    if (start + bytes > kRespRequestMax) return Fail("request too big (at most 65 MiB)");
    if (data.size() < start + bytes + 2) {
      wanted_ = start + bytes + 2;
      return Verdict::kNeedMore;
    }
    if (data[start + bytes] != '\r' || data[start + bytes + 1] != '\n') {
      return Fail("expected the end of a line after an argument");
    }
    pieces_.push_back({start, bytes});
    position_ = start + bytes + 2;
    --remaining_;
  }
  return Finish(data, position_);
}

RespParser::Verdict RespParser::ParseInline(std::string_view data) {
  const size_t end = data.find('\n', searched_);
  if (end == std::string_view::npos) {
    if (data.size() > kRespInlineMax) return Fail("too big inline request");
    searched_ = data.size();
    return Verdict::kNeedMore;
  }
  if (end > kRespInlineMax) return Fail("too big inline request");
  std::string_view line = data.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (!SplitInline(line)) return Fail("unbalanced quotes in request");
  Finish(data, end + 1);
  arguments_.assign(unquoted_.begin(), unquoted_.end());
  return Verdict::kRequest;
}

bool RespParser::SplitInline(std::string_view line) {
  unquoted_.clear();
  size_t at = 0;
  while (true) {
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (at >= line.size()) return true;
    std::string text;
    while (at < line.size() && !IsSpace(line[at])) {
      if (line[at] == '"' || line[at] == '\'') {
        if (!ReadQuoted(line, at, text)) return false;
      } else {
        text.push_back(line[at++]);
      }
    }
    unquoted_.push_back(std::move(text));
  }
}

}  // namespace cohort::tools

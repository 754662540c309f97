// Writes replies of the Redis protocol, version 2 or 3.
#ifndef COHORT_TOOLS_RESP_REPLY_H_
#define COHORT_TOOLS_RESP_REPLY_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cohort::tools {

// One reply, as it is on the wire: the largest value, and what announces it.
inline constexpr size_t kRespReplyMax = (size_t{64} << 20) + (size_t{64} << 10);

inline constexpr std::string_view kRespReplyTooBig =
    "ERR reply too big (at most 64 MiB): ask for fewer keys at a time, or use SCAN";

// Appends to a string of its own. Aggregates announce their size, then their parts follow. What
// would grow beyond kRespReplyMax becomes one error instead, and further parts are ignored.
class RespReply {
 public:
  explicit RespReply(int version = 2) : version_(version) {}

  void Ok() { Raw("+OK\r\n"); }
  void Simple(std::string_view text) { Line('+', text); }
  // `text` begins with its code: "ERR ...", "NOREPLICAS ...". Line ends in it become spaces.
  void Error(std::string_view text) {
    has_error_ = true;
    if (!HasRoom(text.size())) return;
    text_.push_back('-');
    for (const char c : text) text_.push_back(c == '\r' || c == '\n' ? ' ' : c);
    text_ += "\r\n";
  }
  void Integer(int64_t number) { Number(':', number); }
  void Bulk(std::string_view text) {
    if (!HasRoom(text.size())) return;
    Number('$', static_cast<int64_t>(text.size()));
    text_ += text;
    text_ += "\r\n";
  }
  void Null() { Raw(version_ >= 3 ? "_\r\n" : "$-1\r\n"); }
  void NullArray() { Raw(version_ >= 3 ? "_\r\n" : "*-1\r\n"); }
  void BulkOrNull(const std::optional<std::string>& text) { text ? Bulk(*text) : Null(); }
  void Array(size_t size) { Number('*', static_cast<int64_t>(size)); }
  // `size` pairs follow.
  void Map(size_t size) {
    version_ >= 3 ? Number('%', static_cast<int64_t>(size))
                  : Number('*', static_cast<int64_t>(2 * size));
  }
  void Set(size_t size) { Number(version_ >= 3 ? '~' : '*', static_cast<int64_t>(size)); }
  // What a client that listens to channels is told; in RESP3 it may stand between replies.
  void Push(size_t size) { Number(version_ >= 3 ? '>' : '*', static_cast<int64_t>(size)); }
  // A text for people: INFO and the like.
  void Verbatim(std::string_view text) {
    if (version_ < 3) return Bulk(text);
    if (!HasRoom(text.size())) return;
    Number('=', static_cast<int64_t>(text.size() + 4));
    text_ += "txt:";
    text_ += text;
    text_ += "\r\n";
  }
  void Raw(std::string_view encoded) {
    if (HasRoom(encoded.size())) text_ += encoded;
  }

  int version() const { return version_; }
  void set_version(int version) { version_ = version; }
  bool has_error() const { return has_error_; }
  bool too_big() const { return too_big_; }
  bool empty() const { return text_.empty(); }
  size_t size() const { return text_.size(); }
  const std::string& text() const { return text_; }
  std::string Take() { return std::move(text_); }

 private:
  bool HasRoom(size_t bytes) {
    constexpr size_t kMarks = 64;  // Type, length, ends of lines.
    if (!too_big_ && text_.size() + bytes + kMarks > kRespReplyMax) {
      too_big_ = has_error_ = true;
      text_ = std::string();
      text_.append("-").append(kRespReplyTooBig).append("\r\n");
    }
    return !too_big_;
  }
  void Line(char type, std::string_view text) {
    if (!HasRoom(text.size())) return;
    text_.push_back(type);
    text_ += text;
    text_ += "\r\n";
  }
  void Number(char type, int64_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    Line(type, {digits, static_cast<size_t>(end - digits)});
  }

  int version_;
  bool has_error_ = false;
  bool too_big_ = false;
  std::string text_;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_REPLY_H_

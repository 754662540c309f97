// The requests of a Redis client, cut out of its byte stream: multibulk and inline commands.
//
// Incremental and bounded: what a client announces is checked against the limits below before
// anything is allocated for it, and a request that breaks the grammar ends the connection with an
// error in words. Not thread-safe.
#ifndef COHORT_TOOLS_RESP_PARSER_H_
#define COHORT_TOOLS_RESP_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cohort::tools {

inline constexpr size_t kRespBulkMax = size_t{64} << 20;      // One argument.
inline constexpr size_t kRespRequestMax = size_t{65} << 20;   // All bytes of one request.
inline constexpr size_t kRespArgumentsMax = size_t{1} << 20;  // Arguments of one request.
inline constexpr size_t kRespInlineMax = size_t{64} << 10;    // A request without '*'.

class RespParser {
 public:
  enum class Verdict : uint8_t {
    kRequest,  // arguments() holds one; consumed() tells its bytes. It may be empty: ignore it.
    kNeedMore,
    kError,  // error() tells why; nothing after it can be understood.
  };

  // Looks at `data`, which starts where the last request ended and only ever grows at its end until
  // a request is complete. Work already done for a request is not done again.
  Verdict Parse(std::string_view data);

  // Valid until the next Parse. Views into `data`, or into the parser when an inline argument was
  // quoted.
  const std::vector<std::string_view>& arguments() const { return arguments_; }
  size_t consumed() const { return consumed_; }
  const std::string& error() const { return error_; }
  // After kNeedMore: so many bytes of `data` will end the argument it is in, if that is known.
  size_t wanted() const { return wanted_; }

 private:
  struct Piece {
    size_t offset = 0;
    size_t size = 0;
  };
  enum class LineState : uint8_t { kComplete, kIncomplete, kTooLong };

  Verdict ParseInline(std::string_view data);
  Verdict ParseCount(std::string_view data);
  Verdict ParseArguments(std::string_view data);
  Verdict Fail(std::string_view reason);
  Verdict Finish(std::string_view data, size_t consumed);
  LineState FindLine(std::string_view data, std::string_view& line) const;
  bool SplitInline(std::string_view line);

  // Of the request under way.
  bool in_multibulk_ = false;
  size_t position_ = 0;
  size_t remaining_ = 0;  // Arguments still to come.
  std::vector<Piece> pieces_;
  size_t searched_ = 0;  // No end of line before.

  std::vector<std::string_view> arguments_;
  std::vector<std::string> unquoted_;
  size_t consumed_ = 0;
  size_t wanted_ = 0;
  std::string error_;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_PARSER_H_

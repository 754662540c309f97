#include "fuzz/resp_fuzz.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "glob.h"
#include "hash_value.h"
#include "resp_parser.h"

namespace cohort::fuzz {
namespace {

struct Understood {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Understood&) const = default;
};

// `step`: how many bytes arrive at a time; what was consumed is cut off, as the server does.
Understood Parse(std::string_view input, size_t step) {
  Understood result;
  tools::RespParser parser;
  std::string data;
  while (result.error.empty()) {
    const tools::RespParser::Verdict verdict = parser.Parse(data);
    if (verdict == tools::RespParser::Verdict::kError) {
      COHORT_CHECK(parser.error().substr(0, 15) == "Protocol error:");
      result.error = parser.error();
    } else if (verdict == tools::RespParser::Verdict::kRequest) {
      COHORT_CHECK(parser.consumed() > 0 && parser.consumed() <= data.size());
      COHORT_CHECK(parser.arguments().size() <= tools::kRespArgumentsMax);
      std::vector<std::string>& request = result.requests.emplace_back();
      for (const std::string_view argument : parser.arguments()) {
        COHORT_CHECK(argument.size() <= tools::kRespBulkMax);
        request.emplace_back(argument);
      }
      data.erase(0, parser.consumed());
    } else {
      if (input.empty()) break;
      const size_t size = std::min(step, input.size());
      data += input.substr(0, size);
      input.remove_prefix(size);
    }
  }
  return result;
}

// Whoever writes the map writes hashes: what is taken for one must be its only encoding.
void ParseHash(std::string_view value) {
  tools::HashValue hash;
  if (!hash.Parse(value)) return;
  COHORT_CHECK(!hash.fields().empty());
  COHORT_CHECK(hash.encoded_bytes() == value.size());
  COHORT_CHECK(hash.Encode() == value);
}

}  // namespace

void FuzzResp(Bytes input) {
  const std::string_view text = AsText(input);
  const Understood whole = Parse(text, text.size() + 1);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{17}}) {
    const Understood pieces = Parse(text, step);
    COHORT_CHECK(pieces.requests == whole.requests);
    COHORT_CHECK(pieces.error.empty() == whole.error.empty());
  }
  const size_t half = std::min<size_t>(text.size() / 2, 256);
  tools::GlobMatches(text.substr(0, half), text.substr(half));
  ParseHash(text);
  ParseHash(std::string(tools::kHashMark) + std::string(text));
}

}  // namespace cohort::fuzz

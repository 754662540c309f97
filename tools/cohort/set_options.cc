#include "set_options.h"

#include "absl/time/clock.h"
#include "resp_commands.h"

namespace cohort::tools {

std::string SetOptions::Parse(Arguments arguments) {
  bool has_time = false;
  const std::string invalid = "ERR invalid expire time in 'set' command";
  for (size_t i = 3; i < arguments.size(); ++i) {
    const std::string word = ToLower(arguments[i]);
    if (word == "nx" && !only_if_present) {
      only_if_absent = true;
    } else if (word == "xx" && !only_if_absent) {
      only_if_present = true;
    } else if (word == "get") {
      get = true;
    } else if (word == "keepttl" && !has_time) {
      keep_ttl = true;
    } else if ((word == "ex" || word == "px" || word == "exat" || word == "pxat") && !has_time &&
               !keep_ttl && i + 1 < arguments.size()) {
      has_time = true;
      int64_t number = 0;
      const std::string_view text = arguments[++i];
      if (!ParseInteger(text, number)) return std::string(kNotAnInteger);
      const absl::Duration unit = word[0] == 'e' ? absl::Seconds(1) : absl::Milliseconds(1);
      if (!ParseLifetime(text, unit, ttl)) return invalid;
      if (word.size() == 4) {
        ttl = absl::UnixEpoch() + ttl - absl::Now();
        expired = ttl < absl::Milliseconds(1);
      }
    } else {
      return std::string(kSyntaxError);
    }
  }
  return {};
}

}  // namespace cohort::tools

// Commands about a whole map or the whole group.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "glob.h"
#include "hash_value.h"
#include "resp_commands.h"
#include "resp_session.h"

namespace cohort::tools {
namespace {

constexpr int64_t kScanCountMax = 10'000;
constexpr size_t kEventsMax = 256;
constexpr int64_t kDrainDefaultMs = 30'000;
constexpr int64_t kDrainMaxMs = 3'600'000;
constexpr size_t kReplyMarks = 10;  // Of a key in a reply: type, length, ends of lines.
// A scan copies values along with the keys: so many entries at a time, and so many bytes in all.
constexpr size_t kScanChunk = 8;
constexpr size_t kScanBytesMax = size_t{8} << 20;

struct ScanOptions {
  std::string_view pattern = "*";
  int64_t count = 10;
  bool strings = true;  // TYPE string, or no TYPE ...
  bool hashes = true;   // ... or TYPE hash.

  std::string Parse(Arguments options) {
    for (size_t i = 0; i + 1 < options.size(); i += 2) {
      const std::string word = ToLower(options[i]);
      const std::string_view value = options[i + 1];
      if (word == "match") {
        pattern = value;
      } else if (word == "count") {
        if (!ParseInteger(value, count)) return std::string(kNotAnInteger);
        if (count < 1) return std::string(kSyntaxError);
      } else if (word == "type") {
        strings = EqualsIgnoringCase(value, "string");
        hashes = EqualsIgnoringCase(value, "hash");
      } else {
        return std::string(kSyntaxError);
      }
    }
    return options.size() % 2 == 0 ? std::string() : std::string(kSyntaxError);
  }
};

void ReplyView(RespSession& session, RespReply& reply) {
  // The view of a member that is out of the group is an old one.
  if (session.StateHolder() == MemberId()) return reply.Error(kLoading);
  const View view = session.service().group->view();
  reply.Array(view.members.size());
  for (const Member& member : view.members) reply.Bulk(member.name);
}

void Digests(RespSession& session, RespReply& reply) {
  if (session.StateHolder() == MemberId()) return reply.Error(kLoading);
  reply.Array(session.service().maps.size());
  for (const ReplicatedMap& map : session.service().maps) {
    const MapDigest digest = map.Digest();
    reply.Bulk(absl::StrCat(map.name(), " ", digest.ToString(), " entries=", digest.entries));
  }
}

void Events(RespSession& session, Arguments arguments, RespReply& reply) {
  int64_t count = 10;
  if (arguments.size() > 2 && (!ParseInteger(arguments[2], count) || count < 0))
    return reply.Error(kNotAnInteger);
  const std::vector<std::string> lines =
      session.service().recent_events(std::min(static_cast<size_t>(count), kEventsMax));
  reply.Array(lines.size());
  for (const std::string& line : lines) reply.Bulk(line);
}

void Drain(RespSession& session, Arguments arguments, RespReply& reply) {
  int64_t timeout_ms = kDrainDefaultMs;
  const bool is_number = arguments.size() < 3 || ParseInteger(arguments[2], timeout_ms);
  if (!is_number || timeout_ms < 0 || timeout_ms > kDrainMaxMs)
    return reply.Error("ERR the timeout of COHORT DRAIN is 0 to 3600000 milliseconds");
  session.Drain(absl::Milliseconds(timeout_ms), reply);
}

}  // namespace

void ControlScan(RespSession& session, Arguments arguments, RespReply& reply) {
  uint64_t cursor = 0;
  const std::string_view text = arguments[1];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cursor);
  if (error != std::errc() || end != text.data() + text.size())
    return reply.Error("ERR invalid cursor");
  ScanOptions options;
  if (const std::string wrong = options.Parse(arguments.subspan(2)); !wrong.empty())
    return reply.Error(wrong);
  std::vector<std::string> keys;
  size_t left = static_cast<size_t>(std::min(options.count, kScanCountMax));
  size_t bytes = 0;
  do {
    ScanResult found = session.map().Scan(cursor, std::min(left, kScanChunk));
    cursor = found.cursor;
    left -= std::min(left, std::max<size_t>(found.items.size(), 1));
    for (ScanResult::Item& item : found.items) {
      bytes += item.key.size() + item.entry.value.size();
      const bool wanted = IsHash(item.entry.value) ? options.hashes : options.strings;
      if (wanted && GlobMatches(options.pattern, item.key)) keys.push_back(std::move(item.key));
    }
  } while (cursor != 0 && left > 0 && bytes < kScanBytesMax);
  reply.Array(2);
  reply.Bulk(std::to_string(cursor));
  reply.Array(keys.size());
  for (const std::string& key : keys) reply.Bulk(key);
}

void ControlKeys(RespSession& session, Arguments arguments, RespReply& reply) {
  std::vector<std::string> keys;
  size_t bytes = 0;
  session.map().ForEach([&](std::string_view key, const Entry&) {
    if (bytes > kRespReplyMax || !GlobMatches(arguments[1], key)) return;
    bytes += key.size() + kReplyMarks;
    keys.emplace_back(key);
  });
  if (bytes > kRespReplyMax) return reply.Error(kRespReplyTooBig);
  std::sort(keys.begin(), keys.end());
  reply.Array(keys.size());
  for (const std::string& key : keys) reply.Bulk(key);
}

void ControlDbSize(RespSession& session, Arguments, RespReply& reply) {
  reply.Integer(static_cast<int64_t>(session.map().Size()));
}

void ControlFlush(RespSession& session, Arguments arguments, RespReply& reply) {
  for (const std::string_view option : arguments.subspan(1)) {
    if (!EqualsIgnoringCase(option, "async") && !EqualsIgnoringCase(option, "sync"))
      return reply.Error(kSyntaxError);
  }
  WritePlan plan;
  PlanFlush(arguments, plan);
  session.Submit(plan);
}

// Every write before it is acknowledged already: it only tells how many others have applied the
// last one.
void ControlWait(RespSession& session, Arguments arguments, RespReply& reply) {
  int64_t number = 0;
  if (!ParseInteger(arguments[1], number) || !ParseInteger(arguments[2], number))
    return reply.Error(kNotAnInteger);
  reply.Integer(session.last_replicas() > 0 ? session.last_replicas() - 1 : 0);
}

void ControlCohort(RespSession& session, Arguments arguments, RespReply& reply) {
  const std::string word = ToLower(arguments[1]);
  if (word == "view") return ReplyView(session, reply);
  if (word == "digest") return Digests(session, reply);
  if (word == "events") return Events(session, arguments, reply);
  if (word == "leave") {
    reply.Ok();
    if (session.service().leave) session.service().leave();
    return;
  }
  if (word == "drain") return Drain(session, arguments, reply);
  reply.Error(absl::StrCat("ERR unknown subcommand '", word,
                           "'. Try COHORT VIEW, DIGEST, EVENTS [count], LEAVE, DRAIN [ms]."));
}

}  // namespace cohort::tools

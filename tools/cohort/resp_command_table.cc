// The command table, and words common to commands.
#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "resp_commands.h"

namespace cohort::tools {
namespace {

constexpr uint8_t kWrite = RespCommand::kWrite;
constexpr uint8_t kRead = RespCommand::kReadOnly;
constexpr uint8_t kWhole = RespCommand::kWholeMap;
constexpr uint8_t kWholeRead = RespCommand::kReadOnly | RespCommand::kWholeMap;
constexpr uint8_t kWholeWrite = RespCommand::kWrite | RespCommand::kWholeMap;
constexpr uint8_t kAnytime = RespCommand::kNoAuth | RespCommand::kInMulti;
constexpr uint8_t kEnding = kAnytime | RespCommand::kListening;
// They wait for earlier writes, so that no message comes before the confirmation.
constexpr uint8_t kPubsub = kWhole | RespCommand::kListening;

// Sorted by name.
constexpr auto kCommands = std::to_array<RespCommand>({
    {"append", 3, kWrite, 1, 1, 1, RunAppend, nullptr, nullptr},
    {"auth", -2, kAnytime, 0, 0, 0, nullptr, ControlAuth, nullptr},
    {"client", -2, kAnytime, 0, 0, 0, nullptr, ControlClient, nullptr},
    {"cohort", -2, kWhole, 0, 0, 0, nullptr, ControlCohort, nullptr},
    {"command", -1, 0, 0, 0, 0, nullptr, ControlCommand, nullptr},
    {"config", -2, 0, 0, 0, 0, nullptr, ControlConfig, nullptr},
    {"dbsize", 1, kWholeRead, 0, 0, 0, nullptr, ControlDbSize, nullptr},
    {"decr", 2, kWrite, 1, 1, 1, RunDecr, nullptr, PlanDecr},
    {"decrby", 3, kWrite, 1, 1, 1, RunDecrBy, nullptr, PlanDecrBy},
    {"del", -2, kWrite, 1, -1, 1, RunDel, nullptr, PlanDel},
    {"discard", 1, RespCommand::kInMulti, 0, 0, 0, nullptr, ControlDiscard, nullptr},
    {"echo", 2, 0, 0, 0, 0, RunEcho, nullptr, nullptr},
    {"exec", 1, kWhole | RespCommand::kInMulti, 0, 0, 0, nullptr, ControlExec, nullptr},
    {"exists", -2, kRead, 1, -1, 1, RunExists, nullptr, nullptr},
    {"expire", -3, kWrite, 1, 1, 1, RunExpire, nullptr, PlanExpire},
    {"expireat", -3, kWrite, 1, 1, 1, RunExpireAt, nullptr, nullptr},
    {"flushall", -1, kWholeWrite, 0, 0, 0, nullptr, ControlFlush, nullptr},
    {"flushdb", -1, kWholeWrite, 0, 0, 0, nullptr, ControlFlush, nullptr},
    {"get", 2, kRead, 1, 1, 1, RunGet, nullptr, nullptr},
    {"getdel", 2, kWrite, 1, 1, 1, RunGetDel, nullptr, nullptr},
    {"getset", 3, kWrite, 1, 1, 1, RunGetSet, nullptr, nullptr},
    {"hdel", -3, kWrite, 1, 1, 1, RunHDel, nullptr, nullptr},
    {"hello", -1, kAnytime, 0, 0, 0, nullptr, ControlHello, nullptr},
    {"hexists", 3, kRead, 1, 1, 1, RunHExists, nullptr, nullptr},
    {"hget", 3, kRead, 1, 1, 1, RunHGet, nullptr, nullptr},
    {"hgetall", 2, kRead, 1, 1, 1, RunHGetAll, nullptr, nullptr},
    {"hincrby", 4, kWrite, 1, 1, 1, RunHIncrBy, nullptr, nullptr},
    {"hkeys", 2, kRead, 1, 1, 1, RunHKeys, nullptr, nullptr},
    {"hlen", 2, kRead, 1, 1, 1, RunHLen, nullptr, nullptr},
    {"hmget", -3, kRead, 1, 1, 1, RunHMGet, nullptr, nullptr},
    {"hscan", -3, kRead, 1, 1, 1, RunHScan, nullptr, nullptr},
    {"hset", -4, kWrite, 1, 1, 1, RunHSet, nullptr, nullptr},
    {"hsetnx", 4, kWrite, 1, 1, 1, RunHSetNx, nullptr, nullptr},
    {"hvals", 2, kRead, 1, 1, 1, RunHVals, nullptr, nullptr},
    {"incr", 2, kWrite, 1, 1, 1, RunIncr, nullptr, PlanIncr},
    {"incrby", 3, kWrite, 1, 1, 1, RunIncrBy, nullptr, PlanIncrBy},
    {"info", -1, 0, 0, 0, 0, nullptr, ControlInfo, nullptr},
    {"keys", 2, kWholeRead, 0, 0, 0, nullptr, ControlKeys, nullptr},
    {"mget", -2, kRead, 1, -1, 1, RunMGet, nullptr, nullptr},
    {"mset", -3, kWrite, 1, -1, 2, RunMSet, nullptr, PlanMSet},
    {"multi", 1, RespCommand::kInMulti, 0, 0, 0, nullptr, ControlMulti, nullptr},
    {"persist", 2, kWrite, 1, 1, 1, RunPersist, nullptr, nullptr},
    {"pexpire", -3, kWrite, 1, 1, 1, RunPExpire, nullptr, PlanPExpire},
    {"pexpireat", -3, kWrite, 1, 1, 1, RunPExpireAt, nullptr, nullptr},
    {"ping", -1, RespCommand::kListening, 0, 0, 0, RunPing, ControlPing, nullptr},
    {"psetex", 4, kWrite, 1, 1, 1, RunPSetEx, nullptr, PlanPSetEx},
    {"psubscribe", -2, kPubsub, 0, 0, 0, nullptr, ControlPSubscribe, nullptr},
    {"pttl", 2, kRead, 1, 1, 1, RunPTtl, nullptr, nullptr},
    {"punsubscribe", -1, kPubsub, 0, 0, 0, nullptr, ControlPUnsubscribe, nullptr},
    {"quit", -1, kEnding, 0, 0, 0, nullptr, ControlQuit, nullptr},
    {"rename", 3, kWrite, 1, 2, 1, RunRename, nullptr, nullptr},
    {"renamenx", 3, kWrite, 1, 2, 1, RunRenameNx, nullptr, nullptr},
    {"reset", 1, kEnding, 0, 0, 0, nullptr, ControlReset, nullptr},
    {"scan", -2, kWholeRead, 0, 0, 0, nullptr, ControlScan, nullptr},
    {"select", 2, 0, 0, 0, 0, RunSelect, ControlSelect, nullptr},
    {"set", -3, kWrite, 1, 1, 1, RunSet, nullptr, PlanSet},
    {"setex", 4, kWrite, 1, 1, 1, RunSetEx, nullptr, PlanSetEx},
    {"setnx", 3, kWrite, 1, 1, 1, RunSetNx, nullptr, PlanSetNx},
    {"strlen", 2, kRead, 1, 1, 1, RunStrLen, nullptr, nullptr},
    {"subscribe", -2, kPubsub, 0, 0, 0, nullptr, ControlSubscribe, nullptr},
    {"ttl", 2, kRead, 1, 1, 1, RunTtl, nullptr, nullptr},
    {"type", 2, kRead, 1, 1, 1, RunType, nullptr, nullptr},
    {"unlink", -2, kWrite, 1, -1, 1, RunDel, nullptr, PlanDel},
    {"unsubscribe", -1, kPubsub, 0, 0, 0, nullptr, ControlUnsubscribe, nullptr},
    {"wait", 3, kWhole, 0, 0, 0, nullptr, ControlWait, nullptr},
});

constexpr size_t kNameMax = 32;

}  // namespace

std::span<const RespCommand> AllRespCommands() { return kCommands; }

const RespCommand* FindRespCommand(std::string_view name) {
  if (name.size() > kNameMax) return nullptr;
  char buffer[kNameMax];
  std::transform(name.begin(), name.end(), buffer,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::string_view lower(buffer, name.size());
  const auto found = std::lower_bound(
      kCommands.begin(), kCommands.end(), lower,
      [](const RespCommand& command, std::string_view wanted) { return command.name < wanted; });
  return found != kCommands.end() && found->name == lower ? &*found : nullptr;
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) { return ToLower(a) == ToLower(b); }

bool ParseInteger(std::string_view text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::string WrongArgumentCount(std::string_view command) {
  return absl::StrCat("ERR wrong number of arguments for '", ToLower(command.substr(0, 128)),
                      "' command");
}

std::string UnknownCommand(Arguments arguments) {
  std::string text = absl::StrCat("ERR unknown command '", ToAbsl(arguments[0].substr(0, 128)),
                                  "', with args beginning with: ");
  for (size_t i = 1; i < arguments.size() && text.size() < 256; ++i) {
    absl::StrAppend(&text, "'", ToAbsl(arguments[i].substr(0, 128)), "' ");
  }
  return text;
}

}  // namespace cohort::tools

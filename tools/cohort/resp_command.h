// One command of the Redis protocol as a row of a table: how it is called, which keys it touches,
// how it runs.
#ifndef COHORT_TOOLS_RESP_COMMAND_H_
#define COHORT_TOOLS_RESP_COMMAND_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cohort/replicated_map.h"
#include "map_transaction.h"
#include "resp_reply.h"

namespace cohort::tools {

class RespSession;

using Arguments = std::span<const std::string_view>;  // [0] is the name.

// One write that needs no reading first. Views into the arguments.
struct WritePlan {
  enum class Operation : uint8_t {
    kPut,
    kPutIfAbsent,
    kErase,
    kIncrement,
    kExpire,
    kBatch,
    kPutAttributes,
    kEraseAttributes,
    kClear
  };
  enum class Answer : uint8_t {
    kOk,         // +OK
    kNumber,     // WriteResult::number.
    kOneOrZero,  // :1, or :0 when the condition did not hold or there is no such entry.
    kOkOrNull,   // +OK, or null when the condition did not hold.
    kFixed,      // WritePlan::number.
  };
  Operation operation = Operation::kPut;
  Answer answer = Answer::kOk;
  std::string_view key;
  std::string_view value;
  int64_t delta = 0;
  absl::Duration ttl = absl::InfiniteDuration();
  bool keep_ttl = false;
  WriteBatch batch;
  std::vector<Attribute> attributes;
  std::vector<std::string> names;  // Of attributes to erase.
  int64_t number = 0;
};

struct RespCommand {
  enum Flag : uint8_t {
    kWrite = 1 << 0,
    kReadOnly = 1 << 1,
    kWholeMap = 1 << 2,   // Must see every earlier write of its connection.
    kNoAuth = 1 << 3,     // Allowed before AUTH.
    kInMulti = 1 << 4,    // Runs at once though MULTI is open: EXEC, DISCARD, QUIT ...
    kListening = 1 << 5,  // Allowed to a RESP2 client that listens to channels.
  };
  const char* name;  // Lower case.
  int arity;         // Arguments, name included; negative: at least so many.
  uint8_t flags;
  int first_key;  // 0: none.
  int last_key;   // Negative: counted from the end.
  int key_step;
  // `run` knows nothing but the entries; it may be run again. A command that has `control` runs by
  // it, except between MULTI and EXEC, where it needs `run` to be allowed. One of them at least.
  void (*run)(MapTransaction& keys, Arguments arguments, RespReply& reply);
  void (*control)(RespSession& session, Arguments arguments, RespReply& reply);
  // The quick way of a write, if these arguments allow it; else false, and `run` does it.
  bool (*plan)(Arguments arguments, WritePlan& plan);
};

// Null: no such command. Upper and lower case are alike.
const RespCommand* FindRespCommand(std::string_view name);
std::span<const RespCommand> AllRespCommands();

// Redis's words for what is wrong.
inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNoSuchDatabase = "ERR DB index is out of range";
// Redis's word, too, for a server that has no complete data yet: clients know to come again.
inline constexpr std::string_view kLoading =
    "LOADING this member has no complete state: it joins the group, or was excluded and comes back";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
std::string WrongArgumentCount(std::string_view command);
std::string UnknownCommand(Arguments arguments);

bool EqualsIgnoringCase(std::string_view a, std::string_view b);
bool ParseInteger(std::string_view text, int64_t& number);
std::string ToLower(std::string_view text);

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_COMMAND_H_

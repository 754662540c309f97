// String commands over a transaction.
#include <limits>

#include "absl/strings/str_cat.h"
#include "hash_value.h"
#include "resp_commands.h"
#include "set_options.h"

namespace cohort::tools {
namespace {

// The string in `key`; null if absent. False: it is none, and `reply` says so.
bool FindString(MapTransaction& keys, std::string_view key, const MapTransaction::Value*& value,
                RespReply& reply) {
  value = keys.Find(key);
  if (value == nullptr || !IsHash(value->bytes)) return true;
  reply.Error(kWrongType);
  return false;
}

// Whether `bytes` may become a string; if not, `reply` says so.
bool MayBeString(std::string_view bytes, RespReply& reply) {
  if (!IsHash(bytes)) return true;
  reply.Error(
      "ERR a string may not begin with the 16 bytes that mark a hash: write a hash by HSET");
  return false;
}

void Add(MapTransaction& keys, std::string_view key, int64_t delta, RespReply& reply) {
  const MapTransaction::Value* value = nullptr;
  if (!FindString(keys, key, value, reply)) return;
  int64_t number = 0;
  if (value != nullptr && !ParseInteger(value->bytes, number)) return reply.Error(kNotAnInteger);
  int64_t sum = 0;
  if (__builtin_add_overflow(number, delta, &sum)) {
    return reply.Error("ERR increment or decrement would overflow");
  }
  keys.Replace(key, std::to_string(sum));
  reply.Integer(sum);
}

void ReplyValue(const MapTransaction::Value* value, RespReply& reply) {
  value != nullptr ? reply.Bulk(value->bytes) : reply.Null();
}

void SetFor(MapTransaction& keys, Arguments arguments, absl::Duration unit, RespReply& reply) {
  absl::Duration ttl;
  int64_t number = 0;
  if (!ParseInteger(arguments[2], number)) return reply.Error(kNotAnInteger);
  if (!ParseLifetime(arguments[2], unit, ttl)) {
    return reply.Error(
        absl::StrCat("ERR invalid expire time in '", ToLower(arguments[0]), "' command"));
  }
  if (!MayBeString(arguments[3], reply)) return;
  keys.Put(arguments[1], arguments[3], ttl);
  reply.Ok();
}

}  // namespace

void RunGet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = nullptr;
  if (FindString(keys, arguments[1], value, reply)) ReplyValue(value, reply);
}

void RunSet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetOptions options;
  if (const std::string error = options.Parse(arguments); !error.empty()) return reply.Error(error);
  if (!MayBeString(arguments[2], reply)) return;
  const MapTransaction::Value* old = nullptr;
  if (options.get && !FindString(keys, arguments[1], old, reply)) return;
  const bool there = keys.Exists(arguments[1]);
  RespReply answer(reply.version());
  if (options.get) ReplyValue(old, answer);
  const bool allowed = !(options.only_if_absent && there) && !(options.only_if_present && !there);
  if (allowed && options.expired) {
    keys.Erase(arguments[1]);
  } else if (allowed && options.keep_ttl) {
    keys.Replace(arguments[1], arguments[2]);
  } else if (allowed) {
    keys.Put(arguments[1], arguments[2], options.ttl);
  }
  if (options.get) return reply.Raw(answer.text());
  allowed ? reply.Ok() : reply.Null();
}

void RunSetEx(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetFor(keys, arguments, absl::Seconds(1), reply);
}
void RunPSetEx(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetFor(keys, arguments, absl::Milliseconds(1), reply);
}

void RunSetNx(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  if (!MayBeString(arguments[2], reply)) return;
  if (keys.Exists(arguments[1])) return reply.Integer(0);
  keys.Put(arguments[1], arguments[2]);
  reply.Integer(1);
}

void RunGetSet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = nullptr;
  if (!MayBeString(arguments[2], reply) || !FindString(keys, arguments[1], value, reply)) return;
  ReplyValue(value, reply);
  keys.Put(arguments[1], arguments[2]);
}

void RunGetDel(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = nullptr;
  if (!FindString(keys, arguments[1], value, reply)) return;
  ReplyValue(value, reply);
  keys.Erase(arguments[1]);
}

void RunMGet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  reply.Array(arguments.size() - 1);
  for (const std::string_view key : arguments.subspan(1)) {
    if (keys.too_big() || reply.too_big()) return;
    const MapTransaction::Value* value = keys.Find(key);
    ReplyValue(value != nullptr && IsHash(value->bytes) ? nullptr : value, reply);
  }
}

void RunMSet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  if (arguments.size() % 2 == 0) return reply.Error(WrongArgumentCount(arguments[0]));
  for (size_t i = 1; i < arguments.size(); i += 2) {
    if (!MayBeString(arguments[i + 1], reply)) return;
  }
  for (size_t i = 1; i < arguments.size(); i += 2) keys.Put(arguments[i], arguments[i + 1]);
  reply.Ok();
}

void RunIncr(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  Add(keys, arguments[1], 1, reply);
}
void RunDecr(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  Add(keys, arguments[1], -1, reply);
}

void RunIncrBy(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  int64_t delta = 0;
  if (!ParseInteger(arguments[2], delta)) return reply.Error(kNotAnInteger);
  Add(keys, arguments[1], delta, reply);
}

void RunDecrBy(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  int64_t delta = 0;
  if (!ParseInteger(arguments[2], delta)) return reply.Error(kNotAnInteger);
  if (delta == std::numeric_limits<int64_t>::min())
    return reply.Error("ERR decrement would overflow");
  Add(keys, arguments[1], -delta, reply);
}

void RunAppend(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = nullptr;
  if (!FindString(keys, arguments[1], value, reply)) return;
  std::string bytes = value != nullptr ? value->bytes : std::string();
  if (bytes.size() + arguments[2].size() > kValueBytesMax) {
    return reply.Error(absl::StrCat("ERR the value would be larger than ", kValueBytesMax,
                                    " bytes; split it over several keys"));
  }
  bytes += arguments[2];
  if (!MayBeString(bytes, reply)) return;
  reply.Integer(static_cast<int64_t>(bytes.size()));
  keys.Replace(arguments[1], bytes);
}

void RunStrLen(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = nullptr;
  if (!FindString(keys, arguments[1], value, reply)) return;
  reply.Integer(value != nullptr ? static_cast<int64_t>(value->bytes.size()) : 0);
}

}  // namespace cohort::tools

// Commands about keys and lifetimes, over a transaction.
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "hash_value.h"
#include "resp_commands.h"

namespace cohort::tools {
namespace {

const absl::Duration kLifetimeMax = absl::Hours(24 * 366 * 1000);

struct ExpireConditions {
  bool nx = false, xx = false, gt = false, lt = false;

  std::string Parse(Arguments options) {
    for (const std::string_view option : options) {
      const std::string word = ToLower(option);
      if (word == "nx")
        nx = true;
      else if (word == "xx")
        xx = true;
      else if (word == "gt")
        gt = true;
      else if (word == "lt")
        lt = true;
      else
        return absl::StrCat("ERR Unsupported option ", word);
    }
    if (nx && (xx || gt || lt))
      return "ERR NX and XX, GT or LT options at the same time are not compatible";
    if (gt && lt) return "ERR GT and LT options at the same time are not compatible";
    return {};
  }
  // `now`: what is left; infinite for an entry without a lifetime.
  bool Allow(absl::Duration now, absl::Duration wanted) const {
    const bool has_ttl = now != absl::InfiniteDuration();
    return !(nx && has_ttl) && !(xx && !has_ttl) && !(gt && wanted <= now) &&
           !(lt && wanted >= now);
  }
};

// EXPIRE and its kin: arguments[2] counts `unit`s from `base`.
void SetLifetime(MapTransaction& keys, Arguments arguments, absl::Duration unit,
                 absl::Duration base, RespReply& reply) {
  int64_t number = 0;
  if (!ParseInteger(arguments[2], number)) return reply.Error(kNotAnInteger);
  ExpireConditions conditions;
  if (const std::string error = conditions.Parse(arguments.subspan(3)); !error.empty())
    return reply.Error(error);
  const absl::Duration span = unit * number;
  if (span > kLifetimeMax || span < -kLifetimeMax) {
    return reply.Error(
        absl::StrCat("ERR invalid expire time in '", ToLower(arguments[0]), "' command"));
  }
  const absl::Duration ttl = span - base;
  const MapTransaction::Value* value = keys.Find(arguments[1]);
  if (value == nullptr || !conditions.Allow(value->ttl, ttl)) return reply.Integer(0);
  if (ttl < absl::Milliseconds(1)) {
    keys.Erase(arguments[1]);
  } else {
    keys.SetTtl(arguments[1], ttl);
  }
  reply.Integer(1);
}

void ReplyTtl(MapTransaction& keys, Arguments arguments, absl::Duration unit, RespReply& reply) {
  const MapTransaction::Value* value = keys.Find(arguments[1]);
  if (value == nullptr) return reply.Integer(-2);
  if (value->ttl == absl::InfiniteDuration()) return reply.Integer(-1);
  reply.Integer((value->ttl + unit / 2) / unit);
}

bool MoveEntry(MapTransaction& keys, Arguments arguments, bool only_if_absent, RespReply& reply) {
  const MapTransaction::Value* source = keys.Find(arguments[1]);
  if (source == nullptr) {
    reply.Error("ERR no such key");
    return false;
  }
  if (only_if_absent && keys.Exists(arguments[2])) {
    reply.Integer(0);
    return false;
  }
  if (arguments[1] == arguments[2]) return true;
  const MapTransaction::Value value = *source;
  keys.Erase(arguments[1]);
  keys.Put(arguments[2], value.bytes, value.ttl);
  return true;
}

absl::Duration SinceEpoch() { return absl::Now() - absl::UnixEpoch(); }

}  // namespace

bool ParseLifetime(std::string_view text, absl::Duration unit, absl::Duration& ttl) {
  int64_t number = 0;
  if (!ParseInteger(text, number) || number <= 0) return false;
  ttl = unit * number;
  return ttl <= kLifetimeMax;
}

void RunDel(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  int64_t erased = 0;
  for (const std::string_view key : arguments.subspan(1)) erased += keys.Erase(key) ? 1 : 0;
  reply.Integer(erased);
}

void RunExists(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  int64_t found = 0;
  for (const std::string_view key : arguments.subspan(1)) found += keys.Exists(key) ? 1 : 0;
  reply.Integer(found);
}

void RunType(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = keys.Find(arguments[1]);
  reply.Simple(value == nullptr ? "none" : IsHash(value->bytes) ? "hash" : "string");
}

void RunRename(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  if (MoveEntry(keys, arguments, false, reply)) reply.Ok();
}
void RunRenameNx(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  if (MoveEntry(keys, arguments, true, reply)) reply.Integer(1);
}

void RunExpire(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetLifetime(keys, arguments, absl::Seconds(1), absl::ZeroDuration(), reply);
}
void RunPExpire(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetLifetime(keys, arguments, absl::Milliseconds(1), absl::ZeroDuration(), reply);
}
void RunExpireAt(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetLifetime(keys, arguments, absl::Seconds(1), SinceEpoch(), reply);
}
void RunPExpireAt(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  SetLifetime(keys, arguments, absl::Milliseconds(1), SinceEpoch(), reply);
}

void RunPersist(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  const MapTransaction::Value* value = keys.Find(arguments[1]);
  if (value == nullptr || value->ttl == absl::InfiniteDuration()) return reply.Integer(0);
  keys.SetTtl(arguments[1], absl::InfiniteDuration());
  reply.Integer(1);
}

void RunTtl(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  ReplyTtl(keys, arguments, absl::Seconds(1), reply);
}
void RunPTtl(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  ReplyTtl(keys, arguments, absl::Milliseconds(1), reply);
}

}  // namespace cohort::tools

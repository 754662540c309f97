// Hash commands over a transaction. A hash is one entry: each write offers the whole of it.
#include "absl/strings/str_cat.h"
#include "glob.h"
#include "hash_value.h"
#include "resp_commands.h"

namespace cohort::tools {
namespace {

// Reads the hash in `key`; an absent one has no fields. False: `reply` says why not. Valid until
// the key is written.
bool Open(MapTransaction& keys, std::string_view key, HashValue& hash, RespReply& reply) {
  const MapTransaction::Value* value = keys.Find(key);
  if (value == nullptr) return true;
  if (!IsHash(value->bytes)) {
    reply.Error(kWrongType);
    return false;
  }
  keys.CountRead(value->bytes.size());  // Each time: fields are told apart each time.
  if (keys.too_big()) {
    reply.Error(kTransactionTooBig);
    return false;
  }
  if (!hash.Parse(value->bytes)) {
    reply.Error(
        "ERR the hash is malformed: some other program wrote it; overwrite it by SET, or DEL it");
    return false;
  }
  return true;
}

// Writes it back, keeping the lifetime. False: `reply` says why not.
bool Close(MapTransaction& keys, std::string_view key, const HashValue& hash, RespReply& reply) {
  if (hash.encoded_bytes() > kHashBytesMax) {
    reply.Error(absl::StrCat("ERR the hash would have ", hash.encoded_bytes(),
                             " bytes; all fields of one together may have at most ", kHashBytesMax,
                             ": split it over several keys"));
    return false;
  }
  if (hash.fields().empty()) {
    keys.Erase(key);
  } else {
    keys.Replace(key, hash.Encode());
  }
  return true;
}

void ReplyField(const HashValue& hash, std::string_view field, RespReply& reply) {
  const std::optional<std::string_view> value = hash.Find(field);
  value ? reply.Bulk(*value) : reply.Null();
}

}  // namespace

void RunHSet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  if (arguments.size() % 2 != 0) return reply.Error(WrongArgumentCount(arguments[0]));
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  int64_t added = 0;
  for (size_t i = 2; i < arguments.size(); i += 2)
    added += hash.Set(arguments[i], arguments[i + 1]) ? 1 : 0;
  if (Close(keys, arguments[1], hash, reply)) reply.Integer(added);
}

void RunHSetNx(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  if (hash.Find(arguments[2])) return reply.Integer(0);
  hash.Set(arguments[2], arguments[3]);
  if (Close(keys, arguments[1], hash, reply)) reply.Integer(1);
}

void RunHGet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (Open(keys, arguments[1], hash, reply)) ReplyField(hash, arguments[2], reply);
}

void RunHMGet(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  reply.Array(arguments.size() - 2);
  for (const std::string_view field : arguments.subspan(2)) {
    if (reply.too_big()) return;
    ReplyField(hash, field, reply);
  }
}

void RunHGetAll(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  reply.Map(hash.fields().size());
  for (const auto& [field, value] : hash.fields()) {
    reply.Bulk(field);
    reply.Bulk(value);
  }
}

void RunHDel(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  int64_t erased = 0;
  for (const std::string_view field : arguments.subspan(2)) erased += hash.Erase(field) ? 1 : 0;
  if (erased == 0 || Close(keys, arguments[1], hash, reply)) reply.Integer(erased);
}

void RunHExists(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (Open(keys, arguments[1], hash, reply)) reply.Integer(hash.Find(arguments[2]) ? 1 : 0);
}

void RunHLen(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (Open(keys, arguments[1], hash, reply))
    reply.Integer(static_cast<int64_t>(hash.fields().size()));
}

void RunHKeys(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  reply.Array(hash.fields().size());
  for (const auto& [field, value] : hash.fields()) reply.Bulk(field);
}

void RunHVals(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  reply.Array(hash.fields().size());
  for (const auto& [field, value] : hash.fields()) reply.Bulk(value);
}

void RunHIncrBy(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  int64_t delta = 0;
  if (!ParseInteger(arguments[3], delta)) return reply.Error(kNotAnInteger);
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  int64_t number = 0;
  const std::optional<std::string_view> old = hash.Find(arguments[2]);
  if (old && !ParseInteger(*old, number)) return reply.Error("ERR hash value is not an integer");
  int64_t sum = 0;
  if (__builtin_add_overflow(number, delta, &sum))
    return reply.Error("ERR increment or decrement would overflow");
  const std::string text = std::to_string(sum);
  hash.Set(arguments[2], text);
  if (Close(keys, arguments[1], hash, reply)) reply.Integer(sum);
}

// All fields at once, as Redis does with small hashes: COUNT is only a wish.
void RunHScan(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  std::string_view pattern = "*";
  int64_t number = 0;
  if (!ParseInteger(arguments[2], number) || number < 0) return reply.Error("ERR invalid cursor");
  const Arguments options = arguments.subspan(3);
  if (options.size() % 2 != 0) return reply.Error(kSyntaxError);
  for (size_t i = 0; i < options.size(); i += 2) {
    if (EqualsIgnoringCase(options[i], "match")) {
      pattern = options[i + 1];
    } else if (EqualsIgnoringCase(options[i], "count")) {
      if (!ParseInteger(options[i + 1], number)) return reply.Error(kNotAnInteger);
      if (number < 1) return reply.Error(kSyntaxError);
    } else {
      return reply.Error(kSyntaxError);
    }
  }
  HashValue hash;
  if (!Open(keys, arguments[1], hash, reply)) return;
  std::vector<std::string_view> found;
  for (const auto& [field, value] : hash.fields()) {
    if (!GlobMatches(pattern, field)) continue;
    found.push_back(field);
    found.push_back(value);
  }
  reply.Array(2);
  reply.Bulk("0");
  reply.Array(found.size());
  for (const std::string_view text : found) reply.Bulk(text);
}

}  // namespace cohort::tools

// The quick way of writes: one asynchronous call, no reading first.
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hash_value.h"
#include "resp_commands.h"
#include "set_options.h"

namespace cohort::tools {
namespace {

bool PlanAdd(std::string_view key, int64_t delta, WritePlan& plan) {
  plan.operation = WritePlan::Operation::kIncrement;
  plan.answer = WritePlan::Answer::kNumber;
  plan.key = key;
  plan.delta = delta;
  return true;
}

bool PlanPut(std::string_view key, std::string_view value, absl::Duration ttl, WritePlan& plan) {
  if (IsHash(value)) return false;  // Refused in words.
  plan.operation = WritePlan::Operation::kPut;
  plan.key = key;
  plan.value = value;
  plan.ttl = ttl;
  return true;
}

bool PlanExpireIn(Arguments arguments, absl::Duration unit, WritePlan& plan) {
  if (arguments.size() != 3 || !ParseLifetime(arguments[2], unit, plan.ttl)) return false;
  plan.operation = WritePlan::Operation::kExpire;
  plan.answer = WritePlan::Answer::kOneOrZero;
  plan.key = arguments[1];
  return true;
}

}  // namespace

namespace {

// The fields of the hash in `key`; empty if there is something else. An absent one has none.
std::optional<std::set<std::string>> FieldsOf(const ReplicatedMap& map, std::string_view key) {
  std::set<std::string> fields;
  const absl::StatusOr<Entry> entry = map.Get(key);
  if (!entry.ok()) return fields;
  const absl::StatusOr<std::vector<Attribute>> attributes = map.GetAttributes(key);
  if (!entry->value.empty() || !attributes.ok()) return std::nullopt;
  for (const Attribute& attribute : *attributes) fields.insert(attribute.name);
  return fields;
}

bool PlanHSet(const ReplicatedMap& map, Arguments arguments, WritePlan& plan) {
  if (arguments.size() < 4 || arguments.size() % 2 != 0) return false;
  std::optional<std::set<std::string>> fields = FieldsOf(map, arguments[1]);
  if (!fields) return false;
  for (size_t i = 2; i < arguments.size(); i += 2) {
    plan.number += fields->emplace(arguments[i]).second ? 1 : 0;
    plan.attributes.push_back({std::string(arguments[i]), std::string(arguments[i + 1])});
  }
  plan.operation = WritePlan::Operation::kPutAttributes;
  return true;
}

bool PlanHDel(const ReplicatedMap& map, Arguments arguments, WritePlan& plan) {
  std::optional<std::set<std::string>> fields = FieldsOf(map, arguments[1]);
  if (!fields || arguments.size() < 3) return false;
  for (const std::string_view field : arguments.subspan(2)) {
    if (fields->erase(std::string(field)) > 0) plan.names.emplace_back(field);
  }
  if (plan.names.empty()) return false;  // Nothing to write.
  plan.number = static_cast<int64_t>(plan.names.size());
  // A hash without fields is none.
  plan.operation =
      fields->empty() ? WritePlan::Operation::kErase : WritePlan::Operation::kEraseAttributes;
  return true;
}

}  // namespace

bool PlanConvergent(const ReplicatedMap& map, Arguments arguments, WritePlan& plan) {
  const std::string name = ToLower(arguments[0]);
  plan.key = arguments.size() > 1 ? arguments[1] : std::string_view();
  plan.answer = WritePlan::Answer::kFixed;
  plan.keep_ttl = true;
  if (name == "hset") return PlanHSet(map, arguments, plan);
  if (name == "hdel") return PlanHDel(map, arguments, plan);
  if ((name != "del" && name != "unlink") || arguments.size() < 3) return false;
  plan.operation = WritePlan::Operation::kBatch;
  plan.answer = WritePlan::Answer::kNumber;
  for (const std::string_view key : arguments.subspan(1)) plan.batch.Erase(key);
  return true;
}

bool PlanSet(Arguments arguments, WritePlan& plan) {
  SetOptions options;
  if (!options.Parse(arguments).empty() || options.get || options.only_if_present ||
      options.expired)
    return false;
  if (!PlanPut(arguments[1], arguments[2], options.ttl, plan)) return false;
  plan.keep_ttl = options.keep_ttl;
  if (options.only_if_absent) {
    plan.operation = WritePlan::Operation::kPutIfAbsent;
    plan.answer = WritePlan::Answer::kOkOrNull;
  }
  return true;
}

bool PlanSetEx(Arguments arguments, WritePlan& plan) {
  absl::Duration ttl;
  return ParseLifetime(arguments[2], absl::Seconds(1), ttl) &&
         PlanPut(arguments[1], arguments[3], ttl, plan);
}
bool PlanPSetEx(Arguments arguments, WritePlan& plan) {
  absl::Duration ttl;
  return ParseLifetime(arguments[2], absl::Milliseconds(1), ttl) &&
         PlanPut(arguments[1], arguments[3], ttl, plan);
}

bool PlanSetNx(Arguments arguments, WritePlan& plan) {
  if (!PlanPut(arguments[1], arguments[2], absl::InfiniteDuration(), plan)) return false;
  plan.operation = WritePlan::Operation::kPutIfAbsent;
  plan.answer = WritePlan::Answer::kOneOrZero;
  return true;
}

bool PlanMSet(Arguments arguments, WritePlan& plan) {
  if (arguments.size() % 2 == 0) return false;
  plan.operation = WritePlan::Operation::kBatch;
  for (size_t i = 1; i < arguments.size(); i += 2) {
    if (IsHash(arguments[i + 1])) return false;
    plan.batch.Put(arguments[i], arguments[i + 1]);
  }
  return true;
}

bool PlanIncr(Arguments arguments, WritePlan& plan) { return PlanAdd(arguments[1], 1, plan); }
bool PlanDecr(Arguments arguments, WritePlan& plan) { return PlanAdd(arguments[1], -1, plan); }
bool PlanIncrBy(Arguments arguments, WritePlan& plan) {
  int64_t delta = 0;
  return ParseInteger(arguments[2], delta) && PlanAdd(arguments[1], delta, plan);
}
bool PlanDecrBy(Arguments arguments, WritePlan& plan) {
  int64_t delta = 0;
  return ParseInteger(arguments[2], delta) && delta != std::numeric_limits<int64_t>::min() &&
         PlanAdd(arguments[1], -delta, plan);
}

bool PlanDel(Arguments arguments, WritePlan& plan) {
  if (arguments.size() != 2) return false;
  plan.operation = WritePlan::Operation::kErase;
  plan.answer = WritePlan::Answer::kNumber;
  plan.key = arguments[1];
  return true;
}

bool PlanExpire(Arguments arguments, WritePlan& plan) {
  return PlanExpireIn(arguments, absl::Seconds(1), plan);
}
bool PlanPExpire(Arguments arguments, WritePlan& plan) {
  return PlanExpireIn(arguments, absl::Milliseconds(1), plan);
}

bool PlanFlush(Arguments, WritePlan& plan) {
  plan.operation = WritePlan::Operation::kClear;
  return true;
}

}  // namespace cohort::tools

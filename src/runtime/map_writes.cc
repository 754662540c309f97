#include "runtime/map_writes.h"

#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "map/convergent_op_codec.h"
#include "map/limits.h"
#include "map/map_op_codec.h"
#include "map/subjects.h"
#include "map/validation.h"

namespace cohort::runtime {
namespace {

static_assert(map::kKeyBytesMax == kKeyBytesMax);
static_assert(map::kValueBytesMax == kValueBytesMax);
static_assert(map::kMapsMax == kMapsMax);
static_assert(map::kBatchItemsMax == kBatchOperationsMax);
static_assert(map::kMapNameBytesMax == kNameBytesMax);
static_assert(map::kRegistersBytesMax == kConvergentEntryBytesMax);
static_assert(map::kAttributeNameBytesMax == kAttributeNameBytesMax);
static_assert(map::kOpAttributesMax == kAttributesPerWriteMax);

// Whether the outcome depends on what others wrote before.
bool IsConditional(const map::BatchItem& item) {
  if (const auto* put = std::get_if<map::PutOp>(&item))
    return put->condition != map::Condition::kNone;
  if (const auto* erase = std::get_if<map::EraseOp>(&item))
    return erase->condition != map::Condition::kNone;
  return true;
}

bool IsConditional(const map::MapOp& op) {
  return std::visit(
      [](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, map::BatchOp>) {
          for (const map::BatchItem& item : body.items) {
            if (IsConditional(item)) return true;
          }
          return false;
        } else if constexpr (std::is_constructible_v<map::BatchItem, Body>) {
          return IsConditional(map::BatchItem(body));
        } else {
          return false;
        }
      },
      op.body);
}

absl::StatusOr<map::BatchItem> ToItem(const WriteBatch::Operation& operation) {
  using Kind = WriteBatch::Operation::Kind;
  const map::Condition condition =
      operation.conditional ? map::Condition::kVersion : map::Condition::kNone;
  switch (operation.kind) {
    case Kind::kPut: {
      absl::StatusOr<map::PutOp> put = NewPut(
          operation.key, operation.value, {.ttl = operation.ttl, .keep_ttl = operation.keep_ttl});
      if (!put.ok()) return put.status();
      put->condition = condition;
      put->version = operation.expected;
      return *put;
    }
    case Kind::kErase:
      return map::EraseOp{operation.key, condition, operation.expected};
    case Kind::kIncrement:
      return map::IncrementOp{.key = operation.key, .delta = operation.delta};
    case Kind::kAppend:
      return map::AppendOp{operation.key, operation.value};
    case Kind::kExpire: {
      absl::StatusOr<map::TouchOp> touch = NewExpire(operation.key, operation.ttl);
      if (!touch.ok()) return touch.status();
      return *touch;
    }
    case Kind::kPersist:
      return map::TouchOp{.key = operation.key, .mode = map::TouchOp::Mode::kPersist};
    case Kind::kPutAttributes:
    case Kind::kEraseAttributes:
      break;
  }
  return absl::FailedPreconditionError("attributes need a convergent map");
}

bool WritesAttributes(const WriteBatch::Operation& operation) {
  using Kind = WriteBatch::Operation::Kind;
  return operation.kind == Kind::kPutAttributes || operation.kind == Kind::kEraseAttributes;
}

absl::StatusOr<map::AttributesOp> ToAttributes(const WriteBatch::Operation& operation) {
  if (operation.kind == WriteBatch::Operation::Kind::kPutAttributes)
    return NewAttributes(operation.key, operation.attributes,
                         {.ttl = operation.ttl, .keep_ttl = operation.keep_ttl});
  std::vector<std::string_view> names;
  for (const Attribute& attribute : operation.attributes) names.emplace_back(attribute.name);
  return NewAttributeErasure(operation.key, names, {});
}

}  // namespace

absl::StatusOr<uint64_t> TtlMillis(absl::Duration ttl) {
  if (ttl == absl::InfiniteDuration()) return 0;
  const int64_t millis = absl::ToInt64Milliseconds(absl::Ceil(ttl, absl::Milliseconds(1)));
  if (millis >= 1 && static_cast<uint64_t>(millis) <= map::kTtlMaxMs)
    return static_cast<uint64_t>(millis);
  return absl::InvalidArgumentError("ttl: 1 ms to 139 years, or InfiniteDuration()");
}

engine::AckLevel ToAckLevel(Ack ack) {
  switch (ack) {
    case Ack::kLocal:
      return engine::AckLevel::kLocal;
    case Ack::kOne:
      return engine::AckLevel::kOne;
    case Ack::kAll:
      break;
  }
  return engine::AckLevel::kAll;
}

absl::StatusOr<map::PutOp> NewPut(std::string_view key, std::string_view value,
                                  const WriteOptions& options) {
  const absl::StatusOr<uint64_t> ttl = TtlMillis(options.ttl);
  if (!ttl.ok()) return ttl.status();
  map::PutOp put;
  put.key = key;
  put.value = value;
  put.ttl_ms = *ttl;
  put.keep_ttl = options.keep_ttl;
  return put;
}

absl::StatusOr<map::TouchOp> NewExpire(std::string_view key, absl::Duration ttl) {
  const absl::StatusOr<uint64_t> millis = TtlMillis(ttl);
  if (!millis.ok()) return millis.status();
  map::TouchOp touch;
  touch.key = key;
  touch.mode = *millis == 0 ? map::TouchOp::Mode::kPersist : map::TouchOp::Mode::kTtl;
  touch.ttl_ms = *millis;
  return touch;
}

absl::StatusOr<map::BatchOp> NewBatch(const WriteBatch& batch) {
  map::BatchOp op;
  op.items.reserve(batch.size());
  for (const WriteBatch::Operation& operation : batch.operations()) {
    absl::StatusOr<map::BatchItem> item = ToItem(operation);
    if (!item.ok()) return item.status();
    op.items.push_back(*std::move(item));
  }
  return op;
}

bool WritesAttributes(const WriteBatch& batch) {
  return std::any_of(batch.operations().begin(), batch.operations().end(),
                     [](const auto& operation) { return WritesAttributes(operation); });
}

absl::StatusOr<map::ConvergentBatchOp> NewConvergentBatch(const WriteBatch& batch,
                                                          const WriteOptions& options) {
  map::ConvergentBatchOp op;
  op.items.reserve(batch.size());
  for (const WriteBatch::Operation& operation : batch.operations()) {
    if (!WritesAttributes(operation)) {
      absl::StatusOr<map::BatchItem> item = ToItem(operation);
      if (!item.ok()) return item.status();
      std::visit([&op](auto& one) { op.items.emplace_back(std::move(one)); }, *item);
    } else {
      absl::StatusOr<map::AttributesOp> item = ToAttributes(operation);
      if (!item.ok()) return item.status();
      item->keep_ttl |= options.keep_ttl;
      op.items.emplace_back(*std::move(item));
    }
  }
  return op;
}

absl::StatusOr<engine::MapWrite> NewConvergentWrite(const map::ConvergentMap& map,
                                                    const map::ConvergentRequest& request,
                                                    map::GroupTime now,
                                                    const WriteOptions& options) {
  const absl::StatusOr<map::ConvergentOp> op =
      map::PrepareConvergent(map, request, now, {options.by_owner, options.if_present});
  if (!op.ok()) return op.status();
  engine::MapWrite write;
  write.map = map.id();
  write.ack = ToAckLevel(options.ack);
  write.stamp_bytes = map::StampBytes(op->Lives());
  write.has_room = true;
  if (!op->items.empty() || op->clears)
    write.operation = map::EncodeConvergentOp(*op, engine::kMessageRoom, write.stamp_bytes);
  return write;
}

absl::StatusOr<map::ConvergentRequest> ToConvergentRequest(decltype(map::MapOp::body) body) {
  return std::visit(
      [](auto&& one) -> absl::StatusOr<map::ConvergentRequest> {
        using Body = std::decay_t<decltype(one)>;
        constexpr bool kIsRequest = std::is_constructible_v<map::BatchItem, Body> ||
                                    std::is_same_v<Body, map::BatchOp> ||
                                    std::is_same_v<Body, map::ClearOp>;
        if constexpr (kIsRequest) {
          return map::ConvergentRequest(std::forward<decltype(one)>(one));
        } else {
          return absl::InvalidArgumentError("not a write of a caller");
        }
      },
      std::move(body));
}

absl::StatusOr<map::AttributesOp> NewAttributes(std::string_view key,
                                                const std::vector<Attribute>& attributes,
                                                const WriteOptions& options) {
  const absl::StatusOr<uint64_t> ttl = TtlMillis(options.ttl);
  if (!ttl.ok()) return ttl.status();
  map::AttributesOp op;
  op.key = key;
  op.sets_ttl = *ttl != 0;
  op.ttl_ms = *ttl;
  op.keep_ttl = options.keep_ttl;
  for (const Attribute& attribute : attributes) {
    if (attribute.name.empty())
      return absl::InvalidArgumentError("an attribute needs a name; use Put for the whole value");
    op.writes.push_back({attribute.name, attribute.value, false});
  }
  if (op.writes.empty()) return absl::InvalidArgumentError("no attribute is named");
  return op;
}

absl::StatusOr<map::AttributesOp> NewAttributeErasure(std::string_view key,
                                                      std::span<const std::string_view> names,
                                                      const WriteOptions& options) {
  map::AttributesOp op;
  op.key = key;
  op.keep_ttl = options.keep_ttl;
  for (const std::string_view name : names) {
    if (name.empty()) return absl::InvalidArgumentError("an attribute needs a name");
    op.writes.push_back({name, {}, true});
  }
  if (op.writes.empty()) return absl::InvalidArgumentError("no attribute is named");
  return op;
}

absl::StatusOr<engine::MapWrite> NewMapWrite(uint32_t map, const map::MapOp& op, Ack ack) {
  if (absl::Status status = map::ValidateOp(op); !status.ok()) return status;
  engine::MapWrite write;
  write.map = map;
  write.operation = map::EncodeMapOp(op, engine::kMessageRoom);
  write.has_room = true;
  write.ack = ToAckLevel(ack);
  write.conditional = IsConditional(op);
  write.subjects = map::SubjectsOf(op);
  return write;
}

}  // namespace cohort::runtime

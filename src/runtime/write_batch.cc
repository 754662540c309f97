#include "cohort/write_batch.h"

#include <utility>

namespace cohort {
namespace {

WriteBatch::Operation New(WriteBatch::Operation::Kind kind, std::string_view key) {
  WriteBatch::Operation operation;
  operation.kind = kind;
  operation.key = key;
  return operation;
}

}  // namespace

using Kind = WriteBatch::Operation::Kind;

WriteBatch& WriteBatch::Put(std::string_view key, std::string_view value, absl::Duration ttl) {
  Operation operation = New(Kind::kPut, key);
  operation.value = value;
  operation.ttl = ttl;
  operations_.push_back(std::move(operation));
  return *this;
}

WriteBatch& WriteBatch::PutKeepingTtl(std::string_view key, std::string_view value) {
  Put(key, value);
  operations_.back().keep_ttl = true;
  return *this;
}

WriteBatch& WriteBatch::PutIf(std::string_view key, Version expected, std::string_view value,
                              absl::Duration ttl) {
  Put(key, value, ttl);
  operations_.back().conditional = true;
  operations_.back().expected = expected;
  return *this;
}

WriteBatch& WriteBatch::PutIfAbsent(std::string_view key, std::string_view value,
                                    absl::Duration ttl) {
  return PutIf(key, Version::None(), value, ttl);
}

WriteBatch& WriteBatch::Erase(std::string_view key) {
  operations_.push_back(New(Kind::kErase, key));
  return *this;
}

WriteBatch& WriteBatch::EraseIf(std::string_view key, Version expected) {
  Erase(key);
  operations_.back().conditional = true;
  operations_.back().expected = expected;
  return *this;
}

WriteBatch& WriteBatch::Increment(std::string_view key, int64_t delta) {
  Operation operation = New(Kind::kIncrement, key);
  operation.delta = delta;
  operations_.push_back(std::move(operation));
  return *this;
}

WriteBatch& WriteBatch::Append(std::string_view key, std::string_view suffix) {
  Operation operation = New(Kind::kAppend, key);
  operation.value = suffix;
  operations_.push_back(std::move(operation));
  return *this;
}

WriteBatch& WriteBatch::Expire(std::string_view key, absl::Duration ttl) {
  Operation operation = New(Kind::kExpire, key);
  operation.ttl = ttl;
  operations_.push_back(std::move(operation));
  return *this;
}

WriteBatch& WriteBatch::Persist(std::string_view key) {
  operations_.push_back(New(Kind::kPersist, key));
  return *this;
}

WriteBatch& WriteBatch::PutAttributes(std::string_view key, std::vector<Attribute> attributes,
                                      absl::Duration ttl) {
  Operation operation = New(Kind::kPutAttributes, key);
  operation.attributes = std::move(attributes);
  operation.ttl = ttl;
  operations_.push_back(std::move(operation));
  return *this;
}

WriteBatch& WriteBatch::EraseAttributes(std::string_view key,
                                        const std::vector<std::string>& names) {
  Operation operation = New(Kind::kEraseAttributes, key);
  for (const std::string& name : names) operation.attributes.push_back({name, {}});
  operations_.push_back(std::move(operation));
  return *this;
}

}  // namespace cohort

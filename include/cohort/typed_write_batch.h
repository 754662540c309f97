// TypedWriteBatch: a WriteBatch of a TypedMap.
#ifndef COHORT_TYPED_WRITE_BATCH_H_
#define COHORT_TYPED_WRITE_BATCH_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/codec.h"
#include "cohort/ids.h"
#include "cohort/write_batch.h"

namespace cohort {
namespace detail {

// What a call takes for a key or a value: anything that is text where they are strings.
template <class T>
using Taken = std::conditional_t<std::is_same_v<T, std::string>, std::string_view, const T&>;

// What ReplicatedMap::Increment can count in.
template <class T>
concept Counter = Integer<T> && std::is_signed_v<T> && sizeof(T) == 8;

inline absl::Status KeyWithoutBytes() {
  return absl::InvalidArgumentError("the codec of the key gave no bytes for it: it is no key");
}
inline absl::Status ValueWithoutBytes() {
  return absl::InvalidArgumentError("the codec of the value gave no bytes for it");
}

}  // namespace detail

// A value: build it, pass it to TypedMap::Write, use it again. Not thread-safe. The limits are
// those of WriteBatch.
template <class Key, class Value>
class TypedWriteBatch {
 public:
  using KeyArgument = detail::Taken<Key>;
  using ValueArgument = detail::Taken<Value>;

  TypedWriteBatch& Put(KeyArgument key, ValueArgument value,
                       absl::Duration ttl = absl::InfiniteDuration()) {
    return Add(key, value, [&](auto k, auto v) { batch_.Put(k, v, ttl); });
  }
  TypedWriteBatch& PutKeepingTtl(KeyArgument key, ValueArgument value) {
    return Add(key, value, [&](auto k, auto v) { batch_.PutKeepingTtl(k, v); });
  }
  TypedWriteBatch& PutIf(KeyArgument key, Version expected, ValueArgument value,
                         absl::Duration ttl = absl::InfiniteDuration()) {
    return Add(key, value, [&](auto k, auto v) { batch_.PutIf(k, expected, v, ttl); });
  }
  TypedWriteBatch& PutIfAbsent(KeyArgument key, ValueArgument value,
                               absl::Duration ttl = absl::InfiniteDuration()) {
    return Add(key, value, [&](auto k, auto v) { batch_.PutIfAbsent(k, v, ttl); });
  }
  TypedWriteBatch& Erase(KeyArgument key) {
    return Add(key, [&](auto k) { batch_.Erase(k); });
  }
  TypedWriteBatch& EraseIf(KeyArgument key, Version expected) {
    return Add(key, [&](auto k) { batch_.EraseIf(k, expected); });
  }
  TypedWriteBatch& Increment(KeyArgument key, int64_t delta)
    requires detail::Counter<Value>
  {
    return Add(key, [&](auto k) { batch_.Increment(k, delta); });
  }
  TypedWriteBatch& Append(KeyArgument key, std::string_view suffix)
    requires std::same_as<Value, std::string>
  {
    return Add(key, [&](auto k) { batch_.Append(k, suffix); });
  }
  TypedWriteBatch& Expire(KeyArgument key, absl::Duration ttl) {
    return Add(key, [&](auto k) { batch_.Expire(k, ttl); });
  }
  TypedWriteBatch& Persist(KeyArgument key) {
    return Add(key, [&](auto k) { batch_.Persist(k); });
  }

  size_t size() const { return batch_.size(); }  // Operations that have bytes.
  bool empty() const { return batch_.empty(); }
  void clear() {
    batch_.clear();
    status_ = absl::OkStatus();
  }
  // kInvalidArgument if a key or value had no bytes. Write then refuses the whole batch.
  const absl::Status& status() const { return status_; }
  const WriteBatch& bytes() const { return batch_; }

 private:
  template <class Call>
  TypedWriteBatch& Add(KeyArgument key, Call&& call) {
    if (const auto bytes = KeyCodec<Key>::Encode(key)) {
      call(std::string_view(*bytes));
    } else {
      status_.Update(detail::KeyWithoutBytes());
    }
    return *this;
  }
  template <class Call>
  TypedWriteBatch& Add(KeyArgument key, ValueArgument value, Call&& call) {
    const auto bytes = Codec<Value>::Encode(value);
    if (!bytes) {
      status_.Update(detail::ValueWithoutBytes());
      return *this;
    }
    return Add(key, [&](std::string_view k) { call(k, std::string_view(*bytes)); });
  }

  WriteBatch batch_;
  absl::Status status_;
};

}  // namespace cohort

#endif  // COHORT_TYPED_WRITE_BATCH_H_

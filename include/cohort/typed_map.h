// TypedMap: a ReplicatedMap whose keys and values are of your types.
#ifndef COHORT_TYPED_MAP_H_
#define COHORT_TYPED_MAP_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/codec.h"  // IWYU pragma: export
#include "cohort/ids.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/subscription.h"
#include "cohort/typed_entry.h"        // IWYU pragma: export
#include "cohort/typed_write_batch.h"  // IWYU pragma: export

namespace cohort {

// A ReplicatedMap seen through two codecs (cohort/codec.h). Every call means what the call of that
// name means there, blocks where that does, and has its errors; further ones:
//   kInvalidArgument  the codec has no bytes for this key or value; nothing was sent.
//   kDataLoss         bytes in the map are no such key or value; the text names the key. Other
//                     entries are not concerned, and the entry may be written over or erased.
// Where keys or values are std::string, calls take anything that is a std::string_view.
//
// Thread-safe, if the codecs are; a cheap copyable handle. Several of them, of different types
// even, may share one map. `Map` is for tests: whatever has the calls of ReplicatedMap, as
// testing::SimMap.
//
// ```cpp
//   cohort::TypedMap<uint64_t, Cart> carts(*std::move(map));
//   carts.Put(4711, Cart{3, "ann"}, {.ttl = absl::Minutes(30)});
//   const absl::StatusOr<cohort::TypedEntry<Cart>> cart = carts.Get(4711);
// ```
template <class Key, class Value, class Map = ReplicatedMap>
class TypedMap {
 public:
  static_assert(!std::same_as<Key, std::string_view> && !std::same_as<Value, std::string_view>,
                "what comes out of a map must own its bytes: say std::string, whose calls take "
                "std::string_view");
  using Entry = TypedEntry<Value>;
  using Change = TypedChange<Key, Value>;
  using ScanResult = TypedScanResult<Key, Value>;
  using Batch = TypedWriteBatch<Key, Value>;
  using KeyArgument = detail::Taken<Key>;
  using ValueArgument = detail::Taken<Value>;
  using OnChange = std::function<void(const Change&)>;
  using OnRead = std::function<void(const absl::StatusOr<Entry>&)>;

  explicit TypedMap(Map map) : map_(std::move(map)) {}

  const std::string& name() const { return map_.name(); }
  Map& bytes() { return map_; }  // The same map without codecs.
  const Map& bytes() const { return map_; }

  // ---- Reads.
  absl::StatusOr<Entry> Get(KeyArgument key) const {
    const auto key_bytes = KeyCodec<Key>::Encode(key);
    if (!key_bytes) return detail::KeyWithoutBytes();
    return Decode(*key_bytes, map_.Get(*key_bytes));
  }
  // While this member has no complete state another one is asked (ReplicatedMap::Get).
  absl::StatusOr<Entry> Get(KeyArgument key, const ReadOptions& options) const {
    const auto key_bytes = KeyCodec<Key>::Encode(key);
    if (!key_bytes) return detail::KeyWithoutBytes();
    return Decode(*key_bytes, map_.Get(*key_bytes, options));
  }
  absl::Status GetAsync(KeyArgument key, const ReadOptions& options, OnRead done) const {
    return With<absl::Status>(key, [&](std::string_view k) {
      ReadCallback decoding;
      if (done) {
        decoding = [done = std::move(done),
                    key_bytes = std::string(k)](const absl::StatusOr<cohort::Entry>& entry) {
          done(Decode(key_bytes, entry));
        };
      }
      return map_.GetAsync(k, options, std::move(decoding));
    });
  }
  bool Exists(KeyArgument key) const {
    const auto key_bytes = KeyCodec<Key>::Encode(key);
    return key_bytes && map_.Exists(*key_bytes);
  }
  size_t Size() const { return map_.Size(); }
  uint64_t Bytes() const { return map_.Bytes(); }
  MapDigest Digest() const { return map_.Digest(); }
  // Visits every entry that decodes. kDataLoss: names the first one that does not.
  absl::Status ForEach(const std::function<void(const Key&, const Entry&)>& visit) const {
    absl::Status status;
    map_.ForEach([&](std::string_view key, const cohort::Entry& entry) {
      if (auto item = Decode(key, entry, status)) visit(item->key, item->entry);
    });
    return status;
  }
  ScanResult Scan(uint64_t cursor, size_t count = 100) const {
    const cohort::ScanResult found = map_.Scan(cursor, count);
    ScanResult result;
    result.cursor = found.cursor;
    result.items.reserve(found.items.size());
    for (const cohort::ScanResult::Item& raw : found.items) {
      if (auto item = Decode(raw.key, raw.entry, result.status))
        result.items.push_back(*std::move(item));
    }
    return result;
  }

  // ---- Writes.
  WriteResult Put(KeyArgument key, ValueArgument value, const WriteOptions& options = {}) {
    return With<WriteResult>(key, value, [&](auto k, auto v) { return map_.Put(k, v, options); });
  }
  WriteResult PutIf(KeyArgument key, Version expected, ValueArgument value,
                    const WriteOptions& options = {}) {
    return With<WriteResult>(key, value,
                             [&](auto k, auto v) { return map_.PutIf(k, expected, v, options); });
  }
  WriteResult PutIfAbsent(KeyArgument key, ValueArgument value, const WriteOptions& options = {}) {
    return With<WriteResult>(key, value,
                             [&](auto k, auto v) { return map_.PutIfAbsent(k, v, options); });
  }
  WriteResult Erase(KeyArgument key, const WriteOptions& options = {}) {
    return With<WriteResult>(key, [&](auto k) { return map_.Erase(k, options); });
  }
  WriteResult EraseIf(KeyArgument key, Version expected, const WriteOptions& options = {}) {
    return With<WriteResult>(key, [&](auto k) { return map_.EraseIf(k, expected, options); });
  }
  // For signed 64-bit integers: no sum that the order admits is too large for the type.
  WriteResult Increment(KeyArgument key, int64_t delta, const WriteOptions& options = {})
    requires detail::Counter<Value>
  {
    return With<WriteResult>(key, [&](auto k) { return map_.Increment(k, delta, options); });
  }
  WriteResult Append(KeyArgument key, std::string_view suffix, const WriteOptions& options = {})
    requires std::same_as<Value, std::string>
  {
    return With<WriteResult>(key, [&](auto k) { return map_.Append(k, suffix, options); });
  }
  WriteResult Expire(KeyArgument key, absl::Duration ttl, const WriteOptions& options = {}) {
    return With<WriteResult>(key, [&](auto k) { return map_.Expire(k, ttl, options); });
  }
  WriteResult Persist(KeyArgument key, const WriteOptions& options = {}) {
    return With<WriteResult>(key, [&](auto k) { return map_.Persist(k, options); });
  }
  WriteResult Write(const Batch& batch, const WriteOptions& options = {}) {
    if (!batch.status().ok()) return detail::Refused<WriteResult>(batch.status());
    return map_.Write(batch.bytes(), options);
  }
  WriteResult Clear(const WriteOptions& options = {}) { return map_.Clear(options); }

  absl::Status PutAsync(KeyArgument key, ValueArgument value, const WriteOptions& options,
                        WriteCallback done) {
    return With<absl::Status>(
        key, value, [&](auto k, auto v) { return map_.PutAsync(k, v, options, std::move(done)); });
  }
  absl::Status PutIfAsync(KeyArgument key, Version expected, ValueArgument value,
                          const WriteOptions& options, WriteCallback done) {
    return With<absl::Status>(key, value, [&](auto k, auto v) {
      return map_.PutIfAsync(k, expected, v, options, std::move(done));
    });
  }
  absl::Status PutIfAbsentAsync(KeyArgument key, ValueArgument value, const WriteOptions& options,
                                WriteCallback done) {
    return With<absl::Status>(key, value, [&](auto k, auto v) {
      return map_.PutIfAbsentAsync(k, v, options, std::move(done));
    });
  }
  absl::Status EraseAsync(KeyArgument key, const WriteOptions& options, WriteCallback done) {
    return With<absl::Status>(key,
                              [&](auto k) { return map_.EraseAsync(k, options, std::move(done)); });
  }
  absl::Status EraseIfAsync(KeyArgument key, Version expected, const WriteOptions& options,
                            WriteCallback done) {
    return With<absl::Status>(
        key, [&](auto k) { return map_.EraseIfAsync(k, expected, options, std::move(done)); });
  }
  absl::Status IncrementAsync(KeyArgument key, int64_t delta, const WriteOptions& options,
                              WriteCallback done)
    requires detail::Counter<Value>
  {
    return With<absl::Status>(
        key, [&](auto k) { return map_.IncrementAsync(k, delta, options, std::move(done)); });
  }
  absl::Status AppendAsync(KeyArgument key, std::string_view suffix, const WriteOptions& options,
                           WriteCallback done)
    requires std::same_as<Value, std::string>
  {
    return With<absl::Status>(
        key, [&](auto k) { return map_.AppendAsync(k, suffix, options, std::move(done)); });
  }
  absl::Status ExpireAsync(KeyArgument key, absl::Duration ttl, const WriteOptions& options,
                           WriteCallback done) {
    return With<absl::Status>(
        key, [&](auto k) { return map_.ExpireAsync(k, ttl, options, std::move(done)); });
  }
  absl::Status PersistAsync(KeyArgument key, const WriteOptions& options, WriteCallback done) {
    return With<absl::Status>(
        key, [&](auto k) { return map_.PersistAsync(k, options, std::move(done)); });
  }
  absl::Status WriteAsync(const Batch& batch, const WriteOptions& options, WriteCallback done) {
    if (!batch.status().ok()) return batch.status();
    return map_.WriteAsync(batch.bytes(), options, std::move(done));
  }
  absl::Status ClearAsync(const WriteOptions& options, WriteCallback done) {
    return map_.ClearAsync(options, std::move(done));
  }

  // ---- Changes. A change that does not decode is told too, with its status.
  Subscription Subscribe(OnChange on_change) {
    return map_.Subscribe(Decoding(std::move(on_change)));
  }
  Subscription SubscribePrefix(std::string_view prefix, OnChange on_change)
    requires std::same_as<Key, std::string>
  {
    return map_.SubscribePrefix(prefix, Decoding(std::move(on_change)));
  }
  // Never called for a key that has no bytes.
  Subscription SubscribeKey(KeyArgument key, OnChange on_change) {
    const auto key_bytes = KeyCodec<Key>::Encode(key);
    if (!key_bytes) return {};
    return map_.SubscribeKey(*key_bytes, Decoding(std::move(on_change)));
  }

 private:
  template <class Result, class Call>
  static Result With(KeyArgument key, Call&& call) {
    const auto key_bytes = KeyCodec<Key>::Encode(key);
    if (!key_bytes) return detail::Refused<Result>(detail::KeyWithoutBytes());
    return call(std::string_view(*key_bytes));
  }
  template <class Result, class Call>
  static Result With(KeyArgument key, ValueArgument value, Call&& call) {
    const auto bytes = Codec<Value>::Encode(value);
    if (!bytes) return detail::Refused<Result>(detail::ValueWithoutBytes());
    return With<Result>(key, [&](std::string_view k) { return call(k, std::string_view(*bytes)); });
  }

  static absl::StatusOr<Entry> Decode(std::string_view key,
                                      const absl::StatusOr<cohort::Entry>& entry) {
    if (!entry.ok()) return entry.status();
    std::optional<Value> value = Codec<Value>::Decode(entry->value);
    if (!value) return detail::ValueDoesNotDecode(key, entry->value.size());
    return Entry{*std::move(value), entry->version, entry->ttl};
  }
  // Nothing, and `status` of the first of them, where it does not decode.
  static std::optional<typename ScanResult::Item> Decode(std::string_view key,
                                                         const cohort::Entry& entry,
                                                         absl::Status& status) {
    std::optional<Key> decoded = KeyCodec<Key>::Decode(key);
    if (!decoded) {
      status.Update(detail::KeyDoesNotDecode(key));
      return std::nullopt;
    }
    std::optional<Value> value = Codec<Value>::Decode(entry.value);
    if (!value) {
      status.Update(detail::ValueDoesNotDecode(key, entry.value.size()));
      return std::nullopt;
    }
    return typename ScanResult::Item{*std::move(decoded),
                                     {*std::move(value), entry.version, entry.ttl}};
  }

  static std::function<void(const cohort::Change&)> Decoding(OnChange on_change) {
    return [on_change = std::move(on_change)](const cohort::Change& raw) {
      Change change;
      change.cause = raw.cause;
      change.version = raw.version;
      change.writer = raw.writer;
      if (raw.cause != ChangeCause::kClear && raw.cause != ChangeCause::kSync) {
        change.key = KeyCodec<Key>::Decode(raw.key);
        if (!change.key) change.status.Update(detail::KeyDoesNotDecode(raw.key));
      }
      if (raw.value) {
        change.value = Codec<Value>::Decode(*raw.value);
        if (!change.value)
          change.status.Update(detail::ValueDoesNotDecode(raw.key, raw.value->size()));
      }
      on_change(change);
    };
  }

  Map map_;
};

}  // namespace cohort

#endif  // COHORT_TYPED_MAP_H_

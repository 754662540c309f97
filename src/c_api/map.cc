// Opening, reading and following maps.
#include <optional>

#include "c_api/call.h"
#include "c_api/handles.h"
#include "c_api/notices.h"
#include "cohort/c.h"

namespace {

using cohort::Entry;
using cohort::MapOptions;
using cohort::ReadCallback;
using cohort::ReadOptions;
using cohort::ReplicatedMap;
using cohort::c_api::Bytes;
using cohort::c_api::Callback;
using cohort::c_api::Check;
using cohort::c_api::CheckResult;
using cohort::c_api::FromMemberId;
using cohort::c_api::FromVersion;
using cohort::c_api::FromViewId;
using cohort::c_api::Guarded;
using cohort::c_api::Handle;
using cohort::c_api::Invalid;
using cohort::c_api::OrElse;
using cohort::c_api::ReadStruct;
using cohort::c_api::ToTimeout;
using cohort::c_api::WriteStruct;

constexpr size_t kScanCount = 100;  // Where the caller says nothing.

cohort_entry_t FromEntry(const Entry& entry) {
  cohort_entry_t to{};
  to.size = sizeof to;
  to.version = FromVersion(entry.version);
  if (entry.ttl != absl::InfiniteDuration())
    to.ttl_ms = std::max<int64_t>(
        1, absl::ToInt64Milliseconds(absl::Ceil(entry.ttl, absl::Milliseconds(1))));
  return to;
}

// The entry that a caller asks for by its key.
absl::StatusOr<Entry> Find(const cohort_map_t* map, const Bytes& key, cohort_entry_t* entry) {
  absl::Status status = Check({Handle(map, "map"), key});
  if (status.ok()) status = CheckResult(entry, "entry");
  if (!status.ok()) return status;
  return map->map.Get(key.view());
}

absl::StatusOr<ReadOptions> ToReadOptions(const cohort_read_options_t* options) {
  const absl::StatusOr<cohort_read_options_t> from = ReadStruct(options, "options");
  if (!from.ok()) return from.status();
  ReadOptions to;
  const absl::StatusOr<absl::Duration> within = ToTimeout(from->ask_others_ms, to.ask_others);
  if (!within.ok()) return within.status();
  to.ask_others = *within;
  return to;
}

// Hands out what was found.
absl::Status Give(absl::StatusOr<Entry> found, cohort_buffer_t** value, cohort_entry_t* entry) {
  if (!found.ok()) return found.status();
  WriteStruct(FromEntry(*found), entry);
  if (value != nullptr) *value = new cohort_buffer{std::move(found->value)};
  return absl::OkStatus();
}

// Null for null.
ReadCallback ToReadCallback(cohort_read_fn done, void* user) {
  if (done == nullptr) return nullptr;
  return [done, user](const absl::StatusOr<Entry>& found) noexcept {
    if (!found.ok()) {
      const auto code = static_cast<cohort_status_t>(found.status().code());
      return done(code, std::string(found.status().message()).c_str(), nullptr, 0, nullptr, user);
    }
    const cohort_entry_t entry = FromEntry(*found);
    done(COHORT_OK, "", found->value.data(), found->value.size(), &entry, user);
  };
}

// Shows `visit` entries until it wants no more.
class Visitor {
 public:
  Visitor(cohort_visit_fn visit, void* user) : visit_(visit), user_(user) {}
  // False once it wants to see no more.
  bool Show(std::string_view key, const Entry& entry) {
    if (stopped_) return false;
    const cohort_entry_t told = FromEntry(entry);
    stopped_ =
        visit_(key.data(), key.size(), entry.value.data(), entry.value.size(), &told, user_) != 0;
    return !stopped_;
  }

 private:
  const cohort_visit_fn visit_;
  void* const user_;
  bool stopped_ = false;
};

// Without memory the later version stays.
cohort::MergeResolver ToResolver(cohort_resolve_fn resolve, void* user) {
  return [resolve, user](const cohort::MergeConflict& from) -> std::optional<std::string> {
    cohort_merge_conflict_t conflict{};
    conflict.size = sizeof conflict;
    conflict.key = from.key.data();
    conflict.key_size = from.key.size();
    if (!from.attribute.empty()) conflict.attribute = from.attribute.data();
    conflict.attribute_size = from.attribute.size();
    conflict.held = from.held.data();
    conflict.held_size = from.held.size();
    conflict.brought = from.brought.data();
    conflict.brought_size = from.brought.size();
    cohort_resolution_t resolution;
    resolve(&conflict, &resolution, user);
    return std::move(resolution.value);
  };
}

absl::StatusOr<MapOptions> ToMapOptions(const cohort_map_options_t& from) {
  MapOptions to;
  if (from.kind > COHORT_MAP_CONVERGENT)
    return Invalid("options: there is no kind " + std::to_string(from.kind));
  if (from.kind == COHORT_MAP_CONVERGENT) to.kind = cohort::MapKind::kConvergent;
  to.bytes_max = from.bytes_max;
  if (from.when_full > COHORT_FULL_EVICT)
    return Invalid("options: when_full can not be " + std::to_string(from.when_full));
  if (from.when_full == COHORT_FULL_EVICT) to.when_full = cohort::WhenFull::kEvictLeastRecentlyUsed;
  if (from.resolver != nullptr) to.resolver = ToResolver(from.resolver, from.resolver_user);
  return to;
}

// Calls subscribe(callback), which returns a Subscription.
template <class Subscribe>
cohort_status_t SubscribeWith(cohort_map_t* map, const Bytes& keys, cohort_change_fn on_change,
                              void* user, cohort_subscription_t** subscription,
                              cohort_error_t** error, Subscribe&& subscribe) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map"), keys, Callback(on_change, "on_change"),
                                 Handle(subscription, "subscription")});
    if (!status.ok()) return status;
    auto made = std::make_unique<cohort_subscription>();
    made->subscription = subscribe(cohort::c_api::ToChangeCallback(on_change, user));
    *subscription = made.release();
    return status;
  });
}

}  // namespace

extern "C" {

cohort_status_t cohort_group_open_map(cohort_group_t* group, const char* name,
                                      const cohort_map_options_t* options, cohort_map_t** map,
                                      cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(group, "group"), Handle(name, "name"), Handle(map, "map")});
    if (!status.ok()) return status;
    const absl::StatusOr<cohort_map_options_t> from = ReadStruct(options, "options");
    if (!from.ok()) return from.status();
    const absl::StatusOr<MapOptions> with = ToMapOptions(*from);
    if (!with.ok()) return with.status();
    const absl::StatusOr<absl::Duration> timeout = ToTimeout(from->timeout_ms, absl::Seconds(5));
    if (!timeout.ok()) return timeout.status();
    absl::StatusOr<ReplicatedMap> opened = group->group.OpenMap(name, *with, *timeout);
    if (!opened.ok()) return opened.status();
    *map = new cohort_map{*std::move(opened)};
    return status;
  });
}

void cohort_map_close(cohort_map_t* map) { delete map; }

void cohort_resolution_set(cohort_resolution_t* resolution, const void* value, size_t value_size) {
  if (resolution == nullptr || (value == nullptr && value_size > 0)) return;
  OrElse(false, [&] {
    resolution->value.emplace(value == nullptr ? "" : static_cast<const char*>(value), value_size);
    return true;
  });
}

const char* cohort_map_name(const cohort_map_t* map) {
  return map == nullptr ? "" : map->map.name().c_str();
}
cohort_map_kind_t cohort_map_kind(const cohort_map_t* map) {
  if (map == nullptr) return COHORT_MAP_ORDERED;
  return OrElse(cohort_map_kind_t{COHORT_MAP_ORDERED}, [map]() -> cohort_map_kind_t {
    return map->map.kind() == cohort::MapKind::kConvergent ? COHORT_MAP_CONVERGENT
                                                           : COHORT_MAP_ORDERED;
  });
}

cohort_status_t cohort_map_get(const cohort_map_t* map, const void* key, size_t key_size,
                               cohort_buffer_t** value, cohort_entry_t* entry,
                               cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    return Give(Find(map, {key, key_size, "key"}, entry), value, entry);
  });
}

cohort_status_t cohort_map_get_with(const cohort_map_t* map, const void* key, size_t key_size,
                                    const cohort_read_options_t* options, cohort_buffer_t** value,
                                    cohort_entry_t* entry, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map"), key_bytes});
    if (status.ok()) status = CheckResult(entry, "entry");
    if (!status.ok()) return status;
    const absl::StatusOr<ReadOptions> with = ToReadOptions(options);
    if (!with.ok()) return with.status();
    return Give(map->map.Get(key_bytes.view(), *with), value, entry);
  });
}

cohort_status_t cohort_map_get_async(const cohort_map_t* map, const void* key, size_t key_size,
                                     const cohort_read_options_t* options, cohort_read_fn done,
                                     void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map"), key_bytes});
    if (!status.ok()) return status;
    const absl::StatusOr<ReadOptions> with = ToReadOptions(options);
    if (!with.ok()) return with.status();
    return map->map.GetAsync(key_bytes.view(), *with, ToReadCallback(done, user));
  });
}

cohort_status_t cohort_map_copy(const cohort_map_t* map, const void* key, size_t key_size,
                                void* buffer, size_t capacity, size_t* value_size,
                                cohort_entry_t* entry, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({{buffer, capacity, "buffer"}, Handle(value_size, "value_size")});
    if (!status.ok()) return status;
    const absl::StatusOr<Entry> found = Find(map, {key, key_size, "key"}, entry);
    if (!found.ok()) return found.status();
    WriteStruct(FromEntry(*found), entry);
    *value_size = found->value.size();
    if (*value_size > capacity) {
      return absl::Status(absl::StatusCode::kOutOfRange,
                          "the value has " + std::to_string(*value_size) + " bytes, the buffer " +
                              std::to_string(capacity));
    }
    if (*value_size != 0) std::memcpy(buffer, found->value.data(), *value_size);
    return absl::OkStatus();
  });
}

uint32_t cohort_map_exists(const cohort_map_t* map, const void* key, size_t key_size) {
  const Bytes bytes{key, key_size, "key"};
  if (map == nullptr || (key == nullptr && key_size != 0)) return 0;
  return OrElse(uint32_t{0}, [&] { return map->map.Exists(bytes.view()) ? 1U : 0U; });
}
size_t cohort_map_size(const cohort_map_t* map) {
  return map == nullptr ? 0 : OrElse(size_t{0}, [map] { return map->map.Size(); });
}
size_t cohort_map_expiring(const cohort_map_t* map) {
  return map == nullptr ? 0 : OrElse(size_t{0}, [map] { return map->map.Expiring(); });
}
uint64_t cohort_map_bytes(const cohort_map_t* map) {
  return map == nullptr ? 0 : OrElse(uint64_t{0}, [map] { return map->map.Bytes(); });
}

cohort_status_t cohort_map_for_each(const cohort_map_t* map, cohort_visit_fn visit, void* user,
                                    cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map"), Callback(visit, "visit")});
    if (!status.ok()) return status;
    Visitor visitor(visit, user);
    map->map.ForEachWhile(
        [&](std::string_view key, const Entry& entry) { return visitor.Show(key, entry); });
    return status;
  });
}

cohort_status_t cohort_map_scan(const cohort_map_t* map, uint64_t* cursor, size_t count,
                                cohort_visit_fn visit, void* user, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status =
        Check({Handle(map, "map"), Handle(cursor, "cursor"), Callback(visit, "visit")});
    if (!status.ok()) return status;
    Visitor visitor(visit, user);
    const cohort::ScanResult some = map->map.Scan(*cursor, count == 0 ? kScanCount : count);
    for (const cohort::ScanResult::Item& item : some.items) visitor.Show(item.key, item.entry);
    *cursor = some.cursor;
    return status;
  });
}

cohort_status_t cohort_map_digest(const cohort_map_t* map, cohort_digest_t* digest,
                                  cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map"), Handle(digest, "digest")});
    if (status.ok()) status = CheckResult(digest, "digest");
    if (!status.ok()) return status;
    const cohort::MapDigest taken = map->map.Digest();
    WriteStruct(cohort_digest_t{sizeof(cohort_digest_t), taken.hi, taken.lo, FromViewId(taken.view),
                                taken.entries},
                digest);
    return status;
  });
}

cohort_status_t cohort_map_subscribe(cohort_map_t* map, const void* prefix, size_t prefix_size,
                                     cohort_change_fn on_change, void* user,
                                     cohort_subscription_t** subscription, cohort_error_t** error) {
  const Bytes keys{prefix, prefix_size, "prefix"};
  return SubscribeWith(map, keys, on_change, user, subscription, error, [&](auto callback) {
    return prefix_size == 0 ? map->map.Subscribe(std::move(callback))
                            : map->map.SubscribePrefix(keys.view(), std::move(callback));
  });
}

cohort_status_t cohort_map_subscribe_key(cohort_map_t* map, const void* key, size_t key_size,
                                         cohort_change_fn on_change, void* user,
                                         cohort_subscription_t** subscription,
                                         cohort_error_t** error) {
  const Bytes keys{key, key_size, "key"};
  return SubscribeWith(map, keys, on_change, user, subscription, error, [&](auto callback) {
    return map->map.SubscribeKey(keys.view(), std::move(callback));
  });
}

cohort_status_t cohort_map_owner_of(const cohort_map_t* map, const void* key, size_t key_size,
                                    cohort_member_id_t* owner, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map"), key_bytes, Handle(owner, "owner")});
    if (!status.ok()) return status;
    const absl::StatusOr<cohort::Member> found = map->map.OwnerOf(key_bytes.view());
    if (found.ok()) *owner = FromMemberId(found->id);
    return found.status();
  });
}

}  // extern "C"

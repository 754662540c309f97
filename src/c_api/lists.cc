// Attributes, and batches of writes.
#include "c_api/call.h"
#include "c_api/handles.h"
#include "c_api/write.h"
#include "cohort/c.h"

namespace {

using cohort::Attribute;
using cohort::WriteBatch;
using cohort::c_api::Bytes;
using cohort::c_api::Check;
using cohort::c_api::Guarded;
using cohort::c_api::Handle;
using cohort::c_api::NamesOf;
using cohort::c_api::ToVersion;

constexpr size_t kFewAttributes = 8;  // For which a list need not grow.

absl::Duration ToLifetime(int64_t ttl_ms) {
  return ttl_ms == 0 ? absl::InfiniteDuration() : absl::Milliseconds(ttl_ms);
}

const void* Get(const std::string* text, size_t* size) {
  if (size != nullptr) *size = text == nullptr ? 0 : text->size();
  return text == nullptr ? nullptr : text->c_str();
}

// Calls add(WriteBatch&).
template <class Add>
cohort_status_t AddTo(cohort_batch_t* batch, std::initializer_list<Bytes> arguments,
                      cohort_error_t** error, Add&& add) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(batch, "batch")});
    if (status.ok()) status = Check(arguments);
    if (status.ok() && batch->batch.size() >= cohort::kBatchOperationsMax)
      status = cohort::c_api::Invalid("the batch is full");
    if (status.ok()) add(batch->batch);
    return status;
  });
}

}  // namespace

extern "C" {

// ---- Attributes.

cohort_attributes_t* cohort_attributes_new(void) { return new (std::nothrow) cohort_attributes; }

cohort_status_t cohort_attributes_add(cohort_attributes_t* attributes, const void* name,
                                      size_t name_size, const void* value, size_t value_size,
                                      cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    const Bytes name_bytes{name, name_size, "name"};
    const Bytes value_bytes{value, value_size, "value"};
    absl::Status status = Check({Handle(attributes, "attributes"), name_bytes, value_bytes});
    if (!status.ok()) return status;
    if (attributes->list.size() >= cohort::kAttributesPerWriteMax)
      return cohort::c_api::Invalid("the list of attributes is full");
    if (attributes->list.empty()) attributes->list.reserve(kFewAttributes);
    attributes->list.push_back(
        Attribute{std::string(name_bytes.view()), std::string(value_bytes.view())});
    return status;
  });
}

size_t cohort_attributes_count(const cohort_attributes_t* attributes) {
  return attributes == nullptr ? 0 : attributes->list.size();
}
const void* cohort_attributes_name(const cohort_attributes_t* attributes, size_t number,
                                   size_t* size) {
  const bool there = number < cohort_attributes_count(attributes);
  return Get(there ? &attributes->list[number].name : nullptr, size);
}
const void* cohort_attributes_value(const cohort_attributes_t* attributes, size_t number,
                                    size_t* size) {
  const bool there = number < cohort_attributes_count(attributes);
  return Get(there ? &attributes->list[number].value : nullptr, size);
}
void cohort_attributes_free(cohort_attributes_t* attributes) { delete attributes; }

cohort_status_t cohort_map_get_attribute(const cohort_map_t* map, const void* key, size_t key_size,
                                         const void* name, size_t name_size,
                                         cohort_buffer_t** value, cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    const Bytes key_bytes{key, key_size, "key"};
    const Bytes name_bytes{name, name_size, "name"};
    absl::Status status = Check({Handle(map, "map"), key_bytes, name_bytes});
    if (!status.ok()) return status;
    absl::StatusOr<std::string> found = map->map.GetAttribute(key_bytes.view(), name_bytes.view());
    if (!found.ok()) return found.status();
    if (value != nullptr) *value = new cohort_buffer{*std::move(found)};
    return status;
  });
}

cohort_status_t cohort_map_get_attributes(const cohort_map_t* map, const void* key, size_t key_size,
                                          cohort_attributes_t** attributes,
                                          cohort_error_t** error) {
  return Guarded(error, [&]() -> absl::Status {
    const Bytes key_bytes{key, key_size, "key"};
    absl::Status status = Check({Handle(map, "map"), key_bytes, Handle(attributes, "attributes")});
    if (!status.ok()) return status;
    absl::StatusOr<std::vector<Attribute>> found = map->map.GetAttributes(key_bytes.view());
    if (!found.ok()) return found.status();
    *attributes = new cohort_attributes{*std::move(found)};
    return status;
  });
}

// ---- Batches.

cohort_batch_t* cohort_batch_new(void) { return new (std::nothrow) cohort_batch; }
size_t cohort_batch_count(const cohort_batch_t* batch) {
  return batch == nullptr ? 0 : batch->batch.size();
}
void cohort_batch_clear(cohort_batch_t* batch) {
  if (batch != nullptr) batch->batch.clear();
}
void cohort_batch_free(cohort_batch_t* batch) { delete batch; }

cohort_status_t cohort_batch_put(cohort_batch_t* batch, const void* key, size_t key_size,
                                 const void* value, size_t value_size, int64_t ttl_ms,
                                 cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return AddTo(batch, {key_bytes, value_bytes}, error, [&](WriteBatch& to) {
    to.Put(key_bytes.view(), value_bytes.view(), ToLifetime(ttl_ms));
  });
}

cohort_status_t cohort_batch_put_if(cohort_batch_t* batch, const void* key, size_t key_size,
                                    cohort_version_t expected, const void* value, size_t value_size,
                                    int64_t ttl_ms, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return AddTo(batch, {key_bytes, value_bytes}, error, [&](WriteBatch& to) {
    to.PutIf(key_bytes.view(), ToVersion(expected), value_bytes.view(), ToLifetime(ttl_ms));
  });
}

cohort_status_t cohort_batch_put_if_absent(cohort_batch_t* batch, const void* key, size_t key_size,
                                           const void* value, size_t value_size, int64_t ttl_ms,
                                           cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return AddTo(batch, {key_bytes, value_bytes}, error, [&](WriteBatch& to) {
    to.PutIfAbsent(key_bytes.view(), value_bytes.view(), ToLifetime(ttl_ms));
  });
}

cohort_status_t cohort_batch_put_keeping_ttl(cohort_batch_t* batch, const void* key,
                                             size_t key_size, const void* value, size_t value_size,
                                             cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return AddTo(batch, {key_bytes, value_bytes}, error,
               [&](WriteBatch& to) { to.PutKeepingTtl(key_bytes.view(), value_bytes.view()); });
}

cohort_status_t cohort_batch_erase(cohort_batch_t* batch, const void* key, size_t key_size,
                                   cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes}, error, [&](WriteBatch& to) { to.Erase(key_bytes.view()); });
}

cohort_status_t cohort_batch_erase_if(cohort_batch_t* batch, const void* key, size_t key_size,
                                      cohort_version_t expected, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes}, error,
               [&](WriteBatch& to) { to.EraseIf(key_bytes.view(), ToVersion(expected)); });
}

cohort_status_t cohort_batch_increment(cohort_batch_t* batch, const void* key, size_t key_size,
                                       int64_t delta, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes}, error,
               [&](WriteBatch& to) { to.Increment(key_bytes.view(), delta); });
}

cohort_status_t cohort_batch_append(cohort_batch_t* batch, const void* key, size_t key_size,
                                    const void* suffix, size_t suffix_size,
                                    cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes suffix_bytes{suffix, suffix_size, "suffix"};
  return AddTo(batch, {key_bytes, suffix_bytes}, error,
               [&](WriteBatch& to) { to.Append(key_bytes.view(), suffix_bytes.view()); });
}

cohort_status_t cohort_batch_expire(cohort_batch_t* batch, const void* key, size_t key_size,
                                    int64_t ttl_ms, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes}, error,
               [&](WriteBatch& to) { to.Expire(key_bytes.view(), absl::Milliseconds(ttl_ms)); });
}

cohort_status_t cohort_batch_persist(cohort_batch_t* batch, const void* key, size_t key_size,
                                     cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes}, error, [&](WriteBatch& to) { to.Persist(key_bytes.view()); });
}

cohort_status_t cohort_batch_put_attributes(cohort_batch_t* batch, const void* key, size_t key_size,
                                            const cohort_attributes_t* attributes, int64_t ttl_ms,
                                            cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes, Handle(attributes, "attributes")}, error, [&](WriteBatch& to) {
    to.PutAttributes(key_bytes.view(), attributes->list, ToLifetime(ttl_ms));
  });
}

cohort_status_t cohort_batch_erase_attributes(cohort_batch_t* batch, const void* key,
                                              size_t key_size,
                                              const cohort_attributes_t* attributes,
                                              cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return AddTo(batch, {key_bytes, Handle(attributes, "attributes")}, error,
               [&](WriteBatch& to) { to.EraseAttributes(key_bytes.view(), NamesOf(*attributes)); });
}

}  // extern "C"

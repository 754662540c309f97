// Writes with a callback.
#include <utility>

#include "c_api/handles.h"
#include "c_api/write.h"
#include "cohort/c.h"

namespace {
using cohort::ReplicatedMap;
using cohort::WriteCallback;
using cohort::WriteOptions;
using cohort::c_api::Bytes;
using cohort::c_api::Handle;
using cohort::c_api::NamesOf;
using cohort::c_api::StartWrite;
using cohort::c_api::ToVersion;
}  // namespace

extern "C" {

cohort_status_t cohort_map_put_async(cohort_map_t* map, const void* key, size_t key_size,
                                     const void* value, size_t value_size,
                                     const cohort_write_options_t* options, cohort_write_fn done,
                                     void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return StartWrite(map, {key_bytes, value_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.PutAsync(key_bytes.view(), value_bytes.view(), with,
                                         std::move(then));
                    });
}

cohort_status_t cohort_map_put_if_async(cohort_map_t* map, const void* key, size_t key_size,
                                        cohort_version_t expected, const void* value,
                                        size_t value_size, const cohort_write_options_t* options,
                                        cohort_write_fn done, void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return StartWrite(map, {key_bytes, value_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.PutIfAsync(key_bytes.view(), ToVersion(expected),
                                           value_bytes.view(), with, std::move(then));
                    });
}

cohort_status_t cohort_map_put_if_absent_async(cohort_map_t* map, const void* key, size_t key_size,
                                               const void* value, size_t value_size,
                                               const cohort_write_options_t* options,
                                               cohort_write_fn done, void* user,
                                               cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return StartWrite(map, {key_bytes, value_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.PutIfAbsentAsync(key_bytes.view(), value_bytes.view(), with,
                                                 std::move(then));
                    });
}

cohort_status_t cohort_map_erase_async(cohort_map_t* map, const void* key, size_t key_size,
                                       const cohort_write_options_t* options, cohort_write_fn done,
                                       void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.EraseAsync(key_bytes.view(), with, std::move(then));
                    });
}

cohort_status_t cohort_map_erase_if_async(cohort_map_t* map, const void* key, size_t key_size,
                                          cohort_version_t expected,
                                          const cohort_write_options_t* options,
                                          cohort_write_fn done, void* user,
                                          cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.EraseIfAsync(key_bytes.view(), ToVersion(expected), with,
                                             std::move(then));
                    });
}

cohort_status_t cohort_map_increment_async(cohort_map_t* map, const void* key, size_t key_size,
                                           int64_t delta, const cohort_write_options_t* options,
                                           cohort_write_fn done, void* user,
                                           cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.IncrementAsync(key_bytes.view(), delta, with, std::move(then));
                    });
}

cohort_status_t cohort_map_append_async(cohort_map_t* map, const void* key, size_t key_size,
                                        const void* suffix, size_t suffix_size,
                                        const cohort_write_options_t* options, cohort_write_fn done,
                                        void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes suffix_bytes{suffix, suffix_size, "suffix"};
  return StartWrite(map, {key_bytes, suffix_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.AppendAsync(key_bytes.view(), suffix_bytes.view(), with,
                                            std::move(then));
                    });
}

cohort_status_t cohort_map_expire_async(cohort_map_t* map, const void* key, size_t key_size,
                                        int64_t ttl_ms, const cohort_write_options_t* options,
                                        cohort_write_fn done, void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.ExpireAsync(key_bytes.view(), absl::Milliseconds(ttl_ms), with,
                                            std::move(then));
                    });
}

cohort_status_t cohort_map_persist_async(cohort_map_t* map, const void* key, size_t key_size,
                                         const cohort_write_options_t* options,
                                         cohort_write_fn done, void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.PersistAsync(key_bytes.view(), with, std::move(then));
                    });
}

cohort_status_t cohort_map_touch_async(cohort_map_t* map, const void* key, size_t key_size,
                                       const cohort_write_options_t* options, cohort_write_fn done,
                                       void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.TouchAsync(key_bytes.view(), with, std::move(then));
                    });
}

cohort_status_t cohort_map_put_attributes_async(cohort_map_t* map, const void* key, size_t key_size,
                                                const cohort_attributes_t* attributes,
                                                const cohort_write_options_t* options,
                                                cohort_write_fn done, void* user,
                                                cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes, Handle(attributes, "attributes")}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.PutAttributesAsync(key_bytes.view(), attributes->list, with,
                                                   std::move(then));
                    });
}

cohort_status_t cohort_map_erase_attributes_async(cohort_map_t* map, const void* key,
                                                  size_t key_size,
                                                  const cohort_attributes_t* attributes,
                                                  const cohort_write_options_t* options,
                                                  cohort_write_fn done, void* user,
                                                  cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes, Handle(attributes, "attributes")}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.EraseAttributesAsync(key_bytes.view(), NamesOf(*attributes), with,
                                                     std::move(then));
                    });
}

cohort_status_t cohort_map_claim_async(cohort_map_t* map, const void* key, size_t key_size,
                                       const cohort_write_options_t* options, cohort_write_fn done,
                                       void* user, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return StartWrite(map, {key_bytes}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.ClaimAsync(key_bytes.view(), with, std::move(then));
                    });
}

cohort_status_t cohort_map_write_async(cohort_map_t* map, const cohort_batch_t* batch,
                                       const cohort_write_options_t* options, cohort_write_fn done,
                                       void* user, cohort_error_t** error) {
  return StartWrite(map, {Handle(batch, "batch")}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.WriteAsync(batch->batch, with, std::move(then));
                    });
}

cohort_status_t cohort_map_clear_async(cohort_map_t* map, const cohort_write_options_t* options,
                                       cohort_write_fn done, void* user, cohort_error_t** error) {
  return StartWrite(map, {}, options, done, user, error,
                    [&](ReplicatedMap& to, const WriteOptions& with, WriteCallback then) {
                      return to.ClearAsync(with, std::move(then));
                    });
}

}  // extern "C"

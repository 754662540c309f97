// Writes that wait.
#include <utility>

#include "c_api/handles.h"
#include "c_api/write.h"
#include "cohort/c.h"

namespace {
using cohort::ReplicatedMap;
using cohort::WriteOptions;
using cohort::c_api::Bytes;
using cohort::c_api::Handle;
using cohort::c_api::MakeWrite;
using cohort::c_api::NamesOf;
using cohort::c_api::ToVersion;
}  // namespace

extern "C" {

cohort_status_t cohort_map_put(cohort_map_t* map, const void* key, size_t key_size,
                               const void* value, size_t value_size,
                               const cohort_write_options_t* options, cohort_write_result_t* result,
                               cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return MakeWrite(map, {key_bytes, value_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Put(key_bytes.view(), value_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_put_if(cohort_map_t* map, const void* key, size_t key_size,
                                  cohort_version_t expected, const void* value, size_t value_size,
                                  const cohort_write_options_t* options,
                                  cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return MakeWrite(map, {key_bytes, value_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.PutIf(key_bytes.view(), ToVersion(expected), value_bytes.view(),
                                     with);
                   });
}

cohort_status_t cohort_map_put_if_absent(cohort_map_t* map, const void* key, size_t key_size,
                                         const void* value, size_t value_size,
                                         const cohort_write_options_t* options,
                                         cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes value_bytes{value, value_size, "value"};
  return MakeWrite(map, {key_bytes, value_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.PutIfAbsent(key_bytes.view(), value_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_erase(cohort_map_t* map, const void* key, size_t key_size,
                                 const cohort_write_options_t* options,
                                 cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Erase(key_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_erase_if(cohort_map_t* map, const void* key, size_t key_size,
                                    cohort_version_t expected,
                                    const cohort_write_options_t* options,
                                    cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.EraseIf(key_bytes.view(), ToVersion(expected), with);
                   });
}

cohort_status_t cohort_map_increment(cohort_map_t* map, const void* key, size_t key_size,
                                     int64_t delta, const cohort_write_options_t* options,
                                     cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Increment(key_bytes.view(), delta, with);
                   });
}

cohort_status_t cohort_map_append(cohort_map_t* map, const void* key, size_t key_size,
                                  const void* suffix, size_t suffix_size,
                                  const cohort_write_options_t* options,
                                  cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  const Bytes suffix_bytes{suffix, suffix_size, "suffix"};
  return MakeWrite(map, {key_bytes, suffix_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Append(key_bytes.view(), suffix_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_expire(cohort_map_t* map, const void* key, size_t key_size,
                                  int64_t ttl_ms, const cohort_write_options_t* options,
                                  cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Expire(key_bytes.view(), absl::Milliseconds(ttl_ms), with);
                   });
}

cohort_status_t cohort_map_persist(cohort_map_t* map, const void* key, size_t key_size,
                                   const cohort_write_options_t* options,
                                   cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Persist(key_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_touch(cohort_map_t* map, const void* key, size_t key_size,
                                 const cohort_write_options_t* options,
                                 cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Touch(key_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_put_attributes(cohort_map_t* map, const void* key, size_t key_size,
                                          const cohort_attributes_t* attributes,
                                          const cohort_write_options_t* options,
                                          cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes, Handle(attributes, "attributes")}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.PutAttributes(key_bytes.view(), attributes->list, with);
                   });
}

cohort_status_t cohort_map_erase_attributes(cohort_map_t* map, const void* key, size_t key_size,
                                            const cohort_attributes_t* attributes,
                                            const cohort_write_options_t* options,
                                            cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes, Handle(attributes, "attributes")}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.EraseAttributes(key_bytes.view(), NamesOf(*attributes), with);
                   });
}

cohort_status_t cohort_map_claim(cohort_map_t* map, const void* key, size_t key_size,
                                 const cohort_write_options_t* options,
                                 cohort_write_result_t* result, cohort_error_t** error) {
  const Bytes key_bytes{key, key_size, "key"};
  return MakeWrite(map, {key_bytes}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) {
                     return to.Claim(key_bytes.view(), with);
                   });
}

cohort_status_t cohort_map_write(cohort_map_t* map, const cohort_batch_t* batch,
                                 const cohort_write_options_t* options,
                                 cohort_write_result_t* result, cohort_error_t** error) {
  return MakeWrite(
      map, {Handle(batch, "batch")}, options, result, error,
      [&](ReplicatedMap& to, const WriteOptions& with) { return to.Write(batch->batch, with); });
}

cohort_status_t cohort_map_clear(cohort_map_t* map, const cohort_write_options_t* options,
                                 cohort_write_result_t* result, cohort_error_t** error) {
  return MakeWrite(map, {}, options, result, error,
                   [&](ReplicatedMap& to, const WriteOptions& with) { return to.Clear(with); });
}

}  // extern "C"

// What all writes of maps have in common.
#ifndef COHORT_C_API_WRITE_H_
#define COHORT_C_API_WRITE_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "c_api/call.h"
#include "c_api/handles.h"

namespace cohort::c_api {

absl::StatusOr<WriteOptions> ToWriteOptions(const cohort_write_options_t* options);
cohort_write_result_t FromResult(const WriteResult& result);
// Null for null.
WriteCallback ToWriteCallback(cohort_write_fn done, void* user);
std::vector<std::string> NamesOf(const cohort_attributes_t& attributes);

// Calls write(ReplicatedMap&, const WriteOptions&), which returns a WriteResult.
template <class Write>
cohort_status_t MakeWrite(cohort_map_t* map, std::initializer_list<Bytes> arguments,
                          const cohort_write_options_t* options, cohort_write_result_t* result,
                          cohort_error_t** error, Write&& write) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = CheckResult(result, "result");
    if (!status.ok()) return status;
    WriteResult made;
    made.status = Check({Handle(map, "map")});
    if (made.status.ok()) made.status = Check(arguments);
    if (made.status.ok()) {
      const absl::StatusOr<WriteOptions> with = ToWriteOptions(options);
      if (with.ok()) {
        made = write(map->map, *with);
      } else {
        made.status = with.status();
      }
    }
    WriteStruct(FromResult(made), result);
    return made.status;
  });
}

// Calls write(ReplicatedMap&, const WriteOptions&, WriteCallback), which returns an absl::Status.
template <class Write>
cohort_status_t StartWrite(cohort_map_t* map, std::initializer_list<Bytes> arguments,
                           const cohort_write_options_t* options, cohort_write_fn done, void* user,
                           cohort_error_t** error, Write&& write) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(map, "map")});
    if (status.ok()) status = Check(arguments);
    if (!status.ok()) return status;
    const absl::StatusOr<WriteOptions> with = ToWriteOptions(options);
    if (!with.ok()) return with.status();
    return write(map->map, *with, ToWriteCallback(done, user));
  });
}

}  // namespace cohort::c_api

#endif  // COHORT_C_API_WRITE_H_

// What every function of the C interface does around its call: judge the arguments, keep exceptions
// in, and turn an absl::Status into a number and a text.
#ifndef COHORT_C_API_CALL_H_
#define COHORT_C_API_CALL_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/c.h"
#include "cohort/ids.h"

namespace cohort::c_api {

// Larger structs are refused: no release has them, so their size was never set.
inline constexpr size_t kStructBytesMax = 65536;

// ---- Statuses -----------------------------------------------------------------------------------

absl::Status Invalid(const std::string& text);

// `error` may be null; it is set where `status` is not OK.
cohort_status_t Report(const absl::Status& status, cohort_error_t** error) noexcept;

// Calls `body`, which returns an absl::Status, and reports it.
template <class Body>
cohort_status_t Guarded(cohort_error_t** error, Body&& body) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    return Report(body(), error);
  } catch (const std::bad_alloc&) {
    return Report(absl::Status(absl::StatusCode::kResourceExhausted, "no memory"), error);
  } catch (const std::exception& exception) {
    return Report(absl::Status(absl::StatusCode::kInternal, exception.what()), error);
  } catch (...) {
    return Report(absl::Status(absl::StatusCode::kInternal, "unknown exception"), error);
  }
}

// For functions without a status: `otherwise` where `body` throws.
template <class Value, class Body>
Value OrElse(Value otherwise, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    return otherwise;
  }
}

// ---- Arguments ----------------------------------------------------------------------------------

// Bytes of the caller, and what to call them if they are not there.
struct Bytes {
  const void* data;
  size_t size;
  const char* name;
  std::string_view view() const {
    return data == nullptr ? std::string_view()
                           : std::string_view(static_cast<const char*>(data), size);
  }
};
// A pointer that must not be null.
inline Bytes Handle(const void* pointer, const char* name) { return {pointer, 1, name}; }
template <class Type>
Bytes Handle(Type** result, const char* name) {
  return {static_cast<const void*>(result), 1, name};
}
template <class Function>
Bytes Callback(Function* function, const char* name) {
  return {reinterpret_cast<const void*>(function), 1, name};
}
absl::Status Check(std::initializer_list<Bytes> arguments);

// The caller's struct as this release has it: `to` has zeros, which are the defaults, where the
// caller's ends. Null: all defaults.
absl::Status ReadBytes(const void* from, size_t known, const char* name, void* to);
template <class Struct>
absl::StatusOr<Struct> ReadStruct(const Struct* from, const char* name) {
  static_assert(std::has_unique_object_representations_v<Struct>,
                "padding would become a field of a later release, unset by older callers");
  Struct to{};
  if (absl::Status status = ReadBytes(from, sizeof(Struct), name, &to); !status.ok()) return status;
  return to;
}

// Whether a struct of the caller can be written to; null can, since nothing is.
absl::Status CheckResult(const void* to, const char* name);
// Writes as much of `from` as the caller's struct has, and zeros beyond.
void WriteBytes(const void* from, size_t known, void* to);
template <class Struct>
void WriteStruct(const Struct& from, Struct* to) {
  static_assert(std::has_unique_object_representations_v<Struct>);
  if (to != nullptr) WriteBytes(&from, sizeof(Struct), to);
}

// 0: `otherwise`.
absl::StatusOr<absl::Duration> ToTimeout(int64_t ms, absl::Duration otherwise);

// ---- Values -------------------------------------------------------------------------------------

inline Version ToVersion(cohort_version_t version) { return {version.time, version.writer}; }
inline cohort_version_t FromVersion(const Version& version) {
  return {version.time, version.writer};
}
inline cohort_member_id_t FromMemberId(const MemberId& id) {
  return {id.instance.hi, id.instance.lo, id.join_no};
}
inline cohort_view_id_t FromViewId(const ViewId& id) { return {id.num, id.cid}; }

}  // namespace cohort::c_api

#endif  // COHORT_C_API_CALL_H_

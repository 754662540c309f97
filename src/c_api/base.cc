// Versions, statuses, errors, buffers.
#include "c_api/call.h"
#include "c_api/handles.h"
#include "cohort/c.h"

static_assert(COHORT_OK == static_cast<int>(absl::StatusCode::kOk));
static_assert(COHORT_CANCELLED == static_cast<int>(absl::StatusCode::kCancelled));
static_assert(COHORT_UNKNOWN == static_cast<int>(absl::StatusCode::kUnknown));
static_assert(COHORT_INVALID_ARGUMENT == static_cast<int>(absl::StatusCode::kInvalidArgument));
static_assert(COHORT_DEADLINE_EXCEEDED == static_cast<int>(absl::StatusCode::kDeadlineExceeded));
static_assert(COHORT_NOT_FOUND == static_cast<int>(absl::StatusCode::kNotFound));
static_assert(COHORT_ALREADY_EXISTS == static_cast<int>(absl::StatusCode::kAlreadyExists));
static_assert(COHORT_PERMISSION_DENIED == static_cast<int>(absl::StatusCode::kPermissionDenied));
static_assert(COHORT_RESOURCE_EXHAUSTED == static_cast<int>(absl::StatusCode::kResourceExhausted));
static_assert(COHORT_FAILED_PRECONDITION ==
              static_cast<int>(absl::StatusCode::kFailedPrecondition));
static_assert(COHORT_ABORTED == static_cast<int>(absl::StatusCode::kAborted));
static_assert(COHORT_OUT_OF_RANGE == static_cast<int>(absl::StatusCode::kOutOfRange));
static_assert(COHORT_UNIMPLEMENTED == static_cast<int>(absl::StatusCode::kUnimplemented));
static_assert(COHORT_INTERNAL == static_cast<int>(absl::StatusCode::kInternal));
static_assert(COHORT_UNAVAILABLE == static_cast<int>(absl::StatusCode::kUnavailable));
static_assert(COHORT_DATA_LOSS == static_cast<int>(absl::StatusCode::kDataLoss));
static_assert(COHORT_UNAUTHENTICATED == static_cast<int>(absl::StatusCode::kUnauthenticated));

// These are passed by value, or lie inside other structs: they never change.
static_assert(sizeof(cohort_version_t) == 16);
static_assert(sizeof(cohort_member_id_t) == 24);
static_assert(sizeof(cohort_view_id_t) == 16);

extern "C" {

uint32_t cohort_abi_version(void) { return COHORT_ABI_VERSION; }
const char* cohort_version(void) { return COHORT_VERSION_TEXT; }

const char* cohort_status_name(cohort_status_t status) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  return status < std::size(kNames) ? kNames[status] : "?";
}

cohort_status_t cohort_error_status(const cohort_error_t* error) {
  return error == nullptr ? cohort_status_t{COHORT_OK} : error->status;
}
const char* cohort_error_message(const cohort_error_t* error) {
  return error == nullptr ? "" : error->message.c_str();
}
void cohort_error_free(cohort_error_t* error) { delete error; }

const void* cohort_buffer_data(const cohort_buffer_t* buffer) {
  return buffer == nullptr ? nullptr : buffer->bytes.c_str();
}
size_t cohort_buffer_size(const cohort_buffer_t* buffer) {
  return buffer == nullptr ? 0 : buffer->bytes.size();
}
void cohort_buffer_free(cohort_buffer_t* buffer) { delete buffer; }

size_t cohort_key_bytes_max(void) { return cohort::kKeyBytesMax; }
size_t cohort_value_bytes_max(void) { return cohort::kValueBytesMax; }
size_t cohort_message_bytes_max(void) { return cohort::kMessageBytesMax; }

}  // extern "C"

/* What all of the C interface uses: statuses, errors, identities, buffers. Part of cohort/c.h. */
#ifndef COHORT_C_BASE_H_
#define COHORT_C_BASE_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define COHORT_C_API __attribute__((visibility("default")))
#else
#define COHORT_C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Versions --------------------------------------------------------------------------- */

#define COHORT_ABI_VERSION 1

/* COHORT_ABI_VERSION of the library that is loaded. A program may compare it with its own. */
COHORT_C_API uint32_t cohort_abi_version(void);
/* Of the release that is loaded, as "0.1.0". */
COHORT_C_API const char* cohort_version(void);

/* ---- Statuses and errors ---------------------------------------------------------------- */

/* The numbers are those of absl::StatusCode. */
typedef uint32_t cohort_status_t;
enum {
  COHORT_OK = 0,
  COHORT_CANCELLED = 1, /* The group was left. */
  COHORT_UNKNOWN = 2,
  COHORT_INVALID_ARGUMENT = 3,
  COHORT_DEADLINE_EXCEEDED = 4, /* Of a write: its outcome is unknown. */
  COHORT_NOT_FOUND = 5,
  COHORT_ALREADY_EXISTS = 6,
  COHORT_PERMISSION_DENIED = 7,
  COHORT_RESOURCE_EXHAUSTED = 8, /* A queue or a map is full, or there is no memory. */
  COHORT_FAILED_PRECONDITION = 9,
  COHORT_ABORTED = 10, /* The condition of a write did not hold. */
  COHORT_OUT_OF_RANGE = 11,
  COHORT_UNIMPLEMENTED = 12,
  COHORT_INTERNAL = 13,
  COHORT_UNAVAILABLE = 14, /* Not in a view, or outside the primary partition. */
  COHORT_DATA_LOSS = 15,
  COHORT_UNAUTHENTICATED = 16
};
/* "NOT_FOUND"; "?" for what is none. */
COHORT_C_API const char* cohort_status_name(cohort_status_t status);

/* What went wrong. */
typedef struct cohort_error cohort_error_t;
COHORT_C_API cohort_status_t
cohort_error_status(const cohort_error_t* error); /* NULL: COHORT_OK. */
/* In words, UTF-8; lives as long as the error. NULL: "". */
COHORT_C_API const char* cohort_error_message(const cohort_error_t* error);
COHORT_C_API void cohort_error_free(cohort_error_t* error);

/* ---- Time ------------------------------------------------------------------------------- */

/* Timeouts are milliseconds: 0 is the default that is told beside it, COHORT_FOREVER no limit. */
#define COHORT_FOREVER INT64_C(-1)

/* ---- Identities ------------------------------------------------------------------------- */

/* Names one write of one key; grows with every write of that key, alike on all members. Both zero:
 * absent. The greater time is the later one, then the greater writer. */
typedef struct cohort_entry_version {
  uint64_t time;
  uint64_t writer;
} cohort_version_t;
#ifdef __cplusplus
#define COHORT_VERSION_NONE (cohort_version_t{0, 0})
#else
#define COHORT_VERSION_NONE ((cohort_version_t){0, 0})
#endif

/* A process (128 random bits), and how often it has asked to join. A process that starts again is
 * another one; a member that comes back from another side of a partition is the same, with a
 * greater join_no. All zero: nobody. */
typedef struct cohort_member_id {
  uint64_t instance_hi;
  uint64_t instance_lo;
  uint64_t join_no;
} cohort_member_id_t;

/* A view's name; `number` grows. Both zero: none. */
typedef struct cohort_view_id {
  uint64_t number;
  uint64_t random;
} cohort_view_id_t;

/* ---- Buffers ---------------------------------------------------------------------------- */

/* Bytes that the library allocated and the caller frees. */
typedef struct cohort_buffer cohort_buffer_t;
/* Followed by a '\0' that does not count. Never NULL, except for NULL. */
COHORT_C_API const void* cohort_buffer_data(const cohort_buffer_t* buffer);
COHORT_C_API size_t cohort_buffer_size(const cohort_buffer_t* buffer); /* NULL: 0. */
COHORT_C_API void cohort_buffer_free(cohort_buffer_t* buffer);

/* ---- Limits of the library that is loaded, in bytes ------------------------------------- */

COHORT_C_API size_t cohort_key_bytes_max(void);     /* Of a key, at least 1. */
COHORT_C_API size_t cohort_value_bytes_max(void);   /* Of a value of an ordered map. */
COHORT_C_API size_t cohort_message_bytes_max(void); /* Of a message. */

#ifdef __cplusplus
}
#endif

#endif /* COHORT_C_BASE_H_ */

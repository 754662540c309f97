/* Writes of replicated maps, each in two forms. Part of cohort/c.h. Their meaning is told in
 * include/cohort/replicated_map.h with the method of the name. */
#ifndef COHORT_C_WRITE_H_
#define COHORT_C_WRITE_H_

#include "cohort/c/base.h"
#include "cohort/c/map.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When a write returns. */
typedef uint32_t cohort_ack_t;
enum {
  COHORT_ACK_ALL = 0,  /* Applied by every member of the view. */
  COHORT_ACK_ONE = 1,  /* By this member, and another one if there is one. */
  COHORT_ACK_LOCAL = 2 /* By this member. */
};

typedef struct cohort_write_options {
  size_t size;
  cohort_ack_t ack;
  uint32_t keep_ttl;  /* 1: keep the lifetime the entry has; ttl_ms is for a new entry. */
  int64_t ttl_ms;     /* Lifetime since this write, 1 and up; 0: until erased. */
  int64_t timeout_ms; /* Longest wait for `ack`; default 5 s. */
  /* Of a convergent map. 1: fail with ABORTED if another member owns the entry when the write
   * leaves (cohort_map_claim). */
  uint32_t by_owner;
  /* Of attributes and erasures. 1: fail with NOT_FOUND if the entry is not there when the write
   * leaves, instead of beginning it. */
  uint32_t if_present;
} cohort_write_options_t;
#define COHORT_WRITE_OPTIONS_INIT {.size = sizeof(cohort_write_options_t)}

/* What became of a write. */
typedef struct cohort_write_result {
  size_t size;
  cohort_status_t status;
  uint32_t replicas;        /* Members known to have applied it, this one included. */
  cohort_version_t version; /* Of the entry afterwards; both zero where there is none. */
  int64_t number;           /* Told with the write. */
} cohort_write_result_t;
#define COHORT_WRITE_RESULT_INIT {.size = sizeof(cohort_write_result_t)}

/* ---- Blocking --------------------------------------------------------------------------- */

/* Return when the acknowledgement is there or the time is up. `result` (or NULL) is written with an
 * error as well, if it can be. Errors of all: INVALID_ARGUMENT, RESOURCE_EXHAUSTED (the queue or
 * the map is full), FAILED_PRECONDITION (in a callback; needs the other kind of map),
 * DEADLINE_EXCEEDED (the outcome is unknown), UNAVAILABLE, CANCELLED. Further ones are told with
 * each. */

/* Sets `key`. */
COHORT_C_API cohort_status_t cohort_map_put(cohort_map_t* map, const void* key, size_t key_size,
                                            const void* value, size_t value_size,
                                            const cohort_write_options_t* options,
                                            cohort_write_result_t* result, cohort_error_t** error);
/* If the entry is at `expected` (COHORT_VERSION_NONE: absent), else ABORTED; the result's version
 * is then what is there. */
COHORT_C_API cohort_status_t cohort_map_put_if(cohort_map_t* map, const void* key, size_t key_size,
                                               cohort_version_t expected, const void* value,
                                               size_t value_size,
                                               const cohort_write_options_t* options,
                                               cohort_write_result_t* result,
                                               cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_put_if_absent(
    cohort_map_t* map, const void* key, size_t key_size, const void* value, size_t value_size,
    const cohort_write_options_t* options, cohort_write_result_t* result, cohort_error_t** error);
/* OK if it was absent; `number` tells whether it was there (1) or not (0). */
COHORT_C_API cohort_status_t cohort_map_erase(cohort_map_t* map, const void* key, size_t key_size,
                                              const cohort_write_options_t* options,
                                              cohort_write_result_t* result,
                                              cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_erase_if(cohort_map_t* map, const void* key,
                                                 size_t key_size, cohort_version_t expected,
                                                 const cohort_write_options_t* options,
                                                 cohort_write_result_t* result,
                                                 cohort_error_t** error);
/* Adds to the decimal number in the entry (absent: 0); `number` is the new one. Keeps the lifetime.
 * FAILED_PRECONDITION: it holds no such number. OUT_OF_RANGE: the sum is none. */
COHORT_C_API cohort_status_t cohort_map_increment(cohort_map_t* map, const void* key,
                                                  size_t key_size, int64_t delta,
                                                  const cohort_write_options_t* options,
                                                  cohort_write_result_t* result,
                                                  cohort_error_t** error);
/* Absent counts as empty; `number` is the new length. Keeps the lifetime. */
COHORT_C_API cohort_status_t cohort_map_append(cohort_map_t* map, const void* key, size_t key_size,
                                               const void* suffix, size_t suffix_size,
                                               const cohort_write_options_t* options,
                                               cohort_write_result_t* result,
                                               cohort_error_t** error);
/* Sets what is left of the lifetime, 1 and up (that of the options is not used). NOT_FOUND. */
COHORT_C_API cohort_status_t cohort_map_expire(cohort_map_t* map, const void* key, size_t key_size,
                                               int64_t ttl_ms,
                                               const cohort_write_options_t* options,
                                               cohort_write_result_t* result,
                                               cohort_error_t** error);
/* Ends the lifetime. NOT_FOUND. */
COHORT_C_API cohort_status_t cohort_map_persist(cohort_map_t* map, const void* key, size_t key_size,
                                                const cohort_write_options_t* options,
                                                cohort_write_result_t* result,
                                                cohort_error_t** error);
/* The lifetime begins again, if it has one. NOT_FOUND. */
COHORT_C_API cohort_status_t cohort_map_touch(cohort_map_t* map, const void* key, size_t key_size,
                                              const cohort_write_options_t* options,
                                              cohort_write_result_t* result,
                                              cohort_error_t** error);
/* Of convergent maps only, else FAILED_PRECONDITION. The entry is created if it is not there. */
COHORT_C_API cohort_status_t cohort_map_put_attributes(
    cohort_map_t* map, const void* key, size_t key_size, const cohort_attributes_t* attributes,
    const cohort_write_options_t* options, cohort_write_result_t* result, cohort_error_t** error);
/* Only the names count. OK where one was absent; NOT_FOUND if the entry is. */
COHORT_C_API cohort_status_t cohort_map_erase_attributes(
    cohort_map_t* map, const void* key, size_t key_size, const cohort_attributes_t* attributes,
    const cohort_write_options_t* options, cohort_write_result_t* result, cohort_error_t** error);
/* Makes this member the owner of the entry; `number`: how often it was claimed. When it is
 * answered, all that the owner before has written by_owner is here, unless that member is dead and
 * nobody has it. The ack of `options` does not count. NOT_FOUND: no such entry. ABORTED: another
 * member was faster. */
COHORT_C_API cohort_status_t cohort_map_claim(cohort_map_t* map, const void* key, size_t key_size,
                                              const cohort_write_options_t* options,
                                              cohort_write_result_t* result,
                                              cohort_error_t** error);
/* All of the batch or, if one condition does not hold, nothing (ABORTED). */
COHORT_C_API cohort_status_t cohort_map_write(cohort_map_t* map, const cohort_batch_t* batch,
                                              const cohort_write_options_t* options,
                                              cohort_write_result_t* result,
                                              cohort_error_t** error);
/* `number` entries are gone. */
COHORT_C_API cohort_status_t cohort_map_clear(cohort_map_t* map,
                                              const cohort_write_options_t* options,
                                              cohort_write_result_t* result,
                                              cohort_error_t** error);

/* ---- Asynchronous ----------------------------------------------------------------------- */

/* `result` and `message` ("" for COHORT_OK) are lent. */
typedef void (*cohort_write_fn)(const cohort_write_result_t* result, const char* message,
                                void* user);

/* Return at once, and may be called in callbacks. COHORT_OK: `done` (or NULL) will be called once,
 * on the thread of callbacks, maybe before the function has returned. Any other status: nothing was
 * sent, and `done` is not called. */

COHORT_C_API cohort_status_t cohort_map_put_async(cohort_map_t* map, const void* key,
                                                  size_t key_size, const void* value,
                                                  size_t value_size,
                                                  const cohort_write_options_t* options,
                                                  cohort_write_fn done, void* user,
                                                  cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_put_if_async(cohort_map_t* map, const void* key,
                                                     size_t key_size, cohort_version_t expected,
                                                     const void* value, size_t value_size,
                                                     const cohort_write_options_t* options,
                                                     cohort_write_fn done, void* user,
                                                     cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_put_if_absent_async(cohort_map_t* map, const void* key,
                                                            size_t key_size, const void* value,
                                                            size_t value_size,
                                                            const cohort_write_options_t* options,
                                                            cohort_write_fn done, void* user,
                                                            cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_erase_async(cohort_map_t* map, const void* key,
                                                    size_t key_size,
                                                    const cohort_write_options_t* options,
                                                    cohort_write_fn done, void* user,
                                                    cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_erase_if_async(cohort_map_t* map, const void* key,
                                                       size_t key_size, cohort_version_t expected,
                                                       const cohort_write_options_t* options,
                                                       cohort_write_fn done, void* user,
                                                       cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_increment_async(cohort_map_t* map, const void* key,
                                                        size_t key_size, int64_t delta,
                                                        const cohort_write_options_t* options,
                                                        cohort_write_fn done, void* user,
                                                        cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_append_async(cohort_map_t* map, const void* key,
                                                     size_t key_size, const void* suffix,
                                                     size_t suffix_size,
                                                     const cohort_write_options_t* options,
                                                     cohort_write_fn done, void* user,
                                                     cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_expire_async(cohort_map_t* map, const void* key,
                                                     size_t key_size, int64_t ttl_ms,
                                                     const cohort_write_options_t* options,
                                                     cohort_write_fn done, void* user,
                                                     cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_persist_async(cohort_map_t* map, const void* key,
                                                      size_t key_size,
                                                      const cohort_write_options_t* options,
                                                      cohort_write_fn done, void* user,
                                                      cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_touch_async(cohort_map_t* map, const void* key,
                                                    size_t key_size,
                                                    const cohort_write_options_t* options,
                                                    cohort_write_fn done, void* user,
                                                    cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_put_attributes_async(cohort_map_t* map, const void* key,
                                                             size_t key_size,
                                                             const cohort_attributes_t* attributes,
                                                             const cohort_write_options_t* options,
                                                             cohort_write_fn done, void* user,
                                                             cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_erase_attributes_async(
    cohort_map_t* map, const void* key, size_t key_size, const cohort_attributes_t* attributes,
    const cohort_write_options_t* options, cohort_write_fn done, void* user,
    cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_claim_async(cohort_map_t* map, const void* key,
                                                    size_t key_size,
                                                    const cohort_write_options_t* options,
                                                    cohort_write_fn done, void* user,
                                                    cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_write_async(cohort_map_t* map, const cohort_batch_t* batch,
                                                    const cohort_write_options_t* options,
                                                    cohort_write_fn done, void* user,
                                                    cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_clear_async(cohort_map_t* map,
                                                    const cohort_write_options_t* options,
                                                    cohort_write_fn done, void* user,
                                                    cohort_error_t** error);

#ifdef __cplusplus
}
#endif

#endif /* COHORT_C_WRITE_H_ */

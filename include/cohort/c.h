/* The C interface of Cohort: C11, and C++ as well. docs/c_api.md shows how it is used.
 *
 * 1. Handles (cohort_group_t, cohort_map_t, ...) are opaque. Whoever gets one through a pointer
 *    that ends in `**`, or from a function named _new, gives it back to the function of its kind
 *    named _close, _cancel or _free, once; these take NULL and do nothing. A handle that a callback
 *    gets is lent to it until it returns.
 *
 * 2. Structs begin with their size. The caller sets it in those it passes, best by the macro of the
 *    struct (cohort_map_options_t options = COHORT_MAP_OPTIONS_INIT); the library sets it in those
 *    it passes. Structs grow at their end only. In one that is smaller than the library's, fields
 *    that are not there have their defaults, or are not written. In one that is larger, what the
 *    library does not know must be zero (else COHORT_INVALID_ARGUMENT), or is set to zero. Three
 *    plain values have no size because they never change: cohort_version_t, cohort_member_id_t,
 *    cohort_view_id_t.
 *
 * 3. Zero is the default, of every field and every option. NULL stands for default options, and,
 *    where a pointer is for a result, for a result that is not wanted, unless it says otherwise.
 *
 * 4. Functions that can fail return a cohort_status_t, and take as their last argument a
 *    cohort_error_t** (or NULL): it is set to NULL, or to an error whose text says what was wrong.
 *    A NULL, a size or a number that cannot be is COHORT_INVALID_ARGUMENT and nothing was done. No
 *    C++ exception leaves the library. A result is written only with COHORT_OK, except a
 *    cohort_write_result_t.
 *
 * 5. Names and options are text that ends with '\0'. Keys, values, messages and names of attributes
 *    are bytes with their number, and may hold '\0'; NULL with the number 0 is empty. What is
 *    passed is copied before the function returns.
 *
 * 6. Threads. Groups, maps and subscriptions may be used by any threads at once; batches,
 *    attributes, views, stats, buffers and errors by one at a time. Closing, cancelling or freeing
 *    is the last use of a handle: no other thread may be inside a call with it. To end calls that
 *    wait, cohort_group_leave() first (they end with COHORT_CANCELLED), then close.
 *
 * 7. Callbacks run on a thread of the group named "cohort-deliver", one at a time, in the group's
 *    order, and without a lock of the library. A slow one delays the others, and from
 *    delivery_queue_bytes_max on loses them. What they are lent lives until they return. They may
 *    call every function that does not wait, cancel and close; one that waits ("Blocks") fails
 *    there with COHORT_FAILED_PRECONDITION, in a callback of any group. They must neither throw nor
 *    longjmp out. All signals are blocked in the threads of the library.
 *
 * 8. Order of closing. Any: maps, subscriptions, views and the rest may outlive their group; maps
 *    can then still be read. After cohort_group_close() or cohort_group_leave() has returned no
 *    callback of the group runs any more, and every asynchronous call has had its callback. Only
 *    where cohort_group_close() is itself called in a callback it does not wait: the group is left
 *    in the background, and its callbacks may run for a while.
 *
 * 9. After fork() the child may not use the handles of its parent; calls that would send fail there
 *    with COHORT_FAILED_PRECONDITION.
 *
 * 10. Functions and numbers stay as they are as long as COHORT_ABI_VERSION does, and so does the
 *    soname of libcohort_c. Functions, fields and numbers may be added.
 *
 * Limits (lengths, counts) are those of the C++ interface, include/cohort/options.h; the ones that
 * hosts need are functions of cohort/c/base.h. */
#ifndef COHORT_C_H_
#define COHORT_C_H_

#include "cohort/c/base.h"          /* IWYU pragma: export */
#include "cohort/c/group.h"         /* IWYU pragma: export */
#include "cohort/c/map.h"           /* IWYU pragma: export */
#include "cohort/c/session_store.h" /* IWYU pragma: export */
#include "cohort/c/view.h"          /* IWYU pragma: export */
#include "cohort/c/write.h"         /* IWYU pragma: export */

#endif /* COHORT_C_H_ */

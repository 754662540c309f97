/* Session stores: the HTTP sessions of one web application. Part of cohort/c.h. What they are is
 * told in include/cohort/session_store.h and docs/session_store.md.
 *
 * Threads: every function may be called from any thread. Functions that block are refused in
 * callbacks of a group (FAILED_PRECONDITION). Ids, names and values are bytes; times are
 * milliseconds since 1970. */
#ifndef COHORT_C_SESSION_STORE_H_
#define COHORT_C_SESSION_STORE_H_

#include "cohort/c/base.h"
#include "cohort/c/group.h"
#include "cohort/c/map.h"
#include "cohort/c/write.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cohort_session_store cohort_session_store_t;

/* ---- Opening ---------------------------------------------------------------------------- */

/* What a store that is full does. */
typedef uint32_t cohort_eviction_t;
enum {
  COHORT_EVICTION_REFUSE = 0,             /* RESOURCE_EXHAUSTED. */
  COHORT_EVICTION_LEAST_RECENTLY_USED = 1 /* Ends sessions of this member, unused longest first. */
};

typedef struct cohort_session_store_options {
  size_t size;
  const char* application; /* 1 to 56 bytes. Required. */
  cohort_ack_t ack;
  cohort_eviction_t eviction;
  int64_t timeout_ms;        /* Longest wait of a write for `ack`; default 5 s. */
  uint64_t bytes_max;        /* 0: the group's. */
  int64_t successor_step_ms; /* 1 to 3,600,000; default 1 s. */
  int64_t orphan_time_ms;    /* 100 to 86,400,000; default 5 min. */
} cohort_session_store_options_t;
#define COHORT_SESSION_STORE_OPTIONS_INIT {.size = sizeof(cohort_session_store_options_t)}

/* Blocks, with a group. `group` (or NULL: local) may be freed before the store. Errors:
 * INVALID_ARGUMENT; ALREADY_EXISTS, the application has a store in this group at this member;
 * those of cohort_group_open_map. */
COHORT_C_API cohort_status_t
cohort_session_store_open(const cohort_session_store_options_t* options, cohort_group_t* group,
                          cohort_session_store_t** store, cohort_error_t** error);
/* What is in the group stays there. NULL is nothing. */
COHORT_C_API void cohort_session_store_close(cohort_session_store_t* store);

/* ---- Reading ---------------------------------------------------------------------------- */

/* All of a session as it was at one moment. Freed by the caller; what it returns lives as long. */
typedef struct cohort_session cohort_session_t;
typedef struct cohort_session_info {
  size_t size;
  int64_t created_ms;
  int64_t last_accessed_ms;
  int64_t max_inactive_ms; /* COHORT_FOREVER: it does not expire. */
  cohort_version_t version;
  uint64_t fence; /* For cohort_session_save. */
  uint64_t owned; /* 1: it belongs to this member. */
} cohort_session_info_t;
#define COHORT_SESSION_INFO_INIT {.size = sizeof(cohort_session_info_t)}

/* Does not block. Errors: NOT_FOUND, also when its time is over; UNAVAILABLE; DATA_LOSS. */
COHORT_C_API cohort_status_t cohort_session_load(cohort_session_store_t* store, const void* id,
                                                 size_t id_size, cohort_session_t** session,
                                                 cohort_error_t** error);
COHORT_C_API void cohort_session_free(cohort_session_t* session);
COHORT_C_API void cohort_session_get_info(const cohort_session_t* session,
                                          cohort_session_info_t* info);
/* Sets `size`. */
COHORT_C_API const void* cohort_session_metadata(const cohort_session_t* session, size_t* size);
/* Of the session, in order of their names: cohort_attributes_count() and the like. Not to be freed.
 */
COHORT_C_API const cohort_attributes_t* cohort_session_attributes(const cohort_session_t* session);
COHORT_C_API uint32_t cohort_session_exists(const cohort_session_store_t* store, const void* id,
                                            size_t id_size);
/* 1: it is there, and belongs to this member now, or is local. Does not block. As soon as a write
 * of another member is acknowledged by all, it is 0. */
COHORT_C_API uint32_t cohort_session_is_owner(const cohort_session_store_t* store, const void* id,
                                              size_t id_size);

/* ---- Writing ---------------------------------------------------------------------------- */

typedef struct cohort_session_result {
  size_t size;
  cohort_status_t status;
  uint32_t replicas; /* Members known to have applied it, this one included. */
  cohort_version_t version;
  uint64_t fence;   /* For the next changes. */
  uint64_t refused; /* Attributes that were left out; an event tells of each. */
  /* NOT_FOUND: the id that the session has now, if it was changed within the last minute; at most
   * 256 bytes, a zero after them. For the host's own requests that were under way; clients must not
   * be led from an old id to a new one. */
  size_t new_id_size; /* 0: none. */
  char new_id[264];
} cohort_session_result_t;
#define COHORT_SESSION_RESULT_INIT {.size = sizeof(cohort_session_result_t)}

/* What a new session is, or what a request did to one. */
typedef struct cohort_session_changes {
  size_t size;
  const cohort_attributes_t* set;    /* NULL: none. */
  const cohort_attributes_t* erased; /* Only the names count. NULL: none. */
  const void* metadata;              /* NULL: as it is; of a new session, none. */
  size_t metadata_size;
  int64_t max_inactive_ms; /* 0: as it is; of a new session, 30 min. COHORT_FOREVER: never. */
  int64_t created_ms;      /* Of a new session; 0: now. */
  uint64_t fence;          /* cohort_session_info_t; 0: see SessionChanges. */
  uint64_t no_touch;       /* 1: this was no access. */
  /* In place of `set`: what the list holds is not copied but taken from it, which is empty then.
   * Where an argument is refused it may be as it was. */
  cohort_attributes_t* taken;
} cohort_session_changes_t;
#define COHORT_SESSION_CHANGES_INIT {.size = sizeof(cohort_session_changes_t)}

/* These block. `result` (or NULL) is written with an error as well. Errors of all:
 * INVALID_ARGUMENT, NOT_FOUND, ABORTED (another member owns the session: load it again),
 * RESOURCE_EXHAUSTED, FAILED_PRECONDITION (in a callback), DEADLINE_EXCEEDED, UNAVAILABLE,
 * CANCELLED. */

/* ALREADY_EXISTS. */
COHORT_C_API cohort_status_t cohort_session_create(cohort_session_store_t* store, const void* id,
                                                   size_t id_size,
                                                   const cohort_session_changes_t* contents,
                                                   cohort_session_result_t* result,
                                                   cohort_error_t** error);
/* Sends what changed, as one operation. Never begins a session. */
COHORT_C_API cohort_status_t cohort_session_save(cohort_session_store_t* store, const void* id,
                                                 size_t id_size,
                                                 const cohort_session_changes_t* changes,
                                                 cohort_session_result_t* result,
                                                 cohort_error_t** error);
/* `result` and `message` ("" for COHORT_OK) are lent. */
typedef void (*cohort_session_saved_fn)(const cohort_session_result_t* result, const char* message,
                                        void* user);
/* The same, but waits at most for the session's turn and a claim, not for the acknowledgement; what
 * erases attributes, or sets max_inactive_ms or a value of 8 KiB, is waited for all the same.
 * COHORT_OK: `done` (or NULL) is called once with what became of it, an argument that the store
 * refuses included: on the thread of callbacks, maybe before this has returned, or by this on the
 * caller's thread. INVALID_ARGUMENT that comes later: cohort_session_save can do it, as the session
 * has to be written anew. Any other status (something is NULL, a struct cannot be; no memory):
 * nothing was sent, and `done` is not called. */
COHORT_C_API cohort_status_t cohort_session_save_async(cohort_session_store_t* store,
                                                       const void* id, size_t id_size,
                                                       const cohort_session_changes_t* changes,
                                                       cohort_session_saved_fn done, void* user,
                                                       cohort_error_t** error);
/* One atomic step. ALREADY_EXISTS. */
COHORT_C_API cohort_status_t cohort_session_change_id(cohort_session_store_t* store,
                                                      const void* old_id, size_t old_id_size,
                                                      const void* new_id, size_t new_id_size,
                                                      cohort_session_result_t* result,
                                                      cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_session_invalidate(cohort_session_store_t* store,
                                                       const void* id, size_t id_size,
                                                       cohort_session_result_t* result,
                                                       cohort_error_t** error);
/* Does not block, nor wait. NOT_FOUND. */
COHORT_C_API cohort_status_t cohort_session_touch(cohort_session_store_t* store, const void* id,
                                                  size_t id_size, cohort_error_t** error);

/* ---- Lists ------------------------------------------------------------------------------ */

/* Returns 0 to go on. */
typedef int (*cohort_session_id_fn)(const void* id, size_t id_size, void* user);
/* At most `max` ids (0: all), in no order, on the caller's thread. */
COHORT_C_API cohort_status_t cohort_session_store_ids(const cohort_session_store_t* store,
                                                      size_t max, cohort_session_id_fn visit,
                                                      void* user, cohort_error_t** error);

typedef struct cohort_session_stats {
  size_t size;
  uint64_t sessions; /* Replicas included. */
  uint64_t owned;
  uint64_t local;
  uint64_t bytes;
  uint64_t saves;
  uint64_t claims;
  uint64_t conflicts;
  uint64_t refused_attributes;
  uint64_t expired; /* By this store, as the next one. */
  uint64_t evicted;
  uint64_t events_dropped;
  uint64_t deltas; /* Of `saves`: those whose large attributes were sent as deltas. */
} cohort_session_stats_t;
#define COHORT_SESSION_STATS_INIT {.size = sizeof(cohort_session_stats_t)}
COHORT_C_API cohort_status_t cohort_session_store_stats(const cohort_session_store_t* store,
                                                        cohort_session_stats_t* stats,
                                                        cohort_error_t** error);

/* Of what the group has of this application; equal on members that hold the same sessions, where
 * nothing is written for a moment. Does not block. FAILED_PRECONDITION: the store is local;
 * UNAVAILABLE. */
COHORT_C_API cohort_status_t cohort_session_store_digest(const cohort_session_store_t* store,
                                                         cohort_digest_t* digest,
                                                         cohort_error_t** error);

/* ---- Replication ------------------------------------------------------------------------ */

typedef uint32_t cohort_session_task_kind_t;
enum { COHORT_SESSION_TASK_REPLICATION_ON = 0, COHORT_SESSION_TASK_REPLICATION_OFF = 1 };
typedef uint32_t cohort_session_task_state_t;
enum {
  COHORT_SESSION_TASK_STARTED = 0,
  COHORT_SESSION_TASK_PROGRESS = 1,
  COHORT_SESSION_TASK_DONE = 2,
  COHORT_SESSION_TASK_FAILED = 3
};
typedef struct cohort_session_task {
  size_t size;
  uint64_t id;
  cohort_session_task_kind_t kind;
  cohort_session_task_state_t state;
  int64_t started_ms;
  int64_t changed_ms;
  uint64_t total;
  uint64_t moved;
  uint64_t failed;
  uint64_t status; /* cohort_status_t. */
} cohort_session_task_t;

/* On in `group`, or off (NULL); blocks until the task is begun, whose number is written to `task`.
 * FAILED_PRECONDITION: a task is under way, or there is nothing to change. */
COHORT_C_API cohort_status_t cohort_session_store_set_replication(cohort_session_store_t* store,
                                                                  cohort_group_t* group,
                                                                  uint64_t* task,
                                                                  cohort_error_t** error);
COHORT_C_API uint32_t cohort_session_store_replicated(const cohort_session_store_t* store);
/* Blocks; timeout 0: 30 s. The task's own error; DEADLINE_EXCEEDED; NOT_FOUND. */
COHORT_C_API cohort_status_t cohort_session_store_await_task(cohort_session_store_t* store,
                                                             uint64_t task, int64_t timeout_ms,
                                                             cohort_error_t** error);

/* `task` is lent. */
typedef void (*cohort_session_task_fn)(const cohort_session_task_t* task, void* user);
/* The last 64, oldest first, on the caller's thread. */
COHORT_C_API cohort_status_t cohort_session_store_tasks(const cohort_session_store_t* store,
                                                        cohort_session_task_fn visit, void* user,
                                                        cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_session_store_subscribe_tasks(
    cohort_session_store_t* store, cohort_session_task_fn on_task, void* user,
    cohort_subscription_t** subscription, cohort_error_t** error);

/* ---- Events ----------------------------------------------------------------------------- */

typedef uint32_t cohort_session_event_kind_t;
enum {
  COHORT_SESSION_CREATED = 0,
  COHORT_SESSION_CHANGED = 1,
  COHORT_SESSION_MOVED = 2,
  COHORT_SESSION_ID_CHANGED = 3,
  COHORT_SESSION_EXPIRED = 4,
  COHORT_SESSION_INVALIDATED = 5,
  COHORT_SESSION_EVICTED = 6,
  COHORT_SESSION_WITHDRAWN = 7,
  COHORT_SESSION_REFUSED_ATTRIBUTE = 8,
  COHORT_SESSION_CONFLICT = 9
};
COHORT_C_API const char* cohort_session_event_name(cohort_session_event_kind_t kind);

typedef struct cohort_session_event {
  size_t size;
  cohort_session_event_kind_t kind;
  uint32_t here; /* 1: this store did it. Of a session's end exactly one store is told so. */
  const void* id;
  size_t id_size;
  const void* new_id; /* ID_CHANGED. */
  size_t new_id_size;
  const void* attribute; /* REFUSED_ATTRIBUTE. */
  size_t attribute_size;
  int64_t at_ms;
  cohort_member_id_t by; /* All zero in a local store. */
  cohort_version_t version;
  const char* text;                /* UTF-8. */
  const cohort_session_t* session; /* Where `here`, of one that has ended: what it held; or NULL. */
} cohort_session_event_t;
/* Everything is lent. */
typedef void (*cohort_session_event_fn)(const cohort_session_event_t* event, void* user);
/* `with_changes`: CHANGED too. */
COHORT_C_API cohort_status_t cohort_session_store_subscribe_events(
    cohort_session_store_t* store, uint32_t with_changes, cohort_session_event_fn on_event,
    void* user, cohort_subscription_t** subscription, cohort_error_t** error);

#ifdef __cplusplus
}
#endif

#endif /* COHORT_C_SESSION_STORE_H_ */

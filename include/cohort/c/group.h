/* Groups: joining, leaving, views, messages, events, stats. Part of cohort/c.h. */
#ifndef COHORT_C_GROUP_H_
#define COHORT_C_GROUP_H_

#include "cohort/c/base.h"
#include "cohort/c/view.h"

#ifdef __cplusplus
extern "C" {
#endif

/* This process's membership in a group. */
typedef struct cohort_group cohort_group_t;

/* ---- Options ---------------------------------------------------------------------------- */

typedef uint32_t cohort_plaintext_t;
enum {
  COHORT_PLAINTEXT_NO = 0,       /* A key is required. */
  COHORT_PLAINTEXT_LOOPBACK = 1, /* No key needed; binds to the loopback interface only. */
  COHORT_PLAINTEXT_NETWORK = 2   /* No key needed on any interface. */
};

typedef uint32_t cohort_policy_t;
enum {
  COHORT_POLICY_AVAILABLE = 0, /* Both sides of a partition live on, and merge. */
  COHORT_POLICY_PRIMARY = 1    /* Only the side with a quorum writes. */
};

typedef uint32_t cohort_profile_t;
enum {
  COHORT_PROFILE_DEFAULT = 0,     /* A process may stand still for 2 s. */
  COHORT_PROFILE_WEB_SESSIONS = 1 /* For 800 ms. */
};

/* Ranges, units and reasons are told in include/cohort/options.h with the field of the same name.
 * 0 or NULL is the default given there. */
typedef struct cohort_group_options {
  size_t size;
  const char* group;     /* 1 to 64 bytes. Required. */
  const char* name;      /* Unique in the group; default HOSTNAME-PORT. */
  const char* bind;      /* "ADDR", "ADDR:PORT", "[V6ADDR]:PORT", ":PORT", "eth1:7601". */
  const char* multicast; /* Default "239.255.77.7:7600". */
  const char* const* seeds;
  size_t seed_count;      /* At most 64. */
  const char* peer_cache; /* A file. */
  const char* key;        /* As `cohort keygen` prints it, or */
  const char* key_file;   /* the file that holds it. */
  const char* tie_breaker;
  cohort_plaintext_t allow_plaintext;
  cohort_policy_t policy;
  cohort_profile_t failure_profile;
  uint32_t initial_members;
  uint32_t bootstrap;     /* 1: this member may form the first view alone. */
  uint32_t no_multicast;  /* 1: use seeds only. */
  uint32_t multicast_ttl; /* 1 to 255; default 1. */
  uint32_t without_data;  /* 1: votes and watches, and holds no map. */
  int64_t dead_timeout_ms;
  int64_t stall_timeout_ms;
  int64_t slow_timeout_ms;
  int64_t join_timeout_ms;  /* Default 30 s. */
  int64_t leave_timeout_ms; /* Default 2 s. */
  uint64_t send_queue_bytes_max;
  uint64_t delivery_queue_bytes_max;
  uint64_t map_bytes_max;
  uint64_t receive_buffer_bytes;
  /* In place before anything can happen, so that not even the first view is missed. They may run
   * before the group's handle is there, and also where joining fails in the end; never after
   * cohort_group_join() has failed. */
  cohort_view_fn on_view;
  cohort_message_fn on_message;
  cohort_event_fn on_event;
  void* user; /* For these three. */
  uint64_t datagram_bytes_max;
} cohort_group_options_t;
#define COHORT_GROUP_OPTIONS_INIT {.size = sizeof(cohort_group_options_t)}

/* ---- Joining and leaving ---------------------------------------------------------------- */

/* Finds or forms the group. Blocks until this member is in a view and holds the group's whole
 * state, at most join_timeout_ms. Errors are those of Group::Join (include/cohort/group.h). */
COHORT_C_API cohort_status_t cohort_group_join(const cohort_group_options_t* options,
                                               cohort_group_t** group, cohort_error_t** error);

/* `group` belongs to the callee, NULL unless `status` is COHORT_OK; `message` is lent. */
typedef void (*cohort_join_fn)(cohort_status_t status, cohort_group_t* group, const char* message,
                               void* user);
/* As cohort_group_join, without waiting, so also in a callback: OK means that `done` (not NULL)
 * will be called once, on a thread of its own named "cohort-join", where functions that block are
 * allowed. It cannot be called off: until then, join_timeout_ms and some at most, the library must
 * stay loaded. */
COHORT_C_API cohort_status_t cohort_group_join_async(const cohort_group_options_t* options,
                                                     cohort_join_fn done, void* user,
                                                     cohort_error_t** error);

/* Tells the others and waits for their consent, at most leave_timeout_ms. Blocks. Afterwards no
 * callback runs, calls under way have ended with COHORT_CANCELLED, and maps can still be read.
 * DEADLINE_EXCEEDED: nobody consented; this member is out all the same. CANCELLED: left already. */
COHORT_C_API cohort_status_t cohort_group_leave(cohort_group_t* group, cohort_error_t** error);
/* Leaves once another member is shown to hold all that this one holds. Blocks, at most timeout_ms
 * (default 30 s) and then leave_timeout_ms; on an error this member stays, and takes writes again.
 * Errors are those of Group::Drain. */
COHORT_C_API cohort_status_t cohort_group_drain(cohort_group_t* group, int64_t timeout_ms,
                                                cohort_error_t** error);
/* Leaves, unless it was left, and frees the handle. Blocks as cohort_group_leave, except in a
 * callback: cohort/c.h, 8. */
COHORT_C_API void cohort_group_close(cohort_group_t* group);

/* ---- Who and what is there -------------------------------------------------------------- */

COHORT_C_API cohort_member_id_t cohort_group_id(const cohort_group_t* group);
/* Live as long as the handle. NULL: "". */
COHORT_C_API const char* cohort_group_name(const cohort_group_t* group);
COHORT_C_API const char* cohort_group_address(const cohort_group_t* group);
COHORT_C_API uint32_t cohort_group_synced(const cohort_group_t* group);   /* 1: has all state. */
COHORT_C_API uint32_t cohort_group_writable(const cohort_group_t* group); /* 1: may write. */
/* The view installed last; not NULL. */
COHORT_C_API cohort_status_t cohort_group_view(const cohort_group_t* group, cohort_view_t** view,
                                               cohort_error_t** error);
/* Proves that all members that hold the whole state hold the same, and how many they are. Blocks,
 * at most timeout_ms (default 5 s). Errors are those of Group::VerifyConvergence. */
COHORT_C_API cohort_status_t cohort_group_verify_convergence(cohort_group_t* group,
                                                             int64_t timeout_ms, uint32_t* members,
                                                             cohort_error_t** error);

/* Named numbers, taken at one moment: "socket.*", "stream.*", "callback.*", "map.NAME.entries" and
 * "map.NAME.bytes", and what the layers count, as "rmcast.repairs_sent". Names may come and go with
 * releases. */
typedef struct cohort_stats cohort_stats_t;
COHORT_C_API cohort_status_t cohort_group_stats(const cohort_group_t* group, cohort_stats_t** stats,
                                                cohort_error_t** error);
COHORT_C_API size_t cohort_stats_count(const cohort_stats_t* stats);
/* Sorted by name. Past the end: NULL, 0. */
COHORT_C_API const char* cohort_stats_name(const cohort_stats_t* stats, size_t number);
COHORT_C_API uint64_t cohort_stats_value(const cohort_stats_t* stats, size_t number);
/* 1 and the number of that name, or 0. */
COHORT_C_API uint32_t cohort_stats_find(const cohort_stats_t* stats, const char* name,
                                        uint64_t* value);
COHORT_C_API void cohort_stats_free(cohort_stats_t* stats);

/* ---- Messages --------------------------------------------------------------------------- */

/* Sends to every member of the view, this one included. Returns once it is in the send queue.
 * Errors are those of Group::Send. */
COHORT_C_API cohort_status_t cohort_group_send(cohort_group_t* group, const void* payload,
                                               size_t payload_size, cohort_delivery_t delivery,
                                               cohort_error_t** error);
/* And waits until every member has delivered it. Blocks, at most timeout_ms (default 5 s). */
COHORT_C_API cohort_status_t cohort_group_send_sync(cohort_group_t* group, const void* payload,
                                                    size_t payload_size, cohort_delivery_t delivery,
                                                    int64_t timeout_ms, cohort_error_t** error);
/* `message` is "" for COHORT_OK, and lent. */
typedef void (*cohort_done_fn)(cohort_status_t status, const char* message, void* user);
/* Calls `done` (may be NULL) once, if it returns COHORT_OK, with what cohort_group_send_sync would
 * return. */
COHORT_C_API cohort_status_t cohort_group_send_async(cohort_group_t* group, const void* payload,
                                                     size_t payload_size,
                                                     cohort_delivery_t delivery, int64_t timeout_ms,
                                                     cohort_done_fn done, void* user,
                                                     cohort_error_t** error);

/* ---- Subscriptions ---------------------------------------------------------------------- */

/* While it lives, its callback may be called. */
typedef struct cohort_subscription cohort_subscription_t;
/* Ends the calls and frees the handle: once it has returned, none runs and none comes. In a
 * callback it returns at once, and the call under way is the last. Must not be called while a lock
 * is held that the callback takes. */
COHORT_C_API void cohort_subscription_cancel(cohort_subscription_t* subscription);

/* A view comes after every message and change of the view before it; first the current view. The
 * first call may come before the function has returned. */
COHORT_C_API cohort_status_t cohort_group_subscribe_views(cohort_group_t* group,
                                                          cohort_view_fn on_view, void* user,
                                                          cohort_subscription_t** subscription,
                                                          cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_group_subscribe_messages(cohort_group_t* group,
                                                             cohort_message_fn on_message,
                                                             void* user,
                                                             cohort_subscription_t** subscription,
                                                             cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_group_subscribe_events(cohort_group_t* group,
                                                           cohort_event_fn on_event, void* user,
                                                           cohort_subscription_t** subscription,
                                                           cohort_error_t** error);

#ifdef __cplusplus
}
#endif

#endif /* COHORT_C_GROUP_H_ */

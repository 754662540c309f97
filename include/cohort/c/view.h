/* Views, members, events and messages: what a group tells. Part of cohort/c.h. */
#ifndef COHORT_C_VIEW_H_
#define COHORT_C_VIEW_H_

#include "cohort/c/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Views ------------------------------------------------------------------------------ */

typedef struct cohort_member {
  size_t size;
  cohort_member_id_t id;
  const char* name;      /* Survives restarts; unique in a view. */
  const char* address;   /* "ADDR:PORT" of its unicast port. */
  uint32_t synced;       /* 1: holds the whole state of every map. */
  uint32_t without_data; /* 1: holds none, and never will. */
} cohort_member_t;

/* Why a member appeared in or disappeared from a view. */
typedef uint32_t cohort_cause_t;
enum {
  COHORT_CAUSE_OTHER = 0, /* One that this interface does not know. */
  COHORT_CAUSE_FORMED = 1,
  COHORT_CAUSE_JOINED = 2,
  COHORT_CAUSE_LEFT = 3,
  COHORT_CAUSE_CRASHED = 4,
  COHORT_CAUSE_SILENT = 5,
  COHORT_CAUSE_STALLED = 6,
  COHORT_CAUSE_BAD_LINK = 7,
  COHORT_CAUSE_SLOW = 8,
  COHORT_CAUSE_REPLACED = 9,
  COHORT_CAUSE_MERGED = 10,
  COHORT_CAUSE_SYNCED = 11
};

typedef struct cohort_member_change {
  size_t size;
  const cohort_member_t* member;
  const char* cause_name; /* As "crashed". */
  const char* evidence;   /* In words: what was seen, by whom. */
  cohort_cause_t cause;
  uint32_t reserved;
} cohort_member_change_t;

/* The agreed list of members. What its functions return lives as long as the view. Of NULL and past
 * the end there is nothing: 0, zeros or NULL. */
typedef struct cohort_view cohort_view_t;
COHORT_C_API cohort_view_id_t cohort_view_get_id(const cohort_view_t* view);
/* By seniority, those without data after the others (newcomers last): number 0 is the
   coordinator. None after the group was left. */
COHORT_C_API size_t cohort_view_member_count(const cohort_view_t* view);
COHORT_C_API const cohort_member_t* cohort_view_member(const cohort_view_t* view, size_t number);
/* Who came with this view, and who went. */
COHORT_C_API size_t cohort_view_joined_count(const cohort_view_t* view);
COHORT_C_API const cohort_member_change_t* cohort_view_joined(const cohort_view_t* view,
                                                              size_t number);
COHORT_C_API size_t cohort_view_left_count(const cohort_view_t* view);
COHORT_C_API const cohort_member_change_t* cohort_view_left(const cohort_view_t* view,
                                                            size_t number);
/* 1: the primary partition; always under COHORT_POLICY_AVAILABLE. */
COHORT_C_API uint32_t cohort_view_primary(const cohort_view_t* view);
COHORT_C_API void cohort_view_free(cohort_view_t* view);

typedef void (*cohort_view_fn)(const cohort_view_t* view, void* user);

/* ---- Events ----------------------------------------------------------------------------- */

/* What they mean is told in include/cohort/events.h. */
typedef uint32_t cohort_event_kind_t;
enum {
  COHORT_EVENT_OTHER = 0, /* One that this interface does not know; it has a kind_name. */
  COHORT_EVENT_STARTED = 1,
  COHORT_EVENT_VIEW = 2,
  COHORT_EVENT_SUSPECTED = 3,
  COHORT_EVENT_UNSUSPECTED = 4,
  COHORT_EVENT_MULTICAST_LOST = 5,
  COHORT_EVENT_MULTICAST_BACK = 6,
  COHORT_EVENT_SELF_DOUBT = 7,
  COHORT_EVENT_EXCLUDED = 8,
  COHORT_EVENT_HALTED = 9,
  COHORT_EVENT_RESUMED = 10,
  COHORT_EVENT_JOINING = 11,
  COHORT_EVENT_REFUSED = 12,
  COHORT_EVENT_TRANSFER_STARTED = 13,
  COHORT_EVENT_TRANSFER_DONE = 14,
  COHORT_EVENT_TRANSFER_FAILED = 15,
  COHORT_EVENT_SYNCED = 16,
  COHORT_EVENT_MERGING = 17,
  COHORT_EVENT_MERGED = 18,
  COHORT_EVENT_CONFLICT = 19,
  COHORT_EVENT_LEFT = 20,
  COHORT_EVENT_DROPPED = 21,
  COHORT_EVENT_BACK_PRESSURE = 22,
  COHORT_EVENT_DEGRADED = 23,
  COHORT_EVENT_CAUGHT_UP = 24,
  COHORT_EVENT_PLAINTEXT = 25,
  COHORT_EVENT_WARNING = 26,
  COHORT_EVENT_SMALL_DATAGRAMS = 27
};

typedef struct cohort_event {
  size_t size;
  const char* kind_name; /* As "transfer_done". */
  int64_t at_ns;         /* Steady clock of this process, nanoseconds. */
  cohort_view_id_t view; /* Installed here when it happened; zero before the first. */
  cohort_member_id_t subject;
  const char* subject_name; /* Whom it is about; "" if nobody. */
  const char* text;         /* In words: what, why, evidence, what to do. */
  const void* key;          /* For COHORT_EVENT_CONFLICT. */
  size_t key_size;
  int64_t number; /* What it counts is told with the kind. */
  cohort_event_kind_t kind;
  uint32_t reserved;
} cohort_event_t;

typedef void (*cohort_event_fn)(const cohort_event_t* event, void* user);

/* ---- Messages --------------------------------------------------------------------------- */

/* How much order and safety a message pays for; include/cohort/delivery_class.h. */
typedef uint32_t cohort_delivery_t;
enum {
  COHORT_DELIVERY_AGREED = 0, /* In one total order, alike on all members. */
  COHORT_DELIVERY_CONV = 1,   /* In its sender's order, one hop. */
  COHORT_DELIVERY_SAFE = 2    /* Agreed, and once every member holds it. */
};

typedef struct cohort_message {
  size_t size;
  cohort_member_id_t from;
  const void* payload;
  size_t payload_size;
  cohort_delivery_t delivery;
  /* 1: a SAFE message that a view change delivered; only members that install that view are known
   * to hold it. */
  uint32_t transitional;
} cohort_message_t;

typedef void (*cohort_message_fn)(const cohort_message_t* message, void* user);

#ifdef __cplusplus
}
#endif

#endif /* COHORT_C_VIEW_H_ */

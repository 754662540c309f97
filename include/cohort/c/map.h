/* Replicated maps: opening, reading, writing, following. Part of cohort/c.h. What each function
 * means is told in include/cohort/replicated_map.h with the method of its name. */
#ifndef COHORT_C_MAP_H_
#define COHORT_C_MAP_H_

#include "cohort/c/base.h"
#include "cohort/c/group.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Opening ---------------------------------------------------------------------------- */

/* A map of keys and values, whole on every member of a group. */
typedef struct cohort_map cohort_map_t;

typedef uint32_t cohort_map_kind_t;
enum {
  COHORT_MAP_ORDERED = 0,   /* Writes in one total order: conditions, counters, batches. */
  COHORT_MAP_CONVERGENT = 1 /* Writes in one hop, attributes; what web sessions use. */
};

/* What becomes of a write that would make a map larger than bytes_max. */
enum {
  COHORT_FULL_REFUSE = 0, /* It fails. */
  COHORT_FULL_EVICT = 1   /* The least recently used entries go, the same on every member. */
};

/* A key, in a convergent map an attribute, that was written on both sides of a partition, each with
 * a value of its own. Everything is lent. */
typedef struct cohort_merge_conflict {
  size_t size;
  const void* key;
  size_t key_size;
  const void* attribute; /* NULL: the value of the entry as a whole. */
  size_t attribute_size;
  const void* held; /* By the group. */
  size_t held_size;
  const void* brought; /* By the side that has come back to it. */
  size_t brought_size;
} cohort_merge_conflict_t;
/* What stays of the two; lent. */
typedef struct cohort_resolution cohort_resolution_t;
/* This value stays; it is copied. What was set last counts. */
COHORT_C_API void cohort_resolution_set(cohort_resolution_t* resolution, const void* value,
                                        size_t value_size);
/* Settles a conflict. Where it sets nothing, or more than cohort_value_bytes_max(), the later
 * version stays. What it must come to, whatever the order and however often, is told with
 * MergeResolver (include/cohort/merge_resolver.h). It runs on the group's I/O thread, so it takes
 * microseconds, calls nothing but cohort_resolution_set, and neither throws nor longjmps out. */
typedef void (*cohort_resolve_fn)(const cohort_merge_conflict_t* conflict,
                                  cohort_resolution_t* resolution, void* user);

/* All members that open a map must agree. Not about the resolver, which is of this member; but give
 * it to all. */
typedef struct cohort_map_options {
  size_t size;
  cohort_map_kind_t kind;
  uint32_t when_full; /* COHORT_FULL_... */
  uint64_t bytes_max; /* Default: map_bytes_max of the group. */
  int64_t timeout_ms; /* Of opening it; default 5 s. */
  /* Default: the later version stays. It stays in place when this handle is closed, until the map
   * is opened with another one; with its `resolver_user` until cohort_group_close() has returned
   * outside of callbacks (c.h, 8), also where opening fails. */
  cohort_resolve_fn resolver;
  void* resolver_user;
} cohort_map_options_t;
#define COHORT_MAP_OPTIONS_INIT {.size = sizeof(cohort_map_options_t)}

/* Creates the map (1 to 64 bytes of name) if the group has none of that name. Blocks, except where
 * this member knows the map already. */
COHORT_C_API cohort_status_t cohort_group_open_map(cohort_group_t* group, const char* name,
                                                   const cohort_map_options_t* options,
                                                   cohort_map_t** map, cohort_error_t** error);
/* Closes this handle; the map lives on in the group. */
COHORT_C_API void cohort_map_close(cohort_map_t* map);
COHORT_C_API const char* cohort_map_name(const cohort_map_t* map); /* NULL: "". */
COHORT_C_API cohort_map_kind_t cohort_map_kind(const cohort_map_t* map);

/* ---- Reading: local, does not wait for the network but where told ------------------------ */

typedef struct cohort_entry {
  size_t size;
  cohort_version_t version;
  int64_t ttl_ms; /* What is left of its lifetime, rounded up; 0: it has none. */
} cohort_entry_t;
#define COHORT_ENTRY_INIT {.size = sizeof(cohort_entry_t)}

/* Errors: NOT_FOUND; UNAVAILABLE while this member has no complete state (it rejoins). */
COHORT_C_API cohort_status_t cohort_map_get(const cohort_map_t* map, const void* key,
                                            size_t key_size, cohort_buffer_t** value,
                                            cohort_entry_t* entry, cohort_error_t** error);
/* Copies the value into the caller's `capacity` bytes and its length into `value_size` (not NULL).
 * OUT_OF_RANGE: it does not fit; `value_size` says what it needs, `entry` is written, nothing is
 * copied. NULL and 0 for buffer and capacity ask for the length of what is not empty. */
COHORT_C_API cohort_status_t cohort_map_copy(const cohort_map_t* map, const void* key,
                                             size_t key_size, void* buffer, size_t capacity,
                                             size_t* value_size, cohort_entry_t* entry,
                                             cohort_error_t** error);

/* For a member that has no complete state yet, as at the end of an exclusion: one that has is asked
 * (ReadOptions in include/cohort/map_options.h). Elsewhere they are local, too. */
typedef struct cohort_read_options {
  size_t size;
  int64_t ask_others_ms; /* Longest wait for the answer of another member; default 1 s. */
} cohort_read_options_t;
#define COHORT_READ_OPTIONS_INIT {.size = sizeof(cohort_read_options_t)}

/* As cohort_map_get, but waits for another member where that says UNAVAILABLE. Errors: NOT_FOUND;
 * UNAVAILABLE, no member that has the state was found in time; DEADLINE_EXCEEDED, the one that was
 * asked has not answered in time; OUT_OF_RANGE, the value has more than 256 KiB;
 * RESOURCE_EXHAUSTED, 1024 wait already; FAILED_PRECONDITION, in a callback; CANCELLED. */
COHORT_C_API cohort_status_t cohort_map_get_with(const cohort_map_t* map, const void* key,
                                                 size_t key_size,
                                                 const cohort_read_options_t* options,
                                                 cohort_buffer_t** value, cohort_entry_t* entry,
                                                 cohort_error_t** error);
/* Everything is lent. `value` and `entry` are NULL, and `message` says why, unless `status` is
 * COHORT_OK. */
typedef void (*cohort_read_fn)(cohort_status_t status, const char* message, const void* value,
                               size_t value_size, const cohort_entry_t* entry, void* user);
/* Returns at once, and may be called in callbacks. COHORT_OK: `done` (or NULL) will be called once,
 * on the thread of callbacks, maybe before the function has returned. */
COHORT_C_API cohort_status_t cohort_map_get_async(const cohort_map_t* map, const void* key,
                                                  size_t key_size,
                                                  const cohort_read_options_t* options,
                                                  cohort_read_fn done, void* user,
                                                  cohort_error_t** error);

COHORT_C_API uint32_t cohort_map_exists(const cohort_map_t* map, const void* key, size_t key_size);
COHORT_C_API size_t cohort_map_size(const cohort_map_t* map);     /* Entries. */
COHORT_C_API size_t cohort_map_expiring(const cohort_map_t* map); /* Those with a lifetime. */
COHORT_C_API uint64_t cohort_map_bytes(const cohort_map_t* map);  /* Of keys and values. */

/* Everything is lent. Returns 0 to go on, anything else to see no more. */
typedef int (*cohort_visit_fn)(const void* key, size_t key_size, const void* value,
                               size_t value_size, const cohort_entry_t* entry, void* user);
/* Visits one consistent snapshot, in no particular order, on the caller's thread and without a
 * lock; `visit` may call everything. Where it stops, little of the rest is looked at; for a few
 * entries of many cohort_map_scan is still cheaper, which takes no snapshot. */
COHORT_C_API cohort_status_t cohort_map_for_each(const cohort_map_t* map, cohort_visit_fn visit,
                                                 void* user, cohort_error_t** error);
/* Visits about `count` entries (0: 100) and sets where to go on: begin with *cursor 0, end when it
 * is 0 again. An entry that is there all the time is visited at least once. Where `visit` stops,
 * the rest of these is passed over. */
COHORT_C_API cohort_status_t cohort_map_scan(const cohort_map_t* map, uint64_t* cursor,
                                             size_t count, cohort_visit_fn visit, void* user,
                                             cohort_error_t** error);

/* Fingerprint of the content; equal on members that have applied the same writes. */
typedef struct cohort_digest {
  size_t size;
  uint64_t hi;
  uint64_t lo;
  cohort_view_id_t view; /* Installed when it was taken. */
  uint64_t entries;
} cohort_digest_t;
#define COHORT_DIGEST_INIT {.size = sizeof(cohort_digest_t)}
COHORT_C_API cohort_status_t cohort_map_digest(const cohort_map_t* map, cohort_digest_t* digest,
                                               cohort_error_t** error);

/* ---- Attributes: parts of an entry of a convergent map that are written apart ----------- */

/* A list of names and values. */
typedef struct cohort_attributes cohort_attributes_t;
COHORT_C_API cohort_attributes_t* cohort_attributes_new(void); /* NULL: no memory. */
COHORT_C_API cohort_status_t cohort_attributes_add(cohort_attributes_t* attributes,
                                                   const void* name, size_t name_size,
                                                   const void* value, size_t value_size,
                                                   cohort_error_t** error);
COHORT_C_API size_t cohort_attributes_count(const cohort_attributes_t* attributes);
/* What they return is followed by a '\0', and lives until the list changes. `size` may be NULL.
 * Past the end: NULL, 0. */
COHORT_C_API const void* cohort_attributes_name(const cohort_attributes_t* attributes,
                                                size_t number, size_t* size);
COHORT_C_API const void* cohort_attributes_value(const cohort_attributes_t* attributes,
                                                 size_t number, size_t* size);
COHORT_C_API void cohort_attributes_free(cohort_attributes_t* attributes);

/* Errors besides those of cohort_map_get: FAILED_PRECONDITION in an ordered map. */
COHORT_C_API cohort_status_t cohort_map_get_attribute(const cohort_map_t* map, const void* key,
                                                      size_t key_size, const void* name,
                                                      size_t name_size, cohort_buffer_t** value,
                                                      cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_map_get_attributes(const cohort_map_t* map, const void* key,
                                                       size_t key_size, /* Sorted by name. */
                                                       cohort_attributes_t** attributes,
                                                       cohort_error_t** error);

/* Who owns the entry: until it is claimed the member that began it. Errors besides those of
 * cohort_map_get_attribute: UNAVAILABLE, the owner is not in the view. */
COHORT_C_API cohort_status_t cohort_map_owner_of(const cohort_map_t* map, const void* key,
                                                 size_t key_size, cohort_member_id_t* owner,
                                                 cohort_error_t** error);

/* ---- Batches: several writes at one place of the order, all or none --------------------- */

typedef struct cohort_batch cohort_batch_t;
COHORT_C_API cohort_batch_t* cohort_batch_new(void); /* NULL: no memory. */
COHORT_C_API size_t cohort_batch_count(const cohort_batch_t* batch);
COHORT_C_API void cohort_batch_clear(cohort_batch_t* batch); /* It may be used again. */
COHORT_C_API void cohort_batch_free(cohort_batch_t* batch);
/* As the writes of these names below. ttl_ms: lifetime, 0 for none. */
COHORT_C_API cohort_status_t cohort_batch_put(cohort_batch_t* batch, const void* key,
                                              size_t key_size, const void* value, size_t value_size,
                                              int64_t ttl_ms, cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_put_if(cohort_batch_t* batch, const void* key,
                                                 size_t key_size, cohort_version_t expected,
                                                 const void* value, size_t value_size,
                                                 int64_t ttl_ms, cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_put_if_absent(cohort_batch_t* batch, const void* key,
                                                        size_t key_size, const void* value,
                                                        size_t value_size, int64_t ttl_ms,
                                                        cohort_error_t** error);
/* Keeps the lifetime that the entry has. */
COHORT_C_API cohort_status_t cohort_batch_put_keeping_ttl(cohort_batch_t* batch, const void* key,
                                                          size_t key_size, const void* value,
                                                          size_t value_size,
                                                          cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_erase(cohort_batch_t* batch, const void* key,
                                                size_t key_size, cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_erase_if(cohort_batch_t* batch, const void* key,
                                                   size_t key_size, cohort_version_t expected,
                                                   cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_increment(cohort_batch_t* batch, const void* key,
                                                    size_t key_size, int64_t delta,
                                                    cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_append(cohort_batch_t* batch, const void* key,
                                                 size_t key_size, const void* suffix,
                                                 size_t suffix_size, cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_expire(cohort_batch_t* batch, const void* key,
                                                 size_t key_size, int64_t ttl_ms,
                                                 cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_persist(cohort_batch_t* batch, const void* key,
                                                  size_t key_size, cohort_error_t** error);

/* In a convergent map only. by_owner, and if_present for these and erasures, are options of
 * cohort_map_write. Of the list for an erasure only the names count. */
COHORT_C_API cohort_status_t cohort_batch_put_attributes(cohort_batch_t* batch, const void* key,
                                                         size_t key_size,
                                                         const cohort_attributes_t* attributes,
                                                         int64_t ttl_ms, cohort_error_t** error);
COHORT_C_API cohort_status_t cohort_batch_erase_attributes(cohort_batch_t* batch, const void* key,
                                                           size_t key_size,
                                                           const cohort_attributes_t* attributes,
                                                           cohort_error_t** error);

/* ---- Changes ---------------------------------------------------------------------------- */

typedef uint32_t cohort_change_cause_t;
enum {
  COHORT_CHANGE_OTHER = 0, /* One that this interface does not know. */
  COHORT_CHANGE_PUT = 1,
  COHORT_CHANGE_ERASE = 2,
  COHORT_CHANGE_EXPIRE = 3,
  COHORT_CHANGE_MERGE = 4, /* From another side of a healed partition. */
  COHORT_CHANGE_CLEAR = 5, /* All are gone; has no key. */
  COHORT_CHANGE_SYNC = 6,  /* The whole state came from another member: read the map. No key. */
  COHORT_CHANGE_EVICT = 7  /* It went to make room: cohort_map_options.when_full. */
};

typedef struct cohort_change {
  size_t size;
  const void* key;
  size_t key_size;
  const void* value; /* NULL: the entry is gone. */
  size_t value_size;
  cohort_version_t version;
  cohort_member_id_t writer;
  cohort_change_cause_t cause;
  uint32_t reserved;
} cohort_change_t;

typedef void (*cohort_change_fn)(const cohort_change_t* change, void* user);

/* Each change of a key that begins with `prefix` (size 0: of all keys), from now on, in the group's
 * order. To have the content as well, subscribe first and read then. */
COHORT_C_API cohort_status_t cohort_map_subscribe(cohort_map_t* map, const void* prefix,
                                                  size_t prefix_size, cohort_change_fn on_change,
                                                  void* user, cohort_subscription_t** subscription,
                                                  cohort_error_t** error);
/* Of one key. */
COHORT_C_API cohort_status_t cohort_map_subscribe_key(cohort_map_t* map, const void* key,
                                                      size_t key_size, cohort_change_fn on_change,
                                                      void* user,
                                                      cohort_subscription_t** subscription,
                                                      cohort_error_t** error);

#ifdef __cplusplus
}
#endif

#endif /* COHORT_C_MAP_H_ */

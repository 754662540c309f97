/* Opening maps, reading them, following their changes. */
#include <stdlib.h>

#include "testing.h"

static void what_one_member_puts_the_other_gets(void) {
  const pair_t pair = join_both("shared");
  cohort_group_t* const a = pair.a;
  cohort_group_t* const b = pair.b;
  cohort_map_t* const at_a = open_map(a, "m", COHORT_MAP_ORDERED);
  cohort_map_t* const at_b = open_map(b, "m", COHORT_MAP_ORDERED);
  EXPECT(strcmp(cohort_map_name(at_a), "m") == 0 && cohort_map_kind(at_a) == COHORT_MAP_ORDERED);
  cohort_write_result_t put = COHORT_WRITE_RESULT_INIT;
  EXPECT_OK(cohort_map_put(at_a, BYTES("k\0y"), BYTES("v\0lue"), NULL, &put, ERROR));
  EXPECT(put.status == COHORT_OK && put.replicas == 2 && put.version.time != 0);
  cohort_buffer_t* value = NULL;
  cohort_entry_t entry = COHORT_ENTRY_INIT;
  EXPECT_OK(cohort_map_get(at_b, BYTES("k\0y"), &value, &entry, ERROR));
  EXPECT(cohort_buffer_size(value) == 5);
  EXPECT(memcmp(cohort_buffer_data(value), "v\0lue", 6) == 0); /* And a '\0'. */
  EXPECT(entry.version.time == put.version.time && entry.version.writer == put.version.writer);
  EXPECT(entry.ttl_ms == 0);
  cohort_buffer_free(value);
  EXPECT(cohort_map_exists(at_b, BYTES("k\0y")) == 1 && cohort_map_exists(at_b, BYTES("k")) == 0);
  EXPECT(cohort_map_size(at_b) == 1 && cohort_map_bytes(at_b) >= 8);
  cohort_digest_t digests[2] = {COHORT_DIGEST_INIT, COHORT_DIGEST_INIT};
  EXPECT_OK(cohort_map_digest(at_a, &digests[0], ERROR));
  EXPECT_OK(cohort_map_digest(at_b, &digests[1], ERROR));
  EXPECT(digests[0].hi == digests[1].hi && digests[0].lo == digests[1].lo);
  EXPECT(digests[0].hi != 0 && digests[0].entries == 1 && digests[0].view.number > 0);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_map_digest(at_a, NULL, ERROR));
  cohort_map_close(at_a);
  cohort_map_close(at_b);
  cohort_group_close(a);
  cohort_group_close(b);
}

static void what_is_not_there_is_not_found(void) {
  cohort_group_t* const group = join("absent", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  cohort_buffer_t* value = NULL;
  cohort_entry_t entry = COHORT_ENTRY_INIT;
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_get(map, BYTES("k"), &value, &entry, ERROR));
  EXPECT(value == NULL);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_map_get(map, NULL, 1, &value, &entry, ERROR));
  EXPECT_OK(cohort_map_put(map, BYTES("k"), NULL, 0, NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_get(map, BYTES("k"), NULL, NULL, ERROR)); /* Whether it is there. */
  EXPECT_OK(cohort_map_get(map, BYTES("k"), &value, NULL, ERROR));
  EXPECT(value != NULL && cohort_buffer_size(value) == 0 && cohort_buffer_data(value) != NULL);
  cohort_buffer_free(value);
  entry.size = 3;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_map_get(map, BYTES("k"), NULL, &entry, ERROR));
  cohort_map_close(map);
  cohort_group_close(group);
}

typedef struct answer {
  int told;
  cohort_status_t status;
  bool is_right; /* Its value is "v", and has an entry; or neither, and a message. */
} answer_t;

static void on_answer(cohort_status_t status, const char* message, const void* value,
                      size_t value_size, const cohort_entry_t* entry, void* user) {
  answer_t* const answer = user;
  lock();
  answer->told += 1;
  answer->status = status;
  answer->is_right = status == COHORT_OK ? same_bytes(value, value_size, "v") && *message == 0 &&
                                               entry->version.time != 0 && entry->ttl_ms == 0
                                         : value == NULL && entry == NULL && *message != 0;
  unlock_and_tell();
}
static bool was_told_once(void* of) { return ((answer_t*)of)->told == 1; }

/* Here the member that is asked is the one that holds the state itself. */
static void a_read_with_options_is_answered_here_if_it_can_be(void) {
  cohort_group_t* const group = join("asking", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  EXPECT_OK(cohort_map_put(map, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  cohort_read_options_t options = COHORT_READ_OPTIONS_INIT;
  options.ask_others_ms = COHORT_FOREVER;
  cohort_buffer_t* value = NULL;
  cohort_entry_t entry = COHORT_ENTRY_INIT;
  EXPECT_OK(cohort_map_get_with(map, BYTES("k"), &options, &value, &entry, ERROR));
  EXPECT(same_bytes(cohort_buffer_data(value), cohort_buffer_size(value), "v"));
  EXPECT(entry.version.time != 0 && entry.ttl_ms == 0);
  cohort_buffer_free(value);
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_get_with(map, BYTES("n"), NULL, NULL, NULL, ERROR));
  answer_t there = {0};
  EXPECT_OK(cohort_map_get_async(map, BYTES("k"), &options, on_answer, &there, ERROR));
  EXPECT(await(was_told_once, &there) && there.status == COHORT_OK && there.is_right);
  answer_t absent = {0};
  EXPECT_OK(cohort_map_get_async(map, BYTES("n"), NULL, on_answer, &absent, ERROR));
  EXPECT(await(was_told_once, &absent) && absent.status == COHORT_NOT_FOUND && absent.is_right);
  EXPECT_OK(cohort_map_get_async(map, BYTES("k"), NULL, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_get_async(map, BYTES(""), NULL, on_answer, &absent, ERROR));
  options.ask_others_ms = -2;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_get_with(map, BYTES("k"), &options, NULL, NULL, ERROR));
  options.size = 4;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_get_async(map, BYTES("k"), &options, NULL, NULL, ERROR));
  cohort_map_close(map);
  cohort_group_close(group);
}

static void a_value_is_copied_if_it_fits(void) {
  cohort_group_t* const group = join("copy", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  EXPECT_OK(cohort_map_put(map, BYTES("k"), BYTES("value"), NULL, NULL, ERROR));
  char buffer[8] = "-------";
  size_t size = 0;
  cohort_entry_t entry = COHORT_ENTRY_INIT;
  EXPECT_STATUS(COHORT_OUT_OF_RANGE, cohort_map_copy(map, BYTES("k"), NULL, 0, &size, NULL, ERROR));
  EXPECT(size == 5);
  EXPECT_STATUS(COHORT_OUT_OF_RANGE,
                cohort_map_copy(map, BYTES("k"), buffer, 4, &size, &entry, ERROR));
  EXPECT(size == 5 && strcmp(buffer, "-------") == 0 && entry.version.time != 0);
  EXPECT_OK(cohort_map_copy(map, BYTES("k"), buffer, 5, &size, NULL, ERROR));
  EXPECT(size == 5 && strcmp(buffer, "value--") == 0);
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_copy(map, BYTES("n"), buffer, 5, &size, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_copy(map, BYTES("k"), NULL, 5, &size, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_copy(map, BYTES("k"), buffer, 5, NULL, NULL, ERROR));
  cohort_map_close(map);
  cohort_group_close(group);
}

typedef struct visits {
  int count;
  int stop_after;
  unsigned long sum;
} visits_t;

static int visit(const void* key, size_t key_size, const void* value, size_t value_size,
                 const cohort_entry_t* entry, void* user) {
  visits_t* const visits = user;
  EXPECT(key_size == 3 && value_size == 3 && memcmp(key, value, 3) == 0);
  EXPECT(entry->size == sizeof *entry && entry->version.time != 0 && entry->ttl_ms == 0);
  visits->count += 1;
  visits->sum +=
      strtoul((const char[]){((const char*)key)[1], ((const char*)key)[2], '\0'}, NULL, 10);
  return visits->count == visits->stop_after;
}

static void entries_are_visited_once_each_until_the_visitor_stops(void) {
  cohort_group_t* const group = join("visits", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  for (int i = 0; i < 100; ++i) {
    char key[16];
    snprintf(key, sizeof key, "k%02d", i);
    EXPECT_OK(cohort_map_put(map, key, 3, key, 3, NULL, NULL, ERROR));
  }
  visits_t all = {0, 0, 0};
  EXPECT_OK(cohort_map_for_each(map, visit, &all, ERROR));
  EXPECT(all.count == 100 && all.sum == 4950);
  visits_t some = {0, 7, 0};
  EXPECT_OK(cohort_map_for_each(map, visit, &some, ERROR));
  EXPECT(some.count == 7);
  visits_t scanned = {0, 0, 0};
  uint64_t cursor = 0;
  int calls = 0;
  do {
    EXPECT_OK(cohort_map_scan(map, &cursor, 10, visit, &scanned, ERROR));
    ++calls;
  } while (cursor != 0 && calls < 1000);
  EXPECT(scanned.count == 100 && scanned.sum == 4950 && calls > 1);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_map_for_each(map, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_map_scan(map, NULL, 0, visit, &all, ERROR));
  cohort_map_close(map);
  cohort_group_close(group);
}

static void maps_that_cannot_be_are_refused(void) {
  cohort_group_t* const group = join("no-map", "a");
  cohort_map_options_t options = COHORT_MAP_OPTIONS_INIT;
  cohort_map_t* map = NULL;
  const cohort_status_t invalid = COHORT_INVALID_ARGUMENT;
  EXPECT_STATUS(invalid, cohort_group_open_map(group, NULL, &options, &map, ERROR));
  EXPECT_STATUS(invalid, cohort_group_open_map(group, "", &options, &map, ERROR));
  EXPECT_STATUS(invalid, cohort_group_open_map(group, "m", &options, NULL, ERROR));
  options.kind = 2;
  EXPECT_STATUS(invalid, cohort_group_open_map(group, "m", &options, &map, ERROR));
  options.kind = COHORT_MAP_ORDERED;
  options.timeout_ms = -7;
  EXPECT_STATUS(invalid, cohort_group_open_map(group, "m", &options, &map, ERROR));
  EXPECT(map == NULL);
  options.timeout_ms = 1000;
  EXPECT_OK(cohort_group_open_map(group, "m", &options, &map, ERROR));
  cohort_map_close(map);
  options.kind = COHORT_MAP_CONVERGENT;
  EXPECT_STATUS(COHORT_FAILED_PRECONDITION,
                cohort_group_open_map(group, "m", &options, &map, ERROR));
  cohort_group_close(group);
}

typedef struct changes {
  int count;
  cohort_change_cause_t last_cause;
  bool last_has_value;
  size_t last_size;
  cohort_version_t version;
  cohort_member_id_t writer;
} changes_t;

static void on_change(const cohort_change_t* change, void* user) {
  changes_t* const changes = user;
  EXPECT(change->size == sizeof *change);
  lock();
  changes->count += 1;
  changes->last_cause = change->cause;
  changes->last_has_value = change->value != NULL;
  changes->last_size = change->value_size;
  changes->version = change->version;
  changes->writer = change->writer;
  unlock_and_tell();
}
static bool saw_clear(void* of) { return ((changes_t*)of)->last_cause == COHORT_CHANGE_CLEAR; }
static bool saw_erase(void* of) { return ((changes_t*)of)->last_cause == COHORT_CHANGE_ERASE; }
static bool saw_expiry(void* of) { return ((changes_t*)of)->last_cause == COHORT_CHANGE_EXPIRE; }
static bool saw_put(void* of) { return ((changes_t*)of)->last_cause == COHORT_CHANGE_PUT; }

static void changes_are_told_to_those_who_asked_for_the_key(void) {
  cohort_group_t* const group = join("changes", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  changes_t all = {0}, prefixed = {0}, one = {0};
  cohort_subscription_t* subscriptions[3] = {NULL, NULL, NULL};
  EXPECT_OK(cohort_map_subscribe(map, NULL, 0, on_change, &all, &subscriptions[0], ERROR));
  EXPECT_OK(
      cohort_map_subscribe(map, BYTES("user:"), on_change, &prefixed, &subscriptions[1], ERROR));
  EXPECT_OK(
      cohort_map_subscribe_key(map, BYTES("user:1"), on_change, &one, &subscriptions[2], ERROR));
  cohort_write_result_t put = COHORT_WRITE_RESULT_INIT;
  EXPECT_OK(cohort_map_put(map, BYTES("user:1"), NULL, 0, NULL, &put, ERROR));
  EXPECT(await(saw_put, &one) && one.last_has_value && one.last_size == 0);
  EXPECT(one.version.time == put.version.time);
  EXPECT(one.writer.instance_hi == cohort_group_id(group).instance_hi);
  EXPECT_OK(cohort_map_put(map, BYTES("user:2"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_put(map, BYTES("other"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_erase(map, BYTES("user:1"), NULL, NULL, ERROR));
  EXPECT(await(saw_erase, &one) && !one.last_has_value);
  EXPECT_OK(cohort_map_clear(map, NULL, NULL, ERROR));
  EXPECT(await(saw_clear, &one) && await(saw_clear, &all) && await(saw_clear, &prefixed));
  EXPECT(all.count == 5 && prefixed.count == 4 && one.count == 3);
  for (int i = 0; i < 3; ++i) cohort_subscription_cancel(subscriptions[i]);
  EXPECT_OK(cohort_map_put(map, BYTES("user:1"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT(all.count == 5 && one.count == 3);
  cohort_map_close(map);
  cohort_group_close(group);
}

static void an_entry_expires_and_that_is_told(void) {
  cohort_group_t* const group = join("expiry", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  changes_t changes = {0};
  cohort_subscription_t* subscription = NULL;
  EXPECT_OK(cohort_map_subscribe(map, NULL, 0, on_change, &changes, &subscription, ERROR));
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  options.ttl_ms = 30;
  EXPECT_OK(cohort_map_put(map, BYTES("k"), BYTES("v"), &options, NULL, ERROR));
  EXPECT(await(saw_expiry, &changes));
  EXPECT(cohort_map_size(map) == 0);
  cohort_subscription_cancel(subscription);
  cohort_map_close(map);
  cohort_group_close(group);
}

const test_t map_tests[] = {TEST(what_one_member_puts_the_other_gets),
                            TEST(what_is_not_there_is_not_found),
                            TEST(a_read_with_options_is_answered_here_if_it_can_be),
                            TEST(a_value_is_copied_if_it_fits),
                            TEST(entries_are_visited_once_each_until_the_visitor_stops),
                            TEST(maps_that_cannot_be_are_refused),
                            TEST(changes_are_told_to_those_who_asked_for_the_key),
                            TEST(an_entry_expires_and_that_is_told),
                            {NULL, NULL}};

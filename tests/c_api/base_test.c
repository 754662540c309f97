/* Versions, statuses, and what holds for all functions: NULL is no crash, sizes are heeded. */
#include <stdlib.h>

#include "testing.h"

static void the_library_says_which_it_is(void) {
  EXPECT(cohort_abi_version() == COHORT_ABI_VERSION);
  int major = -1;
  int minor = -1;
  EXPECT(sscanf(cohort_version(), "%d.%d", &major, &minor) == 2);
  EXPECT(cohort_key_bytes_max() == 4096);
  EXPECT(cohort_value_bytes_max() > 512 * 1024);
  EXPECT(cohort_message_bytes_max() > 512 * 1024);
}

static void every_status_has_a_name(void) {
  EXPECT(strcmp(cohort_status_name(COHORT_OK), "OK") == 0);
  EXPECT(strcmp(cohort_status_name(COHORT_NOT_FOUND), "NOT_FOUND") == 0);
  EXPECT(strcmp(cohort_status_name(COHORT_UNAUTHENTICATED), "UNAUTHENTICATED") == 0);
  EXPECT(strcmp(cohort_status_name(17), "?") == 0);
}

static void what_is_freed_may_be_null(void) {
  cohort_error_free(NULL);
  cohort_buffer_free(NULL);
  cohort_view_free(NULL);
  cohort_stats_free(NULL);
  cohort_group_close(NULL);
  cohort_map_close(NULL);
  cohort_subscription_cancel(NULL);
  cohort_attributes_free(NULL);
  cohort_batch_free(NULL);
  cohort_batch_clear(NULL);
}

static void of_null_there_is_nothing(void) {
  EXPECT(cohort_error_status(NULL) == COHORT_OK);
  EXPECT(strcmp(cohort_error_message(NULL), "") == 0);
  EXPECT(cohort_buffer_data(NULL) == NULL && cohort_buffer_size(NULL) == 0);
  EXPECT(cohort_view_get_id(NULL).number == 0);
  EXPECT(cohort_view_member_count(NULL) == 0 && cohort_view_member(NULL, 0) == NULL);
  EXPECT(cohort_view_joined_count(NULL) == 0 && cohort_view_joined(NULL, 0) == NULL);
  EXPECT(cohort_view_left_count(NULL) == 0 && cohort_view_left(NULL, 0) == NULL);
  EXPECT(cohort_view_primary(NULL) == 0);
  EXPECT(cohort_group_id(NULL).instance_hi == 0);
  EXPECT(strcmp(cohort_group_name(NULL), "") == 0 && strcmp(cohort_group_address(NULL), "") == 0);
  EXPECT(cohort_group_synced(NULL) == 0 && cohort_group_writable(NULL) == 0);
  EXPECT(cohort_stats_count(NULL) == 0 && cohort_stats_name(NULL, 0) == NULL);
  EXPECT(cohort_stats_value(NULL, 0) == 0 && cohort_stats_find(NULL, "x", NULL) == 0);
  EXPECT(strcmp(cohort_map_name(NULL), "") == 0 && cohort_map_kind(NULL) == COHORT_MAP_ORDERED);
  EXPECT(cohort_map_exists(NULL, BYTES("k")) == 0 && cohort_map_size(NULL) == 0);
  EXPECT(cohort_map_expiring(NULL) == 0 && cohort_map_bytes(NULL) == 0);
  EXPECT(cohort_attributes_count(NULL) == 0 && cohort_batch_count(NULL) == 0);
  size_t size = 7;
  EXPECT(cohort_attributes_name(NULL, 0, &size) == NULL && size == 0);
  EXPECT(cohort_attributes_value(NULL, 0, NULL) == NULL);
}

static int visit_nothing(const void* key, size_t key_size, const void* value, size_t value_size,
                         const cohort_entry_t* entry, void* user) {
  (void)key, (void)key_size, (void)value, (void)value_size, (void)entry, (void)user;
  return 0;
}
static void on_nothing(const cohort_change_t* change, void* user) { (void)change, (void)user; }
static void on_no_event(const cohort_event_t* event, void* user) { (void)event, (void)user; }
static void on_no_view(const cohort_view_t* view, void* user) { (void)view, (void)user; }
static void on_no_message(const cohort_message_t* message, void* user) {
  (void)message, (void)user;
}

static void calls_without_a_group_are_refused(void) {
  const cohort_status_t invalid = COHORT_INVALID_ARGUMENT;
  cohort_view_t* view = NULL;
  cohort_stats_t* stats = NULL;
  cohort_map_t* map = NULL;
  cohort_subscription_t* subscription = NULL;
  EXPECT_STATUS(invalid, cohort_group_leave(NULL, ERROR));
  EXPECT(error_says("group is NULL"));
  EXPECT_STATUS(invalid, cohort_group_drain(NULL, 0, ERROR));
  EXPECT_STATUS(invalid, cohort_group_view(NULL, &view, ERROR));
  EXPECT_STATUS(invalid, cohort_group_stats(NULL, &stats, ERROR));
  EXPECT_STATUS(invalid, cohort_group_verify_convergence(NULL, 0, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_group_open_map(NULL, "m", NULL, &map, ERROR));
  EXPECT_STATUS(invalid, cohort_group_send(NULL, BYTES("x"), COHORT_DELIVERY_AGREED, ERROR));
  EXPECT_STATUS(invalid, cohort_group_send_sync(NULL, BYTES("x"), COHORT_DELIVERY_SAFE, 0, ERROR));
  EXPECT_STATUS(invalid, cohort_group_send_async(NULL, BYTES("x"), COHORT_DELIVERY_CONV, 0, NULL,
                                                 NULL, ERROR));
  EXPECT_STATUS(invalid,
                cohort_group_subscribe_views(NULL, on_no_view, NULL, &subscription, ERROR));
  EXPECT_STATUS(invalid,
                cohort_group_subscribe_messages(NULL, on_no_message, NULL, &subscription, ERROR));
  EXPECT_STATUS(invalid,
                cohort_group_subscribe_events(NULL, on_no_event, NULL, &subscription, ERROR));
  EXPECT(cohort_group_leave(NULL, NULL) == invalid); /* Whoever wants no text gets none. */
}

static void calls_without_a_map_are_refused(void) {
  const cohort_status_t invalid = COHORT_INVALID_ARGUMENT;
  cohort_buffer_t* buffer = NULL;
  cohort_attributes_t* attributes = NULL;
  cohort_subscription_t* subscription = NULL;
  cohort_digest_t digest = COHORT_DIGEST_INIT;
  uint64_t cursor = 0;
  size_t size = 0;
  EXPECT_STATUS(invalid, cohort_map_get(NULL, BYTES("k"), &buffer, NULL, ERROR));
  EXPECT(error_says("map is NULL"));
  EXPECT_STATUS(invalid, cohort_map_copy(NULL, BYTES("k"), NULL, 0, &size, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_for_each(NULL, visit_nothing, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_scan(NULL, &cursor, 0, visit_nothing, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_digest(NULL, &digest, ERROR));
  EXPECT_STATUS(invalid, cohort_map_get_attribute(NULL, BYTES("k"), BYTES("n"), &buffer, ERROR));
  EXPECT_STATUS(invalid, cohort_map_get_attributes(NULL, BYTES("k"), &attributes, ERROR));
  EXPECT_STATUS(invalid,
                cohort_map_subscribe(NULL, BYTES(""), on_nothing, NULL, &subscription, ERROR));
  EXPECT_STATUS(invalid,
                cohort_map_subscribe_key(NULL, BYTES("k"), on_nothing, NULL, &subscription, ERROR));
  EXPECT_STATUS(invalid, cohort_map_put(NULL, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_clear(NULL, NULL, NULL, ERROR));
  EXPECT_STATUS(invalid,
                cohort_map_put_async(NULL, BYTES("k"), BYTES("v"), NULL, NULL, NULL, ERROR));
}

static void lists_say_what_is_in_them(void) {
  cohort_attributes_t* const attributes = cohort_attributes_new();
  EXPECT_OK(cohort_attributes_add(attributes, BYTES("user"), BYTES("a\0n"), ERROR));
  EXPECT_OK(cohort_attributes_add(attributes, BYTES("cart"), NULL, 0, ERROR));
  EXPECT(cohort_attributes_count(attributes) == 2);
  size_t size = 0;
  EXPECT(strcmp(cohort_attributes_name(attributes, 0, &size), "user") == 0 && size == 4);
  EXPECT(memcmp(cohort_attributes_value(attributes, 0, &size), "a\0n", 4) == 0 && size == 3);
  EXPECT(strcmp(cohort_attributes_value(attributes, 1, &size), "") == 0 && size == 0);
  EXPECT(cohort_attributes_name(attributes, 2, &size) == NULL);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_attributes_add(attributes, NULL, 1, BYTES("v"), ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_attributes_add(NULL, BYTES("n"), BYTES("v"), ERROR));
  cohort_attributes_free(attributes);
}

static void lists_have_an_end(void) {
  cohort_attributes_t* const attributes = cohort_attributes_new();
  cohort_batch_t* const batch = cohort_batch_new();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_OK(cohort_attributes_add(attributes, BYTES("n"), BYTES("v"), ERROR));
    EXPECT_OK(cohort_batch_erase(batch, BYTES("k"), ERROR));
  }
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_attributes_add(attributes, BYTES("n"), BYTES("v"), ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_batch_erase(batch, BYTES("k"), ERROR));
  EXPECT(cohort_batch_count(batch) == 1000);
  cohort_batch_clear(batch);
  EXPECT(cohort_batch_count(batch) == 0);
  cohort_attributes_free(attributes);
  cohort_batch_free(batch);
}

static void a_batch_without_its_parts_is_refused(void) {
  const cohort_status_t invalid = COHORT_INVALID_ARGUMENT;
  cohort_batch_t* const batch = cohort_batch_new();
  EXPECT_STATUS(invalid, cohort_batch_put(batch, NULL, 1, BYTES("v"), 0, ERROR));
  EXPECT(error_says("key is NULL"));
  EXPECT_STATUS(invalid, cohort_batch_put(batch, BYTES("k"), NULL, 1, 0, ERROR));
  EXPECT(error_says("value is NULL"));
  EXPECT_STATUS(invalid, cohort_batch_append(NULL, BYTES("k"), BYTES("v"), ERROR));
  EXPECT(error_says("batch is NULL"));
  EXPECT(cohort_batch_count(batch) == 0);
  cohort_batch_free(batch);
}

const test_t base_tests[] = {TEST(the_library_says_which_it_is),
                             TEST(every_status_has_a_name),
                             TEST(what_is_freed_may_be_null),
                             TEST(of_null_there_is_nothing),
                             TEST(calls_without_a_group_are_refused),
                             TEST(calls_without_a_map_are_refused),
                             TEST(lists_say_what_is_in_them),
                             TEST(lists_have_an_end),
                             TEST(a_batch_without_its_parts_is_refused),
                             {NULL, NULL}};

/* Every write of an ordered map, blocking and asynchronous, and what refuses it. */
#include "testing.h"

/* A group of one member with an ordered map. */
typedef struct fixture {
  cohort_group_t* group;
  cohort_map_t* map;
} fixture_t;
static fixture_t set_up(const char* name) {
  fixture_t fixture = {join(name, "a"), NULL};
  fixture.map = open_map(fixture.group, "m", COHORT_MAP_ORDERED);
  return fixture;
}
static void tear_down(fixture_t fixture) {
  cohort_map_close(fixture.map);
  cohort_group_close(fixture.group);
}

static void writes_with_a_condition_hold_or_are_aborted(void) {
  const fixture_t f = set_up("conditions");
  cohort_write_result_t result = COHORT_WRITE_RESULT_INIT;
  EXPECT_OK(cohort_map_put_if_absent(f.map, BYTES("k"), BYTES("1"), NULL, &result, ERROR));
  const cohort_version_t first = result.version;
  EXPECT_STATUS(COHORT_ABORTED,
                cohort_map_put_if_absent(f.map, BYTES("k"), BYTES("2"), NULL, &result, ERROR));
  EXPECT(result.status == COHORT_ABORTED && result.version.time == first.time);
  EXPECT_STATUS(COHORT_ABORTED, cohort_map_put_if(f.map, BYTES("k"), COHORT_VERSION_NONE,
                                                  BYTES("2"), NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_put_if(f.map, BYTES("k"), first, BYTES("2"), NULL, &result, ERROR));
  EXPECT(reads(f.map, "k", "2"));
  EXPECT_STATUS(COHORT_ABORTED, cohort_map_erase_if(f.map, BYTES("k"), first, NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_erase_if(f.map, BYTES("k"), result.version, NULL, &result, ERROR));
  EXPECT(result.number == 1 && cohort_map_size(f.map) == 0);
  EXPECT_OK(cohort_map_erase(f.map, BYTES("k"), NULL, &result, ERROR));
  EXPECT(result.number == 0);
  tear_down(f);
}

static void numbers_are_counted_and_text_is_appended(void) {
  const fixture_t f = set_up("numbers");
  cohort_write_result_t result = COHORT_WRITE_RESULT_INIT;
  EXPECT_OK(cohort_map_increment(f.map, BYTES("n"), 40, NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_increment(f.map, BYTES("n"), 2, NULL, &result, ERROR));
  EXPECT(result.number == 42 && reads(f.map, "n", "42"));
  EXPECT_STATUS(COHORT_OUT_OF_RANGE,
                cohort_map_increment(f.map, BYTES("n"), INT64_MAX, NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_append(f.map, BYTES("n"), BYTES("!"), NULL, &result, ERROR));
  EXPECT(result.number == 3 && reads(f.map, "n", "42!"));
  EXPECT_STATUS(COHORT_FAILED_PRECONDITION,
                cohort_map_increment(f.map, BYTES("n"), 1, NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_put(f.map, BYTES("m"), BYTES("x"), NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_clear(f.map, NULL, &result, ERROR));
  EXPECT(result.number == 2 && cohort_map_size(f.map) == 0);
  tear_down(f);
}

static int64_t ttl_of(const cohort_map_t* map, const char* key) {
  cohort_entry_t entry = COHORT_ENTRY_INIT;
  EXPECT_OK(cohort_map_get(map, key, strlen(key), NULL, &entry, ERROR));
  return entry.ttl_ms;
}

static void lifetimes_begin_end_and_begin_again(void) {
  const fixture_t f = set_up("lifetimes");
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  options.ttl_ms = 60000;
  EXPECT_OK(cohort_map_put(f.map, BYTES("k"), BYTES("1"), &options, NULL, ERROR));
  EXPECT(ttl_of(f.map, "k") > 50000 && ttl_of(f.map, "k") <= 60000);
  EXPECT(cohort_map_expiring(f.map) == 1);
  cohort_write_options_t keep = COHORT_WRITE_OPTIONS_INIT;
  keep.keep_ttl = 1;
  EXPECT_OK(cohort_map_put(f.map, BYTES("k"), BYTES("2"), &keep, NULL, ERROR));
  EXPECT(ttl_of(f.map, "k") > 0);
  EXPECT_OK(cohort_map_expire(f.map, BYTES("k"), 600000, NULL, NULL, ERROR));
  EXPECT(ttl_of(f.map, "k") > 60000);
  EXPECT_OK(cohort_map_touch(f.map, BYTES("k"), NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_persist(f.map, BYTES("k"), NULL, NULL, ERROR));
  EXPECT(ttl_of(f.map, "k") == 0 && cohort_map_expiring(f.map) == 0);
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_expire(f.map, BYTES("n"), 1, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_persist(f.map, BYTES("n"), NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_touch(f.map, BYTES("n"), NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_expire(f.map, BYTES("k"), -1, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_expire(f.map, BYTES("k"), 0, NULL, NULL, ERROR));
  tear_down(f);
}

static void writes_that_cannot_be_are_refused(void) {
  static const char large[5000];
  const fixture_t f = set_up("refused-writes");
  const cohort_status_t invalid = COHORT_INVALID_ARGUMENT;
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  cohort_write_result_t result = COHORT_WRITE_RESULT_INIT;
  EXPECT_STATUS(invalid, cohort_map_put(f.map, NULL, 1, BYTES("v"), NULL, &result, ERROR));
  EXPECT(result.status == invalid && error_says("key is NULL"));
  EXPECT_STATUS(invalid, cohort_map_put(f.map, BYTES("k"), NULL, 1, NULL, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_put(f.map, NULL, 0, BYTES("v"), NULL, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_put(f.map, large, sizeof large, BYTES("v"), NULL, NULL, ERROR));
  options.ack = 3;
  EXPECT_STATUS(invalid, cohort_map_put(f.map, BYTES("k"), BYTES("v"), &options, NULL, ERROR));
  EXPECT(error_says("ack"));
  options.ack = COHORT_ACK_LOCAL;
  options.ttl_ms = -1;
  EXPECT_STATUS(invalid, cohort_map_put(f.map, BYTES("k"), BYTES("v"), &options, NULL, ERROR));
  options.ttl_ms = 0;
  options.timeout_ms = -2;
  EXPECT_STATUS(invalid, cohort_map_put(f.map, BYTES("k"), BYTES("v"), &options, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_write(f.map, NULL, NULL, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_map_append(f.map, BYTES("k"), NULL, 3, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_FAILED_PRECONDITION,
                cohort_map_get_attribute(f.map, BYTES("k"), BYTES("n"), NULL, ERROR));
  EXPECT(cohort_map_size(f.map) == 0);
  tear_down(f);
}

static void a_result_is_written_as_far_as_its_caller_has_it(void) {
  const fixture_t f = set_up("results");
  cohort_write_result_t older;
  memset(&older, 0x77, sizeof older);
  const int64_t untouched = older.number;
  older.size = offsetof(cohort_write_result_t, number);
  EXPECT_OK(cohort_map_increment(f.map, BYTES("n"), 5, NULL, &older, ERROR));
  EXPECT(older.size == offsetof(cohort_write_result_t, number));
  EXPECT(older.status == COHORT_OK && older.replicas == 1 && older.number == untouched);
  struct {
    cohort_write_result_t known;
    uint64_t unknown;
    uint64_t beyond;
  } newer;
  memset(&newer, 0x77, sizeof newer);
  const uint64_t beyond = newer.beyond;
  newer.known.size = offsetof(__typeof__(newer), beyond);
  EXPECT_OK(cohort_map_increment(f.map, BYTES("n"), 5, NULL, &newer.known, ERROR));
  EXPECT(newer.known.number == 10 && newer.unknown == 0 && newer.beyond == beyond);
  newer.known.size = 0;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_increment(f.map, BYTES("n"), 5, NULL, &newer.known, ERROR));
  EXPECT(reads(f.map, "n", "10")); /* Nothing was done. */
  tear_down(f);
}

static void options_of_an_older_caller_of_a_write_have_defaults(void) {
  const fixture_t f = set_up("older-write");
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  options.size = offsetof(cohort_write_options_t, ttl_ms);
  options.ack = COHORT_ACK_ONE;
  options.ttl_ms = 50000; /* It does not know of it, so this is anything. */
  options.timeout_ms = -9;
  EXPECT_OK(cohort_map_put(f.map, BYTES("k"), BYTES("v"), &options, NULL, ERROR));
  EXPECT(ttl_of(f.map, "k") == 0);
  tear_down(f);
}

static void a_batch_is_applied_as_a_whole_or_not_at_all(void) {
  const fixture_t f = set_up("batches");
  cohort_batch_t* const batch = cohort_batch_new();
  cohort_write_result_t put = COHORT_WRITE_RESULT_INIT;
  EXPECT_OK(cohort_map_put(f.map, BYTES("old"), BYTES("1"), NULL, &put, ERROR));
  EXPECT_OK(cohort_batch_put(batch, BYTES("a"), BYTES("1"), 60000, ERROR));
  EXPECT_OK(cohort_batch_put_keeping_ttl(batch, BYTES("a"), BYTES("2"), ERROR));
  EXPECT_OK(cohort_batch_put_if_absent(batch, BYTES("b"), BYTES("x"), 0, ERROR));
  EXPECT_OK(cohort_batch_append(batch, BYTES("b"), BYTES("y"), ERROR));
  EXPECT_OK(cohort_batch_increment(batch, BYTES("n"), 7, ERROR));
  EXPECT_OK(cohort_batch_expire(batch, BYTES("n"), 60000, ERROR));
  EXPECT_OK(cohort_batch_persist(batch, BYTES("n"), ERROR));
  EXPECT_OK(cohort_batch_put_if(batch, BYTES("old"), put.version, BYTES("2"), 0, ERROR));
  EXPECT(cohort_batch_count(batch) == 8);
  EXPECT_OK(cohort_map_write(f.map, batch, NULL, NULL, ERROR));
  EXPECT(reads(f.map, "a", "2") && ttl_of(f.map, "a") > 0);
  EXPECT(reads(f.map, "b", "xy") && reads(f.map, "n", "7") && ttl_of(f.map, "n") == 0);
  EXPECT(reads(f.map, "old", "2"));
  EXPECT_STATUS(COHORT_ABORTED, cohort_map_write(f.map, batch, NULL, NULL, ERROR));
  EXPECT(reads(f.map, "n", "7"));
  cohort_batch_clear(batch);
  EXPECT_OK(cohort_batch_erase(batch, BYTES("a"), ERROR));
  EXPECT_OK(cohort_batch_erase_if(batch, BYTES("old"), put.version, ERROR));
  EXPECT_STATUS(COHORT_ABORTED, cohort_map_write(f.map, batch, NULL, NULL, ERROR));
  EXPECT(reads(f.map, "a", "2"));
  cohort_batch_free(batch);
  tear_down(f);
}

typedef struct answer {
  int calls;
  cohort_write_result_t result;
  char message[128];
} answer_t;

static void on_written(const cohort_write_result_t* result, const char* message, void* user) {
  answer_t* const answer = user;
  lock();
  answer->calls += 1;
  answer->result = *result;
  snprintf(answer->message, sizeof answer->message, "%s", message);
  unlock_and_tell();
}
static bool was_answered(void* of) { return ((answer_t*)of)->calls > 0; }
static bool answered(answer_t* answer, cohort_status_t status) {
  const bool came = await(was_answered, answer);
  const bool right = came && answer->calls == 1 && answer->result.status == status &&
                     answer->result.size == sizeof answer->result &&
                     (answer->message[0] == '\0') == (status == COHORT_OK);
  if (!right) {
    fprintf(stderr, "  answered %d times: %s %s\n", answer->calls,
            cohort_status_name(answer->result.status), answer->message);
  }
  answer->calls = 0;
  return right;
}

static void every_write_can_be_answered_by_a_callback(void) {
  const fixture_t f = set_up("asynchronous");
  answer_t got = {0};
  EXPECT_OK(cohort_map_put_async(f.map, BYTES("k"), BYTES("1"), NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && got.result.version.time != 0 && got.result.replicas == 1);
  const cohort_version_t version = got.result.version;
  EXPECT_OK(cohort_map_put_if_async(f.map, BYTES("k"), version, BYTES("2"), NULL, on_written, &got,
                                    ERROR));
  EXPECT(answered(&got, COHORT_OK));
  EXPECT_OK(
      cohort_map_put_if_absent_async(f.map, BYTES("k"), BYTES("3"), NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_ABORTED));
  EXPECT_OK(cohort_map_erase_if_async(f.map, BYTES("k"), version, NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_ABORTED));
  EXPECT_OK(cohort_map_append_async(f.map, BYTES("k"), BYTES("2"), NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && got.result.number == 2);
  EXPECT_OK(cohort_map_increment_async(f.map, BYTES("k"), 1, NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && got.result.number == 23);
  EXPECT_OK(cohort_map_expire_async(f.map, BYTES("k"), 60000, NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && ttl_of(f.map, "k") > 0);
  EXPECT_OK(cohort_map_touch_async(f.map, BYTES("k"), NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK));
  EXPECT_OK(cohort_map_persist_async(f.map, BYTES("k"), NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && ttl_of(f.map, "k") == 0);
  cohort_batch_t* const batch = cohort_batch_new();
  EXPECT_OK(cohort_batch_put(batch, BYTES("l"), BYTES("1"), 0, ERROR));
  EXPECT_OK(cohort_map_write_async(f.map, batch, NULL, on_written, &got, ERROR));
  cohort_batch_free(batch); /* It was copied. */
  EXPECT(answered(&got, COHORT_OK) && cohort_map_size(f.map) == 2);
  EXPECT_OK(cohort_map_erase_async(f.map, BYTES("l"), NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && got.result.number == 1);
  EXPECT_OK(cohort_map_clear_async(f.map, NULL, on_written, &got, ERROR));
  EXPECT(answered(&got, COHORT_OK) && cohort_map_size(f.map) == 0);
  tear_down(f);
}

static void a_write_that_is_not_accepted_has_no_callback(void) {
  const fixture_t f = set_up("not-accepted");
  answer_t got = {0};
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_put_async(f.map, NULL, 4, BYTES("v"), NULL, on_written, &got, ERROR));
  options.ack = 9;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_map_put_async(f.map, BYTES("k"), BYTES("v"),
                                                              &options, on_written, &got, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_write_async(f.map, NULL, NULL, on_written, &got, ERROR));
  EXPECT_OK(cohort_map_put_async(f.map, BYTES("k"), BYTES("v"), NULL, NULL, NULL, ERROR));
  tear_down(f); /* What was accepted has been answered now. */
  EXPECT(got.calls == 0);
}

const test_t write_tests[] = {TEST(writes_with_a_condition_hold_or_are_aborted),
                              TEST(numbers_are_counted_and_text_is_appended),
                              TEST(lifetimes_begin_end_and_begin_again),
                              TEST(writes_that_cannot_be_are_refused),
                              TEST(a_result_is_written_as_far_as_its_caller_has_it),
                              TEST(options_of_an_older_caller_of_a_write_have_defaults),
                              TEST(a_batch_is_applied_as_a_whole_or_not_at_all),
                              TEST(every_write_can_be_answered_by_a_callback),
                              TEST(a_write_that_is_not_accepted_has_no_callback),
                              {NULL, NULL}};

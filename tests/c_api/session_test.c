/* Session stores. */
#include "testing.h"

static cohort_session_store_t* open_store(cohort_group_t* group) {
  cohort_session_store_options_t options = COHORT_SESSION_STORE_OPTIONS_INIT;
  options.application = "/shop";
  cohort_session_store_t* store = NULL;
  EXPECT_OK(cohort_session_store_open(&options, group, &store, ERROR));
  return store;
}

static cohort_attributes_t* list(const char* name, const char* value) {
  cohort_attributes_t* const attributes = cohort_attributes_new();
  EXPECT_OK(cohort_attributes_add(attributes, name, strlen(name), value, strlen(value), ERROR));
  return attributes;
}

static cohort_status_t save(cohort_session_store_t* store, const char* name, const char* value,
                            uint64_t fence) {
  cohort_attributes_t* const set = list(name, value);
  cohort_session_changes_t changes = COHORT_SESSION_CHANGES_INIT;
  changes.set = set;
  changes.fence = fence;
  cohort_session_result_t result = COHORT_SESSION_RESULT_INIT;
  const cohort_status_t status = cohort_session_save(store, BYTES("s1"), &changes, &result, NULL);
  EXPECT(result.status == status);
  cohort_attributes_free(set);
  return status;
}

static bool holds(cohort_session_store_t* store, const char* name, const char* value) {
  cohort_session_t* session = NULL;
  EXPECT_OK(cohort_session_load(store, BYTES("s1"), &session, ERROR));
  const cohort_attributes_t* const all = cohort_session_attributes(session);
  bool found = false;
  for (size_t i = 0; i < cohort_attributes_count(all); ++i) {
    found = found || (strcmp(cohort_attributes_name(all, i, NULL), name) == 0 &&
                      strcmp(cohort_attributes_value(all, i, NULL), value) == 0);
  }
  cohort_session_free(session);
  return found;
}

static void a_session_is_read_by_all_and_its_old_owner_is_refused(void) {
  const pair_t pair = join_both("sessions");
  cohort_group_t* const a = pair.a;
  cohort_group_t* const b = pair.b;
  cohort_session_store_t* const at_a = open_store(a);
  cohort_session_store_t* const at_b = open_store(b);
  cohort_attributes_t* const set = list("n", "1");
  cohort_session_changes_t contents = COHORT_SESSION_CHANGES_INIT;
  contents.set = set;
  contents.metadata = "ann";
  contents.metadata_size = 3;
  contents.max_inactive_ms = 60000;
  contents.created_ms = 1700000000123;
  cohort_session_result_t result = COHORT_SESSION_RESULT_INIT;
  EXPECT_OK(cohort_session_create(at_a, BYTES("s1"), &contents, &result, ERROR));
  EXPECT(result.replicas == 2 && result.refused == 0 && result.fence != 0);
  EXPECT_STATUS(COHORT_ALREADY_EXISTS, cohort_session_create(at_b, BYTES("s1"), NULL, NULL, ERROR));
  cohort_attributes_free(set);
  EXPECT(cohort_session_exists(at_b, BYTES("s1")) == 1);
  EXPECT(cohort_session_is_owner(at_a, BYTES("s1")) == 1);
  EXPECT(cohort_session_is_owner(at_b, BYTES("s1")) == 0);
  cohort_session_t* session = NULL;
  EXPECT_OK(cohort_session_load(at_b, BYTES("s1"), &session, ERROR));
  cohort_session_info_t info = COHORT_SESSION_INFO_INIT;
  cohort_session_get_info(session, &info);
  EXPECT(info.created_ms == 1700000000123 && info.max_inactive_ms == 60000);
  EXPECT(info.owned == 0 && info.last_accessed_ms > info.created_ms);
  size_t size = 0;
  const void* const metadata = cohort_session_metadata(session, &size);
  EXPECT(same_bytes(metadata, size, "ann"));
  cohort_session_free(session);
  EXPECT(save(at_b, "n", "2", info.fence) == COHORT_OK);
  EXPECT(save(at_a, "n", "stale", 0) == COHORT_ABORTED);
  EXPECT(holds(at_a, "n", "2"));
  EXPECT(save(at_a, "n", "3", 0) == COHORT_OK);
  EXPECT(holds(at_b, "n", "3"));
  EXPECT_OK(cohort_session_touch(at_b, BYTES("s1"), ERROR));
  cohort_session_stats_t stats = COHORT_SESSION_STATS_INIT;
  EXPECT_OK(cohort_session_store_stats(at_a, &stats, ERROR));
  EXPECT(stats.sessions == 1 && stats.owned == 1 && stats.claims == 1 && stats.conflicts == 1 &&
         stats.deltas == 0);
  cohort_digest_t digests[2] = {COHORT_DIGEST_INIT, COHORT_DIGEST_INIT};
  EXPECT_OK(cohort_session_store_digest(at_a, &digests[0], ERROR));
  EXPECT_OK(cohort_session_store_digest(at_b, &digests[1], ERROR));
  EXPECT(digests[0].entries == 1 && digests[0].hi == digests[1].hi);
  EXPECT(digests[0].lo == digests[1].lo);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_store_digest(at_a, NULL, ERROR));
  cohort_session_store_options_t again = COHORT_SESSION_STORE_OPTIONS_INIT;
  again.application = "/shop";
  cohort_session_store_t* second = NULL;
  EXPECT_STATUS(COHORT_ALREADY_EXISTS, cohort_session_store_open(&again, a, &second, ERROR));
  EXPECT(second == NULL && error_says("close it first"));
  cohort_session_store_close(at_a);
  cohort_session_store_close(open_store(a));
  cohort_session_store_close(at_b);
  cohort_group_close(a);
  cohort_group_close(b);
}

/* Answers to saves: how many, how many of them COHORT_OK, and the last. */
typedef struct saves {
  int answered;
  int good;
  cohort_session_result_t last;
  bool had_text;
} saves_t;

static void on_saved(const cohort_session_result_t* result, const char* message, void* user) {
  saves_t* const saves = user;
  lock();
  ++saves->answered;
  saves->good += result->status == COHORT_OK ? 1 : 0;
  saves->last = *result;
  saves->had_text = message[0] != 0;
  unlock_and_tell();
}

static int wanted_answers;
static bool are_answered(void* of) { return ((saves_t*)of)->answered == wanted_answers; }
static bool await_answers(saves_t* saves, int count) {
  wanted_answers = count;
  return await(are_answered, saves);
}

static void save_async(cohort_session_store_t* store, const char* value, saves_t* saves) {
  cohort_attributes_t* const set = list("n", value);
  cohort_session_changes_t changes = COHORT_SESSION_CHANGES_INIT;
  changes.set = set;
  EXPECT_OK(cohort_session_save_async(store, BYTES("s1"), &changes, on_saved, saves, ERROR));
  EXPECT(cohort_attributes_count(set) == 1);
  cohort_attributes_free(set);
}

static void a_list_that_is_taken_is_empty_and_can_be_filled_again(void) {
  cohort_session_store_t* const store = open_store(NULL);
  cohort_attributes_t* const set = list("n", "0");
  cohort_session_changes_t changes = COHORT_SESSION_CHANGES_INIT;
  changes.taken = set;
  EXPECT_OK(cohort_session_create(store, BYTES("s1"), &changes, NULL, ERROR));
  EXPECT(cohort_attributes_count(set) == 0 && holds(store, "n", "0"));
  EXPECT_OK(cohort_attributes_add(set, BYTES("n"), BYTES("1"), ERROR));
  EXPECT_OK(cohort_session_save(store, BYTES("s1"), &changes, NULL, ERROR));
  EXPECT(cohort_attributes_count(set) == 0 && holds(store, "n", "1"));
  EXPECT_OK(cohort_attributes_add(set, BYTES("n"), BYTES("2"), ERROR));
  saves_t saves = {0};
  EXPECT_OK(cohort_session_save_async(store, BYTES("s1"), &changes, on_saved, &saves, ERROR));
  EXPECT(await_answers(&saves, 1) && saves.good == 1);
  EXPECT(cohort_attributes_count(set) == 0 && holds(store, "n", "2"));
  /* Both would say which. */
  changes.set = set;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_save(store, BYTES("s1"), &changes, NULL, ERROR));
  cohort_attributes_free(set);
  cohort_session_store_close(store);
}

static void saves_that_are_not_waited_for_are_answered_once(void) {
  const pair_t pair = join_both("saved");
  cohort_session_store_t* const at_a = open_store(pair.a);
  cohort_session_store_t* const at_b = open_store(pair.b);
  saves_t saves = {0};
  save_async(at_a, "0", &saves);
  EXPECT(await_answers(&saves, 1) && saves.last.status == COHORT_NOT_FOUND && saves.had_text);
  EXPECT_OK(cohort_session_create(at_a, BYTES("s1"), NULL, NULL, ERROR));
  for (int i = 0; i < 50; ++i) save_async(at_a, "1", &saves);
  EXPECT(await_answers(&saves, 51) && saves.good == 50 && !saves.had_text);
  EXPECT(saves.last.size == sizeof saves.last && saves.last.replicas == 2);
  EXPECT(saves.last.fence != 0 && saves.last.version.time != 0);
  EXPECT(holds(at_b, "n", "1"));
  /* Nobody has to ask; the next one, which waits, comes after it. */
  cohort_session_changes_t changes = COHORT_SESSION_CHANGES_INIT;
  EXPECT_OK(cohort_session_save_async(at_a, BYTES("s1"), &changes, NULL, NULL, ERROR));
  EXPECT(save(at_a, "n", "2", 0) == COHORT_OK && holds(at_b, "n", "2"));
  /* What is refused as an argument is not answered, what the store refuses is. */
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_save_async(NULL, BYTES("s1"), &changes, on_saved, &saves, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_save_async(at_a, NULL, 2, &changes, on_saved, &saves, ERROR));
  changes.size = 4;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_save_async(at_a, BYTES("s1"), &changes, on_saved, &saves, ERROR));
  EXPECT_OK(cohort_session_save_async(at_a, BYTES(""), NULL, on_saved, &saves, ERROR));
  EXPECT(await_answers(&saves, 52) && saves.last.status == COHORT_INVALID_ARGUMENT);
  /* With the store and the group closed behind it each has its answer. */
  for (int i = 0; i < 50; ++i) save_async(at_a, "3", &saves);
  cohort_session_store_close(at_a);
  cohort_group_close(pair.a);
  EXPECT(await_answers(&saves, 102));
  cohort_session_store_close(at_b);
  cohort_group_close(pair.b);
}

typedef struct told {
  int events;
  int tasks;
  cohort_session_event_kind_t last;
  bool had_session;
} told_t;

static void on_event(const cohort_session_event_t* event, void* user) {
  told_t* const told = user;
  lock();
  ++told->events;
  told->last = event->kind;
  told->had_session =
      event->session != NULL && cohort_attributes_count(cohort_session_attributes(event->session));
  unlock_and_tell();
}

static void on_task(const cohort_session_task_t* task, void* user) {
  told_t* const told = user;
  lock();
  told->tasks += task->state == COHORT_SESSION_TASK_DONE && task->moved == 1 ? 1 : 0;
  unlock_and_tell();
}

static int on_id(const void* id, size_t size, void* user) {
  *(bool*)user = same_bytes(id, size, "s2");
  return 0;
}

static bool is_done(void* of) { return ((told_t*)of)->tasks == 1; }

/* Waits until the last event is of this kind. A store of no group tells on the thread that called
 * it or on its own, so it may come a moment after the call. */
static cohort_session_event_kind_t wanted;
static bool is_wanted(void* of) {
  return ((told_t*)of)->events > 0 && ((told_t*)of)->last == wanted;
}
static bool was_told(told_t* told, cohort_session_event_kind_t kind) {
  wanted = kind;
  return await(is_wanted, told);
}

static void a_local_store_tells_and_moves_into_a_group(void) {
  cohort_session_store_t* const store = open_store(NULL);
  told_t told = {0};
  cohort_subscription_t* events = NULL;
  cohort_subscription_t* tasks = NULL;
  EXPECT_OK(cohort_session_store_subscribe_events(store, 1, on_event, &told, &events, ERROR));
  EXPECT_OK(cohort_session_store_subscribe_tasks(store, on_task, &told, &tasks, ERROR));
  EXPECT_OK(cohort_session_create(store, BYTES("s1"), NULL, NULL, ERROR));
  EXPECT(was_told(&told, COHORT_SESSION_CREATED) && told.events == 1 && !told.had_session);
  EXPECT(save(store, "n", "1", 0) == COHORT_OK);
  EXPECT(was_told(&told, COHORT_SESSION_CHANGED));
  saves_t saves = {0};
  save_async(store, "2", &saves);
  EXPECT(await_answers(&saves, 1) && saves.good == 1 && holds(store, "n", "2"));
  EXPECT_OK(cohort_session_change_id(store, BYTES("s1"), BYTES("s2"), NULL, ERROR));
  EXPECT(was_told(&told, COHORT_SESSION_ID_CHANGED));
  cohort_session_changes_t late = COHORT_SESSION_CHANGES_INIT;
  cohort_session_result_t result = COHORT_SESSION_RESULT_INIT;
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_session_save(store, BYTES("s1"), &late, &result, ERROR));
  EXPECT(result.new_id_size == 2 && strcmp(result.new_id, "s2") == 0);
  bool is_s2 = false;
  EXPECT_OK(cohort_session_store_ids(store, 0, on_id, &is_s2, ERROR));
  EXPECT(is_s2);
  cohort_group_t* const group = join("switched", "a");
  EXPECT(cohort_session_store_replicated(store) == 0);
  uint64_t task = 0;
  EXPECT_OK(cohort_session_store_set_replication(store, group, &task, ERROR));
  EXPECT_OK(cohort_session_store_await_task(store, task, 0, ERROR));
  EXPECT(cohort_session_store_replicated(store) == 1);
  EXPECT(await(is_done, &told));
  told_t listed = {0};
  EXPECT_OK(cohort_session_store_tasks(store, on_task, &listed, ERROR));
  EXPECT(listed.tasks == 1);
  EXPECT_OK(cohort_session_store_set_replication(store, NULL, &task, ERROR));
  EXPECT_OK(cohort_session_store_await_task(store, task, 0, ERROR));
  EXPECT_OK(cohort_session_invalidate(store, BYTES("s2"), NULL, ERROR));
  EXPECT(was_told(&told, COHORT_SESSION_INVALIDATED) && told.had_session);
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_session_invalidate(store, BYTES("s2"), &result, ERROR));
  EXPECT(result.new_id_size == 0 && result.new_id[0] == 0);
  cohort_subscription_cancel(events);
  cohort_subscription_cancel(tasks);
  cohort_session_store_close(store);
  cohort_group_close(group);
}

static void bad_arguments_of_stores_are_refused(void) {
  cohort_session_store_options_t options = COHORT_SESSION_STORE_OPTIONS_INIT;
  cohort_session_store_t* store = NULL;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_store_open(&options, NULL, &store, ERROR));
  EXPECT(error_says("application"));
  options.application = "/shop";
  options.eviction = 7;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_store_open(&options, NULL, &store, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_store_open(NULL, NULL, &store, ERROR));
  store = open_store(NULL);
  cohort_session_t* session = NULL;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_load(store, NULL, 2, &session, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_load(store, BYTES(""), &session, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_session_load(store, BYTES("s1"), &session, ERROR));
  cohort_session_changes_t changes = COHORT_SESSION_CHANGES_INIT;
  changes.metadata_size = 3;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_create(store, BYTES("s1"), &changes, NULL, ERROR));
  changes = (cohort_session_changes_t)COHORT_SESSION_CHANGES_INIT;
  changes.max_inactive_ms = -2;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_create(store, BYTES("s1"), &changes, NULL, ERROR));
  changes.size = 4;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_session_save(store, BYTES("s1"), &changes, NULL, ERROR));
  EXPECT_STATUS(COHORT_FAILED_PRECONDITION,
                cohort_session_store_set_replication(store, NULL, NULL, ERROR));
  EXPECT(strcmp(cohort_session_event_name(COHORT_SESSION_EXPIRED), "expired") == 0);
  EXPECT(strcmp(cohort_session_event_name(COHORT_SESSION_CONFLICT), "conflict") == 0);
  EXPECT(strcmp(cohort_session_event_name(99), "?") == 0);
  cohort_digest_t digest = COHORT_DIGEST_INIT;
  EXPECT_STATUS(COHORT_FAILED_PRECONDITION, cohort_session_store_digest(store, &digest, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_session_store_digest(NULL, &digest, ERROR));
  EXPECT(cohort_session_exists(NULL, BYTES("s1")) == 0);
  EXPECT(cohort_session_is_owner(NULL, BYTES("s1")) == 0);
  EXPECT(cohort_session_attributes(NULL) == NULL);
  cohort_session_free(NULL);
  cohort_session_store_close(store);
  cohort_session_store_close(NULL);
}

const test_t session_tests[] = {TEST(a_session_is_read_by_all_and_its_old_owner_is_refused),
                                TEST(saves_that_are_not_waited_for_are_answered_once),
                                TEST(a_list_that_is_taken_is_empty_and_can_be_filled_again),
                                TEST(a_local_store_tells_and_moves_into_a_group),
                                TEST(bad_arguments_of_stores_are_refused),
                                {NULL, NULL}};

/* Joining, options and their sizes, views, stats, leaving. */
#include <pthread.h>
#include <stdlib.h>

#include "testing.h"

static void a_member_joins_sees_itself_and_leaves(void) {
  cohort_group_t* const group = join("alone", "a");
  EXPECT(strcmp(cohort_group_name(group), "a") == 0);
  EXPECT(strncmp(cohort_group_address(group), "127.0.0.1:", 10) == 0);
  EXPECT(cohort_group_synced(group) == 1 && cohort_group_writable(group) == 1);
  cohort_view_t* view = NULL;
  EXPECT_OK(cohort_group_view(group, &view, ERROR));
  EXPECT(cohort_view_get_id(view).number > 0 && cohort_view_primary(view) == 1);
  EXPECT(cohort_view_member_count(view) == 1 && cohort_view_member(view, 1) == NULL);
  const cohort_member_t* const member = cohort_view_member(view, 0);
  EXPECT(member->size == sizeof *member && member->synced == 1);
  EXPECT(strcmp(member->name, "a") == 0);
  EXPECT(strcmp(member->address, cohort_group_address(group)) == 0);
  EXPECT(member->id.instance_hi == cohort_group_id(group).instance_hi);
  EXPECT_OK(cohort_group_leave(group, ERROR));
  EXPECT_STATUS(COHORT_CANCELLED, cohort_group_leave(group, ERROR));
  EXPECT(cohort_group_writable(group) == 0);
  EXPECT(strcmp(member->name, "a") == 0); /* What was returned lives as long as the view. */
  cohort_view_free(view);
  EXPECT_OK(cohort_group_view(group, &view, ERROR));
  EXPECT(cohort_view_member_count(view) == 0);
  cohort_view_free(view);
  cohort_group_close(group);
}

static void expect_refused(const cohort_group_options_t* options, const char* text) {
  cohort_group_t* group = NULL;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_join(options, &group, ERROR));
  EXPECT(group == NULL);
  EXPECT(error_says(text));
  if (!error_says(text)) fprintf(stderr, "  wanted it to say: %s\n", text);
}

static void options_that_cannot_be_are_refused_by_name(void) {
  const cohort_group_options_t good = on_loopback("refused", "a");
  cohort_group_options_t bad = good;
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_join(&good, NULL, ERROR));
  expect_refused(NULL, "options is NULL");
  bad.policy = 2;
  expect_refused(&bad, "policy");
  bad = good, bad.allow_plaintext = 3;
  expect_refused(&bad, "allow_plaintext");
  bad = good, bad.failure_profile = 2;
  expect_refused(&bad, "failure_profile");
  bad = good, bad.multicast_ttl = 256;
  expect_refused(&bad, "multicast_ttl");
  bad = good, bad.seed_count = 65;
  expect_refused(&bad, "seeds");
  bad = good, bad.seed_count = 1;
  expect_refused(&bad, "seed is NULL");
  bad = good, bad.join_timeout_ms = -2;
  expect_refused(&bad, "timeout");
  bad = good, bad.group = NULL;
  expect_refused(&bad, "group");
  bad = good, bad.stall_timeout_ms = 1;
  expect_refused(&bad, "stall_timeout");
  bad = good, bad.send_queue_bytes_max = 1;
  expect_refused(&bad, "send_queue_bytes_max");
  bad = good, bad.datagram_bytes_max = 1471;
  expect_refused(&bad, "datagram_bytes_max");
  bad = good, bad.datagram_bytes_max = 8973;
  expect_refused(&bad, "datagram_bytes_max");
}

static void on_view_that_must_not_be(const cohort_view_t* view, void* user) {
  (void)view, (void)user;
  EXPECT(!"called, though it lies beyond the size");
}

static void options_of_an_older_caller_have_defaults_where_they_end(void) {
  cohort_group_options_t options = on_loopback("older", "a");
  options.size = offsetof(cohort_group_options_t, on_view);
  options.on_view = on_view_that_must_not_be;
  cohort_group_t* group = NULL;
  EXPECT_OK(cohort_group_join(&options, &group, ERROR));
  cohort_group_close(group);
  /* Nothing but a group: so there is no key, and no leave to be without. */
  options.size = offsetof(cohort_group_options_t, name);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_join(&options, &group, ERROR));
  EXPECT(error_says("key"));
}

static void options_of_a_newer_caller_may_set_only_what_is_known(void) {
  struct {
    cohort_group_options_t known;
    uint64_t unknown;
  } newer = {on_loopback("newer", "a"), 0};
  newer.known.size = sizeof newer;
  cohort_group_t* group = NULL;
  EXPECT_OK(cohort_group_join(&newer.known, &group, ERROR));
  cohort_group_close(group);
  newer.unknown = 1;
  expect_refused(&newer.known, "does not know");
}

static void sizes_that_no_struct_has_are_refused(void) {
  cohort_group_options_t options = on_loopback("sizes", "a");
  const size_t bad[] = {0, 4, sizeof options - 1, 65544, SIZE_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    options.size = bad[i];
    expect_refused(&options, "its size is");
  }
}

typedef struct joined {
  pthread_t thread;
  cohort_group_t* group;
  cohort_status_t status;
  char message[256];
  int calls;
} joined_t;

static void on_joined(cohort_status_t status, cohort_group_t* group, const char* message,
                      void* user) {
  joined_t* const joined = user;
  cohort_map_t* map = NULL;
  if (group != NULL) {
    EXPECT_OK(cohort_group_open_map(group, "m", NULL, &map, ERROR)); /* It may block here. */
    cohort_map_close(map);
  }
  lock();
  joined->thread = pthread_self();
  joined->group = group;
  joined->status = status;
  snprintf(joined->message, sizeof joined->message, "%s", message);
  joined->calls += 1;
  unlock_and_tell();
}
static bool was_called(void* of) { return ((joined_t*)of)->calls == 1; }

static void joining_can_be_told_by_a_callback_on_a_thread_of_its_own(void) {
  joined_t joined = {.status = COHORT_UNKNOWN};
  {
    cohort_group_options_t options = on_loopback("async", "a");
    EXPECT_OK(cohort_group_join_async(&options, on_joined, &joined, ERROR));
    memset(&options, 0xff, sizeof options); /* It was copied. */
  }
  EXPECT(await(was_called, &joined));
  EXPECT(joined.status == COHORT_OK && joined.group != NULL);
  EXPECT(strcmp(joined.message, "") == 0);
  EXPECT(!pthread_equal(joined.thread, pthread_self()));
  EXPECT(strcmp(cohort_group_name(joined.group), "a") == 0);
  cohort_group_close(joined.group);
}

static void joining_that_fails_is_told_by_the_callback_too(void) {
  joined_t joined = {.status = COHORT_UNKNOWN};
  cohort_group_options_t options = on_loopback("async-fails", "a");
  options.key_file = "/nowhere/key";
  options.allow_plaintext = COHORT_PLAINTEXT_NO;
  EXPECT_OK(cohort_group_join_async(&options, on_joined, &joined, ERROR));
  EXPECT(await(was_called, &joined));
  EXPECT(joined.status == COHORT_NOT_FOUND && joined.group == NULL);
  EXPECT(strstr(joined.message, "/nowhere/key") != NULL);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_join_async(&options, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_join_async(NULL, on_joined, &joined, ERROR));
  EXPECT(joined.calls == 1);
}

static void a_key_is_all_that_two_members_need(void) {
  cohort_group_t* members[2] = {NULL, NULL};
  const char* const names[2] = {"a", "b"};
  for (int i = 0; i < 2; ++i) {
    cohort_group_options_t options = on_loopback("key", names[i]);
    options.allow_plaintext = COHORT_PLAINTEXT_NO;
    options.key = "cohort-key-1 123456789abcdef00112233445566778899aabbccddeeff0f1e2d3c4b5a69788\n";
    options.failure_profile = COHORT_PROFILE_WEB_SESSIONS;
    EXPECT_OK(cohort_group_join(&options, &members[i], ERROR));
  }
  EXPECT(await_members(members[0], 2));
  cohort_group_close(members[1]);
  EXPECT(await_members(members[0], 1));
  cohort_group_close(members[0]);
}

static void seeds_do_without_multicast(void) {
  cohort_group_options_t options = on_loopback("seeds", "a");
  const char* const nobody[] = {"127.0.0.1:1"};
  options.no_multicast = 1;
  options.seeds = nobody;
  options.seed_count = 1;
  options.policy = COHORT_POLICY_PRIMARY;
  options.bootstrap = 1;
  cohort_group_t* first = NULL;
  EXPECT_OK(cohort_group_join(&options, &first, ERROR));
  const char* const seeds[] = {cohort_group_address(first)};
  options.name = "b";
  options.bootstrap = 0;
  options.seeds = seeds;
  cohort_group_t* second = NULL;
  EXPECT_OK(cohort_group_join(&options, &second, ERROR));
  EXPECT(await_members(first, 2));
  cohort_group_close(second);
  cohort_group_close(first);
}

static void stats_are_named_numbers(void) {
  cohort_group_t* const group = join("stats", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  EXPECT_OK(cohort_map_put(map, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  cohort_stats_t* stats = NULL;
  EXPECT_OK(cohort_group_stats(group, &stats, ERROR));
  const size_t count = cohort_stats_count(stats);
  EXPECT(count > 20 && cohort_stats_name(stats, count) == NULL);
  for (size_t i = 0; i < count; ++i) {
    uint64_t value = ~cohort_stats_value(stats, i);
    EXPECT(cohort_stats_find(stats, cohort_stats_name(stats, i), &value) == 1);
    EXPECT(value == cohort_stats_value(stats, i));
    EXPECT(i == 0 || strcmp(cohort_stats_name(stats, i - 1), cohort_stats_name(stats, i)) < 0);
  }
  uint64_t entries = 0;
  EXPECT(cohort_stats_find(stats, "map.m.entries", &entries) == 1 && entries == 1);
  EXPECT(cohort_stats_find(stats, "socket.receive_buffer_bytes", NULL) == 1);
  EXPECT(cohort_stats_find(stats, "none", &entries) == 0 && entries == 1);
  EXPECT(cohort_stats_find(stats, NULL, &entries) == 0);
  cohort_stats_free(stats);
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_stats(group, NULL, ERROR));
  cohort_map_close(map);
  cohort_group_close(group);
}

static void a_member_drains_only_into_another_one(void) {
  cohort_group_t* const first = join("drain", "a");
  cohort_map_t* map = open_map(first, "m", COHORT_MAP_ORDERED);
  EXPECT_OK(cohort_map_put(map, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_DEADLINE_EXCEEDED, cohort_group_drain(first, 50, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_drain(first, -5, ERROR));
  cohort_group_t* const second = join("drain", "b");
  EXPECT(await_members(second, 2));
  uint32_t members = 0;
  EXPECT_OK(cohort_group_verify_convergence(second, 0, &members, ERROR));
  EXPECT(members == 2);
  EXPECT_OK(cohort_group_drain(first, COHORT_FOREVER, ERROR));
  EXPECT(await_members(second, 1));
  cohort_map_close(map);
  map = open_map(second, "m", COHORT_MAP_ORDERED);
  EXPECT(reads(map, "k", "v"));
  cohort_map_close(map);
  cohort_group_close(first);
  cohort_group_close(second);
}

const test_t group_tests[] = {TEST(a_member_joins_sees_itself_and_leaves),
                              TEST(options_that_cannot_be_are_refused_by_name),
                              TEST(options_of_an_older_caller_have_defaults_where_they_end),
                              TEST(options_of_a_newer_caller_may_set_only_what_is_known),
                              TEST(sizes_that_no_struct_has_are_refused),
                              TEST(joining_can_be_told_by_a_callback_on_a_thread_of_its_own),
                              TEST(joining_that_fails_is_told_by_the_callback_too),
                              TEST(a_key_is_all_that_two_members_need),
                              TEST(seeds_do_without_multicast),
                              TEST(stats_are_named_numbers),
                              TEST(a_member_drains_only_into_another_one),
                              {NULL, NULL}};

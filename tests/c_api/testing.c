#define _POSIX_C_SOURCE 200809L
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static int failures;
static _Thread_local char last_message[1024];
static _Thread_local cohort_error_t* last_error;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void expect(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
}

cohort_error_t** error_slot(void) {
  cohort_error_free(last_error);
  last_error = NULL;
  return &last_error;
}

void expect_status(cohort_status_t wanted, cohort_status_t got, const char* what, const char* file,
                   int line) {
  const char* const message = cohort_error_message(last_error);
  if (got != wanted) {
    expect(false, what, file, line);
    fprintf(stderr, "  wanted %s, got %s: %s\n", cohort_status_name(wanted),
            cohort_status_name(got), message);
  }
  expect((last_error != NULL) == (got != COHORT_OK), what, file, line);
  expect(cohort_error_status(last_error) == got, what, file, line);
  expect((message[0] != '\0') == (got != COHORT_OK), what, file, line);
  snprintf(last_message, sizeof last_message, "%s", message);
  cohort_error_free(last_error);
  last_error = NULL;
}

bool error_says(const char* part) { return strstr(last_message, part) != NULL; }

bool same_bytes(const void* data, size_t size, const char* text) {
  return data != NULL && size == strlen(text) && memcmp(data, text, size) == 0;
}

void lock(void) { pthread_mutex_lock(&mutex); }

void unlock_and_tell(void) {
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

bool await(bool (*condition)(void* of), void* of) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 60;
  pthread_mutex_lock(&mutex);
  bool holds = condition(of);
  int result = 0;
  while (!holds && result != ETIMEDOUT) {
    result = pthread_cond_timedwait(&changed, &mutex, &until);
    holds = condition(of);
  }
  pthread_mutex_unlock(&mutex);
  return holds;
}

cohort_group_options_t on_loopback(const char* group, const char* name) {
  static char multicast[64];
  static char unique[8][80]; /* Options of at most eight groups are in use at once. */
  static unsigned next;
  char* const group_name = unique[next++ % 8];
  snprintf(multicast, sizeof multicast, "239.255.78.2:%d", 20000 + (int)(getpid() % 20000));
  snprintf(group_name, sizeof unique[0], "%s-%d", group, (int)getpid());
  cohort_group_options_t options = COHORT_GROUP_OPTIONS_INIT;
  options.group = group_name;
  options.name = name;
  options.bind = "127.0.0.1";
  options.multicast = multicast;
  options.allow_plaintext = COHORT_PLAINTEXT_LOOPBACK;
  options.join_timeout_ms = 60000;
  return options;
}

cohort_group_t* join(const char* group, const char* name) {
  const cohort_group_options_t options = on_loopback(group, name);
  cohort_group_t* joined = NULL;
  EXPECT_OK(cohort_group_join(&options, &joined, ERROR));
  return joined;
}

cohort_map_t* open_map(cohort_group_t* group, const char* name, cohort_map_kind_t kind) {
  cohort_map_options_t options = COHORT_MAP_OPTIONS_INIT;
  options.kind = kind;
  cohort_map_t* map = NULL;
  EXPECT_OK(cohort_group_open_map(group, name, &options, &map, ERROR));
  return map;
}

typedef struct synced {
  size_t members;
  size_t synced;
} synced_t;

static bool all_are_synced(void* of) {
  const synced_t* const seen = of;
  return seen->synced == seen->members;
}

typedef struct watched {
  cohort_group_t* group;
  synced_t seen;
} watched_t;

static void look(watched_t* watched) {
  cohort_view_t* view = NULL;
  if (cohort_group_view(watched->group, &view, NULL) != COHORT_OK) return;
  size_t synced = 0;
  const size_t members = cohort_view_member_count(view);
  for (size_t i = 0; i < members; ++i) synced += cohort_view_member(view, i)->synced;
  cohort_view_free(view);
  lock();
  watched->seen.synced = members == watched->seen.members ? synced : 0;
  unlock_and_tell();
}
static void look_at_event(const cohort_event_t* event, void* user) {
  (void)event;
  look(user);
}
static void look_at_view(const cohort_view_t* view, void* user) {
  (void)view;
  look(user);
}

bool await_members(cohort_group_t* group, size_t members) {
  watched_t watched = {group, {members, 0}};
  cohort_subscription_t* events = NULL;
  cohort_subscription_t* views = NULL;
  EXPECT_OK(cohort_group_subscribe_events(group, look_at_event, &watched, &events, ERROR));
  EXPECT_OK(cohort_group_subscribe_views(group, look_at_view, &watched, &views, ERROR));
  const bool seen = await(all_are_synced, &watched.seen);
  cohort_subscription_cancel(events);
  cohort_subscription_cancel(views);
  return seen;
}

/* A member that finds nobody in time begins a group of its own, and comes a moment later. */
pair_t join_both(const char* group) {
  const pair_t pair = {join(group, "a"), join(group, "b")};
  EXPECT(await_members(pair.a, 2) && await_members(pair.b, 2));
  return pair;
}

bool reads(const cohort_map_t* map, const char* key, const char* value) {
  cohort_buffer_t* buffer = NULL;
  if (cohort_map_get(map, key, strlen(key), &buffer, NULL, NULL) != COHORT_OK) return false;
  const bool same = same_bytes(cohort_buffer_data(buffer), cohort_buffer_size(buffer), value);
  cohort_buffer_free(buffer);
  return same;
}

/* Without arguments all tests; else those whose names contain the argument. */
int main(int argc, char** argv) {
  const test_t* const all[] = {base_tests,  group_tests,      callback_tests, map_tests,
                               write_tests, convergent_tests, session_tests,  resolver_tests};
  int count = 0;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    for (const test_t* test = all[i]; test->name != NULL; ++test) {
      if (argc > 1 && strstr(test->name, argv[1]) == NULL) continue;
      const int before = failures;
      test->run();
      ++count;
      printf("%s  %s\n", failures == before ? "ok    " : "FAILED", test->name);
      fflush(stdout);
    }
  }
  printf("%d tests, %d failures\n", count, failures);
  return failures == 0 && count > 0 ? 0 : 1;
}

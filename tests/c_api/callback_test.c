/* Views, events, messages; what callbacks may do; and that none runs once a group is closed. */
#include <pthread.h>

#include "testing.h"

typedef struct seen {
  cohort_group_t* group; /* For callbacks that use it. */
  cohort_map_t* map;
  cohort_subscription_t* subscription;
  pthread_t thread;
  int calls;
  int views;
  size_t members;
  cohort_cause_t cause;
  char joined[32];
  char left[32];
  uint32_t kinds[64]; /* Of events: how often. */
  char text[64];
  cohort_delivery_t delivery;
  cohort_member_id_t from;
  cohort_status_t statuses[8];
  bool closed;
} seen_t;

static bool was_called(void* of) { return ((seen_t*)of)->calls > 0; }

/* ---- Views, events, messages. */

static void on_view(const cohort_view_t* view, void* user) {
  seen_t* const seen = user;
  const cohort_member_change_t* const came = cohort_view_joined(view, 0);
  const cohort_member_change_t* const went = cohort_view_left(view, 0);
  lock();
  seen->views += 1;
  seen->members = cohort_view_member_count(view);
  if (came != NULL) snprintf(seen->joined, sizeof seen->joined, "%s", came->member->name);
  if (went != NULL) {
    EXPECT(went->size == sizeof *went && went->cause_name != NULL && went->evidence != NULL);
    EXPECT(cohort_view_left_count(view) == 1);
    snprintf(seen->left, sizeof seen->left, "%s", went->member->name);
    seen->cause = went->cause;
  }
  unlock_and_tell();
}
static void on_event(const cohort_event_t* event, void* user) {
  seen_t* const seen = user;
  EXPECT(event->size == sizeof *event && event->kind_name[0] != '\0' && event->at_ns > 0);
  EXPECT(event->kind != COHORT_EVENT_OTHER && event->kind < 64);
  EXPECT((event->kind == COHORT_EVENT_SYNCED) == (strcmp(event->kind_name, "synced") == 0));
  EXPECT(event->text != NULL && event->subject_name != NULL);
  lock();
  seen->kinds[event->kind] += 1;
  if (event->kind == COHORT_EVENT_SYNCED)
    snprintf(seen->text, sizeof seen->text, "%s", event->subject_name);
  unlock_and_tell();
}
static bool b_came(void* of) {
  const seen_t* const seen = of;
  return seen->members == 2 && strcmp(seen->joined, "b") == 0;
}
static bool b_went(void* of) {
  const seen_t* const seen = of;
  return seen->members == 1 && strcmp(seen->left, "b") == 0;
}

static bool b_was_synced(void* of) {
  const seen_t* const seen = of;
  return seen->kinds[COHORT_EVENT_SYNCED] > 0 && strcmp(seen->text, "b") == 0;
}

static void views_and_events_are_told_from_the_first_on(void) {
  seen_t seen = {0};
  seen_t later = {0};
  cohort_group_options_t options = on_loopback("views", "a");
  options.on_view = on_view;
  options.on_event = on_event;
  options.user = &seen;
  cohort_group_t* a = NULL;
  EXPECT_OK(cohort_group_join(&options, &a, ERROR));
  cohort_group_t* const b = join("views", "b");
  EXPECT(await(b_came, &seen));
  cohort_subscription_t* subscription = NULL;
  EXPECT_OK(cohort_group_subscribe_views(a, on_view, &later, &subscription, ERROR));
  EXPECT(await(b_came, &later)); /* The current view comes first. */
  cohort_subscription_cancel(subscription);
  cohort_group_close(b);
  EXPECT(await(b_went, &seen));
  EXPECT(seen.cause == COHORT_CAUSE_LEFT);
  EXPECT(seen.kinds[COHORT_EVENT_STARTED] == 1 && seen.kinds[COHORT_EVENT_PLAINTEXT] == 1);
  EXPECT(await(b_was_synced, &seen));
  cohort_group_close(a);
}

static void on_message(const cohort_message_t* message, void* user) {
  seen_t* const seen = user;
  EXPECT(message->size == sizeof *message && message->transitional <= 1);
  lock();
  seen->calls += 1;
  seen->thread = pthread_self();
  seen->delivery = message->delivery;
  seen->from = message->from;
  snprintf(seen->text, sizeof seen->text, "%.*s", (int)message->payload_size,
           (const char*)message->payload);
  unlock_and_tell();
}
static void on_sent(cohort_status_t status, const char* message, void* user) {
  seen_t* const seen = user;
  EXPECT((status == COHORT_OK) == (message[0] == '\0'));
  lock();
  seen->statuses[0] = status;
  seen->calls += 1;
  unlock_and_tell();
}
static bool three_messages(void* of) { return ((seen_t*)of)->calls == 3; }

static void messages_reach_the_other_member(void) {
  seen_t seen = {0};
  cohort_group_options_t options = on_loopback("messages", "b");
  options.on_message = on_message;
  options.user = &seen;
  cohort_group_t* const a = join("messages", "a");
  cohort_group_t* b = NULL;
  EXPECT_OK(cohort_group_join(&options, &b, ERROR));
  EXPECT(await_members(a, 2) && await_members(b, 2));
  EXPECT_OK(cohort_group_send(a, BYTES("one"), COHORT_DELIVERY_AGREED, ERROR));
  EXPECT_OK(cohort_group_send_sync(a, BYTES("two"), COHORT_DELIVERY_SAFE, 0, ERROR));
  seen_t sent = {0};
  EXPECT_OK(
      cohort_group_send_async(a, BYTES("three"), COHORT_DELIVERY_SAFE, 0, on_sent, &sent, ERROR));
  EXPECT(await(was_called, &sent) && sent.statuses[0] == COHORT_OK);
  EXPECT(await(three_messages, &seen));
  EXPECT(strcmp(seen.text, "three") == 0 && seen.delivery == COHORT_DELIVERY_SAFE);
  EXPECT(seen.from.instance_lo == cohort_group_id(a).instance_lo);
  EXPECT(!pthread_equal(seen.thread, pthread_self()));
  cohort_group_close(a);
  cohort_group_close(b);
}

static void messages_that_cannot_be_sent_are_refused(void) {
  static const char large[1 << 20];
  cohort_group_t* const group = join("no-messages", "a");
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT, cohort_group_send(group, BYTES("x"), 3, ERROR));
  EXPECT(error_says("delivery"));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_group_send(group, NULL, 1, COHORT_DELIVERY_AGREED, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_group_send(group, large, sizeof large, COHORT_DELIVERY_AGREED, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_group_send_sync(group, BYTES("x"), COHORT_DELIVERY_AGREED, -2, ERROR));
  EXPECT_OK(cohort_group_send_sync(group, NULL, 0, COHORT_DELIVERY_CONV, 0, ERROR));
  EXPECT_OK(cohort_group_leave(group, ERROR));
  EXPECT_STATUS(COHORT_CANCELLED,
                cohort_group_send(group, BYTES("x"), COHORT_DELIVERY_AGREED, ERROR));
  cohort_group_close(group);
}

/* ---- What callbacks may do. */

static void on_change_that_blocks(const cohort_change_t* change, void* user) {
  seen_t* const seen = user;
  if (!same_bytes(change->key, change->key_size, "go")) return;
  cohort_map_t* map = NULL;
  cohort_group_t* group = NULL;
  const cohort_group_options_t options = on_loopback("other", "x");
  cohort_status_t got[8];
  got[0] = cohort_map_put(seen->map, BYTES("k"), BYTES("v"), NULL, NULL, NULL);
  got[1] = cohort_group_leave(seen->group, NULL);
  got[2] = cohort_group_drain(seen->group, 0, NULL);
  got[3] = cohort_group_join(&options, &group, NULL);
  got[4] = cohort_group_send_sync(seen->group, BYTES("x"), COHORT_DELIVERY_AGREED, 0, NULL);
  got[5] = cohort_map_put_async(seen->map, BYTES("k"), BYTES("v"), NULL, NULL, NULL, NULL);
  got[6] = cohort_group_open_map(seen->group, "m", NULL, &map, NULL); /* Is known already. */
  got[7] = cohort_group_send(seen->group, BYTES("x"), COHORT_DELIVERY_AGREED, NULL);
  EXPECT(reads(map, "go", ""));
  cohort_map_close(map);
  lock();
  memcpy(seen->statuses, got, sizeof got);
  seen->calls += 1;
  unlock_and_tell();
}

static void a_call_that_would_block_is_refused_in_a_callback(void) {
  seen_t seen = {.group = join("blocking", "a")};
  seen.map = open_map(seen.group, "m", COHORT_MAP_ORDERED);
  cohort_subscription_t* changes = NULL;
  EXPECT_OK(cohort_map_subscribe(seen.map, NULL, 0, on_change_that_blocks, &seen, &changes, ERROR));
  EXPECT_OK(cohort_map_put(seen.map, BYTES("go"), NULL, 0, NULL, NULL, ERROR));
  EXPECT(await(was_called, &seen));
  for (int i = 0; i < 5; ++i) EXPECT(seen.statuses[i] == COHORT_FAILED_PRECONDITION);
  for (int i = 5; i < 8; ++i) EXPECT(seen.statuses[i] == COHORT_OK);
  cohort_subscription_cancel(changes);
  cohort_map_close(seen.map);
  cohort_group_close(seen.group);
}

static void on_change_that_cancels(const cohort_change_t* change, void* user) {
  seen_t* const seen = user;
  (void)change;
  lock();
  seen->calls += 1;
  cohort_subscription_t* const subscription = seen->subscription;
  seen->subscription = NULL;
  unlock_and_tell();
  cohort_subscription_cancel(subscription);
}

static void a_subscription_may_be_cancelled_in_its_callback(void) {
  seen_t seen = {.group = join("cancels", "a")};
  seen.map = open_map(seen.group, "m", COHORT_MAP_ORDERED);
  lock();
  EXPECT_OK(cohort_map_subscribe(seen.map, NULL, 0, on_change_that_cancels, &seen,
                                 &seen.subscription, ERROR));
  unlock_and_tell();
  for (int i = 0; i < 5; ++i)
    EXPECT_OK(cohort_map_put(seen.map, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT(await(was_called, &seen));
  cohort_map_close(seen.map);
  cohort_group_close(seen.group);
  EXPECT(seen.calls == 1);
}

static void subscriptions_without_their_parts_are_refused(void) {
  cohort_group_t* const group = join("no-subscription", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  cohort_subscription_t* got = NULL;
  const cohort_status_t invalid = COHORT_INVALID_ARGUMENT;
  EXPECT_STATUS(invalid, cohort_group_subscribe_views(group, NULL, NULL, &got, ERROR));
  EXPECT_STATUS(invalid, cohort_group_subscribe_messages(group, on_message, NULL, NULL, ERROR));
  EXPECT_STATUS(invalid, cohort_group_subscribe_events(group, NULL, NULL, &got, ERROR));
  EXPECT_STATUS(invalid, cohort_map_subscribe(map, NULL, 0, NULL, NULL, &got, ERROR));
  EXPECT_STATUS(invalid,
                cohort_map_subscribe_key(map, NULL, 1, on_change_that_cancels, NULL, &got, ERROR));
  EXPECT(got == NULL);
  cohort_map_close(map);
  cohort_group_close(group);
}

/* ---- The end. */

static void on_written(const cohort_write_result_t* result, const char* message, void* user) {
  seen_t* const seen = user;
  EXPECT(!seen->closed);
  EXPECT((result->status == COHORT_OK) == (message[0] == '\0'));
  lock();
  seen->calls += 1;
  unlock_and_tell();
}
static void on_change_before_the_end(const cohort_change_t* change, void* user) {
  (void)change;
  EXPECT(!((seen_t*)user)->closed);
}

static void once_a_group_is_closed_no_callback_runs(void) {
  seen_t seen = {.group = join("closed", "a")};
  seen.map = open_map(seen.group, "m", COHORT_MAP_ORDERED);
  cohort_subscription_t* changes = NULL;
  EXPECT_OK(
      cohort_map_subscribe(seen.map, NULL, 0, on_change_before_the_end, &seen, &changes, ERROR));
  int accepted = 0;
  for (int i = 0; i < 500; ++i) {
    const cohort_status_t status =
        cohort_map_put_async(seen.map, BYTES("k"), BYTES("v"), NULL, on_written, &seen, NULL);
    accepted += status == COHORT_OK ? 1 : 0;
  }
  cohort_group_close(seen.group);
  seen.closed = true;
  EXPECT(accepted > 0 && seen.calls == accepted); /* Each was told, before the close returned. */
  EXPECT(reads(seen.map, "k", "v"));              /* Maps can still be read. */
  EXPECT(cohort_map_size(seen.map) == 1);
  EXPECT_STATUS(COHORT_CANCELLED,
                cohort_map_put(seen.map, BYTES("k"), BYTES("w"), NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_CANCELLED, cohort_map_put_async(seen.map, BYTES("k"), BYTES("w"), NULL,
                                                       on_written, &seen, ERROR));
  EXPECT(seen.calls == accepted);
  cohort_map_close(seen.map);
  cohort_subscription_cancel(changes); /* In any order. */
}

static void on_change_that_closes(const cohort_change_t* change, void* user) {
  seen_t* const seen = user;
  if (!same_bytes(change->key, change->key_size, "end")) return;
  cohort_map_close(seen->map);
  cohort_subscription_cancel(seen->subscription);
  cohort_group_close(seen->group);
  lock();
  seen->calls += 1;
  unlock_and_tell();
}

static void a_group_may_be_closed_in_its_callback(void) {
  const pair_t pair = join_both("closes");
  cohort_group_t* const other = pair.a;
  seen_t seen = {.group = pair.b};
  seen.map = open_map(seen.group, "m", COHORT_MAP_ORDERED);
  cohort_map_t* const map = open_map(other, "m", COHORT_MAP_ORDERED);
  EXPECT_OK(cohort_map_subscribe(seen.map, NULL, 0, on_change_that_closes, &seen,
                                 &seen.subscription, ERROR));
  EXPECT_OK(cohort_map_put(map, BYTES("end"), NULL, 0, NULL, NULL, ERROR));
  EXPECT(await(was_called, &seen));
  EXPECT(await_members(other, 1)); /* It has left, in the background. */
  cohort_map_close(map);
  cohort_group_close(other);
}

static void* leave(void* group) {
  EXPECT_OK(cohort_group_leave(group, ERROR));
  return NULL;
}

static void leaving_ends_the_calls_that_wait(void) {
  cohort_group_t* const group = join("ends", "a");
  cohort_map_t* const map = open_map(group, "m", COHORT_MAP_ORDERED);
  pthread_t thread;
  cohort_status_t status = COHORT_OK;
  EXPECT(pthread_create(&thread, NULL, leave, group) == 0);
  while (status == COHORT_OK)
    status = cohort_map_put(map, BYTES("k"), BYTES("v"), NULL, NULL, NULL);
  pthread_join(thread, NULL);
  EXPECT_STATUS(COHORT_CANCELLED, cohort_map_put(map, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  cohort_group_close(group);
  cohort_map_close(map);
}

const test_t callback_tests[] = {TEST(views_and_events_are_told_from_the_first_on),
                                 TEST(messages_reach_the_other_member),
                                 TEST(messages_that_cannot_be_sent_are_refused),
                                 TEST(a_call_that_would_block_is_refused_in_a_callback),
                                 TEST(a_subscription_may_be_cancelled_in_its_callback),
                                 TEST(subscriptions_without_their_parts_are_refused),
                                 TEST(once_a_group_is_closed_no_callback_runs),
                                 TEST(a_group_may_be_closed_in_its_callback),
                                 TEST(leaving_ends_the_calls_that_wait),
                                 {NULL, NULL}};

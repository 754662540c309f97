/* What becomes of an entry that was written in two groups of one name before they met. */
#include "testing.h"

typedef struct merges {
  int merged;   /* Sides that were. */
  int resolved; /* Calls of the resolver. */
  int changed;  /* Changes that a merge has brought, at both members. */
} merges_t;

static void on_event(const cohort_event_t* event, void* user) {
  merges_t* const merges = user;
  if (event->kind != COHORT_EVENT_MERGED) return;
  lock();
  merges->merged += 1;
  unlock_and_tell();
}

static void on_change(const cohort_change_t* change, void* user) {
  merges_t* const merges = user;
  if (change->cause != COHORT_CHANGE_MERGE) return;
  lock();
  merges->changed += 1;
  unlock_and_tell();
}

/* The greater letter of the two, doubled. */
static void resolve(const cohort_merge_conflict_t* conflict, cohort_resolution_t* resolution,
                    void* user) {
  merges_t* const merges = user;
  const char held = ((const char*)conflict->held)[0];
  const char brought = ((const char*)conflict->brought)[0];
  const char both[2] = {held > brought ? held : brought, held > brought ? held : brought};
  EXPECT(conflict->size == sizeof *conflict && conflict->attribute == NULL);
  EXPECT(same_bytes(conflict->key, conflict->key_size, "k"));
  cohort_resolution_set(resolution, "never", 5);
  cohort_resolution_set(resolution, both, sizeof both);
  lock();
  merges->resolved += 1;
  unlock_and_tell();
}

static bool resolved_or_merged(void* of) {
  const merges_t* const merges = of;
  return merges->resolved > 0 || merges->merged > 0;
}
static bool both_have_it(void* of) { return ((merges_t*)of)->changed >= 2; }

static cohort_map_t* open_resolved(cohort_group_t* group, merges_t* merges) {
  cohort_map_options_t options = COHORT_MAP_OPTIONS_INIT;
  options.resolver = resolve;
  options.resolver_user = merges;
  cohort_map_t* map = NULL;
  EXPECT_OK(cohort_group_open_map(group, "m", &options, &map, ERROR));
  return map;
}

/* Nobody is told where the others are but by `seed`, at which there may be nobody. */
#define NOBODY "127.0.0.1:9"
static cohort_group_t* join_apart(cohort_group_options_t options, const char* bind,
                                  const char* seed) {
  options.bind = bind;
  options.no_multicast = 1;
  options.seeds = &seed;
  options.seed_count = 1;
  cohort_group_t* group = NULL;
  EXPECT_OK(cohort_group_join(&options, &group, ERROR));
  return group;
}

static size_t members_of(cohort_group_t* group) {
  cohort_view_t* view = NULL;
  EXPECT_OK(cohort_group_view(group, &view, ERROR));
  const size_t members = cohort_view_member_count(view);
  cohort_view_free(view);
  return members;
}

/* True if a formed a group of its own, and wrote in it before b's found it. */
static bool they_met_after_both_had_written(const cohort_group_options_t* options,
                                            const char* address, cohort_group_t* b,
                                            cohort_map_t* at_b, merges_t* merges) {
  cohort_group_t* const a = join_apart(*options, address, NOBODY);
  if (members_of(a) > 1) {
    cohort_group_close(a);
    return false;
  }
  cohort_map_t* const at_a = open_resolved(a, merges);
  cohort_map_t* const again_at_b = open_resolved(b, merges);
  cohort_subscription_t* subscriptions[3] = {NULL, NULL, NULL};
  EXPECT_OK(cohort_group_subscribe_events(b, on_event, merges, &subscriptions[0], ERROR));
  EXPECT_OK(cohort_map_subscribe(at_a, NULL, 0, on_change, merges, &subscriptions[1], ERROR));
  EXPECT_OK(cohort_map_subscribe(at_b, NULL, 0, on_change, merges, &subscriptions[2], ERROR));
  /* The group may be found at this very moment: what they say of it does not matter. */
  cohort_map_put(at_b, BYTES("k"), BYTES("b"), NULL, NULL, NULL);
  cohort_map_put(at_a, BYTES("k"), BYTES("a"), NULL, NULL, NULL);
  EXPECT(await(resolved_or_merged, merges));
  const bool met = merges->resolved > 0;
  if (met) {
    EXPECT(await(both_have_it, merges));
    EXPECT(reads(at_a, "k", "bb") && reads(at_b, "k", "bb"));
  }
  for (int i = 0; i < 3; ++i) cohort_subscription_cancel(subscriptions[i]);
  cohort_map_close(at_a);
  cohort_map_close(again_at_b);
  cohort_group_close(a);
  return met;
}

static void what_both_sides_wrote_is_settled_by_the_resolver(void) {
  const cohort_group_options_t options = on_loopback("resolver", NULL);
  char address[64];
  cohort_group_t* const first = join_apart(options, "127.0.0.1", NOBODY);
  snprintf(address, sizeof address, "%s", cohort_group_address(first));
  cohort_group_close(first); /* Its port is free now, and known. */
  cohort_group_t* const b = join_apart(options, "127.0.0.1", address);
  cohort_map_t* const at_b = open_map(b, "m", COHORT_MAP_ORDERED);
  merges_t merges = {0, 0, 0}; /* The resolver has it as long as b lives. */
  bool met = false;
  for (int attempt = 0; attempt < 30 && !met; ++attempt) {
    lock();
    merges = (merges_t){0, 0, 0};
    unlock_and_tell();
    met = they_met_after_both_had_written(&options, address, b, at_b, &merges);
  }
  EXPECT(met);
  cohort_map_close(at_b);
  cohort_group_close(b);
}

const test_t resolver_tests[] = {TEST(what_both_sides_wrote_is_settled_by_the_resolver),
                                 {NULL, NULL}};

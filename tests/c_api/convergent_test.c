/* Convergent maps: attributes, and what needs the other kind. */
#include "testing.h"

static cohort_attributes_t* list(const char* name, const char* value) {
  cohort_attributes_t* const attributes = cohort_attributes_new();
  EXPECT_OK(cohort_attributes_add(attributes, name, strlen(name), value, strlen(value), ERROR));
  return attributes;
}

static void put(cohort_map_t* map, const char* name, const char* value) {
  cohort_attributes_t* const attributes = list(name, value);
  EXPECT_OK(cohort_map_put_attributes(map, BYTES("s"), attributes, NULL, NULL, ERROR));
  cohort_attributes_free(attributes);
}

static void attributes_are_written_apart(void) {
  const pair_t pair = join_both("attributes");
  cohort_group_t* const a = pair.a;
  cohort_group_t* const b = pair.b;
  cohort_map_t* const at_a = open_map(a, "s", COHORT_MAP_CONVERGENT);
  cohort_map_t* const at_b = open_map(b, "s", COHORT_MAP_CONVERGENT);
  EXPECT(cohort_map_kind(at_b) == COHORT_MAP_CONVERGENT);
  put(at_a, "user", "ann");
  put(at_b, "cart", "2");
  cohort_buffer_t* value = NULL;
  EXPECT_OK(cohort_map_get_attribute(at_b, BYTES("s"), BYTES("user"), &value, ERROR));
  EXPECT(same_bytes(cohort_buffer_data(value), cohort_buffer_size(value), "ann"));
  cohort_buffer_free(value);
  cohort_attributes_t* all = NULL;
  EXPECT_OK(cohort_map_get_attributes(at_a, BYTES("s"), &all, ERROR));
  EXPECT(cohort_attributes_count(all) == 2);
  EXPECT(strcmp(cohort_attributes_name(all, 0, NULL), "cart") == 0);
  EXPECT(strcmp(cohort_attributes_value(all, 0, NULL), "2") == 0);
  cohort_attributes_free(all);
  cohort_attributes_t* const user = list("user", "");
  EXPECT_OK(cohort_map_erase_attributes(at_b, BYTES("s"), user, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND,
                cohort_map_get_attribute(at_a, BYTES("s"), BYTES("user"), &value, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND,
                cohort_map_erase_attributes(at_a, BYTES("none"), user, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_get_attributes(at_a, BYTES("none"), &all, ERROR));
  cohort_attributes_free(user);
  cohort_map_close(at_a);
  cohort_map_close(at_b);
  cohort_group_close(a);
  cohort_group_close(b);
}

typedef struct answer {
  int calls;
  cohort_status_t status;
} answer_t;
static void on_written(const cohort_write_result_t* result, const char* message, void* user) {
  answer_t* const answer = user;
  (void)message;
  lock();
  answer->calls += 1;
  answer->status = result->status;
  unlock_and_tell();
}
static bool two_answers(void* of) { return ((answer_t*)of)->calls == 2; }

static void attributes_can_be_written_without_waiting(void) {
  cohort_group_t* const group = join("attributes-async", "a");
  cohort_map_t* const map = open_map(group, "s", COHORT_MAP_CONVERGENT);
  cohort_attributes_t* const cart = list("cart", "1");
  answer_t answer = {0, COHORT_UNKNOWN};
  EXPECT_OK(
      cohort_map_put_attributes_async(map, BYTES("s"), cart, NULL, on_written, &answer, ERROR));
  EXPECT_OK(
      cohort_map_erase_attributes_async(map, BYTES("s"), cart, NULL, on_written, &answer, ERROR));
  cohort_attributes_free(cart);
  EXPECT(await(two_answers, &answer) && answer.status == COHORT_OK);
  cohort_map_close(map);
  cohort_group_close(group);
}

static void what_needs_the_other_kind_of_map_is_refused(void) {
  cohort_group_t* const group = join("kinds", "a");
  cohort_map_t* const convergent = open_map(group, "c", COHORT_MAP_CONVERGENT);
  cohort_map_t* const ordered = open_map(group, "o", COHORT_MAP_ORDERED);
  cohort_attributes_t* const cart = list("cart", "1");
  cohort_attributes_t* const none = cohort_attributes_new();
  const cohort_status_t refused = COHORT_FAILED_PRECONDITION;
  EXPECT_STATUS(refused, cohort_map_increment(convergent, BYTES("k"), 1, NULL, NULL, ERROR));
  EXPECT_STATUS(refused,
                cohort_map_put_if_absent(convergent, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT_STATUS(refused, cohort_map_put_attributes(ordered, BYTES("k"), cart, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_put_attributes(convergent, BYTES("k"), none, NULL, NULL, ERROR));
  EXPECT_STATUS(COHORT_INVALID_ARGUMENT,
                cohort_map_put_attributes(convergent, BYTES("k"), NULL, NULL, NULL, ERROR));
  EXPECT_OK(cohort_map_put(convergent, BYTES("k"), BYTES("v"), NULL, NULL, ERROR));
  EXPECT(reads(convergent, "k", "v"));
  cohort_attributes_free(cart);
  cohort_attributes_free(none);
  cohort_map_close(convergent);
  cohort_map_close(ordered);
  cohort_group_close(group);
}

static void an_entry_has_one_owner_and_writes_by_right_are_fenced(void) {
  const pair_t pair = join_both("claims");
  cohort_group_t* const a = pair.a;
  cohort_group_t* const b = pair.b;
  cohort_map_t* const at_a = open_map(a, "s", COHORT_MAP_CONVERGENT);
  cohort_map_t* const at_b = open_map(b, "s", COHORT_MAP_CONVERGENT);
  cohort_member_id_t owner;
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_owner_of(at_a, BYTES("s"), &owner, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_claim(at_a, BYTES("s"), NULL, NULL, ERROR));
  put(at_a, "user", "ann");
  EXPECT_OK(cohort_map_owner_of(at_b, BYTES("s"), &owner, ERROR));
  const cohort_member_id_t id_a = cohort_group_id(a);
  const cohort_member_id_t id_b = cohort_group_id(b);
  EXPECT(memcmp(&owner, &id_a, sizeof owner) == 0);
  cohort_write_result_t result = COHORT_WRITE_RESULT_INIT;
  EXPECT_OK(cohort_map_claim(at_b, BYTES("s"), NULL, &result, ERROR));
  EXPECT(result.number == 1);
  EXPECT_OK(cohort_map_owner_of(at_a, BYTES("s"), &owner, ERROR));
  EXPECT(memcmp(&owner, &id_b, sizeof owner) == 0);
  cohort_write_options_t by_right = COHORT_WRITE_OPTIONS_INIT;
  by_right.by_owner = 1;
  cohort_attributes_t* const cart = list("cart", "1");
  EXPECT_STATUS(COHORT_ABORTED,
                cohort_map_put_attributes(at_a, BYTES("s"), cart, &by_right, NULL, ERROR));
  EXPECT_OK(cohort_map_put_attributes(at_b, BYTES("s"), cart, &by_right, NULL, ERROR));
  answer_t answer = {1, COHORT_UNKNOWN};
  EXPECT_OK(cohort_map_claim_async(at_a, BYTES("s"), NULL, on_written, &answer, ERROR));
  EXPECT(await(two_answers, &answer) && answer.status == COHORT_OK);
  EXPECT_OK(cohort_map_put_attributes(at_a, BYTES("s"), cart, &by_right, NULL, ERROR));
  cohort_attributes_free(cart);
  cohort_map_close(at_a);
  cohort_map_close(at_b);
  cohort_group_close(a);
  cohort_group_close(b);
}

static void a_batch_moves_an_entry_that_is_there(void) {
  cohort_group_t* const group = join("moves", "a");
  cohort_map_t* const map = open_map(group, "s", COHORT_MAP_CONVERGENT);
  cohort_attributes_t* const cart = list("cart", "1");
  cohort_attributes_t* const user = list("user", "");
  cohort_batch_t* const batch = cohort_batch_new();
  EXPECT_OK(cohort_batch_erase(batch, BYTES("s"), ERROR));
  EXPECT_OK(cohort_batch_put(batch, BYTES("t"), BYTES(""), 0, ERROR));
  EXPECT_OK(cohort_batch_put_attributes(batch, BYTES("t"), cart, 0, ERROR));
  EXPECT_OK(cohort_batch_erase_attributes(batch, BYTES("t"), user, ERROR));
  cohort_write_options_t options = COHORT_WRITE_OPTIONS_INIT;
  options.if_present = 1;
  EXPECT_STATUS(COHORT_NOT_FOUND, cohort_map_write(map, batch, &options, NULL, ERROR));
  EXPECT_STATUS(COHORT_NOT_FOUND,
                cohort_map_put_attributes(map, BYTES("s"), cart, &options, NULL, ERROR));
  put(map, "user", "ann");
  EXPECT_OK(cohort_map_write(map, batch, &options, NULL, ERROR));
  EXPECT(!cohort_map_exists(map, BYTES("s")) && cohort_map_exists(map, BYTES("t")));
  cohort_batch_free(batch);
  cohort_attributes_free(cart);
  cohort_attributes_free(user);
  cohort_map_close(map);
  cohort_group_close(group);
}

const test_t convergent_tests[] = {TEST(an_entry_has_one_owner_and_writes_by_right_are_fenced),
                                   TEST(a_batch_moves_an_entry_that_is_there),
                                   TEST(attributes_are_written_apart),
                                   TEST(attributes_can_be_written_without_waiting),
                                   TEST(what_needs_the_other_kind_of_map_is_refused),
                                   {NULL, NULL}};

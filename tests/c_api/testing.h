/* What the tests of the C interface share. Each test is a function that is named by a sentence;
 * what it expects and does not get is printed, and counted. */
#ifndef COHORT_TESTS_C_API_TESTING_H_
#define COHORT_TESTS_C_API_TESTING_H_

#include <cohort/c.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct test {
  const char* name;
  void (*run)(void);
} test_t;
#define TEST(function) {#function, function}

extern const test_t base_tests[];
extern const test_t group_tests[];
extern const test_t callback_tests[];
extern const test_t map_tests[];
extern const test_t write_tests[];
extern const test_t convergent_tests[];
extern const test_t session_tests[];
extern const test_t resolver_tests[];

void expect(bool holds, const char* what, const char* file, int line);
#define EXPECT(what) expect((what), #what, __FILE__, __LINE__)

/* Where a call puts its error. EXPECT_STATUS also checks that there is an error, with this status
 * and a text, exactly where the status is not OK. */
cohort_error_t** error_slot(void);
#define ERROR error_slot()
void expect_status(cohort_status_t wanted, cohort_status_t got, const char* what, const char* file,
                   int line);
#define EXPECT_STATUS(wanted, call) expect_status((wanted), (call), #call, __FILE__, __LINE__)
#define EXPECT_OK(call) EXPECT_STATUS(COHORT_OK, call)
/* Whether the text of the last error of EXPECT_STATUS has this in it. */
bool error_says(const char* part);

/* Bytes of a literal: two arguments. */
#define BYTES(literal) (literal), (sizeof(literal) - 1)
bool same_bytes(const void* data, size_t size, const char* text);

/* One lock for all that callbacks write and tests wait for. */
void lock(void);
void unlock_and_tell(void);
/* Whether the condition, which is evaluated under the lock, came true within a minute. */
bool await(bool (*condition)(void* of), void* of);

/* Options of a member on loopback; groups of different tests, and of different runs, do not meet.
 */
cohort_group_options_t on_loopback(const char* group, const char* name);
/* A member of that group, or NULL, which was complained of. */
cohort_group_t* join(const char* group, const char* name);
/* Members a and b of that group, once each has a view of both. */
typedef struct pair {
  cohort_group_t* a;
  cohort_group_t* b;
} pair_t;
pair_t join_both(const char* group);
cohort_map_t* open_map(cohort_group_t* group, const char* name, cohort_map_kind_t kind);
/* Whether the group came to have a view of so many members that all hold the state. */
bool await_members(cohort_group_t* group, size_t members);
/* Whether the entry has this value here. */
bool reads(const cohort_map_t* map, const char* key, const char* value);

#endif /* COHORT_TESTS_C_API_TESTING_H_ */

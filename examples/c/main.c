/* The smallest member in C: start it twice, and the second sees what the first wrote.
 *   hello_c KEY_FILE NAME */
#include <cohort/c.h>
#include <stdio.h>
#include <string.h>

static int fail(cohort_error_t* error) {
  fprintf(stderr, "%s\n", cohort_error_message(error));
  cohort_error_free(error);
  return 1;
}

static int show(const void* key, size_t key_size, const void* value, size_t value_size,
                const cohort_entry_t* entry, void* user) {
  (void)entry, (void)user;
  printf("%.*s says %.*s\n", (int)key_size, (const char*)key, (int)value_size, (const char*)value);
  return 0; /* Go on. */
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "usage: hello_c KEY_FILE NAME\n"), 2;
  cohort_error_t* error = NULL;
  cohort_group_options_t options = COHORT_GROUP_OPTIONS_INIT;
  options.group = "hello";
  options.name = argv[2];
  options.key_file = argv[1];
  cohort_group_t* group = NULL;
  if (cohort_group_join(&options, &group, &error) != COHORT_OK) return fail(error);
  cohort_map_t* map = NULL;
  if (cohort_group_open_map(group, "greetings", NULL, &map, &error) != COHORT_OK)
    return fail(error);
  if (cohort_map_put(map, argv[2], strlen(argv[2]), "hello", 5, NULL, NULL, &error) != COHORT_OK)
    return fail(error);
  if (cohort_map_for_each(map, show, NULL, &error) != COHORT_OK) return fail(error);
  getchar(); /* Stays a member until Enter. */
  cohort_map_close(map);
  cohort_group_close(group);
  return 0;
}

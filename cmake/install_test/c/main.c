/* Uses only what is installed: two members, one map; put at one, get at the other. */
#include <cohort/c.h>
#include <stdio.h>
#include <string.h>

static int failed(const char* what, cohort_error_t* error) {
  fprintf(stderr, "%s: %s: %s\n", what, cohort_status_name(cohort_error_status(error)),
          cohort_error_message(error));
  cohort_error_free(error);
  return 1;
}

int main(void) {
  const char* const names[2] = {"a", "b"};
  cohort_group_t* groups[2] = {NULL, NULL};
  cohort_map_t* maps[2] = {NULL, NULL};
  cohort_error_t* error = NULL;
  if (cohort_abi_version() != COHORT_ABI_VERSION) return 1;
  for (int i = 0; i < 2; ++i) {
    cohort_group_options_t options = COHORT_GROUP_OPTIONS_INIT;
    options.group = "install-test-c";
    options.name = names[i];
    options.multicast = "239.255.77.8:17609";
    options.allow_plaintext = COHORT_PLAINTEXT_LOOPBACK;
    if (cohort_group_join(&options, &groups[i], &error) != COHORT_OK) return failed("join", error);
    if (cohort_group_open_map(groups[i], "main", NULL, &maps[i], &error) != COHORT_OK)
      return failed("open", error);
  }
  cohort_write_result_t written = COHORT_WRITE_RESULT_INIT;
  if (cohort_map_put(maps[0], "key", 3, "value", 5, NULL, &written, &error) != COHORT_OK)
    return failed("put", error);
  cohort_buffer_t* value = NULL;
  if (cohort_map_get(maps[1], "key", 3, &value, NULL, &error) != COHORT_OK)
    return failed("get", error);
  const int same =
      cohort_buffer_size(value) == 5 && strcmp(cohort_buffer_data(value), "value") == 0;
  cohort_buffer_free(value);
  for (int i = 0; i < 2; ++i) {
    cohort_group_close(groups[i]);
    cohort_map_close(maps[i]);
  }
  printf("Cohort %s: written at a, on %u members, read at b\n", cohort_version(), written.replicas);
  return same && written.replicas == 2 ? 0 : 1;
}

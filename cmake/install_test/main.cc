// Uses only what is installed: one member, one map, one entry.
#include <cohort/cohort.h>

#include <cstdio>

int main() {
  cohort::GroupOptions options;
  options.group = "install-test";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  options.multicast = "239.255.77.8:17608";
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) {
    std::printf("join: %s\n", group.status().ToString().c_str());
    return 1;
  }
  absl::StatusOr<cohort::ReplicatedMap> map = group->OpenMap("main");
  if (!map.ok() || !map->Put("key", "value").ok()) return 1;
  absl::StatusOr<cohort::Entry> entry = map->Get("key");
  std::printf("%s is a member and read '%s'\n", group->name().c_str(),
              entry.ok() ? entry->value.c_str() : "nothing");
  return entry.ok() && entry->value == "value" ? 0 : 1;
}

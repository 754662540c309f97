// Uses only what is installed: a simulated group, in which one member dies, beside a real one.
#include <cohort/cohort.h>
#include <cohort/testing/sim_group.h>

#include <cstdio>

int main() {
  cohort::testing::SimGroup group({"a", "b", "c"}, 1);
  cohort::testing::SimMap at_a = group.map("a", "main");
  cohort::testing::SimMap at_b = group.map("b", "main");
  if (!at_a.Put("key", "value").ok()) return 1;
  group.Kill("a");
  group.RunFor(absl::Minutes(1));
  const absl::StatusOr<cohort::Entry> entry = at_b.Get("key");
  if (!entry.ok() || entry->value != "value" || group.view("b").members.size() != 2) return 1;

  // The library itself is there too.
  cohort::GroupOptions options;
  options.group = "install-test-testing";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  options.multicast = "239.255.77.8:17608";
  const absl::StatusOr<cohort::Group> real = cohort::Group::Join(options);
  std::printf("b read '%s' after a was killed; a real member: %s\n", entry->value.c_str(),
              real.status().ToString().c_str());
  return real.ok() ? 0 : 1;
}

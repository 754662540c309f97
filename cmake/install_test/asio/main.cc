// Uses only what is installed, and Asio: one member, one entry, one future.
#include <cohort/asio.h>
#include <cohort/cohort.h>

#include <asio/use_future.hpp>
#include <cstdio>

int main() {
  cohort::GroupOptions options;
  options.group = "install-test-asio";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  options.multicast = "239.255.77.8:17608";
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) return std::printf("join: %s\n", group.status().ToString().c_str()), 1;
  absl::StatusOr<cohort::ReplicatedMap> map = group->OpenMap("main");
  if (!map.ok()) return 1;
  const cohort::WriteResult visits =
      cohort::IncrementAsync(*map, "visits", 1, {}, asio::use_future).get();
  std::printf("visit %d, counted by a future\n", static_cast<int>(visits.number));
  return visits.ok() && visits.number == 1 ? 0 : 1;
}

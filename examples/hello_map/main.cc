// The smallest member: start it twice, on one host or on two, and the second sees what the first
// wrote.
//   hello_map KEY_FILE NAME
#include <cohort/cohort.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: hello_map KEY_FILE NAME\n"), 2;
  absl::StatusOr<cohort::Group> group =
      cohort::Group::Join({.group = "hello", .name = argv[2], .key_file = argv[1]});
  if (!group.ok()) return std::fprintf(stderr, "%s\n", group.status().ToString().c_str()), 1;
  absl::StatusOr<cohort::ReplicatedMap> map = group->OpenMap("greetings");
  if (!map.ok()) return std::fprintf(stderr, "%s\n", map.status().ToString().c_str()), 1;
  map->Put(argv[2], "hello");
  map->ForEach([](std::string_view name, const cohort::Entry& entry) {
    std::printf("%.*s says %s\n", static_cast<int>(name.size()), name.data(), entry.value.c_str());
  });
  std::getchar();  // Stays a member until Enter.
}

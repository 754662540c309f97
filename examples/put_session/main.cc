// A session of a web shop, put into a map for half an hour.
//   put_session ID VALUE
#include <cohort/cohort.h>

#include <cstdio>

namespace {

absl::Status PutSession(std::string_view id, std::string_view value) {
  absl::StatusOr<cohort::Group> group =
      cohort::Group::Join({.group = "shop", .key_file = "shop.key"});
  if (!group.ok()) return group.status();
  absl::StatusOr<cohort::ReplicatedMap> sessions = group->OpenMap("sessions");
  if (!sessions.ok()) return sessions.status();
  return sessions->Put(id, value, {.ttl = absl::Minutes(30)}).status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: put_session ID VALUE\n"), 2;
  const absl::Status status = PutSession(argv[1], argv[2]);
  std::printf("%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

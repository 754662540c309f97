// A session of a web application: made, changed, and read as another member would. Start it several
// times at once: each goes on with the sessions of the others. On this host alone.
//   sessions [GROUP]
#include <cohort/cohort.h>

#include <cstdio>
#include <string>

namespace {

absl::Status Serve(cohort::Group& group, const std::string& id) {
  absl::StatusOr<cohort::SessionStore> store =
      cohort::SessionStore::Open({.application = "/shop"}, &group);
  if (!store.ok()) return store.status();
  const cohort::Subscription events = store->SubscribeEvents([](const cohort::SessionEvent& event) {
    std::printf("%s %s %s\n", ToString(event.kind), event.id.c_str(), event.text.c_str());
  });
  const cohort::SessionInfo info = {.max_inactive = absl::Minutes(20)};
  const cohort::SessionResult made = store->Create(id, info, {{"user", "ann"}});
  if (!made.ok() && !absl::IsAlreadyExists(made.status)) return made.status;

  // What a request does: it reads, changes, and is answered when the change is safe.
  const absl::StatusOr<cohort::SessionSnapshot> session = store->Load(id);
  if (!session.ok()) return session.status();
  const cohort::SessionResult saved =
      store->Save(id, {.set = {{"cart", "lamp"}}, .fence = session->fence});
  if (!saved.ok()) return saved.status;
  std::printf("%u members have it\n", static_cast<unsigned>(saved.replicas));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  cohort::GroupOptions options;
  options.group = argc > 1 ? argv[1] : "sessions";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) return std::fprintf(stderr, "%s\n", group.status().ToString().c_str()), 1;
  const absl::Status status = Serve(*group, "5B2F0C");
  if (!status.ok()) return std::fprintf(stderr, "%s\n", status.ToString().c_str()), 1;
  return 0;
}

// Visits of a page, counted by coroutines that wait for the group without blocking their thread.
// Runs on this host alone.
//   coroutine [GROUP]
#include <cohort/asio.h>
#include <cohort/cohort.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <functional>
#include <utility>

namespace {

// Both live in the coroutine: the caller may be gone while it waits.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
asio::awaitable<absl::Status> CountVisit(cohort::ReplicatedMap map, std::string page) {
  const cohort::WriteResult visits =
      co_await cohort::IncrementAsync(map, page, 1, {}, asio::use_awaitable);
  if (!visits.ok()) co_return visits.status;
  std::printf("%s was visited %d times\n", page.c_str(), static_cast<int>(visits.number));
  co_return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context io;  // Before the group, so that it outlives it.
  cohort::GroupOptions options;
  options.group = argc > 1 ? argv[1] : "visits";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  // The loop makes the group's callbacks, too, instead of a thread of the group.
  options.executor = [&io](std::function<void()> f) { asio::post(io, std::move(f)); };
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) return std::fprintf(stderr, "%s\n", group.status().ToString().c_str()), 1;
  absl::StatusOr<cohort::ReplicatedMap> map = group->OpenMap("visits");
  if (!map.ok()) return std::fprintf(stderr, "%s\n", map.status().ToString().c_str()), 1;

  int failed = 0;
  for (int visit = 0; visit < 3; ++visit) {
    asio::co_spawn(io, CountVisit(*map, "/index.html"),
                   [&failed](const std::exception_ptr&, const absl::Status& status) {
                     failed += status.ok() ? 0 : 1;
                   });
  }
  io.run();  // Until all have their answers.
  const absl::StatusOr<cohort::Entry> visits = map->Get("/index.html");
  return failed == 0 && visits.ok() && visits->value == "3" ? 0 : 1;
}

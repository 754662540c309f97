// `cohort nginx-agent`: its options.
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "nginx_agent.h"
#include "signals.h"

namespace cohort::tools {
namespace {

constexpr size_t kHealthPathBytesMax = 1024;

constexpr const char* kNginxAgentExamples = R"(Examples:
  cohort nginx-agent --group shop --key-file shop.key --upstreams /etc/nginx/cohort/cohort-upstreams.conf \
      --nginx 'nginx -c /etc/nginx/cohort/nginx.conf'
      on the host of the NGINX, as a user who may write that file and signal NGINX
  cohort nginx-agent --group shop --key-file shop.key --upstreams up.conf --health-check /shop/ping
      a server that is started again is marked up when it answers that, too
  cohort nginx-agent --group shop --key-file shop.key --upstreams up.conf --dry-run
      says what it would mark, and changes nothing

The members of the group are named as the routes in the file: n1 is the server whose lines end with `# n1`.
A member that leaves the view is marked down at once and NGINX reloads (after a crash 2 s later); it is up again when
it is in the view and has the group's data. Never is a whole cluster marked down. SIGINT or SIGTERM ends the agent and
leaves the marks as they are, unless --restore is given.
)";

struct Flags {
  GroupFlags group;
  std::string upstreams;
  std::string nginx = "nginx";
  std::string events = "text";
  std::string grace = "30s";
  std::string reload_interval = "2s";
  std::string health_path;
  bool restore = false;
  bool dry_run = false;

  void AddTo(CLI::App& app);
  absl::StatusOr<NginxAgentOptions> ToOptions() const;
};

void Flags::AddTo(CLI::App& app) {
  group.profile = "web-sessions";
  group.AddTo(app);
  const char* const section = "NGINX";
  app.add_option("-u,--upstreams", upstreams, "The cohort-upstreams.conf that cohort-nginx wrote")
      ->envname("COHORT_UPSTREAMS")
      ->group(section);
  app.add_option("--nginx", nginx, "NGINX with its -c, for the shell; `-s reload` is put behind it")
      ->envname("COHORT_NGINX")
      ->group(section)
      ->capture_default_str();
  app.add_option("--grace", grace,
                 "A server whose member came back is up after so long, though it has no data yet")
      ->envname("COHORT_GRACE")
      ->group(section)
      ->capture_default_str();
  app.add_option("--reload-interval", reload_interval,
                 "At least so long from one reload to the next; the first comes at once")
      ->envname("COHORT_RELOAD_INTERVAL")
      ->group(section)
      ->capture_default_str();
  app.add_option("--health-check", health_path,
                 "PATH that a server has to answer with 2xx or 3xx before it is marked up")
      ->envname("COHORT_HEALTH_CHECK")
      ->group(section);
  app.add_flag("--restore", restore, "At the end take all marks out, and reload")
      ->envname("COHORT_RESTORE")
      ->group(section);
  app.add_flag("--dry-run", dry_run, "Only say what would be marked")->group(section);
  app.add_option("-e,--events", events, "What happens, a line each on standard output")
      ->envname("COHORT_EVENTS")
      ->check(CLI::IsMember({"text", "json", "none"}))
      ->group(section)
      ->capture_default_str();
  app.set_config("-c,--config", "", "Configuration file: `option = value` lines")
      ->envname("COHORT_CONFIG");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.footer(kNginxAgentExamples);
}

bool IsHealthPath(std::string_view path) {
  return path.starts_with('/') && path.size() <= kHealthPathBytesMax &&
         std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

absl::StatusOr<NginxAgentOptions> Flags::ToOptions() const {
  NginxAgentOptions options;
  absl::StatusOr<GroupOptions> of_group = group.ToOptions();
  if (!of_group.ok()) return of_group.status();
  options.group = *std::move(of_group);
  if (options.group.bootstrap)
    return absl::InvalidArgumentError("--bootstrap: an agent holds no data and begins no group");
  if (upstreams.empty()) {
    return absl::InvalidArgumentError(
        "--upstreams is missing: the file that `cohort-nginx --out DIR` wrote, "
        "DIR/cohort-upstreams.conf");
  }
  options.upstreams = upstreams;
  options.nginx = nginx;
  if (!health_path.empty() && !IsHealthPath(health_path)) {
    return absl::InvalidArgumentError(
        "--health-check: a path that begins with `/`, up to 1024 characters, none of them a space "
        "or a control character, such as /shop/ping");
  }
  options.health_path = health_path;
  options.restore = restore;
  options.dry_run = dry_run;
  const absl::StatusOr<absl::Duration> wait = ParseTime("--grace", grace);
  if (!wait.ok()) return wait.status();
  options.grace = *wait;
  const absl::StatusOr<absl::Duration> interval = ParseTime("--reload-interval", reload_interval);
  if (!interval.ok()) return interval.status();
  if (*interval < absl::Milliseconds(100) || *interval > absl::Hours(1))
    return absl::InvalidArgumentError("--reload-interval: 100ms to 1h");
  options.reload_interval = *interval;
  options.events = events == "json"   ? EventFormat::kJson
                   : events == "none" ? EventFormat::kNone
                                      : EventFormat::kText;
  return options;
}

}  // namespace

int RunNginxAgent(int argc, char** argv) {
  CLI::App app("Marks the servers of a group down and up in NGINX, on the word of the group.",
               "cohort nginx-agent");
  Flags flags;
  flags.AddTo(app);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  absl::StatusOr<NginxAgentOptions> options = flags.ToOptions();
  if (!options.ok()) return Fail("nginx-agent", options.status());

  static NginxAgent* running =
      nullptr;  // For the signal thread, which lives as long as the process.
  static std::mutex running_mutex;
  HandleSignals([](int signal) {
    const std::lock_guard lock(running_mutex);
    if (running == nullptr || !running->RequestStop()) _exit(128 + signal);
  });
  NginxAgent agent(*std::move(options));
  {
    const std::lock_guard lock(running_mutex);
    running = &agent;
  }
  const absl::Status status = agent.Run();
  const std::lock_guard lock(running_mutex);
  running = nullptr;
  return status.ok() ? kExitOk : Fail("nginx-agent", status);
}

}  // namespace cohort::tools

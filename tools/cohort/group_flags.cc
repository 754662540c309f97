#include "group_flags.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "cohort_version.h"
#include "commands.h"
#include "nearest.h"

namespace cohort::tools {

void GroupFlags::AddTo(CLI::App& app) {
  AddGroupTo(app);
  AddNetworkTo(app);
  AddFailuresTo(app);
}

void GroupFlags::AddGroupTo(CLI::App& app) {
  const char* const section = "Group";
  app.add_option("-g,--group", group,
                 "Name of the group; members of one name and key find each other")
      ->envname("COHORT_GROUP")
      ->group(section);
  app.add_option("-n,--name", name,
                 "This member's name, unique: a newer process takes it over; default HOSTNAME-PORT")
      ->envname("COHORT_NAME")
      ->group(section);
  app.add_option("-k,--key-file", key_file,
                 "The group's key, a file of mode 0600 written by `cohort keygen`")
      ->envname("COHORT_KEY_FILE")
      ->group(section);
  app.add_option(
         "--allow-plaintext", allow_plaintext,
         "Run without a key: on loopback only, or with =network anywhere, open to anyone there")
      ->envname("COHORT_ALLOW_PLAINTEXT")
      ->expected(0, 1)  // No default is told to CLI11: it would stand for a flag without a value.
      ->group(section);
  app.add_option("--join-timeout", join_timeout,
                 "Longest wait for the group and its state; times are 250ms, 2s, 1.5m, or seconds")
      ->envname("COHORT_JOIN_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_option("--leave-timeout", leave_timeout,
                 "Longest wait for the others' consent at the end")
      ->envname("COHORT_LEAVE_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_option("--map-bytes-max", map_bytes_max,
                 "Cap of each map, in bytes; that of the member that begins the group counts")
      ->envname("COHORT_MAP_BYTES_MAX")
      ->group(section)
      ->capture_default_str();
}

void GroupFlags::AddNetworkTo(CLI::App& app) {
  const char* const section = "Network";
  app.add_option(
         "-b,--bind", bind,
         "ADDR, ADDR:PORT, :PORT or INTERFACE[:PORT]; default: the interface of the default route")
      ->envname("COHORT_BIND")
      ->group(section);
  app.add_option("-m,--multicast", multicast, "Multicast ADDR:PORT, the same for all members")
      ->envname("COHORT_MULTICAST")
      ->group(section)
      ->capture_default_str();
  app.add_flag("--no-multicast", no_multicast,
               "Send to --seed and known members one by one instead")
      ->envname("COHORT_NO_MULTICAST")
      ->group(section);
  app.add_option("--multicast-ttl", multicast_ttl,
                 "Router hops of multicast packets; 1 stays on the local network")
      ->envname("COHORT_MULTICAST_TTL")
      ->group(section)
      ->capture_default_str();
  app.add_option(
         "-s,--seed", seeds,
         "HOST:PORT of members to ask when multicast finds nobody (all addresses of HOST), or "
         "srv:NAME of a service; may be repeated")
      ->envname("COHORT_SEED")
      ->delimiter(',')
      ->group(section);
  app.add_option(
         "--peer-cache", peer_cache,
         "File for the addresses of the members seen last, asked when this one starts again")
      ->envname("COHORT_PEER_CACHE")
      ->group(section);
  app.add_option(
         "--datagram-bytes", datagram_bytes,
         "Largest datagram, where all members are shown to get it: 1472 (MTU 1500) to 8972; "
         "0: what the interface takes")
      ->envname("COHORT_DATAGRAM_BYTES")
      ->group(section)
      ->capture_default_str();
  app.add_option("--receive-buffer-bytes", receive_buffer_bytes,
                 "Asked of the kernel for each UDP socket")
      ->envname("COHORT_RECEIVE_BUFFER_BYTES")
      ->group(section)
      ->capture_default_str();
  app.add_option("--send-queue-bytes", send_queue_bytes,
                 "Writes accepted and not yet sent, in bytes; beyond it callers wait")
      ->envname("COHORT_SEND_QUEUE_BYTES")
      ->group(section)
      ->capture_default_str();
}

void GroupFlags::AddFailuresTo(CLI::App& app) {
  const char* const section = "Failures and partitions";
  app.add_option(
         "-p,--policy", policy,
         "available: all sides of a partition live on and merge; primary: only the quorum writes")
      ->envname("COHORT_POLICY")
      ->check(CLI::IsMember({"available", "primary"}))
      ->group(section)
      ->capture_default_str();
  app.add_option("--initial-members", initial_members,
                 "With --policy primary: the first view waits for so many members")
      ->envname("COHORT_INITIAL_MEMBERS")
      ->group(section);
  app.add_flag("--bootstrap", bootstrap,
               "With --policy primary: this member may form the first view alone, once")
      ->envname("COHORT_BOOTSTRAP")
      ->group(section);
  app.add_option("--tie-breaker", tie_breaker,
                 "With --policy primary: the member whose side wins an even split")
      ->envname("COHORT_TIE_BREAKER")
      ->group(section);
  app.add_option("--failure-profile", profile,
                 "default: a process may stall for 2 s; web-sessions: for 800 ms")
      ->envname("COHORT_FAILURE_PROFILE")
      ->check(CLI::IsMember({"default", "web-sessions"}))
      ->group(section)
      ->capture_default_str();
  app.add_option("--dead-timeout", dead_timeout,
                 "Silence of a whole host before it is given up, e.g. 800ms; 0: the profile's")
      ->envname("COHORT_DEAD_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_option("--stall-timeout", stall_timeout,
                 "Standstill of a process before it is expelled, e.g. 3s; 0: the profile's")
      ->envname("COHORT_STALL_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_option("--slow-timeout", slow_timeout,
                 "How long a member may hold the others' writes back before it has to step aside; "
                 "0: for ever")
      ->envname("COHORT_SLOW_TIMEOUT")
      ->group(section)
      ->capture_default_str();
}

absl::StatusOr<absl::Duration> ParseTime(const std::string& option, const std::string& text) {
  double number = 0;
  absl::Duration time;
  if (absl::SimpleAtod(text, &number) && std::isfinite(number)) {
    time = absl::Seconds(number);
  } else if (!absl::ParseDuration(text, &time) || time == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, ": '", text, "' is no time; write 250ms, 2s or 1.5m, or 2 for two seconds"));
  }
  if (time < absl::ZeroDuration())
    return absl::InvalidArgumentError(absl::StrCat(option, ": must not be negative"));
  return time;
}

absl::StatusOr<Ack> ParseAck(const std::string& text) {
  if (text == "all") return Ack::kAll;
  if (text == "one") return Ack::kOne;
  if (text == "local") return Ack::kLocal;
  return absl::InvalidArgumentError(absl::StrCat("--ack: '", text, "' is not all, one or local"));
}

std::string WithFlagNames(std::string_view message) {
  static constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
      {"bind", "--bind"},
      {"datagram_bytes_max", "--datagram-bytes"},
      {"dead_timeout", "--dead-timeout"},
      {"group", "--group"},
      {"initial_members", "--initial-members"},
      {"join_timeout", "--join-timeout"},
      {"key_file", "--key-file"},
      {"leave_timeout", "--leave-timeout"},
      {"map_bytes_max", "--map-bytes-max"},
      {"multicast", "--multicast"},
      {"multicast_ttl", "--multicast-ttl"},
      {"name", "--name"},
      {"peer_cache", "--peer-cache"},
      {"seeds", "--seed"},
      {"send_queue_bytes_max", "--send-queue-bytes"},
      {"slow_timeout", "--slow-timeout"},
      {"stall_timeout", "--stall-timeout"},
      {"tie_breaker", "--tie-breaker"}};
  const size_t colon = message.find(':');
  for (const auto& [option, flag] : kFlags) {
    if (message.substr(0, colon) == option && colon != std::string_view::npos)
      return std::string(flag) + std::string(message.substr(colon));
  }
  return std::string(message);
}

void PrintError(const char* command, const absl::Status& status) {
  std::fprintf(stderr, "cohort %s: %s\n", command, WithFlagNames(ToStd(status.message())).c_str());
}

int Fail(const char* command, const absl::Status& status) {
  PrintError(command, status);
  return status.code() == absl::StatusCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

absl::StatusOr<GroupOptions> GroupFlags::ToOptions() const {
  if (group.empty()) {
    return absl::InvalidArgumentError(
        "--group is missing: the name of the group to join, e.g. --group shop");
  }
  GroupOptions options;
  options.group = group;
  options.name = name;
  options.bind = bind;
  options.multicast = multicast;
  options.no_multicast = no_multicast;
  options.multicast_ttl = multicast_ttl;
  options.seeds = seeds;
  std::erase(options.seeds, "");  // As a configuration file says that there are none.
  options.peer_cache = peer_cache;
  options.key_file = key_file;
  if (allow_plaintext == "network") {
    options.allow_plaintext = AllowPlaintext::kNetwork;
  } else if (allow_plaintext == "loopback" || allow_plaintext == "true" ||
             allow_plaintext.empty()) {
    options.allow_plaintext = AllowPlaintext::kLoopback;
  } else if (allow_plaintext != "no" && allow_plaintext != "false") {
    return absl::InvalidArgumentError(
        absl::StrCat("--allow-plaintext: '", allow_plaintext, "' is not loopback or network"));
  }
  if (key_file.empty() && options.allow_plaintext == AllowPlaintext::kNo) {
    return absl::InvalidArgumentError(
        "--key-file is missing: make one by `cohort keygen --out shop.key` and copy it to every "
        "member, or try things out on "
        "this machine with --allow-plaintext");
  }
  options.policy = policy == "primary" ? Policy::kPrimary : Policy::kAvailable;
  options.initial_members = initial_members;
  options.bootstrap = bootstrap;
  options.tie_breaker = tie_breaker;
  options.failure_profile =
      profile == "web-sessions" ? FailureProfile::kWebSessions : FailureProfile::kDefault;
  options.map_bytes_max = map_bytes_max;
  options.send_queue_bytes_max = send_queue_bytes;
  options.receive_buffer_bytes = receive_buffer_bytes;
  options.datagram_bytes_max = datagram_bytes;
  const struct {
    const char* option;
    const std::string& text;
    absl::Duration& time;
  } times[] = {{"--dead-timeout", dead_timeout, options.dead_timeout},
               {"--stall-timeout", stall_timeout, options.stall_timeout},
               {"--slow-timeout", slow_timeout, options.slow_timeout},
               {"--join-timeout", join_timeout, options.join_timeout},
               {"--leave-timeout", leave_timeout, options.leave_timeout}};
  for (const auto& entry : times) {
    const absl::StatusOr<absl::Duration> time = ParseTime(entry.option, entry.text);
    if (!time.ok()) return time.status();
    entry.time = *time;
  }
  return options;
}

namespace {

// CLI11's own words, and for what it does not know the option that may have been meant.
std::string Explain(const CLI::App& app, const CLI::ParseError& error) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  std::string text = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return text;
  for (const std::string& word : app.remaining()) {
    if (word.empty() || word[0] != '-') continue;
    const std::string name = word.substr(0, word.find('='));
    text = absl::StrCat("there is no option ", name);
    const std::string nearest = Nearest(name, known);
    if (!nearest.empty()) absl::StrAppend(&text, "; did you mean ", nearest, "?");
    break;
  }
  return text;
}

}  // namespace

bool ParseCommandLine(CLI::App& app, int argc, char** argv, int& exit_code) {
  app.set_version_flag("--version", "cohort " + std::string(kCohortVersion),
                       "Print the version and exit");
  app.get_formatter()->column_width(34);
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app.exit(error);
      exit_code = kExitOk;
      return false;
    }
    std::fprintf(stderr, "%s: %s\nSee `%s --help`.\n", app.get_name().c_str(),
                 Explain(app, error).c_str(), app.get_name().c_str());
    exit_code = kExitUsage;
    return false;
  }
}

}  // namespace cohort::tools

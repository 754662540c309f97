#include "node_options.h"

#include <fstream>

#include "absl/strings/str_cat.h"

namespace cohort::tools {
namespace {

constexpr const char* kNodeExamples = R"(Examples:
  cohort keygen --out shop.key
  cohort node --group shop --key-file shop.key --resp 127.0.0.1:6379
      one member of "shop"; run it on every host, and any Redis client can use it
  cohort node --group try --name a --allow-plaintext --resp :6379
  cohort node --group try --name b --allow-plaintext --resp :6380
      two members on this machine, without a key
  cohort node --config /etc/cohort/node.conf
      lines like `group = "shop"`; --print-config writes such a file
  cohort node --group shop --key-file shop.key --policy primary --initial-members 3
      only a majority of the members accepts writes
  cohort node --group shop --key-file shop.key --policy primary --initial-members 3 --without-data
      the third vote beside two members that hold the data

A flag wins over the configuration file, the file over the environment.
SIGINT or SIGTERM leaves the group and ends with status 0 (130 before it is a member); a second one ends at once.
With --drain-timeout it first waits until another member is shown to hold everything, but no longer than that.
)";

absl::StatusOr<std::string> ReadPassword(const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!file || !std::getline(file, password) || password.empty()) {
    return absl::NotFoundError(
        absl::StrCat("--resp-password-file: no password in the first line of ", path));
  }
  return password;
}

}  // namespace

void NodeFlags::AddTo(CLI::App& app) {
  group.AddTo(app);
  const char* section = "Maps and doors";
  app.add_option(
         "--map", maps,
         "NAME=ordered or NAME=convergent of a map to open, with +evict to drop what is least "
         "recently used when it is full; may be repeated, SELECT 0 "
         "picks the first")
      ->envname("COHORT_MAP")
      ->delimiter(',')
      ->group(section)
      ->capture_default_str();
  app.add_option("--ack", ack,
                 "When a write is answered: all members have it, one other has it, local")
      ->envname("COHORT_ACK")
      ->check(CLI::IsMember({"all", "one", "local"}))
      ->group(section)
      ->capture_default_str();
  app.add_option("--ack-timeout", ack_timeout,
                 "Longest wait for it; then -TIMEOUT, the outcome being unknown")
      ->envname("COHORT_ACK_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_option("-r,--resp", resp,
                 "HOST:PORT, :PORT (loopback) or unix:PATH to serve Redis clients on")
      ->envname("COHORT_RESP")
      ->group(section);
  app.add_option("--resp-password-file", resp_password_file,
                 "File whose first line Redis clients must know (AUTH)")
      ->envname("COHORT_RESP_PASSWORD_FILE")
      ->group(section);
  app.add_option("--resp-clients-max", resp_clients_max, "Redis clients served at a time")
      ->envname("COHORT_RESP_CLIENTS_MAX")
      ->group(section)
      ->capture_default_str();
  app.add_option("--resp-write-timeout", resp_write_timeout,
                 "A client that takes nothing of its replies for so long is disconnected")
      ->envname("COHORT_RESP_WRITE_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_option("--http", http,
                 "HOST:PORT, :PORT (loopback) or unix:PATH for /status, /metrics, /healthz")
      ->envname("COHORT_HTTP")
      ->group(section);
  app.add_option("-e,--events", events, "What happens in the group, a line each on standard output")
      ->envname("COHORT_EVENTS")
      ->check(CLI::IsMember({"text", "json", "none"}))
      ->group(section)
      ->capture_default_str();
  app.add_option(
         "--drain-timeout", drain_timeout,
         "At SIGINT or SIGTERM, longest wait until another member holds everything, e.g. 20s")
      ->envname("COHORT_DRAIN_TIMEOUT")
      ->group(section)
      ->capture_default_str();
  app.add_flag("--without-data", without_data,
               "Hold no maps: this member only votes, watches and is watched")
      ->envname("COHORT_WITHOUT_DATA")
      ->group(section);
  app.add_flag("--print-config", print_config,
               "Print the configuration that would be used, and exit")
      ->configurable(false);
  app.set_config("-c,--config", "", "Configuration file: `option = value` lines")
      ->envname("COHORT_CONFIG");
  // A misspelt `policy` must not start a member under another one.
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.footer(kNodeExamples);
}

absl::StatusOr<MapSpec> ParseMapSpec(const std::string& text) {
  const size_t equals = text.find('=');
  MapSpec spec;
  spec.name = text.substr(0, equals);
  std::string kind = equals == std::string::npos ? "ordered" : text.substr(equals + 1);
  constexpr std::string_view kEvict = "+evict";
  if (kind.ends_with(kEvict)) {
    spec.options.when_full = WhenFull::kEvictLeastRecentlyUsed;
    kind.resize(kind.size() - kEvict.size());
  }
  if (kind == "convergent") {
    spec.options.kind = MapKind::kConvergent;
  } else if (kind != "ordered") {
    return absl::InvalidArgumentError(absl::StrCat(
        "--map: '", text, "': '", kind,
        "' is no kind of map; there are: ordered, convergent, ordered+evict, convergent+evict, as "
        "in ",
        spec.name.empty() ? "NAME" : spec.name, "=ordered"));
  }
  if (spec.name.empty() || spec.name.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--map: the name in '", text, "' must have 1 to ", kNameBytesMax, " bytes"));
  }
  return spec;
}

absl::StatusOr<NodeOptions> NodeFlags::ToOptions() const {
  NodeOptions options;
  absl::StatusOr<GroupOptions> group_options = group.ToOptions();
  if (!group_options.ok()) return group_options.status();
  options.group = *std::move(group_options);
  options.group.without_data = without_data;
  if (without_data && !resp.empty()) {
    return absl::InvalidArgumentError(
        "--resp: a member without data has nothing for Redis clients; --http tells what it sees");
  }
  for (const std::string& text : maps) {
    absl::StatusOr<MapSpec> spec = ParseMapSpec(text);
    if (!spec.ok()) return spec.status();
    for (const MapSpec& other : options.maps) {
      if (other.name != spec->name) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("--map: '", spec->name, "' is given twice: once is enough"));
    }
    options.maps.push_back(*std::move(spec));
  }
  if (options.maps.empty()) return absl::InvalidArgumentError("--map: at least one map is needed");
  const absl::StatusOr<Ack> level = ParseAck(ack);
  if (!level.ok()) return level.status();
  const absl::StatusOr<absl::Duration> timeout = ParseTime("--ack-timeout", ack_timeout);
  if (!timeout.ok()) return timeout.status();
  const absl::StatusOr<absl::Duration> write_timeout =
      ParseTime("--resp-write-timeout", resp_write_timeout);
  if (!write_timeout.ok()) return write_timeout.status();
  if (*write_timeout == absl::ZeroDuration())
    return absl::InvalidArgumentError("--resp-write-timeout: must be above zero");
  const absl::StatusOr<absl::Duration> drain = ParseTime("--drain-timeout", drain_timeout);
  if (!drain.ok()) return drain.status();
  options.drain_timeout = *drain;
  options.resp_options.write_timeout = *write_timeout;
  options.resp_options.ack = *level;
  options.resp_options.timeout = *timeout;
  options.resp_options.clients_max = resp_clients_max;
  if (!resp_password_file.empty()) {
    absl::StatusOr<std::string> password = ReadPassword(resp_password_file);
    if (!password.ok()) return password.status();
    options.resp_options.password = *std::move(password);
  }
  const struct {
    const char* option;
    const std::string& text;
    std::optional<Endpoint>& endpoint;
  } doors[] = {{"--resp", resp, options.resp}, {"--http", http, options.http}};
  for (const auto& door : doors) {
    if (door.text.empty()) continue;
    const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(door.text);
    if (!endpoint.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(door.option, ": ", endpoint.status().message()));
    }
    door.endpoint = *endpoint;
  }
  options.events = events == "json"   ? EventFormat::kJson
                   : events == "none" ? EventFormat::kNone
                                      : EventFormat::kText;
  return options;
}

}  // namespace cohort::tools

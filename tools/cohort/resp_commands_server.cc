// Commands about the server: COMMAND, CONFIG GET, INFO.
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "cohort_version.h"
#include "glob.h"
#include "resp_commands.h"
#include "resp_keyspace.h"
#include "resp_session.h"

namespace cohort::tools {
namespace {

void Describe(const RespCommand& command, RespReply& reply) {
  reply.Array(7);
  reply.Bulk(command.name);
  reply.Integer(command.arity);
  const bool fast = command.plan != nullptr || (command.flags & RespCommand::kWholeMap) == 0;
  std::vector<std::string_view> flags;
  if ((command.flags & RespCommand::kWrite) != 0) flags.push_back("write");
  if ((command.flags & RespCommand::kReadOnly) != 0) flags.push_back("readonly");
  if ((command.flags & RespCommand::kNoAuth) != 0) flags.push_back("no_auth");
  if (fast) flags.push_back("fast");
  reply.Set(flags.size());
  for (const std::string_view flag : flags) reply.Simple(flag);
  reply.Integer(command.first_key);
  reply.Integer(command.last_key);
  reply.Integer(command.key_step);
  std::vector<std::string_view> categories;
  if ((command.flags & RespCommand::kWrite) != 0) categories.push_back("@write");
  if ((command.flags & RespCommand::kReadOnly) != 0) categories.push_back("@read");
  categories.push_back(fast ? "@fast" : "@slow");
  reply.Set(categories.size());
  for (const std::string_view category : categories) reply.Simple(category);
}

void CommandInfo(Arguments names, RespReply& reply) {
  reply.Array(names.size());
  for (const std::string_view name : names) {
    const RespCommand* command = FindRespCommand(name);
    command != nullptr ? Describe(*command, reply) : reply.NullArray();
  }
}

bool WantsSection(Arguments arguments, std::string_view section) {
  if (arguments.size() == 1) return true;
  for (const std::string_view wanted : arguments.subspan(1)) {
    const std::string word = ToLower(wanted);
    if (word == section || word == "all" || word == "everything" || word == "default") return true;
  }
  return false;
}

std::string KeyspaceText(const RespService& service) {
  std::string text = "# Keyspace\r\n";
  for (size_t i = 0; i < service.maps.size(); ++i) {
    const ReplicatedMap& map = service.maps[i];
    if (map.Size() == 0) continue;
    absl::StrAppend(&text, "db", i, ":keys=", map.Size(), ",expires=", map.Expiring(),
                    ",avg_ttl=0,map=", map.name(), "\r\n");
  }
  return text;
}

std::string CohortText(const RespService& service) {
  const Group& group = *service.group;
  const View view = group.view();
  std::string text = absl::StrCat("# Cohort\r\ncohort_version:", ToAbsl(kCohortVersion),
                                  "\r\nmember:", group.name(), "\r\naddress:", group.address(),
                                  "\r\nview:", view.id.ToString(), "\r\nmembers:");
  for (size_t i = 0; i < view.members.size(); ++i)
    absl::StrAppend(&text, i > 0 ? "," : "", view.members[i].name);
  absl::StrAppend(&text, "\r\nmembers_without_data:");
  const char* comma = "";
  for (const Member& member : view.members) {
    if (!member.without_data) continue;
    absl::StrAppend(&text, std::exchange(comma, ","), member.name);
  }
  absl::StrAppend(&text, "\r\nsynced:", group.synced() ? 1 : 0,
                  "\r\nwritable:", group.writable() ? 1 : 0, "\r\n");
  return text;
}

}  // namespace

void ControlCommand(RespSession&, Arguments arguments, RespReply& reply) {
  const std::string word = arguments.size() > 1 ? ToLower(arguments[1]) : std::string();
  const std::span<const RespCommand> all = AllRespCommands();
  if (word.empty()) {
    reply.Array(all.size());
    for (const RespCommand& command : all) Describe(command, reply);
  } else if (word == "count") {
    reply.Integer(static_cast<int64_t>(all.size()));
  } else if (word == "docs") {
    reply.Map(0);
  } else if (word == "info") {
    CommandInfo(arguments.subspan(2), reply);
  } else if (word == "list") {
    reply.Array(all.size());
    for (const RespCommand& command : all) reply.Bulk(command.name);
  } else {
    reply.Error(
        absl::StrCat("ERR unknown subcommand '", word, "'. Try COMMAND COUNT, DOCS, INFO, LIST."));
  }
}

void ControlConfig(RespSession& session, Arguments arguments, RespReply& reply) {
  if (!EqualsIgnoringCase(arguments[1], "get") || arguments.size() < 3) {
    return reply.Error(
        "ERR only CONFIG GET pattern is supported; `cohort node --print-config` shows the whole "
        "configuration");
  }
  const std::pair<std::string_view, std::string> known[] = {
      {"appendonly", "no"},
      {"databases", std::to_string(session.service().maps.size())},
      {"maxclients", std::to_string(session.service().options.clients_max)},
      {"maxmemory", "0"},
      {"maxmemory-policy", "noeviction"},
      {"notify-keyspace-events", std::string(kKeyspaceEventClasses)},
      {"save", ""},
      {"timeout", "0"},
  };
  std::vector<const std::pair<std::string_view, std::string>*> found;
  for (const auto& entry : known) {
    for (const std::string_view pattern : arguments.subspan(2)) {
      if (!GlobMatches(ToLower(pattern), entry.first)) continue;
      found.push_back(&entry);
      break;
    }
  }
  reply.Map(found.size());
  for (const auto* entry : found) {
    reply.Bulk(entry->first);
    reply.Bulk(entry->second);
  }
}

void ControlInfo(RespSession& session, Arguments arguments, RespReply& reply) {
  RespService& service = session.service();
  std::string text;
  if (WantsSection(arguments, "server")) {
    absl::StrAppend(&text, "# Server\r\nredis_version:", ToAbsl(kRedisVersion),
                    "\r\nredis_mode:standalone\r\nprocess_id:", getpid(), "\r\n\r\n");
  }
  if (WantsSection(arguments, "clients")) {
    absl::StrAppend(&text, "# Clients\r\nconnected_clients:", service.stats.connections_open.load(),
                    "\r\nmaxclients:", service.options.clients_max, "\r\n\r\n");
  }
  if (WantsSection(arguments, "persistence")) {
    // Some clients wait after they have connected until this is 0.
    absl::StrAppend(&text, "# Persistence\r\nloading:", service.group->synced() ? 0 : 1,
                    "\r\n\r\n");
  }
  if (WantsSection(arguments, "stats")) {
    absl::StrAppend(
        &text, "# Stats\r\ntotal_connections_received:", service.stats.connections_total.load(),
        "\r\ntotal_commands_processed:", service.stats.commands.load(),
        "\r\nrejected_connections:", service.stats.connections_refused.load(),
        "\r\ntotal_error_replies:", service.stats.errors.load(), "\r\n\r\n");
  }
  if (WantsSection(arguments, "replication")) {
    const size_t members = service.group->view().members.size();
    absl::StrAppend(&text, "# Replication\r\nrole:master\r\nconnected_slaves:",
                    members > 0 ? members - 1 : 0, "\r\n\r\n");
  }
  if (WantsSection(arguments, "cohort")) absl::StrAppend(&text, CohortText(service), "\r\n");
  if (WantsSection(arguments, "keyspace")) absl::StrAppend(&text, KeyspaceText(service));
  reply.Verbatim(text);
}

}  // namespace cohort::tools

#include "node_status.h"

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "cohort_version.h"

namespace cohort::tools {
namespace {

using OrderedJson = nlohmann::ordered_json;

struct Figure {
  const char* name;
  uint64_t value;
};

std::vector<Figure> Figures(const GroupStats& stats) {
  return {{"datagrams_sent", stats.datagrams_sent},
          {"datagrams_received", stats.datagrams_received},
          {"bytes_sent", stats.bytes_sent},
          {"bytes_received", stats.bytes_received},
          {"send_batches", stats.send_batches},
          {"receive_batches", stats.receive_batches},
          {"datagrams_unsent", stats.datagrams_unsent},
          {"datagrams_lost_here", stats.datagrams_lost_here},
          {"handshakes_failed", stats.handshakes_failed},
          {"stream_bytes_sent", stats.stream_bytes_sent},
          {"stream_bytes_received", stats.stream_bytes_received},
          {"upcalls_dropped", stats.upcalls_dropped}};
}

std::vector<Figure> Gauges(const GroupStats& stats) {
  return {{"receive_buffer_bytes", stats.receive_buffer_bytes},
          {"streams_open", stats.streams_open},
          {"upcalls_waiting", stats.upcalls_waiting},
          {"upcall_bytes_waiting", stats.upcall_bytes_waiting},
          {"commands_waiting", stats.commands_waiting}};
}

std::vector<Figure> RespFigures(const RespStats& stats) {
  return {{"connections", stats.connections_total.load()},
          {"connections_refused", stats.connections_refused.load()},
          {"connections_dropped", stats.connections_dropped.load()},
          {"commands", stats.commands.load()},
          {"messages", stats.messages.load()},
          {"errors", stats.errors.load()},
          {"transactions_repeated", stats.transactions_repeated.load()}};
}

std::string MetricName(std::string_view name) {
  std::string metric(name);
  for (char& c : metric) {
    const bool fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!fine) c = '_';
  }
  return metric;
}

std::string Label(std::string_view text) {
  std::string label;
  for (const char c : text) {
    if (c == '"' || c == '\\') label.push_back('\\');
    c == '\n' ? label.append("\\n") : label.append(1, c);
  }
  return label;
}

void Metric(std::string& out, const char* type, const std::string& name, uint64_t value) {
  absl::StrAppend(&out, "# TYPE cohort_", name, " ", type, "\ncohort_", name, " ", value, "\n");
}

void MapMetrics(const std::vector<ReplicatedMap>& maps, std::string& out) {
  absl::StrAppend(&out, "# TYPE cohort_map_entries gauge\n");
  for (const ReplicatedMap& map : maps) {
    absl::StrAppend(&out, "cohort_map_entries{map=\"", Label(map.name()), "\"} ", map.Size(), "\n");
  }
  absl::StrAppend(&out, "# TYPE cohort_map_bytes gauge\n");
  for (const ReplicatedMap& map : maps) {
    absl::StrAppend(&out, "cohort_map_bytes{map=\"", Label(map.name()), "\"} ", map.Bytes(), "\n");
  }
}

OrderedJson MapsToJson(const std::vector<ReplicatedMap>& maps) {
  OrderedJson list = OrderedJson::array();
  for (const ReplicatedMap& map : maps) {
    const MapDigest digest = map.Digest();
    list.push_back({{"name", map.name()},
                    {"entries", map.Size()},
                    {"bytes", map.Bytes()},
                    {"digest", digest.ToString()},
                    {"view", digest.view.ToString()}});
  }
  return list;
}

// Whether the view a member has is the one it is in; else it is the last one it was in.
bool IsInView(const GroupStats& stats) {
  const auto found = stats.counters.find("membership.in_view");
  return found == stats.counters.end() || found->second != 0;
}

// A field of `json` as text, "" where it is missing: the answer may come from another release.
std::string Text(const OrderedJson& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace

std::string NodeStatus::State() const {
  if (group == nullptr) return "joining";
  if (group->view().members.empty()) return "left";
  if (!IsInView(group->stats())) return "rejoining";
  if (!group->synced() && !without_data) return "joining";
  return group->writable() ? "member" : "halted";
}

OrderedJson NodeStatus::ToJson() const {
  OrderedJson json = {
      {"cohort", kCohortVersion}, {"group", group_name}, {"state", State()}, {"policy", policy}};
  if (!resp.empty()) json["resp"] = resp;
  if (group == nullptr) return json;
  const View view = group->view();
  json["name"] = group->name();
  json["id"] = group->id().ToString();
  json["address"] = group->address();
  json["synced"] = group->synced();
  json["without_data"] = without_data;
  json["writable"] = group->writable();
  const GroupStats stats = group->stats();
  json["view"] = {{"num", view.id.num},
                  {"id", view.id.ToString()},
                  {"primary", view.primary},
                  {"current", IsInView(stats)}};
  json["members"] = OrderedJson::array();
  json["peers"] = OrderedJson::array();
  for (const Member& member : view.members) {
    json["members"].push_back(member.name);
    if (member.id.instance == group->id().instance) continue;
    json["peers"].push_back({{"name", member.name},
                             {"address", member.address},
                             {"id", member.id.ToString()},
                             {"synced", member.synced},
                             {"without_data", member.without_data}});
  }
  json["maps"] = MapsToJson(maps);
  OrderedJson& figures = json["stats"] = OrderedJson::object();
  for (const Figure& figure : Figures(stats)) figures[figure.name] = figure.value;
  for (const Figure& figure : Gauges(stats)) figures[figure.name] = figure.value;
  for (const auto& [name, value] : stats.counters) figures[name] = value;
  if (resp_stats != nullptr) {
    figures["resp.connections_open"] = resp_stats->connections_open.load();
    for (const Figure& figure : RespFigures(*resp_stats))
      figures[std::string("resp.") + figure.name] = figure.value;
  }
  return json;
}

std::string NodeStatus::ToPrometheus() const {
  std::string out;
  const std::string state = State();
  const bool joined = group != nullptr && state != "joining" && state != "rejoining";
  Metric(out, "gauge", "joined", joined ? 1 : 0);
  if (group == nullptr) return out;
  const View view = group->view();
  Metric(out, "gauge", "members", view.members.size());
  Metric(out, "gauge", "view_number", view.id.num);
  Metric(out, "gauge", "synced", group->synced() ? 1 : 0);
  Metric(out, "gauge", "writable", group->writable() ? 1 : 0);
  MapMetrics(maps, out);
  const GroupStats stats = group->stats();
  for (const Figure& figure : Figures(stats))
    Metric(out, "counter", absl::StrCat(figure.name, "_total"), figure.value);
  for (const Figure& figure : Gauges(stats)) Metric(out, "gauge", figure.name, figure.value);
  for (const auto& [name, value] : stats.counters) Metric(out, "untyped", MetricName(name), value);
  if (resp_stats != nullptr) {
    Metric(out, "gauge", "resp_connections_open", resp_stats->connections_open.load());
    for (const Figure& figure : RespFigures(*resp_stats)) {
      Metric(out, "counter", absl::StrCat("resp_", figure.name, "_total"), figure.value);
    }
  }
  return out;
}

std::string DescribeStatus(const OrderedJson& status) {
  std::string text = absl::StrCat(
      Text(status, "name"), " of group ", Text(status, "group"), ": ", Text(status, "state"),
      Text(status, "without_data") == "true" ? ", without data" : "", "\n");
  const auto section = [&](const char* name) {
    return status.contains(name) ? status[name] : OrderedJson();
  };
  // An answer of an earlier release does not say; its view is taken for current.
  const bool is_old = Text(section("view"), "current") == "false";
  if (is_old)
    absl::StrAppend(&text,
                    "it is out of the group and asks to be let in again; what follows is how "
                    "it was in its last view\n");
  if (status.contains("view"))
    absl::StrAppend(&text, "view     ", Text(status["view"], "id"), is_old ? " (not current)" : "",
                    "\nmembers ");
  for (const OrderedJson& name : section("members"))
    absl::StrAppend(&text, " ", name.is_string() ? name.get<std::string>() : name.dump());
  absl::StrAppend(&text, "\naddress  ", Text(status, "address"), "\n");
  if (!Text(status, "resp").empty())
    absl::StrAppend(&text, "resp     ", Text(status, "resp"), "\n");
  for (const OrderedJson& peer : section("peers")) {
    const char* const state = Text(peer, "without_data") == "true" ? ", without data"
                              : Text(peer, "synced") == "true"     ? ", synced"
                                                                   : ", syncing";
    absl::StrAppend(&text, "peer     ", Text(peer, "name"), " at ", Text(peer, "address"), state,
                    "\n");
  }
  for (const OrderedJson& map : section("maps")) {
    if (Text(status, "synced") == "false") {
      absl::StrAppend(&text, "map      ", Text(map, "name"), ": not complete here\n");
      continue;
    }
    absl::StrAppend(&text, "map      ", Text(map, "name"), ": ", Text(map, "entries"), " entries, ",
                    Text(map, "bytes"), " bytes, digest ", Text(map, "digest"), "\n");
  }
  return text;
}

}  // namespace cohort::tools

#include "resp_channels.h"

#include "absl/strings/str_cat.h"
#include "glob.h"

namespace cohort::tools {

std::string RespChannels::Refusal(uint64_t client, Kind kind,
                                  std::span<const std::string_view> names) const {
  const bool channels = kind == Kind::kChannel;
  const char* const what = channels ? "channel" : "pattern";
  const size_t bytes_max = channels ? kRespChannelBytesMax : kRespPatternBytesMax;
  const size_t names_max = channels ? kRespChannelsMax : kRespPatternsMax;
  const Names& old = NamesOf(client, kind);
  std::set<std::string_view> added;
  for (const std::string_view name : names) {
    if (name.size() > bytes_max) {
      return absl::StrCat("ERR the name of a ", what, " has at most ", bytes_max, " bytes",
                          channels ? "" : ": shorten it by *");
    }
    if (old.find(name) == old.end()) added.insert(name);
    if (old.size() + added.size() > names_max) {
      return absl::StrCat("ERR a client listens to at most ", names_max, " ", what, "s: ",
                          channels ? "use a pattern, or another connection"
                                   : "use a wider one, or another connection");
    }
  }
  return {};
}

void RespChannels::Add(uint64_t client, Kind kind, std::string_view name) {
  const bool first = clients_.empty();
  clients_[client].names(kind).emplace(name);
  listeners(kind)[std::string(name)].insert(client);
  if (first && on_used) on_used(true);
}

void RespChannels::Remove(uint64_t client, Kind kind, std::string_view name) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  Names& names = found->second.names(kind);
  const auto own = names.find(name);
  if (own == names.end()) return;
  Forget(client, kind, name);
  names.erase(own);
  if (found->second.channels.empty() && found->second.patterns.empty()) clients_.erase(found);
  if (clients_.empty() && on_used) on_used(false);
}

void RespChannels::RemoveAll(uint64_t client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  for (const Kind kind : {Kind::kChannel, Kind::kPattern}) {
    for (const std::string& name : found->second.names(kind)) Forget(client, kind, name);
  }
  clients_.erase(found);
  if (clients_.empty() && on_used) on_used(false);
}

void RespChannels::Forget(uint64_t client, Kind kind, std::string_view name) {
  const auto found = listeners(kind).find(name);
  if (found == listeners(kind).end()) return;
  found->second.erase(client);
  if (found->second.empty()) listeners(kind).erase(found);
}

size_t RespChannels::Count(uint64_t client) const {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return 0;
  return found->second.channels.size() + found->second.patterns.size();
}

const RespChannels::Names& RespChannels::NamesOf(uint64_t client, Kind kind) const {
  static const Names* const none = new Names();
  const auto found = clients_.find(client);
  if (found == clients_.end()) return *none;
  return kind == Kind::kChannel ? found->second.channels : found->second.patterns;
}

std::set<uint64_t> RespChannels::Clients() const {
  std::set<uint64_t> all;
  for (const auto& [client, names] : clients_) all.insert(client);
  return all;
}

void RespChannels::Match(std::string_view channel,
                         const std::function<void(uint64_t, const std::string*)>& visit) const {
  if (const auto exact = channels_.find(channel); exact != channels_.end()) {
    for (const uint64_t client : exact->second) visit(client, nullptr);
  }
  for (const auto& [pattern, clients] : patterns_) {
    if (!GlobMatches(pattern, channel)) continue;
    for (const uint64_t client : clients) visit(client, &pattern);
  }
}

}  // namespace cohort::tools

// Who listens to which channel or pattern of one RESP server.
//
// A name is held once, whoever listens to it, so an event is compared with each pattern once. Not
// thread-safe: of the server's thread.
#ifndef COHORT_TOOLS_RESP_CHANNELS_H_
#define COHORT_TOOLS_RESP_CHANNELS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "cohort/options.h"

namespace cohort::tools {

inline constexpr size_t kRespChannelsMax = 1024;                   // Of one client.
inline constexpr size_t kRespPatternsMax = 64;                     // Of one client.
inline constexpr size_t kRespChannelBytesMax = kKeyBytesMax + 64;  // Name of a channel.
inline constexpr size_t kRespPatternBytesMax = 256;

class RespChannels {
 public:
  enum class Kind : uint8_t { kChannel, kPattern };
  using Names = std::set<std::string, std::less<>>;

  // Why the client may not listen to all of these, in words that say what to do; empty: it may.
  std::string Refusal(uint64_t client, Kind kind, std::span<const std::string_view> names) const;
  // What is there already, or not there, changes nothing.
  void Add(uint64_t client, Kind kind, std::string_view name);
  void Remove(uint64_t client, Kind kind, std::string_view name);
  void RemoveAll(uint64_t client);

  bool empty() const { return clients_.empty(); }
  size_t Count(uint64_t client) const;  // Channels and patterns.
  size_t Count(uint64_t client, Kind kind) const { return NamesOf(client, kind).size(); }
  const Names& NamesOf(uint64_t client, Kind kind) const;
  std::set<uint64_t> Clients() const;

  // Calls visit(client, pattern) for each client that is to get a message on `channel`, once for
  // each of its names that matches; `pattern` is null for the channel itself. Those of a channel
  // come first. `visit` must not change who listens.
  void Match(std::string_view channel,
             const std::function<void(uint64_t client, const std::string* pattern)>& visit) const;

  std::function<void(bool any)> on_used;  // The first name has come; the last one has gone.

 private:
  using Listeners = std::map<std::string, std::set<uint64_t>, std::less<>>;
  struct Client {
    Names channels;
    Names patterns;
    Names& names(Kind kind) { return kind == Kind::kChannel ? channels : patterns; }
  };
  Listeners& listeners(Kind kind) { return kind == Kind::kChannel ? channels_ : patterns_; }
  void Forget(uint64_t client, Kind kind, std::string_view name);

  std::map<uint64_t, Client> clients_;  // Those that listen to something.
  Listeners channels_;
  Listeners patterns_;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_CHANNELS_H_

// Commands about channels. Their only messages are keyspace events: there is no PUBLISH.
#include "resp_commands.h"
#include "resp_session.h"

namespace cohort::tools {
namespace {

using Kind = RespChannels::Kind;

// One confirmation for each name; `name` is null when there was nothing to leave.
void Confirm(RespSession& session, std::string_view word, const std::string_view* name,
             RespReply& reply) {
  reply.Push(3);
  reply.Bulk(word);
  name != nullptr ? reply.Bulk(*name) : reply.Null();
  reply.Integer(static_cast<int64_t>(session.service().channels.Count(session.id())));
}

void Subscribe(RespSession& session, Kind kind, Arguments arguments, RespReply& reply) {
  RespChannels& channels = session.service().channels;
  const Arguments names = arguments.subspan(1);
  const std::string refusal = channels.Refusal(session.id(), kind, names);
  if (!refusal.empty()) return reply.Error(refusal);
  for (const std::string_view name : names) {
    channels.Add(session.id(), kind, name);
    Confirm(session, ToLower(arguments[0]), &name, reply);
  }
}

void Unsubscribe(RespSession& session, Kind kind, Arguments arguments, RespReply& reply) {
  RespChannels& channels = session.service().channels;
  const std::string word = ToLower(arguments[0]);
  const RespChannels::Names own = channels.NamesOf(session.id(), kind);
  std::vector<std::string_view> names(arguments.begin() + 1, arguments.end());
  if (names.empty()) names.assign(own.begin(), own.end());
  if (names.empty()) return Confirm(session, word, nullptr, reply);
  for (const std::string_view name : names) {
    channels.Remove(session.id(), kind, name);
    Confirm(session, word, &name, reply);
  }
}

}  // namespace

void ControlSubscribe(RespSession& session, Arguments arguments, RespReply& reply) {
  Subscribe(session, Kind::kChannel, arguments, reply);
}
void ControlPSubscribe(RespSession& session, Arguments arguments, RespReply& reply) {
  Subscribe(session, Kind::kPattern, arguments, reply);
}
void ControlUnsubscribe(RespSession& session, Arguments arguments, RespReply& reply) {
  Unsubscribe(session, Kind::kChannel, arguments, reply);
}
void ControlPUnsubscribe(RespSession& session, Arguments arguments, RespReply& reply) {
  Unsubscribe(session, Kind::kPattern, arguments, reply);
}

}  // namespace cohort::tools

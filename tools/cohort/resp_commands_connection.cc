// Commands about a connection: greeting, authentication, names, transactions.
#include "absl/strings/str_cat.h"
#include "cohort_version.h"
#include "resp_commands.h"
#include "resp_session.h"

namespace cohort::tools {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kWrongName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
constexpr std::string_view kNoPassword =
    "ERR AUTH <password> called without any password configured for the default user. Are you sure "
    "your configuration is "
    "correct?";

bool IsClientName(std::string_view name) {
  for (const char c : name) {
    if (c < '!' || c > '~') return false;
  }
  return name.size() <= 256;
}

bool Authenticate(RespSession& session, std::string_view user, std::string_view password,
                  RespReply& reply) {
  if (user == "default" && session.Authenticate(password)) return true;
  reply.Error(kWrongPassword);
  return false;
}

void Pong(Arguments arguments, RespReply& reply) {
  if (arguments.size() > 2) return reply.Error(WrongArgumentCount(arguments[0]));
  arguments.size() == 2 ? reply.Bulk(arguments[1]) : reply.Simple("PONG");
}

std::string ClientLine(RespSession& session) {
  const RespChannels& channels = session.service().channels;
  return absl::StrCat("id=", session.id(), " addr=", session.peer(), " name=", session.client_name,
                      " db=", session.database(),
                      " sub=", channels.Count(session.id(), RespChannels::Kind::kChannel),
                      " psub=", channels.Count(session.id(), RespChannels::Kind::kPattern),
                      " multi=", session.InMulti() ? "1" : "-1", " resp=", session.version(), "\n");
}

}  // namespace

// Between MULTI and EXEC.
void RunPing(MapTransaction&, Arguments arguments, RespReply& reply) { Pong(arguments, reply); }

void ControlPing(RespSession& session, Arguments arguments, RespReply& reply) {
  if (!session.OnlyListens() || arguments.size() > 2) return Pong(arguments, reply);
  reply.Array(2);
  reply.Bulk("pong");
  reply.Bulk(arguments.size() == 2 ? arguments[1] : "");
}

void RunEcho(MapTransaction&, Arguments arguments, RespReply& reply) { reply.Bulk(arguments[1]); }

// Between MULTI and EXEC.
void RunSelect(MapTransaction& keys, Arguments arguments, RespReply& reply) {
  int64_t index = 0;
  if (!ParseInteger(arguments[1], index)) return reply.Error(kNotAnInteger);
  if (index < 0 || !keys.Select(static_cast<size_t>(index))) return reply.Error(kNoSuchDatabase);
  reply.Ok();
}

void ControlHello(RespSession& session, Arguments arguments, RespReply& reply) {
  int64_t version = session.version();
  size_t next = 1;
  if (arguments.size() > 1) {
    if (!ParseInteger(arguments[next++], version)) {
      return reply.Error("ERR Protocol version is not an integer or out of range");
    }
    if (version != 2 && version != 3) return reply.Error("NOPROTO unsupported protocol version");
  }
  std::string name = session.client_name;
  while (next < arguments.size()) {
    const std::string word = ToLower(arguments[next]);
    if (word == "auth" && next + 2 < arguments.size()) {
      if (!Authenticate(session, arguments[next + 1], arguments[next + 2], reply)) return;
      next += 3;
    } else if (word == "setname" && next + 1 < arguments.size()) {
      if (!IsClientName(arguments[next + 1])) return reply.Error(kWrongName);
      name = arguments[next + 1];
      next += 2;
    } else {
      return reply.Error(absl::StrCat("ERR Syntax error in HELLO option '", word, "'"));
    }
  }
  if (!session.authenticated()) {
    return reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> "
        "option can be used to authenticate the client and select the RESP protocol version at the "
        "same time");
  }
  session.client_name = name;
  session.SetVersion(static_cast<int>(version));
  reply.set_version(session.version());
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(version);
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(session.id()));
  reply.Bulk("mode");
  reply.Bulk("standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
}

void ControlAuth(RespSession& session, Arguments arguments, RespReply& reply) {
  if (arguments.size() > 3) return reply.Error(kSyntaxError);
  if (arguments.size() == 2 && session.service().options.password.empty())
    return reply.Error(kNoPassword);
  if (Authenticate(session, arguments.size() == 3 ? arguments[1] : "default", arguments.back(),
                   reply))
    reply.Ok();
}

void ControlSelect(RespSession& session, Arguments arguments, RespReply& reply) {
  int64_t index = 0;
  if (!ParseInteger(arguments[1], index)) return reply.Error(kNotAnInteger);
  if (index < 0 || !session.Select(static_cast<size_t>(index))) return reply.Error(kNoSuchDatabase);
  reply.Ok();
}

void ControlQuit(RespSession& session, Arguments, RespReply& reply) {
  reply.Ok();
  session.CloseAfterReplies();
}

void ControlReset(RespSession& session, Arguments, RespReply& reply) {
  session.Reset();
  reply.Simple("RESET");
}

void ControlClient(RespSession& session, Arguments arguments, RespReply& reply) {
  if (!session.authenticated()) return reply.Error("NOAUTH Authentication required.");
  const std::string word = ToLower(arguments[1]);
  const size_t size = arguments.size();
  if (word == "setname" && size == 3) {
    if (!IsClientName(arguments[2])) {
      return reply.Error(kWrongName);
    }
    session.client_name = arguments[2];
    return reply.Ok();
  }
  if (word == "getname" && size == 2)
    return session.client_name.empty() ? reply.Null() : reply.Bulk(session.client_name);
  if (word == "setinfo" && size == 4)
    return reply.Ok();  // Library name and version: of no use here.
  if (word == "id" && size == 2) return reply.Integer(static_cast<int64_t>(session.id()));
  if ((word == "list" || word == "info") && size >= 2) return reply.Verbatim(ClientLine(session));
  if (word == "no-evict" || word == "no-touch") return reply.Ok();
  reply.Error(absl::StrCat(
      "ERR unknown subcommand '", word,
      "'. Try CLIENT SETNAME, GETNAME, SETINFO, ID, INFO, LIST (of this connection)."));
}

void ControlMulti(RespSession& session, Arguments, RespReply& reply) {
  if (!session.OpenMulti()) return reply.Error("ERR MULTI calls can not be nested");
  reply.Ok();
}

void ControlExec(RespSession& session, Arguments, RespReply& reply) { session.ExecuteMulti(reply); }

void ControlDiscard(RespSession& session, Arguments, RespReply& reply) {
  if (!session.InMulti()) return reply.Error("ERR DISCARD without MULTI");
  session.DiscardMulti();
  reply.Ok();
}

}  // namespace cohort::tools

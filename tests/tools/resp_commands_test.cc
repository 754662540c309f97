// Commands, end to end: a client, the server, a group of one member on loopback.
#include <sys/resource.h>

#include <fstream>
#include <memory>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http_server.h"
#include "resp_test.h"

namespace cohort::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(RespTest, AValueThatWasSetIsThere) {
  EXPECT_EQ(Do({"GET", "k"}), "(nil)");
  EXPECT_EQ(Do({"SET", "k", "v"}), "OK");
  EXPECT_EQ(Do({"GET", "k"}), "v");
  EXPECT_EQ(Do({"get", "k"}), "v");
  EXPECT_EQ(Do({"STRLEN", "k"}), "1");
  EXPECT_EQ(Do({"TYPE", "k"}), "string");
  EXPECT_EQ(Do({"TYPE", "none"}), "none");
  EXPECT_EQ(Do({"EXISTS", "k", "k", "x"}), "2");
  EXPECT_EQ(Do({"DBSIZE"}), "1");
}

TEST_F(RespTest, SetObeysItsConditions) {
  EXPECT_EQ(Do({"SET", "k", "1", "XX"}), "(nil)");
  EXPECT_EQ(Do({"SET", "k", "1", "NX"}), "OK");
  EXPECT_EQ(Do({"SET", "k", "2", "NX"}), "(nil)");
  EXPECT_EQ(Do({"SET", "k", "2", "XX", "GET"}), "1");
  EXPECT_EQ(Do({"SET", "k", "3", "GET"}), "2");
  EXPECT_EQ(Do({"GETSET", "k", "4"}), "3");
  EXPECT_EQ(Do({"SETNX", "k", "5"}), "0");
  EXPECT_EQ(Do({"SETNX", "l", "5"}), "1");
  EXPECT_EQ(Do({"GETDEL", "k"}), "4");
  EXPECT_EQ(Do({"GET", "k"}), "(nil)");
  EXPECT_EQ(Do({"SET", "k", "1", "NX", "XX"}), "-ERR syntax error");
  EXPECT_EQ(Do({"SET", "k", "1", "EX", "0"}), "-ERR invalid expire time in 'set' command");
  EXPECT_EQ(Do({"SET", "k", "1", "EX", "x"}), "-ERR value is not an integer or out of range");
}

TEST_F(RespTest, LifetimesAreSetKeptAndEnded) {
  EXPECT_EQ(Do({"TTL", "k"}), "-2");
  EXPECT_EQ(Do({"SET", "k", "v", "EX", "100"}), "OK");
  EXPECT_NEAR(Number({"TTL", "k"}), 100, 1);
  EXPECT_EQ(Do({"SET", "k", "w", "KEEPTTL"}), "OK");
  EXPECT_NEAR(Number({"PTTL", "k"}), 100'000, 1000);
  EXPECT_EQ(Do({"APPEND", "k", "x"}), "2");
  EXPECT_NEAR(Number({"TTL", "k"}), 100, 1);
  EXPECT_EQ(Do({"PERSIST", "k"}), "1");
  EXPECT_EQ(Do({"PERSIST", "k"}), "0");
  EXPECT_EQ(Do({"TTL", "k"}), "-1");
  EXPECT_EQ(Do({"PEXPIRE", "k", "50000"}), "1");
  EXPECT_NEAR(Number({"TTL", "k"}), 50, 1);
  EXPECT_EQ(Do({"EXPIRE", "k", "10", "NX"}), "0");
  EXPECT_EQ(Do({"EXPIRE", "k", "10", "GT"}), "0");
  EXPECT_EQ(Do({"EXPIRE", "k", "10", "LT"}), "1");
  EXPECT_EQ(Do({"EXPIREAT", "k", "1"}), "1");
  EXPECT_EQ(Do({"GET", "k"}), "(nil)");
  EXPECT_EQ(Do({"EXPIRE", "none", "10"}), "0");
  EXPECT_EQ(Do({"SETEX", "s", "20", "v"}), "OK");
  EXPECT_NEAR(Number({"TTL", "s"}), 20, 1);
  EXPECT_EQ(Do({"PSETEX", "s", "0", "v"}), "-ERR invalid expire time in 'psetex' command");
}

TEST_F(RespTest, NumbersCountAndRefuseWhatIsNone) {
  EXPECT_EQ(Do({"INCR", "n"}), "1");
  EXPECT_EQ(Do({"INCRBY", "n", "41"}), "42");
  EXPECT_EQ(Do({"DECR", "n"}), "41");
  EXPECT_EQ(Do({"DECRBY", "n", "50"}), "-9");
  Do({"SET", "t", "text"});
  EXPECT_EQ(Do({"INCR", "t"}), "-ERR value is not an integer or out of range");
  EXPECT_EQ(Do({"INCRBY", "n", "x"}), "-ERR value is not an integer or out of range");
  Do({"SET", "n", "9223372036854775807"});
  EXPECT_EQ(Do({"INCR", "n"}), "-ERR increment or decrement would overflow");
}

TEST_F(RespTest, ManyKeysAtOnce) {
  EXPECT_EQ(Do({"MSET", "a", "1", "b", "2", "c", "3"}), "OK");
  EXPECT_EQ(Do({"MGET", "a", "x", "c"}), "[1, (nil), 3]");
  EXPECT_EQ(Do({"KEYS", "*"}), "[a, b, c]");
  EXPECT_EQ(Do({"KEYS", "[ab]"}), "[a, b]");
  EXPECT_EQ(Do({"DEL", "a", "b", "x"}), "2");
  EXPECT_EQ(Do({"UNLINK", "c"}), "1");
  EXPECT_EQ(Do({"DBSIZE"}), "0");
  EXPECT_EQ(Do({"MSET", "a", "1", "b"}), "-ERR wrong number of arguments for 'mset' command");
}

TEST_F(RespTest, AScanMeetsEveryKeyOnce) {
  for (int i = 0; i < 300; ++i) Do({"SET", "key:" + std::to_string(i), "v"});
  Do({"SET", "other", "v"});
  std::multiset<std::string> seen;
  std::string cursor = "0";
  do {
    const std::string reply = Do({"SCAN", cursor, "MATCH", "key:*", "COUNT", "50"});
    cursor = reply.substr(1, reply.find(',') - 1);
    const std::string keys = reply.substr(reply.find('[', 1) + 1);
    for (size_t at = keys.find("key:"); at != std::string::npos; at = keys.find("key:", at + 1)) {
      seen.insert(keys.substr(at, keys.find_first_of(",]", at) - at));
    }
  } while (cursor != "0" && seen.size() < 1000);
  EXPECT_EQ(seen.size(), 300u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 300u);
  EXPECT_EQ(Do({"SCAN", "x"}), "-ERR invalid cursor");
}

TEST_F(RespTest, RenameMovesValueAndLifetime) {
  Do({"SET", "a", "1", "EX", "100"});
  EXPECT_EQ(Do({"RENAME", "a", "b"}), "OK");
  EXPECT_EQ(Do({"GET", "b"}), "1");
  EXPECT_NEAR(Number({"TTL", "b"}), 100, 1);
  EXPECT_EQ(Do({"RENAME", "a", "b"}), "-ERR no such key");
  Do({"SET", "c", "2"});
  EXPECT_EQ(Do({"RENAMENX", "b", "c"}), "0");
}

TEST_F(RespTest, ATransactionIsOneStep) {
  Do({"SET", "n", "1"});
  EXPECT_EQ(Do({"MULTI"}), "OK");
  EXPECT_EQ(Do({"INCR", "n"}), "QUEUED");
  EXPECT_EQ(Do({"SET", "k", "v", "EX", "10"}), "QUEUED");
  EXPECT_EQ(Do({"GET", "k"}), "QUEUED");
  EXPECT_EQ(Do({"DEL", "n"}), "QUEUED");
  EXPECT_EQ(Do({"EXEC"}), "[2, OK, v, 1]");
  EXPECT_EQ(Do({"EXISTS", "n", "k"}), "1");
  EXPECT_EQ(Do({"EXEC"}), "-ERR EXEC without MULTI");
  EXPECT_EQ(Do({"MULTI"}), "OK");
  EXPECT_EQ(Do({"MULTI"}), "-ERR MULTI calls can not be nested");
  EXPECT_EQ(Do({"SET", "k"}), "-ERR wrong number of arguments for 'set' command");
  EXPECT_THAT(Do({"EXEC"}), StartsWith("-EXECABORT"));
  Do({"MULTI"});
  Do({"SET", "k", "never"});
  EXPECT_EQ(Do({"DISCARD"}), "OK");
  EXPECT_EQ(Do({"GET", "k"}), "v");
  Do({"MULTI"});
  EXPECT_EQ(Do({"EXEC"}), "[]");
}

TEST_F(RespTest, TransactionsOfTwoClientsDoNotLoseIncrements) {
  RespClient other(node_->resp_endpoint().port);
  std::string pipeline;
  for (int i = 0; i < 50; ++i) {
    pipeline += RespClient::Encode({"MULTI"}) + RespClient::Encode({"INCR", "n"}) +
                RespClient::Encode({"EXEC"});
  }
  client_->Send(pipeline);
  other.Send(pipeline);
  for (RespClient* client : {&*client_, &other}) {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(client->Read(), "OK");
      EXPECT_EQ(client->Read(), "QUEUED");
      EXPECT_THAT(client->Read(), MatchesRegex("\\[[0-9]+\\]"));
    }
  }
  EXPECT_EQ(Do({"GET", "n"}), "100");
}

TEST_F(RespTest, APipelineIsAnsweredInOrderAndReadsItsOwnWrites) {
  std::string pipeline;
  for (int i = 0; i < 500; ++i) {
    pipeline += RespClient::Encode({"SET", "k", std::to_string(i)}) +
                RespClient::Encode({"GET", "k"}) + RespClient::Encode({"PING", std::to_string(i)});
  }
  client_->Send(pipeline);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client_->Read(), "OK");
    ASSERT_EQ(client_->Read(), std::to_string(i));
    ASSERT_EQ(client_->Read(), std::to_string(i));
  }
}

TEST_F(RespTest, DatabasesAreMaps) {
  Do({"SET", "k", "main"});
  EXPECT_EQ(Do({"SELECT", "1"}), "OK");
  EXPECT_EQ(Do({"GET", "k"}), "(nil)");
  EXPECT_EQ(Do({"SELECT", "2"}), "-ERR DB index is out of range");
  EXPECT_EQ(Do({"SELECT", "-1"}), "-ERR DB index is out of range");
  EXPECT_EQ(Do({"SELECT", "x"}), "-ERR value is not an integer or out of range");
  EXPECT_EQ(Do({"GET", "k"}), "(nil)") << "the second database is still the one";
  EXPECT_EQ(RespClient(node_->resp_endpoint().port).Do({"GET", "k"}), "main");
  EXPECT_THAT(Do({"MOVE", "k", "0"}), StartsWith("-ERR unknown command 'MOVE'"));
  EXPECT_THAT(Do({"SWAPDB", "0", "1"}), StartsWith("-ERR unknown command 'SWAPDB'"));
}

TEST_F(RespTest, CommandsOverAWholeMapConcernTheSelectedDatabase) {
  Do({"MSET", "a", "1", "b", "2"});
  Do({"SELECT", "1"});
  Do({"FLUSHDB"});
  EXPECT_EQ(Do({"SET", "c", "3", "EX", "100"}), "OK");
  EXPECT_EQ(Do({"DBSIZE"}), "1");
  EXPECT_EQ(Do({"KEYS", "*"}), "[c]");
  EXPECT_EQ(Do({"SCAN", "0", "COUNT", "1000"}), "[0, [c]]");
  EXPECT_THAT(Do({"INFO", "keyspace"}),
              AllOf(HasSubstr("db0:keys=2,expires=0,"), HasSubstr("db1:keys=1,expires=1,")));
  EXPECT_EQ(Do({"FLUSHALL"}), "OK");
  EXPECT_EQ(Do({"DBSIZE"}), "0");
  EXPECT_THAT(Do({"INFO", "keyspace"}), Not(HasSubstr("db1:"))) << "as Redis: no empty ones";
  EXPECT_EQ(Do({"SELECT", "0"}), "OK");
  EXPECT_EQ(Do({"DBSIZE"}), "2");
}

TEST_F(RespTest, ATransactionMaySelectAndReadsEveryDatabaseButWritesOne) {
  Do({"SET", "k", "main"});
  Do({"MULTI"});
  EXPECT_EQ(Do({"GET", "k"}), "QUEUED");
  EXPECT_EQ(Do({"SELECT", "1"}), "QUEUED");
  EXPECT_EQ(Do({"SET", "k", "other"}), "QUEUED");
  EXPECT_EQ(Do({"GET", "k"}), "QUEUED");
  EXPECT_EQ(Do({"SELECT", "7"}), "QUEUED");
  EXPECT_EQ(Do({"EXEC"}), "[main, OK, OK, other, -ERR DB index is out of range]");
  EXPECT_EQ(Do({"GET", "k"}), "other") << "EXEC selects for what comes after it";
  Do({"MULTI"});
  Do({"SET", "k", "never"});
  Do({"SELECT", "0"});
  Do({"SET", "k", "never"});
  EXPECT_THAT(Do({"EXEC"}), AllOf(StartsWith("-EXECABORT"), HasSubstr("several databases")));
  EXPECT_EQ(Do({"GET", "k"}), "other") << "nothing was written, nothing selected";
  Do({"SELECT", "0"});
  EXPECT_EQ(Do({"GET", "k"}), "main");
  Do({"MULTI"});
  Do({"SELECT", "1"});
  EXPECT_EQ(Do({"DISCARD"}), "OK");
  EXPECT_EQ(Do({"GET", "k"}), "main");
}

TEST_F(RespTest, ErrorsAreInTheWordsOfRedis) {
  EXPECT_EQ(Do({"NOSUCH", "a", "b"}),
            "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(Do({"GET"}), "-ERR wrong number of arguments for 'get' command");
  EXPECT_THAT(Do({"AUTH", "secret"}),
              StartsWith("-ERR AUTH <password> called without any password"));
  EXPECT_THAT(Do({"SET", std::string(5000, 'k'), "v"}), StartsWith("-ERR"));
  EXPECT_THAT(Do({"SET", "", "v"}), StartsWith("-ERR"));
}

TEST_F(RespTest, TheGreetingSwitchesTheProtocol) {
  EXPECT_THAT(Do({"HELLO"}), HasSubstr("proto, 2"));
  EXPECT_THAT(Do({"HELLO", "3", "SETNAME", "tester"}), HasSubstr("proto: 3"));
  EXPECT_EQ(Do({"CLIENT", "GETNAME"}), "tester");
  client_->Send(RespClient::Encode({"GET", "none"}));
  EXPECT_EQ(client_->Read(), "(nil)");
  EXPECT_THAT(Do({"HELLO", "4"}), StartsWith("-NOPROTO"));
  EXPECT_THAT(Do({"HELLO", "2", "SETNAME", "a b"}), StartsWith("-ERR Client names cannot contain"));
  EXPECT_THAT(Do({"HELLO", "2", "NOSUCH"}), StartsWith("-ERR Syntax error in HELLO option"));
  EXPECT_EQ(Do({"CONFIG", "GET", "d*s"}), "{databases: 2}") << "still RESP3";
  EXPECT_THAT(Do({"COMMAND", "INFO", "get", "nosuch"}),
              StartsWith("[[get, 2, ~[readonly, fast], 1, 1, 1, ~[@read, @fast]], (nil)"));
  EXPECT_EQ(Do({"COMMAND", "DOCS"}), "{}");
  EXPECT_EQ(Do({"RESET"}), "RESET");
  EXPECT_EQ(Do({"CONFIG", "GET", "databases"}), "[databases, 2]") << "RESP2 again";
  EXPECT_EQ(Do({"CLIENT", "SETINFO", "LIB-NAME", "x"}), "OK");
  EXPECT_GT(Number({"CLIENT", "ID"}), 0);
}

TEST_F(RespTest, ToolsFindWhatTheyAskFor) {
  EXPECT_EQ(Do({"COMMAND", "COUNT"}), std::to_string(AllRespCommands().size()));
  EXPECT_THAT(Do({"COMMAND", "INFO", "get", "nosuch"}),
              StartsWith("[[get, 2, [readonly, fast], 1, 1, 1, [@read, @fast]], (nil)"));
  EXPECT_EQ(Do({"CONFIG", "GET", "save"}), "[save, ]");
  EXPECT_EQ(Do({"CONFIG", "GET", "databases"}), "[databases, 2]");
  EXPECT_THAT(Do({"INFO"}), HasSubstr("redis_version:7"));
  EXPECT_THAT(Do({"INFO", "cohort"}), HasSubstr("members:a"));
  EXPECT_EQ(Do({"COHORT", "VIEW"}), "[a]");
  EXPECT_THAT(Do({"COHORT", "DIGEST"}),
              MatchesRegex("\\[main [0-9a-f]{32} entries=0, other [0-9a-f]{32} entries=[0-9]+\\]"));
  EXPECT_THAT(Do({"COHORT", "EVENTS", "100"}), HasSubstr("ready a"));
  EXPECT_EQ(Do({"SET", "k", "v"}), "OK");
  EXPECT_EQ(Do({"WAIT", "0", "100"}), "0");
}

TEST_F(RespTest, InlineCommandsWork) {
  client_->Send("SET greeting 'hello world'\r\nGET greeting\r\n");
  EXPECT_EQ(client_->Read(), "OK");
  EXPECT_EQ(client_->Read(), "hello world");
}

TEST_F(RespTest, AClientThatAnnouncesAGibibyteIsRefusedWithoutMemory) {
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  client_->Send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1073741824\r\n");
  EXPECT_THAT(client_->Read(), StartsWith("-ERR Protocol error: invalid bulk length"));
  EXPECT_EQ(client_->Read(), "(closed)");
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "kilobytes";
}

TEST_F(RespTest, AClientThatDoesNotReadIsHeldBackNotBuffered) {
  ASSERT_EQ(Do({"SET", "big", std::string(900'000, 'x')}), "OK");
  RespClient lazy(node_->resp_endpoint().port);
  std::string pipeline;
  for (int i = 0; i < 2000; ++i)
    pipeline += RespClient::Encode({"GET", "big"});  // 1.8 GB of replies.
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  lazy.Send(pipeline);
  EXPECT_EQ(Do({"PING"}), "PONG") << "others are served";
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "kilobytes";
}

TEST_F(RespTest, QuitAnswersAndHangsUp) {
  client_->Send(RespClient::Encode({"SET", "k", "v"}) + RespClient::Encode({"QUIT"}) +
                RespClient::Encode({"PING"}));
  EXPECT_EQ(client_->Read(), "OK");
  EXPECT_EQ(client_->Read(), "OK");
  EXPECT_EQ(client_->Read(), "(closed)");
}

TEST_F(RespTest, TheHttpDoorTellsTheState) {
  Do({"SET", "k", "v"});
  const auto text = HttpGet(node_->http_endpoint(), "/status");
  ASSERT_TRUE(text.ok()) << text.status();
  const auto status = nlohmann::ordered_json::parse(*text);
  EXPECT_EQ(status["name"], "a");
  EXPECT_EQ(status["state"], "member");
  EXPECT_EQ(status["members"].size(), 1u);
  EXPECT_EQ(status["maps"][0]["entries"], 1);
  EXPECT_EQ(status["maps"][0]["digest"].get<std::string>().size(), 32u);
  EXPECT_THAT(DescribeStatus(status), HasSubstr("map      main: 1 entries"));
  const auto metrics = HttpGet(node_->http_endpoint(), "/metrics");
  ASSERT_TRUE(metrics.ok());
  EXPECT_THAT(*metrics, HasSubstr("cohort_map_entries{map=\"main\"} 1\n"));
  EXPECT_THAT(*metrics, HasSubstr("cohort_members 1\n"));
  EXPECT_EQ(HttpGet(node_->http_endpoint(), "/healthz").value(), "member\n");
  EXPECT_FALSE(HttpGet(node_->http_endpoint(), "/nosuch").ok());
}

}  // namespace
}  // namespace cohort::tools

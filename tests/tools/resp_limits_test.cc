// Clients that ask for too much, send what is no request, or do not read: each is told why, at a
// bounded cost, and nobody else notices.
#include <sys/resource.h>

#include <memory>
#include <optional>
#include <random>

#include "asio/local/stream_protocol.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http_server.h"
#include "node.h"
#include "resp_client.h"

namespace cohort::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

#ifdef __SANITIZE_ADDRESS__
constexpr long kMuchMemoryKib = 512 * 1024;  // It keeps 256 MiB of what was freed.
#else
constexpr long kMuchMemoryKib = 96 * 1024;
#endif

long PeakMemoryKib() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

NodeOptions Options(const std::string& name = "a") {
  NodeOptions options;
  options.group.group = "resp-limits-" + std::to_string(getpid());
  options.group.name = name;
  options.group.allow_plaintext = AllowPlaintext::kLoopback;
  options.maps = {{"main", {}}};
  options.resp = *ParseEndpoint(":0");
  options.http = *ParseEndpoint(":0");
  options.events = EventFormat::kNone;
  return options;
}

class RespLimitsTest : public ::testing::Test {
 protected:
  void Start(NodeOptions options) {
    node_ = std::make_unique<Node>(std::move(options));
    const absl::Status started = node_->Start();
    ASSERT_TRUE(started.ok()) << started;
    client_.emplace(port());
  }
  uint16_t port() const { return node_->resp_endpoint().port; }
  std::string Do(const std::vector<std::string>& words) { return client_->Do(words); }
  // A number of the node's /metrics.
  int64_t Metric(const std::string& name) {
    const std::string text = HttpGet(node_->http_endpoint(), "/metrics").value_or("");
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + name.size() + 2);
  }

  std::unique_ptr<Node> node_;
  std::optional<RespClient> client_;
};

TEST_F(RespLimitsTest, AKeyOrValueThatIsTooBigIsRefusedInWordsThatSayWhatToDo) {
  Start(Options());
  const std::string key(kKeyBytesMax, 'k');
  const std::string value(kValueBytesMax, 'v');
  EXPECT_EQ(Do({"SET", key, value}), "OK");
  EXPECT_THAT(Do({"SET", key + "k", "v"}),
              AllOf(StartsWith("-ERR the key has 4097 bytes"), HasSubstr("use a hash")));
  EXPECT_THAT(Do({"APPEND", key, "v"}), HasSubstr("larger than 67108864 bytes; split it"));
  EXPECT_EQ(Do({"GET", key}), value);
  std::vector<std::string> many{"MSET"};
  for (size_t i = 0; i < kBatchOperationsMax + 1; ++i) {
    many.push_back("k" + std::to_string(i));
    many.push_back("v");
  }
  EXPECT_THAT(Do(many), AllOf(StartsWith("-ERR"), HasSubstr("at most 1000")));
  EXPECT_EQ(Do({"STRLEN", key}), std::to_string(kValueBytesMax)) << "what was there is there";
  EXPECT_EQ(Do({"DBSIZE"}), "1");
}

TEST_F(RespLimitsTest, TheErrorReachesAClientThatIsStillSendingWhatWasRefused) {
  Start(Options());
  // Were the socket closed with this unread, the client would see a reset instead of the words.
  EXPECT_TRUE(client_->Send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\n" +
                            std::string(6 << 20, 'x') + "\r\n"));
  EXPECT_THAT(client_->Read(), HasSubstr("an argument has at most 64 MiB"));
  EXPECT_EQ(client_->Read(), "(closed)");
}

TEST_F(RespLimitsTest, GarbageIsAnsweredInWordsAndEndsItsOwnConnectionOnly) {
  Start(Options());
  EXPECT_EQ(Do({"SET", "k", "v"}), "OK");
  std::mt19937 random(1);
  const long before = PeakMemoryKib();
  for (const std::string start : {"*x\r\n", "*1\r\n:1\r\n", "*1000000000\r\n", "*2\r\n$-5\r\n",
                                  "*1\r\n$1073741824\r\n", "\"unbalanced\r\n"}) {
    std::string garbage = start;
    for (int i = 0; i < 300'000; ++i) garbage.push_back(static_cast<char>(random()));
    RespClient other(port());
    other.Send(garbage);
    EXPECT_THAT(other.Read(), StartsWith("-ERR Protocol error")) << start;
    EXPECT_EQ(other.Read(), "(closed)") << start;
  }
  EXPECT_LT(PeakMemoryKib() - before, kMuchMemoryKib);
  EXPECT_EQ(Do({"GET", "k"}), "v");
  EXPECT_EQ(Metric("cohort_resp_connections_dropped_total"), 6);
}

TEST_F(RespLimitsTest, AnEndlessRequestIsRefusedAtItsLimit) {
  Start(Options());
  const long before = PeakMemoryKib();
  client_->Send("*1000000\r\n$1\r\na\r\n" + std::string(1 << 20, 'x'));
  EXPECT_THAT(client_->Read(), StartsWith("-ERR Protocol error"));
  RespClient line(port());
  line.Send(std::string(1 << 20, 'x'));
  EXPECT_THAT(line.Read(), HasSubstr("too big inline request"));
  EXPECT_LT(PeakMemoryKib() - before, kMuchMemoryKib);
}

TEST_F(RespLimitsTest, IdleClientsCostLittleAndOneTooManyIsToldSo) {
  constexpr size_t kClients = 200;
  NodeOptions options = Options();
  options.resp_options.clients_max = kClients;
  Start(options);
  EXPECT_EQ(Do({"PING"}), "PONG");
  const long before = PeakMemoryKib();
  std::vector<std::unique_ptr<RespClient>> idle;
  while (idle.size() < kClients - 1) {
    idle.push_back(std::make_unique<RespClient>(port()));
    ASSERT_EQ(idle.back()->Do({"PING"}), "PONG") << idle.size();
  }
  EXPECT_LT(PeakMemoryKib() - before, kMuchMemoryKib);
  EXPECT_EQ(RespClient(port()).Read(), "-ERR max number of clients reached");
  EXPECT_EQ(Do({"PING"}), "PONG") << "those who are in stay in";
  idle.back()->Send(RespClient::Encode({"QUIT"}));
  EXPECT_EQ(idle.back()->Read(), "OK");
  EXPECT_EQ(idle.back()->Read(), "(closed)");
  idle.pop_back();
  // Its place is free when the server has seen our end of the connection close: before that at most
  // a few others are turned away.
  std::string answer;
  for (int i = 0; i < 1000 && answer != "PONG"; ++i) answer = RespClient(port()).Do({"PING"});
  EXPECT_EQ(answer, "PONG");
}

TEST_F(RespLimitsTest, AClientThatTakesNothingOfItsRepliesIsDisconnected) {
  NodeOptions options = Options();
  options.resp_options.write_timeout = absl::Milliseconds(200);
  Start(options);
  ASSERT_EQ(Do({"SET", "big", std::string(900'000, 'x')}), "OK");
  RespClient silent(port());
  std::string pipeline;
  for (int i = 0; i < 500; ++i) pipeline += RespClient::Encode({"GET", "big"});
  const long before = PeakMemoryKib();
  silent.Send(pipeline);
  EXPECT_TRUE(silent.SeesTheEnd());
  EXPECT_LT(PeakMemoryKib() - before, kMuchMemoryKib);
  EXPECT_EQ(Do({"PING"}), "PONG");
  EXPECT_EQ(Metric("cohort_resp_connections_dropped_total"), 1);
}

TEST_F(RespLimitsTest, RepliesThatWaitForAnEarlierOneAreBounded) {
  Start(Options());
  ASSERT_EQ(Do({"SET", "big", std::string(900'000, 'x')}), "OK");
  const long before = PeakMemoryKib();
  std::string pipeline;
  for (int i = 0; i < 1000; ++i) {
    pipeline += RespClient::Encode({"SET", "k", std::to_string(i)}) +
                RespClient::Encode({"STRLEN", "big"}) + RespClient::Encode({"GET", "big"});
  }
  client_->Send(pipeline);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(client_->Read(), "OK") << i;
    ASSERT_EQ(client_->Read(), "900000") << i;
    ASSERT_EQ(client_->Read().size(), 900'000u) << i;
  }
  EXPECT_LT(PeakMemoryKib() - before, kMuchMemoryKib);
}

TEST_F(RespLimitsTest, AReplyThatWouldBeTooBigIsAnErrorAndIsNotBuilt) {
  Start(Options());
  const std::string value(900'000, 'x');
  constexpr int kKeys = 80;  // 72 MB.
  for (int i = 0; i < kKeys; ++i) ASSERT_EQ(Do({"SET", "k" + std::to_string(i), value}), "OK");
  std::vector<std::string> one(100'000, "k1");
  one[0] = "MGET";
  const long before = PeakMemoryKib();
  EXPECT_THAT(Do(one), HasSubstr("reply too big (at most 64 MiB)"));
  EXPECT_EQ(Do({"MULTI"}), "OK");
  for (int i = 0; i < kKeys; ++i) EXPECT_EQ(Do({"GET", "k" + std::to_string(i)}), "QUEUED");
  EXPECT_THAT(Do({"EXEC"}), HasSubstr("64 MiB"));
  EXPECT_EQ(Do({"MULTI"}), "OK");
  EXPECT_EQ(Do({"SET", "k0", "never"}), "QUEUED");
  for (int i = 0; i < kKeys; ++i) EXPECT_EQ(Do({"STRLEN", "k" + std::to_string(i)}), "QUEUED");
  EXPECT_THAT(Do({"EXEC"}), HasSubstr("the entries of one command or transaction"));
  EXPECT_EQ(Do({"STRLEN", "k0"}), "900000") << "nothing of it was written";
  std::vector<std::string> all;
  for (int i = 0; i < kKeys; ++i) all.push_back("k" + std::to_string(i));
  std::vector<std::string> words = all;
  words.insert(words.begin(), "EXISTS");
  EXPECT_EQ(Do(words), std::to_string(kKeys)) << "needs no values";
  EXPECT_LT(PeakMemoryKib() - before, 3 * kMuchMemoryKib);
  words[0] = "DEL";
  EXPECT_EQ(Do(words), std::to_string(kKeys));
  EXPECT_EQ(Do({"DBSIZE"}), "0");
}

TEST_F(RespLimitsTest, AScanOfBigValuesStopsEarlyAndStillMeetsEveryKey) {
  Start(Options());
  constexpr size_t kKeys = 60;
  for (size_t i = 0; i < kKeys; ++i) {
    ASSERT_EQ(Do({"SET", "k" + std::to_string(i), std::string(900'000, 'x')}), "OK");
  }
  std::string cursor = "0";
  size_t keys = 0;
  size_t rounds = 0;
  do {
    const std::string reply = Do({"SCAN", cursor, "COUNT", "10000"});
    cursor = reply.substr(1, reply.find(',') - 1);
    for (size_t at = reply.find('k'); at != std::string::npos; at = reply.find('k', at + 1)) ++keys;
    ++rounds;
  } while (cursor != "0" && rounds < 1000);
  EXPECT_EQ(keys, kKeys);
  EXPECT_GT(rounds, 1u);
}

TEST_F(RespLimitsTest, ThroughAFullSendQueueAPipelineIsAnsweredWholeAndNothingIsLost) {
  NodeOptions options = Options();
  options.group.send_queue_bytes_max = 64 << 10;
  Start(options);
  Node second([] {
    NodeOptions b = Options("b");
    b.group.send_queue_bytes_max = 64 << 10;
    return b;
  }());
  const absl::Status started = second.Start();
  ASSERT_TRUE(started.ok()) << started;
  constexpr int kWrites = 400;
  std::string pipeline;
  for (int i = 0; i < kWrites; ++i) {
    pipeline += RespClient::Encode({"SET", "k" + std::to_string(i), std::string(16 << 10, 'v')});
  }
  // Larger than the whole queue.
  pipeline += RespClient::Encode({"SET", "big", std::string(900'000, 'v')});
  client_->Send(pipeline);
  for (int i = 0; i < kWrites + 1; ++i) ASSERT_EQ(client_->Read(), "OK") << i;
  RespClient other(second.resp_endpoint().port);
  EXPECT_EQ(other.Do({"DBSIZE"}), std::to_string(kWrites + 1));
  EXPECT_EQ(other.Do({"STRLEN", "big"}), "900000");
}

TEST_F(RespLimitsTest, AFullMapRefusesWritesKeepsWhatItHasAndTakesMoreAfterAnErasure) {
  NodeOptions options = Options();
  options.group.map_bytes_max = 64 << 10;
  Start(options);
  int written = 0;
  std::string answer;
  for (; written < 1000; ++written) {
    answer = Do({"SET", "k" + std::to_string(written), std::string(1000, 'v')});
    if (answer != "OK") break;
  }
  EXPECT_THAT(answer, AllOf(StartsWith("-OOM"), HasSubstr("erase entries")));
  EXPECT_EQ(Do({"DBSIZE"}), std::to_string(written));
  EXPECT_EQ(Do({"DEL", "k0"}), "1");
  EXPECT_EQ(Do({"SET", "again", std::string(1000, 'v')}), "OK");
}

TEST_F(RespLimitsTest, AGreetingMayCarryThePasswordAndNothingIsSaidWithoutIt) {
  NodeOptions options = Options();
  options.resp_options.password = "secret";
  Start(options);
  EXPECT_EQ(Do({"SUBSCRIBE", "news"}), "-NOAUTH Authentication required.");
  EXPECT_THAT(Do({"HELLO", "3"}), StartsWith("-NOAUTH HELLO must be called"));
  EXPECT_THAT(Do({"HELLO", "3", "AUTH", "default", "wrong"}), StartsWith("-WRONGPASS"));
  EXPECT_THAT(Do({"HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me"}),
              HasSubstr("proto: 3"));
  EXPECT_EQ(Do({"CLIENT", "GETNAME"}), "me");
  EXPECT_EQ(Do({"RESET"}), "RESET");
  EXPECT_EQ(Do({"GET", "k"}), "-NOAUTH Authentication required.");
}

TEST_F(RespLimitsTest, ATakenDoorIsSaidBeforeAnythingIsJoined) {
  Start(Options());
  NodeOptions options = Options("b");
  options.resp->port = port();
  const absl::Status resp = Node(options).Start();
  EXPECT_THAT(std::string(resp.message()),
              AllOf(HasSubstr(std::to_string(port())), HasSubstr("another port")));
  options = Options("b");
  options.http->port = node_->http_endpoint().port;
  const absl::Status http = Node(options).Start();
  EXPECT_THAT(std::string(http.message()), HasSubstr(options.http->ToString()));
  EXPECT_EQ(Do({"COHORT", "VIEW"}), "[a]") << "nobody joined";
}

TEST_F(RespLimitsTest, ASocketFileOfARunningNodeIsNotTakenButOneLeftOverIs) {
  const std::string path = ::testing::TempDir() + "/cohort-limits-" + std::to_string(getpid());
  NodeOptions options = Options();
  options.http = *ParseEndpoint("unix:" + path + ".http");
  options.resp = *ParseEndpoint("unix:" + path + ".resp");
  {
    asio::io_context io;  // Closing it leaves its file.
    asio::local::stream_protocol::acceptor left(io, options.resp->path);
  }
  node_ = std::make_unique<Node>(options);
  ASSERT_TRUE(node_->Start().ok());
  NodeOptions other = Options("b");
  other.http = options.http;
  EXPECT_FALSE(Node(other).Start().ok());
  other = Options("b");
  other.resp = options.resp;
  EXPECT_FALSE(Node(other).Start().ok());
  EXPECT_TRUE(HttpGet(*options.http, "/healthz").ok()) << "the first one still serves";
  asio::io_context io;
  asio::local::stream_protocol::socket client(io);
  asio::error_code error;
  client.connect(options.resp->path, error);
  EXPECT_FALSE(error) << error.message();
}

}  // namespace
}  // namespace cohort::tools

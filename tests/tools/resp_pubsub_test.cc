// Keyspace events, end to end: a client that listens and one that writes, at one member or two.
#include "gmock/gmock.h"
#include "resp_test.h"

namespace cohort::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RespPubsubTest : public RespTest {};

TEST_F(RespPubsubTest, AListenerIsToldWhatBecameOfTheKey) {
  RespClient listener = NewClient();
  EXPECT_EQ(listener.Do({"SUBSCRIBE", "__keyspace@0__:k"}), "[subscribe, __keyspace@0__:k, 1]");
  Do({"SET", "k", "1"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, set]");
  Do({"INCR", "k"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, set]") << "how it was made is not known";
  Do({"SET", "l", "1"});       // Of no interest.
  Do({"EXPIRE", "k", "100"});  // Lifetimes are not told.
  Do({"DEL", "k"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, del]");
  Do({"HSET", "k", "f", "v"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, hset]");
  Do({"HDEL", "k", "f"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, del]");
  Do({"SET", "k", "v", "PX", "1"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, set]");
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, expired]");
}

TEST_F(RespPubsubTest, APatternHearsOfEveryKeyInOrderAndOfTheWholeMap) {
  RespClient listener = NewClient();
  EXPECT_EQ(listener.Do({"PSUBSCRIBE", "__keyevent@*__:*"}), "[psubscribe, __keyevent@*__:*, 1]");
  Do({"MSET", "a", "1", "b", "2"});
  Do({"RENAME", "a", "c"});
  Do({"SELECT", "1"});
  Do({"SET", "d", "4"});
  Do({"FLUSHDB"});
  const std::string start = "[pmessage, __keyevent@*__:*, __keyevent@";
  EXPECT_EQ(listener.Read(), start + "0__:set, a]");
  EXPECT_EQ(listener.Read(), start + "0__:set, b]");
  EXPECT_EQ(listener.Read(), start + "0__:del, a]");
  EXPECT_EQ(listener.Read(), start + "0__:set, c]");
  EXPECT_EQ(listener.Read(), start + "1__:set, d]");
  EXPECT_EQ(listener.Read(), start + "1__:flushdb, ]") << "without a key";
}

TEST_F(RespPubsubTest, ATransactionTellsOnceOfEachKeyAndNotOfWhatItOnlyReads) {
  Do({"SET", "read", "1"});
  RespClient listener = NewClient();
  EXPECT_EQ(listener.Do({"PSUBSCRIBE", "__keyevent@0__:*"}), "[psubscribe, __keyevent@0__:*, 1]");
  Do({"MULTI"});
  for (const char* const key : {"b", "read", "a", "b"}) {
    Do(key == std::string("read") ? std::vector<std::string>{"GET", key}
                                  : std::vector<std::string>{"INCR", key});
  }
  Do({"SET", "c", "1"});
  Do({"DEL", "c"});
  EXPECT_EQ(Do({"EXEC"}), "[1, 1, 1, 2, OK, 1]");
  Do({"SET", "last", "1"});
  for (const char* const key : {"a", "b", "last"}) {
    EXPECT_EQ(listener.Read(),
              std::string("[pmessage, __keyevent@0__:*, __keyevent@0__:set, ") + key + "]");
  }
}

TEST_F(RespPubsubTest, WhoListensByTwoNamesIsToldTwiceAndNoMoreWhenHeStops) {
  RespClient listener = NewClient();
  listener.Send(RespClient::Encode({"SUBSCRIBE", "__keyevent@0__:set", "news"}) +
                RespClient::Encode({"PSUBSCRIBE", "__key*:set"}) +
                RespClient::Encode({"SUBSCRIBE", "news"}));
  EXPECT_EQ(listener.Read(), "[subscribe, __keyevent@0__:set, 1]");
  EXPECT_EQ(listener.Read(), "[subscribe, news, 2]");
  EXPECT_EQ(listener.Read(), "[psubscribe, __key*:set, 3]");
  EXPECT_EQ(listener.Read(), "[subscribe, news, 3]") << "already";
  Do({"SET", "k", "v"});
  EXPECT_EQ(listener.Read(), "[message, __keyevent@0__:set, k]");
  EXPECT_EQ(listener.Read(), "[pmessage, __key*:set, __keyevent@0__:set, k]");
  EXPECT_EQ(listener.Do({"UNSUBSCRIBE", "__keyevent@0__:set", "never"}),
            "[unsubscribe, __keyevent@0__:set, 2]");
  EXPECT_EQ(listener.Read(), "[unsubscribe, never, 2]");
  Do({"SET", "k", "w"});
  EXPECT_EQ(listener.Read(), "[pmessage, __key*:set, __keyevent@0__:set, k]");
  EXPECT_EQ(listener.Do({"PUNSUBSCRIBE"}), "[punsubscribe, __key*:set, 1]");
  EXPECT_EQ(listener.Do({"PUNSUBSCRIBE"}), "[punsubscribe, (nil), 1]");
  EXPECT_EQ(listener.Do({"UNSUBSCRIBE"}), "[unsubscribe, news, 0]");
  Do({"SET", "k", "x"});
  EXPECT_EQ(listener.Do({"GET", "k"}), "x") << "a reply, not a message";
}

TEST_F(RespPubsubTest, ARespTwoClientThatListensMayDoLittleElse) {
  EXPECT_EQ(Do({"SUBSCRIBE", "news"}), "[subscribe, news, 1]");
  EXPECT_EQ(
      Do({"GET", "k"}),
      "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
      "are allowed in this context");
  EXPECT_THAT(Do({"HELLO", "3"}), StartsWith("-ERR Can't execute 'hello'"));
  EXPECT_EQ(Do({"PING"}), "[pong, ]");
  EXPECT_EQ(Do({"PING", "hi"}), "[pong, hi]");
  EXPECT_EQ(Do({"RESET"}), "RESET");
  EXPECT_EQ(Do({"PING"}), "PONG");
  EXPECT_EQ(Do({"GET", "k"}), "(nil)");
  EXPECT_THAT(Do({"PUBLISH", "news", "x"}), StartsWith("-ERR unknown command 'PUBLISH'"));
  EXPECT_EQ(Do({"MULTI"}), "OK");
  EXPECT_EQ(Do({"SUBSCRIBE", "news"}), "-ERR Command 'subscribe' not allowed inside a transaction");
}

TEST_F(RespPubsubTest, ARespThreeClientIsToldBetweenItsReplies) {
  EXPECT_THAT(Do({"HELLO", "3"}), HasSubstr("proto: 3"));
  EXPECT_EQ(Do({"SUBSCRIBE", "__keyspace@0__:k"}), ">[subscribe, __keyspace@0__:k, 1]");
  client_->Send(RespClient::Encode({"SET", "k", "v"}) + RespClient::Encode({"GET", "k"}));
  std::multiset<std::string> heard;
  for (int i = 0; i < 3; ++i) heard.insert(client_->Read());
  EXPECT_EQ(heard, (std::multiset<std::string>{"OK", "v", ">[message, __keyspace@0__:k, set]"}));
  EXPECT_EQ(Do({"PING"}), "PONG");
  EXPECT_THAT(Do({"CLIENT", "INFO"}), AllOf(HasSubstr(" sub=1 psub=0 "), HasSubstr("resp=3")));
  EXPECT_EQ(Do({"UNSUBSCRIBE"}), ">[unsubscribe, __keyspace@0__:k, 0]");
}

TEST_F(RespPubsubTest, EventsAreThoseOfTheMapWhereverTheWriteWasMade) {
  NodeOptions options;
  options.group.group = "resp-test-" + std::to_string(getpid());
  options.group.name = "b";
  options.group.allow_plaintext = AllowPlaintext::kLoopback;
  options.maps = {{"other", {}}, {"main", {}}};  // The other way round.
  options.resp = *ParseEndpoint(":0");
  options.events = EventFormat::kNone;
  Node second(options);
  const absl::Status started = second.Start();
  ASSERT_TRUE(started.ok()) << started;
  RespClient listener(second.resp_endpoint().port);
  EXPECT_EQ(listener.Do({"PSUBSCRIBE", "__keyspace@1__:*"}), "[psubscribe, __keyspace@1__:*, 1]");
  for (int i = 0; i < 100; ++i) Do({"SET", "k" + std::to_string(i), "v"});
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(listener.Read(),
              "[pmessage, __keyspace@1__:*, __keyspace@1__:k" + std::to_string(i) + ", set]");
  }
}

TEST_F(RespPubsubTest, NamesThatAreTooManyOrTooLongAreRefusedInWords) {
  EXPECT_THAT(Do({"HELLO", "3"}), HasSubstr("proto: 3"));
  EXPECT_THAT(Do({"PSUBSCRIBE", std::string(kRespPatternBytesMax + 1, 'p')}),
              AllOf(StartsWith("-ERR"), HasSubstr("at most 256 bytes")));
  EXPECT_THAT(Do({"SUBSCRIBE", std::string(kRespChannelBytesMax + 1, 'c')}),
              HasSubstr("at most 4160 bytes"));
  std::vector<std::string> words{"PSUBSCRIBE"};
  for (size_t i = 0; i <= kRespPatternsMax; ++i) words.push_back("p" + std::to_string(i));
  EXPECT_THAT(Do(words), HasSubstr("at most 64 patterns: use a wider one"));
  EXPECT_THAT(Do({"CLIENT", "INFO"}), HasSubstr("psub=0")) << "all or none";
  words.pop_back();
  client_->Send(RespClient::Encode(words));
  for (size_t i = 0; i < kRespPatternsMax; ++i) ASSERT_THAT(client_->Read(), StartsWith(">[psub"));
  EXPECT_EQ(Do({"PSUBSCRIBE", "p0"}), ">[psubscribe, p0, 64]") << "no new one";
  EXPECT_THAT(Do({"PSUBSCRIBE", "more"}), HasSubstr("at most 64 patterns"));
  words = {"SUBSCRIBE"};
  for (size_t i = 0; i <= kRespChannelsMax; ++i) words.push_back("c" + std::to_string(i));
  EXPECT_THAT(Do(words), HasSubstr("at most 1024 channels: use a pattern"));
}

TEST_F(RespPubsubTest, AListenerThatDoesNotReadIsDisconnectedWithAReason) {
  RespClient silent = NewClient();
  ASSERT_EQ(silent.Do({"PSUBSCRIBE", "__keyspace@0__:*"}), "[psubscribe, __keyspace@0__:*, 1]");
  RespClient quick = NewClient();
  ASSERT_EQ(quick.Do({"SUBSCRIBE", "__keyevent@0__:del"}), "[subscribe, __keyevent@0__:del, 1]");
  // Enough for the kernel's buffers, too: they take some megabytes.
  const std::string key(kKeyBytesMax, 'k');
  std::string writes;
  constexpr int kWrites = 500;
  for (int i = 0; i < kWrites; ++i) writes += RespClient::Encode({"SET", key, "v"});
  const uint64_t before = node_->resp_stats().connections_dropped;
  for (int round = 0; round < 100 && node_->resp_stats().connections_dropped == before; ++round) {
    client_->Send(writes);
    for (int i = 0; i < kWrites; ++i) ASSERT_EQ(client_->Read(), "OK");
  }
  EXPECT_EQ(node_->resp_stats().connections_dropped, before + 1);
  EXPECT_TRUE(silent.SeesTheEnd());
  EXPECT_THAT(Do({"COHORT", "EVENTS", "5"}),
              AllOf(HasSubstr("client_dropped a: Redis client "),
                    HasSubstr("it takes the messages of its channels too slowly")));
  Do({"DEL", key});
  EXPECT_EQ(quick.Read(), "[message, __keyevent@0__:del, " + key + "]") << "others are served";
}

TEST_F(RespPubsubTest, ClientsThatGoLeaveNothingBehind) {
  {
    RespClient gone = NewClient();
    EXPECT_EQ(gone.Do({"SUBSCRIBE", "__keyspace@0__:k"}), "[subscribe, __keyspace@0__:k, 1]");
  }
  EXPECT_EQ(Do({"CONFIG", "GET", "notify-keyspace-events"}), "[notify-keyspace-events, KEg$hx]");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Do({"SET", "k", "v"}), "OK");
  RespClient listener = NewClient();
  EXPECT_EQ(listener.Do({"SUBSCRIBE", "__keyspace@0__:k"}), "[subscribe, __keyspace@0__:k, 1]");
  Do({"DEL", "k"});
  EXPECT_EQ(listener.Read(), "[message, __keyspace@0__:k, del]") << "none of the earlier ones";
}

}  // namespace
}  // namespace cohort::tools
